"""Hours in which the plant behind a point stands, starts or stops.

What a channel reads then is no evidence of an exceedance: while a stack fills with air the conversion to reference
oxygen, (21 − Oref)/(21 − O), grows without bound, and flags and gaps are usual. Marks are looked at, not believed: the
raw readings of oxygen, flow and power decide.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.chance_overlap import runs_of
from analysis.detectors.driving_channels import facility_row, production_of, running_threshold
from analysis.detectors.hourly_table import HOUR_S, HourlyTable
from analysis.detectors.identities import AMBIENT_OXYGEN_PCT
from analysis.model.arrays import Bools, Floats
from analysis.model.site import SiteData

_FLOWS = ("velocity", "flow_dry_standard", "flow")
_STILL_SHARE = 0.3  # of the usual flow
_AIR_SHARE = 0.5  # of the usual distance of oxygen from that of air: as much air again as gas
_SETTLING_H = 3
_STATISTICS = ("avg", "rtd")


def around_stops(table: HourlyTable, data: SiteData, *, point: str) -> Bools:
    """Hours in which the plant stands, the one before, and those in which values settle after a start.

    Returns
    -------
    around : (h,) bool
        Hour t is told by hours up to t + 1. False where nothing tells.
    """
    if table.step_s != HOUR_S:
        return np.zeros(table.n_hours, dtype=bool)
    stands = standing_hours(table, data, point=point)
    around = stands.copy()
    around[:-1] |= stands[1:]
    for lag in range(1, _SETTLING_H + 1):
        around[lag:] |= stands[:-lag]
    return around


def standing_hours(table: HourlyTable, data: SiteData, *, point: str) -> Bools:
    """Hours in which oxygen is that of air, hardly any gas or water moves, or no production draws its running power.

    Each is compared with accepted history: at a stack that runs at 18 % of oxygen, 18 % is no standstill.
    """
    stands = np.zeros(table.n_hours, dtype=bool)
    for row, channel in enumerate(table.channels):
        if channel.point != point or channel.statistic not in _STATISTICS:
            continue
        if channel.quantity == "o2" and channel.medium == "air":
            stands |= _below(AMBIENT_OXYGEN_PCT - table.raw[row], table.n_accepted, share=_AIR_SHARE)
        elif channel.quantity in _FLOWS:
            stands |= _below(table.raw[row], table.n_accepted, share=_STILL_SHARE)
    powers = [
        (table.raw[metered], at_least)
        for facility in production_of(data, point=point)
        if (metered := facility_row(table, facility)) is not None
        and (at_least := running_threshold(table, facility)) is not None
    ]
    if powers:
        with np.errstate(invalid="ignore"):
            stands |= np.all([power < at_least for power, at_least in powers], axis=0)
    return stands


def _below(values: Floats, n_accepted: int, *, share: float) -> Bools:
    """Where values lie below a share of their median in accepted history, as far as that is positive."""
    known = values[:n_accepted]
    known = known[known > 0]
    if not known.size:
        return np.zeros(values.size, dtype=bool)
    with np.errstate(invalid="ignore"):
        return np.asarray(values < share * np.median(known))


def without_runs(mask: Bools, touching: Bools) -> Bools:
    """A mask without those of its runs that hold an hour of another."""
    runs = runs_of(mask)
    hits = np.concatenate([[0], np.cumsum(touching)])
    kept = hits[runs.end] == hits[runs.first]
    edges = np.zeros(mask.size + 1, dtype=np.int64)
    edges[runs.first[kept]] += 1
    edges[runs.end[kept]] -= 1
    return np.asarray(np.cumsum(edges)[:-1] > 0)
