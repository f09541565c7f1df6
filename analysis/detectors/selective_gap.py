"""Gaps where the values are high: rows that go missing at, and because of, high readings.

A gap is predicted by the mean of its two edges. If rows are lost at random, the predictions are ordinary; if the
highest hours are cut out, they rank high among what the edges of any other sample would predict. Each gap counts once,
whatever its length; gaps that other sites share are the network's, and those around a stop the plant's.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincc
from scipy.stats import binom

from analysis.detectors.chance_overlap import first_of_month, habitual, monthly_sum, runs_of
from analysis.detectors.hourly_table import HourlyTable, coarse_tables, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.standstill import around_stops, without_runs
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.metadata import Channel
from analysis.model.site import SiteData

TOP_SHARE = 0.1
_LONGEST_GAP_H = 72
_SHARED = 0.3  # of the other sites silent in the same hour: the network's gap
HOUR_S = 3600
SCALES_H = (48, 168, 720)
"""High against the last two days, week, or month: peaks of a day, of a spell of weather, of a campaign."""

NEVER_LIMITED = frozenset(
    {
        "o2",
        "humidity",
        "stack_temperature",
        "stack_pressure",
        "velocity",
        "flow",
        "flow_dry_standard",
        "ph",
        "conductivity",
    }
    | {"water_temperature", "dissolved_oxygen", "level", "air_temperature", "air_pressure", "air_humidity", "rain"}
)
LIMITED_STATISTICS = frozenset({"avg", "rtd", "zs_avg", "zs_rtd", "cou"})


MonthParts = tuple[Floats, Floats, Floats, Ints]
"""Score, hits, runs and first sample of the month before each sample. `(h,)` each."""


def run(data: SiteData) -> list[Scores]:
    """Scores of the month before each sample, for every pollutant."""
    hourly = hourly_table(data)
    tables = ([hourly] if hourly is not None else []) + list(coarse_tables(data))
    return [scores for table in tables for scores in _table_scores(table, data)]


def _table_scores(table: HourlyTable, data: SiteData) -> list[Scores]:
    shared = shared_outage(table, data)
    around = {point: around_stops(table, data, point=point) for point in table.points()}
    rows = []
    for row, channel in enumerate(table.channels):
        if not is_pollutant(channel):
            continue
        gone = (table.present[row] < 1) | (~np.isfinite(table.raw[row]) & (table.flagged[row] == 0))
        stop = around[channel.point]
        gone = without_runs(_inside(gone, table.present[row] > 0) & ~shared, stop)
        gone &= ~habitual(gone, per_day=86400 // table.step_s)
        if gone.any():
            rows.append(
                (
                    Target(data.site.id, channel.point, (channel.id,)),
                    gap_scores(np.where(stop, np.nan, table.values[row]), gone, step_s=table.step_s),
                )
            )
    return [month_scores(table, rows, names=("high", "gaps"))] if rows else []


def is_pollutant(channel: Channel) -> bool:
    """Whether a limit could apply to the channel, so that high values of it are worth hiding."""
    return (
        channel.medium in ("air", "water")
        and channel.quantity not in NEVER_LIMITED
        and channel.statistic in LIMITED_STATISTICS
    )


def month_scores(table: HourlyTable, rows: list[tuple[Target, MonthParts]], *, names: tuple[str, str]) -> Scores:
    """Scores of a month, one row a target; the sample after is needed to see that a run ended.

    Parameters
    ----------
    table : HourlyTable
        Time base.
    rows : list of (Target, (score, hits, runs, first))
        As `overlap_score` and `gap_scores` return them.
    names : tuple of str
        Names of hits and runs in the evidence.

    Returns
    -------
    Scores
    """
    ends = np.minimum(np.arange(table.n_hours) + 2, table.n_hours)
    return Scores(
        targets=tuple(target for target, _ in rows),
        interval_s=table.step_s,
        start_s=table.start_s,
        ends=ends,
        starts=np.stack([first for _, (_, _, _, first) in rows]),
        # the shared path believes half of a log odds; these have been held down already, by the least chance of a run
        scores=2.0 * np.stack([score for _, (score, _, _, _) in rows]),
        available=np.broadcast_to(table.available[ends - 1], (len(rows), table.n_hours)),
        n_accepted=np.full(len(rows), table.n_accepted, dtype=np.int64),
        evidence={
            names[0]: np.stack([hits for _, (_, hits, _, _) in rows]),
            names[1]: np.stack([runs for _, (_, _, runs, _) in rows]),
            "decades": np.stack([score for _, (score, _, _, _) in rows]) / np.log(10),
        },
    )


def _inside(gone: Bools, came: Bools) -> Bools:
    """Without what lies before the first and after the last row: no row was expected there."""
    hours = np.flatnonzero(came)
    out = gone.copy()
    if not hours.size:
        out[:] = False
        return out
    out[: hours[0]] = False
    out[hours[-1] + 1 :] = False
    return out


def shared_outage(table: HourlyTable, data: SiteData) -> Bools:
    """Hours in which other sites fell silent too."""
    shared = np.zeros(table.n_hours, dtype=bool)
    if data.others is not None and table.step_s == HOUR_S:
        offset = int(table.start_s - data.others.start_s) // 3600
        index = np.arange(table.n_hours) + offset
        inside = (index >= 0) & (index < data.others.silent_share.size)
        shared[inside] = np.nan_to_num(data.others.silent_share[index[inside]]) >= _SHARED
    return shared


def gap_scores(values: Floats, gone: Bools, *, step_s: int = HOUR_S) -> MonthParts:
    """−ln of the chance that so many gaps of the last month have a high edge, the best of three notions of high.

    Parameters
    ----------
    values : (h,) float64
        What counts, NaN where missing. [any]
    gone : (h,) bool
        Samples that are missing and should not be.
    step_s : int
        Interval of the samples. [s]

    Returns
    -------
    score : (h,) float64
        0 without gaps. [1]
    high, gaps : (h,) float64
        Gaps with a high edge, and gaps, that ended within the month; gaps longer than three days are not counted. [1]
    first : (h,) int64
        First hour of the first gap with a high edge within the month.
    """
    n = values.size
    runs = runs_of(gone)
    per = HOUR_S / step_s
    longest = max(1, int(_LONGEST_GAP_H * per))
    short = (runs.end - runs.first <= longest) & (runs.end < n)
    # a breakdown interrupted by rows that say no more is one gap
    known = np.concatenate([[0], np.cumsum(np.isfinite(values))])
    fresh = np.append(True, known[runs.first[1:]] > known[runs.end[:-1]])[: runs.first.size]
    first, end = runs.first[short & fresh], runs.end[short & fresh]
    edges = neighbours(values, reach=longest)
    edge = mean_of_two(edges[0, first], values[end])
    by_scale = [
        _scale_scores(values, first, end, edge, scale=max(12, int(hours * per)), memory=int(720 * per))
        for hours in SCALES_H
    ]
    best = np.argmax(np.stack([score for score, _, _, _ in by_scale]), axis=0)[None, :]
    score, high, gaps, start = (
        np.take_along_axis(np.stack([found[i] for found in by_scale]), best, axis=0)[0] for i in range(4)
    )
    return np.maximum(score - np.log(len(SCALES_H)), 0.0), high, gaps, start.astype(np.int64)


def _scale_scores(values: Floats, first: Ints, end: Ints, edge: Floats, *, scale: int, memory: int) -> MonthParts:
    """As `gap_scores`, with high meaning high among the `scale` samples before the gap.

    Fisher's method: −ln of the ranks' tail probabilities adds up to a gamma variable if gaps fall at random. How far
    the ranks of ordinary samples are from uniform (a rising series is always high among its past) is measured on the
    series itself.
    """
    n = values.size
    # what the neighbours of each sample predict for it: what is ranked is ranked among its like
    beside = np.append(np.insert(mean_of_two(values[:-2], values[2:]), 0, np.nan), np.nan) if n > 2 else values
    surprise = _surprise(rank_before(beside, first, edge, scale=scale), scale=scale)
    is_high = surprise > -np.log(TOP_SHARE)
    # in long series every third sample is enough to tell
    looked = np.arange(1, n - 1, 3 if scale > 100 else 1)
    usual = _surprise(rank_before(beside, looked, beside[looked], scale=scale), scale=scale)
    ordinary, seen, commonly = (
        monthly_sum(looked + 1, weight, n, memory=memory)
        for weight in (np.nan_to_num(usual), np.isfinite(usual), usual > -np.log(TOP_SHARE))
    )
    total, gaps, high = (
        monthly_sum(end, weight, n, memory=memory)
        for weight in (np.nan_to_num(surprise), np.isfinite(surprise), is_high)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        inflation = np.maximum(np.nan_to_num(ordinary / seen, nan=1.0), 1.0)
        often = np.clip(np.nan_to_num(commonly / seen, nan=1.0), TOP_SHARE, 1.0)
    by_sum = -np.log(np.maximum(gammaincc(np.maximum(gaps, 1.0), total / inflation), 1e-300))
    by_count = -binom.logsf(high - 1, gaps, often)
    score = np.where(high > 0, np.maximum(by_sum, by_count) - np.log(2), 0.0)
    return np.maximum(score, 0.0), high, gaps, first_of_month(first[is_high], end[is_high], n, memory=memory)


def _surprise(rank: Floats, *, scale: int) -> Floats:
    """−ln of the chance of so high a rank. [1]"""
    return -np.log(np.maximum(1.0 - rank, 1.0 / scale))


def mean_of_two(one: Floats, other: Floats) -> Floats:
    """Mean of what is there of two series."""
    return 0.5 * (np.where(np.isfinite(one), one, other) + np.where(np.isfinite(other), other, one))


def neighbours(values: Floats, *, reach: int) -> Floats:
    """The last value before and the first value after each hour, NaN where more than `reach` hours away. (2, h)"""
    n = values.size
    hours, known = np.arange(n), np.isfinite(values)
    before = np.maximum.accumulate(np.where(known, hours, -1))
    before = np.concatenate([[-1], before[:-1]])
    after = np.minimum.accumulate(np.where(known, hours, n)[::-1])[::-1]
    after = np.concatenate([after[1:], [n]])
    padded = np.append(values, np.nan)
    return np.stack(
        [
            np.where((before >= 0) & (hours - before <= reach), padded[before], np.nan),
            np.where((after < n) & (after - hours <= reach), padded[np.minimum(after, n)], np.nan),
        ]
    )


def rank_before(values: Floats, at: Ints, of: Floats, *, scale: int) -> Floats:
    """Share of the values of the `scale` samples before some others that lie below given values.

    Parameters
    ----------
    values : (h,) float64
    at : (m,) int64
        Hours.
    of : (m,) float64
        What is ranked. [unit of `values`]
    scale : int
        [samples]

    Returns
    -------
    rank : (m,) float64
        0 to 1; NaN with less than half of the hours known. [1]
    """
    padded = np.concatenate([np.full(scale, np.nan), values])
    before = np.lib.stride_tricks.sliding_window_view(padded, scale)[at]
    known = np.isfinite(before).sum(axis=1)
    with np.errstate(invalid="ignore"):
        below = (before < of[:, None]).sum(axis=1)
    return np.where((known >= scale / 2) & np.isfinite(of), below / np.maximum(known, 1), np.nan)


DETECTOR = Detector(
    name="selective_gap",
    fault="selective_gap",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{high:.0f} of {gaps:.0f} gaps within a month lie beside values of the top tenth; for rows lost at "
        "random that has odds of "
        "about 10^-{decades:.1f}",
        zh="一个月内 {gaps:.0f} 处缺数中有 {high:.0f} 处紧邻最高十分之一的数值，若为随机丢失，其概率约为 "
        "10^-{decades:.1f}",
    ),
    innocent_if=Text(
        en="the same high load that raises the values also disturbs the analyser or the logger, and their logs show it",
        zh="若高负荷在抬高浓度的同时确实干扰了分析仪或数采仪，且有设备日志佐证，则可排除",
    ),
    floor=12.0,
    tail="odds",
    share=2.0,
    specificity=7,
    alternatives=("false_flag", "capped", "network_outage"),
)
