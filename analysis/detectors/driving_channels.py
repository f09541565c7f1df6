"""Which channels say what an outlet ought to do: the load of the plant before anything that the outlet's own
instruments report."""

from __future__ import annotations

import numpy as np

from analysis.detectors.hourly_table import HourlyTable
from analysis.model.arrays import Bools, Floats
from analysis.model.metadata import Facility
from analysis.model.operation import running
from analysis.model.site import SiteData

MAX_DRIVERS = 8
_LEAST_COVERAGE = 0.8
_OUTSIDE = 0.25  # of the accepted span: further out the relation was never seen and says nothing

RUNNING_SHARE = 0.25
LOAD_QUANTITIES = ("load", "steam_flow", "fuel_flow", "feed_rate")
AMBIENT_QUANTITIES = ("air_temperature", "air_pressure", "air_humidity")


def production_of(data: SiteData, *, point: str) -> list[Facility]:
    """The production facilities behind an outlet: those whose treatment serves it; all of the site if no link is
    registered."""
    production = [facility for facility in data.site.facilities if facility.kind == "production"]
    linked = {
        treated
        for facility in data.site.facilities
        if facility.kind == "treatment" and point in facility.serves
        for treated in facility.treats
    }
    return [f for f in production if f.id in linked or point in f.serves] or production


def facility_row(table: HourlyTable, facility: Facility) -> int | None:
    """The hourly row of a facility's channel, or None."""
    point, _, channel = facility.channel.rpartition("/")
    return table.row_of.get((point.rpartition("/")[2], channel))


def running_threshold(table: HourlyTable, facility: Facility) -> float | None:
    """Power above which a facility runs: as registered, else a quarter of its usual power in accepted hours; None if
    unknown. [kW]"""
    row = facility_row(table, facility)
    if facility.run_kw is not None or row is None:
        return facility.run_kw
    known = table.values[row, table.reference]
    known = known[known > 0]
    return RUNNING_SHARE * float(np.median(known)) if known.size else None


def running_hours(table: HourlyTable, data: SiteData, *, point: str) -> Bools:
    """Hours in which the plant behind an outlet runs: by its power where that is metered, else by the outlet itself.

    Returns
    -------
    running : (h,) bool
        False where the power is missing; True where nothing tells.
    """
    by_power = _powered_hours(table, production_of(data, point=point))
    if by_power is not None:
        return by_power
    out = np.ones(table.n_hours, dtype=bool)
    for grid in data.grids.values():
        row = next((r for r, channel in enumerate(grid.channels) if channel.point == point), None)
        if row is None or 3600 % grid.interval_s:
            continue
        still = ~running(grid)[row]
        hours = ((grid.times_s[still] - table.start_s) // 3600).astype(np.int64)
        out[hours[(hours >= 0) & (hours < table.n_hours)]] = False
    return out


def _powered_hours(table: HourlyTable, facilities: list[Facility]) -> Bools | None:
    """Hours in which any of the facilities draws its running power; None if none has a channel and a threshold."""
    known = [(facility_row(table, f), running_threshold(table, f)) for f in facilities]
    thresholds = [(row, run_kw) for row, run_kw in known if row is not None and run_kw is not None]
    if not thresholds:
        return None
    with np.errstate(invalid="ignore"):
        return np.asarray(np.any([table.values[row] >= run_kw for row, run_kw in thresholds], axis=0))


def driver_rows(table: HourlyTable, data: SiteData, *, point: str, targets: set[int]) -> list[int]:
    """Rows that may explain the channels of a point: production power, process and ambient channels, stack temperature.

    The outlet's flow comes in only if there is nothing else: it is itself open to falsification. Rows that are
    mostly missing in the accepted hours, or among `targets`, are left out.
    """
    power = [facility_row(table, facility) for facility in production_of(data, point=point)]
    process = [
        row
        for row in table.rows()
        if table.channels[row].medium == "process"
        or table.channels[row].quantity in LOAD_QUANTITIES + AMBIENT_QUANTITIES
    ]
    temperature = table.best_row(point=point, quantity="stack_temperature")
    chosen = _usable(table, [*power, *process], targets)
    if not chosen:
        chosen = _usable(
            table, [table.best_row(point=point, quantity=q) for q in ("flow_dry_standard", "flow", "velocity")], targets
        )[:1]
    return (chosen + [row for row in _usable(table, [temperature], targets) if row not in chosen])[:MAX_DRIVERS]


def _usable(table: HourlyTable, rows: list[int | None], targets: set[int]) -> list[int]:
    kept = [row for row in dict.fromkeys(rows) if row is not None and row not in targets]
    return [row for row in kept if table.coverage[row] >= _LEAST_COVERAGE]


def within_experience(drivers: Floats, *, reference: Bools) -> Bools:
    """Hours whose drivers lie within, or not far outside, their accepted range.

    Parameters
    ----------
    drivers : (p, h) float64
        NaN where missing. [any]
    reference : (h,) bool
        Accepted hours.

    Returns
    -------
    familiar : (h,) bool
        False where a driver is missing.
    """
    familiar = np.ones(drivers.shape[1], dtype=bool)
    for row in drivers:
        known = row[reference & np.isfinite(row)]
        if known.size:
            low, high = np.quantile(known, [0.005, 0.995])
            margin = _OUTSIDE * (high - low)
            with np.errstate(invalid="ignore"):
                familiar &= (row >= low - margin) & (row <= high + margin)
    return familiar
