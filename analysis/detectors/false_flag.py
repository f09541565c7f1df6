"""Flags that fall on exceedances: maintenance, calibration, fault or stop marked when, and because, the limit is
exceeded.

A flagged row may carry its value: then the exceedance is read off. Where it carries none, it is predicted from the
last value before the run and the first after it. Calibrations and purges at a fixed hour are habit and do not count.
Sources: 污染物排放自动监测设备标记规则 (公告2022年第21号); HJ 212-2017 table of data flags.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.detectors.chance_overlap import habitual, overlap_score, planned
from analysis.detectors.hourly_table import HourlyTable, coarse_tables, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.selective_gap import MonthParts, gap_scores, is_pollutant, month_scores, neighbours
from analysis.detectors.standstill import around_stops, without_runs
from analysis.model.arrays import Bools, Floats
from analysis.model.site import SiteData

_NEAR_LIMIT = 0.9  # an exceedance cut out leaves neighbours just below the limit
_FLAGGED = 0.25  # of an hour


def run(data: SiteData) -> list[Scores]:
    """Scores of the month before each sample: of flags on exceedances, and of flagged runs without values beside
    high ones."""
    hourly = hourly_table(data)
    tables = ([hourly] if hourly is not None else []) + list(coarse_tables(data))
    return [scores for table in tables for scores in _table_scores(table, data)]


def _table_scores(table: HourlyTable, data: SiteData) -> list[Scores]:
    on_limit, emptied = [], []
    per_day = 86400 // table.step_s
    around = {point: around_stops(table, data, point=point) for point in table.points()}
    for row, channel in enumerate(table.channels):
        marked = table.flagged[row] > _FLAGGED
        if not marked.any() or not is_pollutant(channel):
            continue
        stop = around[channel.point]
        exceeds = np.zeros_like(marked)
        target = Target(data.site.id, channel.point, (channel.id,))
        if channel.limit is not None:
            exceeds = predicted_exceedance(table.raw[row], limit=channel.limit, reach=per_day) & ~stop
        counted = without_runs(marked, stop)
        counted &= ~habitual(
            marked, plain=~exceeds | planned(marked, table.reference, per_day=per_day), per_day=per_day
        )
        known = settled(marked)
        if channel.limit is not None:
            came = (table.present[row] > 0) & ~stop
            parts = overlap_score(counted, exceeds, possible=came, memory=30 * per_day)
            on_limit.append((target, only_where(known, parts)))
        gone = counted & ~np.isfinite(table.raw[row])
        if gone.any():
            parts = gap_scores(np.where(stop, np.nan, table.values[row]), gone, step_s=table.step_s)
            emptied.append((target, only_where(known, parts)))
    out = [month_scores(table, on_limit, names=("touching", "runs"))] if on_limit else []
    if emptied:
        out.append(replace(month_scores(table, emptied, names=("touching", "runs")), stream="without values"))
    return out


def settled(marked: Bools) -> Bools:
    """Samples after which no run of marks goes on: what a run is can be told when it has ended."""
    return np.asarray(~(marked & np.append(marked[1:], False)))


def only_where(known: Bools, parts: MonthParts) -> MonthParts:
    """Scores of a month, NaN where they cannot be told yet."""
    score, hits, runs, first = parts
    return np.where(known, score, np.nan), hits, runs, first


def predicted_exceedance(raw: Floats, *, limit: float, reach: int = 24) -> Bools:
    """Hours whose reading exceeds the limit or, without a reading, probably did.

    Parameters
    ----------
    raw : (h,) float64
        Whatever number came. [unit of the channel]
    limit : float
        [same]
    reach : int
        How long a run without a number may be. [samples]

    Returns
    -------
    exceeds : (h,) bool
        Where no number came: the last before and the first after lie above nine tenths of the limit.
    """
    with np.errstate(invalid="ignore"):
        above = raw > limit
    near = neighbours(raw, reach=reach) > _NEAR_LIMIT * limit
    return np.where(np.isfinite(raw), above, near.all(axis=0))


DETECTOR = Detector(
    name="false_flag",
    fault="false_flag",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{touching:.0f} of {runs:.0f} runs of flags within a month fell on hours above the limit; by chance that "
        "has odds of about 10^-{score:.1f}",
        zh="一个月内 {runs:.0f} 段异常标记中有 {touching:.0f} 段恰好落在超标时段，或无数值且紧邻高值，偶然发生的概率"
        "约为 10^-{decades:.1f}",
    ),
    innocent_if=Text(
        en="the faults that were marked are what caused the exceedances, and maintenance records show them",
        zh="若所标记的故障正是超标原因，且有运维记录佐证，则可排除",
    ),
    floor=12.0,
    tail="odds",
    share=2.0,
    specificity=9,
    alternatives=("selective_gap", "running_while_stopped", "instrument_fault"),
)
