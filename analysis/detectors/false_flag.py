"""Flags that fall on exceedances: maintenance, calibration, fault or stop marked when, and because, the limit is
exceeded.

A flagged row may carry its value: then the exceedance is read off. Where it carries none, it is predicted from the
last value before the run and the first after it. Calibrations and purges at a fixed hour are habit and do not count.
Sources: 污染物排放自动监测设备标记规则 (公告2022年第21号); HJ 212-2017 table of data flags.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.chance_overlap import habitual, overlap_score
from analysis.detectors.hourly_table import HourlyTable, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.model.arrays import Bools, Floats
from analysis.model.site import SiteData

_NEAR_LIMIT = 0.9  # an exceedance cut out leaves neighbours just below the limit
_FLAGGED = 0.25  # of an hour


def run(data: SiteData) -> list[Scores]:
    """Scores of the month before each hour, for every channel with a limit."""
    table = hourly_table(data)
    if table is None:
        return []
    rows = []
    for row, channel in enumerate(table.channels):
        if channel.limit is None or not (table.flagged[row] > _FLAGGED).any():
            continue
        marked = table.flagged[row] > _FLAGGED
        counted = marked & ~habitual(marked)
        predicted = predicted_exceedance(table.raw[row], table.values[row], limit=channel.limit)
        came = table.present[row] > 0
        rows.append(
            (Target(data.site.id, channel.point, (channel.id,)), overlap_score(counted, predicted, possible=came))
        )
    return [month_scores(table, rows)] if rows else []


def predicted_exceedance(raw: Floats, values: Floats, *, limit: float) -> Bools:
    """Hours whose reading exceeds the limit or, without a reading, probably did.

    Parameters
    ----------
    raw : (h,) float64
        Whatever number came. [unit of the channel]
    values : (h,) float64
        Numbers that count. [same]
    limit : float
        [same]

    Returns
    -------
    exceeds : (h,) bool
        Where no number came: both neighbours in time, up to a day away, lie above nine tenths of the limit.
    """
    with np.errstate(invalid="ignore"):
        above = raw > limit
    near = neighbours(values, reach=24) > _NEAR_LIMIT * limit
    return np.where(np.isfinite(raw), above, near.all(axis=0))


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


def month_scores(
    table: HourlyTable,
    rows: list[tuple[Target, tuple[Floats, Floats, Floats, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]]],
) -> Scores:
    """Scores of `overlap_score`, one row a target; the hour after is needed to see that a run ended."""
    ends = np.minimum(np.arange(table.n_hours) + 2, table.n_hours)
    return Scores(
        targets=tuple(target for target, _ in rows),
        interval_s=3600,
        start_s=table.start_s,
        ends=ends,
        starts=np.stack([first for _, (_, _, _, first) in rows]),
        scores=np.stack([score for _, (score, _, _, _) in rows]),
        available=np.broadcast_to(table.available[ends - 1], (len(rows), table.n_hours)),
        n_accepted=np.full(len(rows), table.n_accepted, dtype=np.int64),
        evidence={
            "touching": np.stack([touching for _, (_, touching, _, _) in rows]),
            "runs": np.stack([runs for _, (_, _, runs, _) in rows]),
        },
    )


DETECTOR = Detector(
    name="false_flag",
    fault="false_flag",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{touching:.0f} of {runs:.0f} runs of flags within a month fell on hours above the limit; by chance that "
        "has odds of about 10^-{score:.1f}",
        zh="一个月内 {runs:.0f} 段异常标记中有 {touching:.0f} 段恰好落在超标时段，偶然发生的概率约为 10^-{score:.1f}",
    ),
    innocent_if=Text(
        en="the faults that were marked are what caused the exceedances, and maintenance records show them",
        zh="若所标记的故障正是超标原因，且有运维记录佐证，则可排除",
    ),
    floor=2.5,
    specificity=9,
    alternatives=("selective_gap", "running_while_stopped", "instrument_fault"),
)
