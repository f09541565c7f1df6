"""The plant itself changed: it stands still, or runs at a load that accepted history never saw.

What follows from it in the outlet (other levels, less noise, other relations) is then no falsification. Judged on
the electricity and the process channels alone, which the outlet's instruments do not make.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.driving_channels import driver_rows, facility_row, running_threshold
from analysis.detectors.expected_level import trailing_sum
from analysis.detectors.hourly_table import HOURS_PER_DAY, HourlyTable, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.treatment_off import consecutive
from analysis.model.arrays import Bools, Floats
from analysis.model.site import SiteData

LEAST_HOURS = 3
EXPERIENCE_MARGIN = 0.25
_WINDOW_H = 6
_SETTLING_H = 6


def run(data: SiteData) -> list[Scores]:
    """Hours of the last six in which the plant stood still or ran outside its accepted experience."""
    table = hourly_table(data)
    if table is None or not table.n_accepted:
        return []
    changed = _stands_still(table, data) | _unseen_load(table, data)
    if not changed.any():
        return []
    hours = trailing_sum(changed.astype(np.float64), window=_WINDOW_H)
    ends = np.arange(1, table.n_hours + 1)
    return [
        Scores(
            targets=(Target(data.site.id, "", ()),),
            interval_s=3600,
            start_s=table.start_s,
            ends=ends,
            starts=np.maximum(ends - _WINDOW_H, 0)[None, :],
            scores=hours[None, :],
            available=table.available[None, :],
            n_accepted=np.array([0]),
        )
    ]


def _stands_still(table: HourlyTable, data: SiteData) -> Bools:
    """All production below its running power for a day and longer, and the hours after in which values settle.

    Shorter stops are how a plant with shifts runs; they explain nothing.
    """
    rows = [
        (row, run_kw)
        for facility in data.site.facilities
        if facility.kind == "production" and (row := facility_row(table, facility)) is not None
        if (run_kw := running_threshold(table, facility)) is not None
    ]
    if not rows:
        return np.zeros(table.n_hours, dtype=bool)
    with np.errstate(invalid="ignore"):
        still = np.all([table.values[row] < run_kw for row, run_kw in rows], axis=0)
    prolonged = consecutive(np.asarray(still), np.ones(table.n_hours, dtype=bool)) >= HOURS_PER_DAY
    return np.asarray(trailing_sum(prolonged.astype(np.float64), window=_SETTLING_H + 1) > 0)


def _unseen_load(table: HourlyTable, data: SiteData) -> Bools:
    """Production power, or a process channel, outside all that was known of it a day before."""
    rows = [
        row
        for facility in data.site.facilities
        if facility.kind == "production" and (row := facility_row(table, facility)) is not None
    ] or [row for row in driver_rows(table, data, point="", targets=set()) if table.channels[row].medium == "process"]
    unseen = np.zeros(table.n_hours, dtype=bool)
    for row in rows:
        unseen |= beyond_experience(table.values[row], reference=table.reference)
    return unseen


def beyond_experience(values: Floats, *, reference: Bools) -> Bools:
    """Hours outside the range of accepted hours and of everything up to a day before, by a quarter of the accepted
    range.

    Parameters
    ----------
    values : (h,) float64
        NaN where missing. [any]
    reference : (h,) bool
        Accepted hours.

    Returns
    -------
    beyond : (h,) bool
        A load that lasts is new for a day; after that it is known.
    """
    known = values[reference & np.isfinite(values)]
    if not known.size:
        return np.zeros(values.size, dtype=bool)
    low, high = np.quantile(known, [0.005, 0.995])
    margin = EXPERIENCE_MARGIN * (high - low)
    past = np.full(values.size, np.nan)
    past[HOURS_PER_DAY:] = values[:-HOURS_PER_DAY]
    lowest = np.minimum.accumulate(np.fmin(past, low))
    highest = np.maximum.accumulate(np.fmax(past, high))
    with np.errstate(invalid="ignore"):
        return np.asarray(~reference & ((values < lowest - margin) | (values > highest + margin)))


DETECTOR = Detector(
    name="process_change",
    fault="process_change",
    runs_on="site",
    run=run,
    explanation=Text(
        en="the plant stood still, was starting up, or ran at a load that accepted history does not know "
        "({score:.0f} of 6 h)",
        zh="生产停运、处于启动阶段，或负荷超出验收期所见范围（6 小时中的 {score:.0f} 小时）",
    ),
    innocent_if=Text(
        en="this is itself an innocent explanation, if the production records agree",
        zh="若与生产台账一致，本身即为无辜解释",
    ),
    floor=float(LEAST_HOURS),
    kind="exact",
    specificity=1,
)
