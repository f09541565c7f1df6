"""Common outlier and quality-control tests as a measure: what they find at the same alert budget on the same data.

Each gives one score per hour and site: the maximum over its channels and samples in that hour, every channel scaled by
its own accepted history. One threshold per test for all sites is then set such that the merged alerts on all accepted
histories together meet the budget. That is kinder to them than their usual fixed thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.ensemble import IsolationForest

from simulators.falsification.noise import FloatArray
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Site
from tests.evaluation.matching import Interval, merge

Scorer = Callable[[FloatArray, FloatArray, Channel], FloatArray]


def z_score(values: FloatArray, accepted: FloatArray, channel: Channel) -> FloatArray:
    return np.abs(values - np.nanmean(accepted)) / _positive(np.nanstd(accepted))


def interquartile_range(values: FloatArray, accepted: FloatArray, channel: Channel) -> FloatArray:
    low, high = np.nanquantile(accepted, [0.25, 0.75])
    return np.maximum(low - values, values - high) / _positive(high - low)


def gross_range_spike_rate_flat(values: FloatArray, accepted: FloatArray, channel: Channel) -> FloatArray:
    """The QARTOD set (U.S. IOOS manuals): gross range, spike, rate, flat line, in units of the accepted history."""
    low, high = np.nanquantile(accepted, [0.001, 0.999])
    gross = np.maximum(low - values, values - high) / _positive(high - low)
    spike = np.abs(_spikes(values)) / _positive(np.nanquantile(np.abs(_spikes(accepted)), 0.99))
    rate = np.abs(np.diff(values, prepend=np.nan)) / _positive(np.nanquantile(np.abs(np.diff(accepted)), 0.99))
    return np.fmax(np.fmax(gross, spike), np.fmax(rate, constant_run(values, accepted, channel)))


def constant_run(values: FloatArray, accepted: FloatArray, channel: Channel) -> FloatArray:
    """Length of the run of equal values in units of the 99.9 % run of the accepted history."""
    usual = np.nanquantile(_run_lengths(accepted), 0.999) if accepted.size else 1.0
    return np.where(np.isfinite(values), _run_lengths(values) / max(float(usual), 1.0), np.nan)


def two_percent_of_range(values: FloatArray, accepted: FloatArray, channel: Channel) -> FloatArray:
    """The inspection guide of 2012, chapter 7.1: variation within 2 % of range; the samples that a stretch lasts."""
    if channel.range_high is None or "range" not in channel.declares:
        return np.full(values.size, np.nan)
    band = 0.02 * (channel.range_high - (channel.range_low or 0.0))
    usual = max(float(np.nanquantile(_band_lengths(accepted, band), 0.999)), 1.0) if accepted.size else 1.0
    return _band_lengths(values, band) / usual


SCORERS: dict[str, Scorer] = {
    "z-score": z_score,
    "IQR": interquartile_range,
    "QARTOD-like": gross_range_spike_rate_flat,
    "constant run": constant_run,
    "2 % of range": two_percent_of_range,
}
NAMES = (*SCORERS, "isolation forest")


def hourly_scores(site: Site) -> dict[str, FloatArray]:
    """Per baseline the highest score of each hour of the site, NaN where it has none."""
    hours = site.days * 24
    scores = {name: np.full(hours, np.nan) for name in NAMES}
    for point in site.points:
        for channel in point.channels:
            values = visible(channel)
            accepted = values[: (site.accepted_s - site.start_s) // channel.interval_s]
            if channel.interval_s > DAY_S or np.isfinite(accepted).sum() < 20:
                continue
            with np.errstate(invalid="ignore", divide="ignore"):
                for name, scorer in SCORERS.items():
                    _raise_to(scores[name], to_hours(scorer(values, accepted, channel), channel.interval_s, hours))
        _raise_to(scores["isolation forest"], _forest(site, point.channels, hours))
    return scores


def visible(channel: Channel) -> FloatArray:
    """What the platform sees as valid: rows that arrived, unflagged."""
    return np.where(channel.present & (channel.flags == ""), channel.values, np.nan)


def to_hours(scores: FloatArray, interval_s: int, hours: int) -> FloatArray:
    if interval_s < HOUR_S:
        stacked = scores.reshape(hours, -1)
        filled = np.where(np.isfinite(stacked), stacked, -np.inf).max(axis=1)
        return np.where(np.isfinite(filled), filled, np.nan)
    return np.repeat(scores, interval_s // HOUR_S)[:hours]


def alerts(scores: FloatArray, threshold: float, start_s: float, lo: int, hi: int) -> list[Interval]:
    """Merged stretches of hours in [lo, hi) above the threshold, as seconds."""
    above = np.concatenate([[False], np.nan_to_num(scores[lo:hi], nan=-np.inf) > threshold, [False]])
    edges = np.flatnonzero(np.diff(above.astype(np.int8)))
    return merge([(start_s + (lo + a) * HOUR_S, start_s + (lo + b) * HOUR_S) for a, b in edges.reshape(-1, 2)])


def calibrate(histories: Sequence[FloatArray], budget: float) -> float:
    """The lowest threshold at which all accepted histories together raise at most `budget` alerts a site-month."""
    months = sum(h.size for h in histories) / 730.0
    finite = np.concatenate([h[np.isfinite(h)] for h in histories]) if histories else np.zeros(1)
    if finite.size == 0:
        return float("inf")
    candidates = np.unique(np.quantile(finite, 1 - np.geomspace(0.2, 1e-6, 80)))
    for threshold in candidates:
        raised = sum(len(alerts(h, float(threshold), 0.0, 0, h.size)) for h in histories)
        if raised <= budget * months:
            return float(threshold)
    return float(finite.max())


def _forest(site: Site, channels: Sequence[Channel], hours: int) -> FloatArray:
    """Isolation forest on the hourly rows of a point; the score is scaled by its accepted spread."""
    usable = [c for c in channels if c.interval_s <= HOUR_S]
    if not usable:
        return np.full(hours, np.nan)
    table = np.stack([_hour_means(visible(c), c.interval_s, hours) for c in usable], axis=1)
    limit = (site.accepted_s - site.start_s) // HOUR_S
    centre = np.nan_to_num(np.nanmedian(np.where(np.isfinite(table[:limit]), table[:limit], 0.0), axis=0))
    filled = np.where(np.isfinite(table), table, centre)
    forest = IsolationForest(n_estimators=25, max_samples=256, random_state=0).fit(filled[:limit])
    raw = -forest.score_samples(filled)
    middle = float(np.median(raw[:limit]))
    return np.asarray((raw - middle) / _positive(np.std(raw[:limit])))


def _hour_means(values: FloatArray, interval_s: int, hours: int) -> FloatArray:
    if interval_s == HOUR_S:
        return values
    stacked = values.reshape(hours, -1)
    good = np.isfinite(stacked)
    count = good.sum(axis=1)
    return np.where(count > 0, np.where(good, stacked, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _raise_to(best: FloatArray, scores: FloatArray) -> None:
    np.fmax(best, scores, out=best)


def _spikes(values: FloatArray) -> FloatArray:
    middle = np.full(values.size, np.nan)
    middle[1:-1] = values[1:-1] - (values[:-2] + values[2:]) / 2
    return middle


def _run_lengths(values: FloatArray) -> FloatArray:
    """For each sample the length of the run of equal values that it belongs to."""
    if values.size == 0:
        return np.zeros(0)
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    lengths = np.diff(np.append(starts, values.size))
    return np.repeat(lengths, lengths).astype(np.float64)


def _band_lengths(values: FloatArray, band: float) -> FloatArray:
    """For each sample how long, in samples of 2^k, the stretch around it stays within `band`; doubling windows."""
    best = np.zeros(values.size)
    width, low, high = 1, values.copy(), values.copy()
    while 2 * width <= values.size:
        low = np.minimum(low[:-width], low[width:])
        high = np.maximum(high[:-width], high[width:])
        width *= 2
        inside = np.flatnonzero(high - low <= band)
        if inside.size == 0:
            break
        marks = np.zeros(values.size + 1)
        np.add.at(marks, inside, 1.0)
        np.add.at(marks, inside + width, -1.0)
        best[np.cumsum(marks[:-1]) > 0.5] = width
    return best


def _positive(scale: float | np.floating[object]) -> float:  # type: ignore[type-var]
    return max(float(scale), 1e-9) if np.isfinite(scale) else 1e-9
