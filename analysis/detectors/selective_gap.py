"""Gaps where the values are high: rows that go missing at, and because of, high readings.

A gap has two edges. If rows are lost at random, the edges are ordinary values; if the highest hours are cut out, the
values beside the gaps rank high. Each gap counts once, whatever its length, and gaps that other sites share are the
network's.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from analysis.detectors.chance_overlap import MEMORY_H, habitual, monthly_sum, runs_of
from analysis.detectors.false_flag import neighbours
from analysis.detectors.hourly_table import HourlyTable, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.site import SiteData

TOP_SHARE = 0.1
_LONGEST_GAP_H = 72
_SHARED = 0.3  # of the other sites silent in the same hour: the network's gap
_LEAST_CHANCE = 0.1
SCALES_H = (48, 168, 720)
"""High against the last two days, week, or month: peaks of a day, of a spell of weather, of a campaign."""

NOT_REPORTED_FOR_LIMITS = frozenset(
    {"o2", "humidity", "stack_temperature", "stack_pressure", "velocity", "power", "energy", "voltage", "current", "ph"}
)


def run(data: SiteData) -> list[Scores]:
    """Scores of the month before each hour, for every pollutant."""
    table = hourly_table(data)
    if table is None:
        return []
    shared = shared_outage(table, data)
    found = []
    for row, channel in enumerate(table.channels):
        if (
            channel.quantity in NOT_REPORTED_FOR_LIMITS
            or channel.medium not in ("air", "water")
            or channel.statistic == "total"
        ):
            continue
        gone = (table.present[row] < 1) | (~np.isfinite(table.raw[row]) & (table.flagged[row] == 0))
        gone = _inside(gone, table.present[row] > 0) & ~shared
        if gone.any():
            gone &= ~habitual(gone)
            found.append((Target(data.site.id, channel.point, (channel.id,)), gap_scores(table.values[row], gone)))
    if not found:
        return []
    # a gap is seen to end with the hour after it
    ends = np.minimum(np.arange(table.n_hours) + 2, table.n_hours)
    return [
        Scores(
            targets=tuple(target for target, _ in found),
            interval_s=3600,
            start_s=table.start_s,
            ends=ends,
            starts=np.stack([first for _, (_, _, _, first) in found]),
            scores=np.stack([score for _, (score, _, _, _) in found]),
            available=np.broadcast_to(table.available[ends - 1], (len(found), table.n_hours)),
            n_accepted=np.full(len(found), table.n_accepted, dtype=np.int64),
            evidence={
                "high": np.stack([high for _, (_, high, _, _) in found]),
                "gaps": np.stack([gaps for _, (_, _, gaps, _) in found]),
            },
        )
    ]


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
    if data.others is not None:
        offset = int(table.start_s - data.others.start_s) // 3600
        index = np.arange(table.n_hours) + offset
        inside = (index >= 0) & (index < data.others.silent_share.size)
        shared[inside] = np.nan_to_num(data.others.silent_share[index[inside]]) >= _SHARED
    return shared


def gap_scores(values: Floats, gone: Bools) -> tuple[Floats, Floats, Floats, Ints]:
    """−log10 of the chance that so many gaps of the last month have a high edge, the best of three notions of high.

    Parameters
    ----------
    values : (h,) float64
        What counts, NaN where missing. [any]
    gone : (h,) bool
        Hours that are missing and should not be.

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
    short = (runs.end - runs.first <= _LONGEST_GAP_H) & (runs.end < n)
    first, end = runs.first[short], runs.end[short]
    edges = neighbours(values, reach=_LONGEST_GAP_H)
    edge = np.fmax(edges[0, first], values[end])
    by_scale = [_scale_scores(values, first, end, edge, scale_h=scale) for scale in SCALES_H]
    best = np.argmax(np.stack([score for score, _, _, _ in by_scale]), axis=0)[None, :]
    score, high, gaps, start = (
        np.take_along_axis(np.stack([found[i] for found in by_scale]), best, axis=0)[0] for i in range(4)
    )
    return np.maximum(score - np.log10(len(SCALES_H)), 0.0), high, gaps, start.astype(np.int64)


def _scale_scores(
    values: Floats, first: Ints, end: Ints, edge: Floats, *, scale_h: int
) -> tuple[Floats, Floats, Floats, Ints]:
    """As `gap_scores`, with high meaning the top tenth of the `scale_h` hours before the gap."""
    n = values.size
    is_high = rank_before(values, first, edge, scale_h=scale_h) > 1 - TOP_SHARE
    # how often an hour of this series has such a neighbour without a gap: every third hour is enough to tell
    looked = np.arange(1, n - 1, 3)
    beside = rank_before(values, looked, np.fmax(values[looked - 1], values[looked + 1]), scale_h=scale_h)
    known = np.isfinite(beside)
    often, seen = (monthly_sum(looked, weight, n) for weight in ((beside > 1 - TOP_SHARE) & known, known))
    gaps, high = (monthly_sum(end, weight, n) for weight in (np.ones(end.size), is_high))
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = np.clip(np.nan_to_num(often / seen, nan=1.0), _LEAST_CHANCE, 1.0)
    score = np.where(high > 0, -binom.logsf(high - 1, gaps, chance) / np.log(10), 0.0)
    return np.maximum(score, 0.0), high, gaps, _first_high(first[is_high], end[is_high], n)


def rank_before(values: Floats, at: Ints, of: Floats, *, scale_h: int) -> Floats:
    """Share of the values of the `scale_h` hours before some hours that lie below given values.

    Parameters
    ----------
    values : (h,) float64
    at : (m,) int64
        Hours.
    of : (m,) float64
        What is ranked. [unit of `values`]
    scale_h : int
        [h]

    Returns
    -------
    rank : (m,) float64
        0 to 1; NaN with less than half of the hours known. [1]
    """
    padded = np.concatenate([np.full(scale_h, np.nan), values])
    before = np.lib.stride_tricks.sliding_window_view(padded, scale_h)[at]
    known = np.isfinite(before).sum(axis=1)
    with np.errstate(invalid="ignore"):
        below = (before < of[:, None]).sum(axis=1)
    return np.where((known >= scale_h / 2) & np.isfinite(of), below / np.maximum(known, 1), np.nan)


def _first_high(first: Ints, end: Ints, n: int) -> Ints:
    hours = np.arange(n)
    if not first.size:
        return hours.astype(np.int64)
    index = np.searchsorted(end, hours - MEMORY_H + 1, side="left")
    return np.asarray(np.minimum(np.append(first, n)[np.minimum(index, first.size)], hours), dtype=np.int64)


DETECTOR = Detector(
    name="selective_gap",
    fault="selective_gap",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{high:.0f} of {gaps:.0f} gaps within a month lie beside values of the top tenth; for rows lost at "
        "random that has odds of "
        "about 10^-{score:.1f}",
        zh="一个月内 {gaps:.0f} 处缺数中有 {high:.0f} 处紧邻最高十分之一的数值，若为随机丢失，其概率约为 "
        "10^-{score:.1f}",
    ),
    innocent_if=Text(
        en="the same high load that raises the values also disturbs the analyser or the logger, and their logs show it",
        zh="若高负荷在抬高浓度的同时确实干扰了分析仪或数采仪，且有设备日志佐证，则可排除",
    ),
    floor=2.5,
    specificity=8,
    alternatives=("false_flag", "capped", "network_outage"),
)
