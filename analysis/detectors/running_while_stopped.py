"""Marked as stopped while the plant runs (标停未停): a stop flag or a registered shutdown against power, flow and
temperature.

Flag F of HJ 212-2017 says that the monitor is out of use; 污染物排放自动监测设备标记规则 (公告2022年第21号) ties
such marks to the state of production. An hour counts when everything that can tell lies in the running band of
accepted history, and when the hours beside it are not a real stop: the first and last hour of an honest stop are
half running.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.driving_channels import facility_row, production_of, running_threshold
from analysis.detectors.hourly_table import HourlyTable, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.treatment_off import consecutive
from analysis.model.arrays import Bools, Floats
from analysis.model.site import SiteData

STOP_FLAG = "F"
BAND_QUANTILE = 0.02
MAX_LAG_H = 12
_STOP_SHARE = 0.5
_FLOWS = ("flow_dry_standard", "flow", "velocity")


def run(data: SiteData) -> list[Scores]:
    """Hours in a row that are marked as stopped and are not, for every outlet."""
    table = hourly_table(data)
    if table is None or not table.n_accepted:
        return []
    rows = []
    for point in table.points():
        states = running_states(table, data, point=point)
        marked = stop_marks(table, data, point=point)
        if states is not None and marked.any():
            runs, stands, power_pct = states
            hours = confirmed_hours(marked, runs, stands, exceeds=exceedance_hours(table, point=point))
            rows.append((Target(data.site.id, point, _channels(table, point)), hours, power_pct))
    if not rows:
        return []
    # the hour after must have been seen, so a score of hour t stands at the end of hour t + 1
    ends = np.minimum(np.arange(table.n_hours) + 2, table.n_hours)
    hours = np.stack([hours for _, hours, _ in rows])
    return [
        Scores(
            targets=tuple(target for target, _, _ in rows),
            interval_s=3600,
            start_s=table.start_s,
            ends=ends,
            starts=np.maximum(np.arange(table.n_hours) + 1 - np.maximum(hours, 1), 0).astype(np.int64),
            scores=hours,
            available=np.broadcast_to(table.available[ends - 1], hours.shape),
            n_accepted=np.full(len(rows), table.n_accepted, dtype=np.int64),
            evidence={"of_running_power_pct": np.stack([share for _, _, share in rows])},
        )
    ]


def _channels(table: HourlyTable, point: str) -> tuple[str, ...]:
    return tuple(channel.id for channel in table.channels if channel.point == point)


def running_states(table: HourlyTable, data: SiteData, *, point: str) -> tuple[Bools, Bools, Floats] | None:
    """Whether the plant runs as in accepted history, whether it surely does not, and its power in percent of the usual.

    Returns
    -------
    runs, stands, power_pct : (h,) arrays, or None
        `runs`: every indicator that has a value lies in its running band, and power, or flow and temperature
        together, are among them. `stands`: power or flow says that the plant does not run. None if nothing can tell.
    """
    power = [(f, row) for f in production_of(data, point=point) if (row := facility_row(table, f)) is not None]
    flow = next((r for q in _FLOWS if (r := table.best_row(point=point, quantity=q)) is not None), None)
    temperature = table.best_row(point=point, quantity="stack_temperature")
    verdicts = [
        _in_band(table.values[row], table.n_accepted, at_least=running_threshold(table, f) or 0.0) for f, row in power
    ]
    flow_band = _in_band(table.raw[flow], table.n_accepted) if flow is not None else None
    warm = _in_band(table.raw[temperature], table.n_accepted) if temperature is not None else None
    if not verdicts and (flow_band is None or warm is None):
        return None
    unknown = np.full((2, table.n_hours), False)
    by_flow, by_heat = flow_band if flow_band is not None else unknown, warm if warm is not None else unknown
    by_power = np.any([v[0] for v in verdicts], axis=0) if verdicts else unknown[0]
    no_power = np.all([v[1] for v in verdicts], axis=0) if verdicts else unknown[0]
    stands = no_power | by_flow[1]
    runs = (by_power if verdicts else by_flow[0] & by_heat[0]) & ~stands
    return runs, stands, _percent(table, [row for _, row in power] or [flow or 0])


def _in_band(values: Floats, n_accepted: int, *, at_least: float = 0.0) -> Bools:
    """Two rows: at or above the low end of what running hours show, and clearly below it. (2, h) bool"""
    known = values[:n_accepted]
    running = known[np.isfinite(known) & (known > at_least)]
    if not running.size:
        return np.zeros((2, values.size), dtype=bool)
    median = float(np.median(running))
    low = float(np.quantile(running[running > 0.5 * median], BAND_QUANTILE))
    # a registered running power is the better edge: a plant at low load runs too
    edge = max(at_least, 0.5 * low) if at_least > 0 else low
    with np.errstate(invalid="ignore"):
        return np.stack([values >= edge, values < (edge if at_least > 0 else 0.5 * low)])


def _percent(table: HourlyTable, rows: list[int]) -> Floats:
    total = table.raw[rows].sum(axis=0)
    known = total[: table.n_accepted]
    known = known[np.isfinite(known) & (known > 0)]
    return np.asarray(100 * total / np.median(known)) if known.size else np.full(table.n_hours, np.nan)


def stop_marks(table: HourlyTable, data: SiteData, *, point: str) -> Bools:
    """Hours of which at least half carries the stop flag on most channels of a point, or lies in a registered
    shutdown."""
    marked = np.zeros(table.n_hours, dtype=bool)
    if STOP_FLAG in data.flag_names:
        code = data.flag_names.index(STOP_FLAG)
        for grid in data.grids.values():
            rows = [row for row, channel in enumerate(grid.channels) if channel.point == point]
            if rows and grid.interval_s <= 3600:
                shares = (grid.present[rows] & (grid.flags[rows] == code)).any(axis=0)
                index = ((grid.times_s - table.start_s) // 3600).astype(np.int64)
                inside = (index >= 0) & (index < table.n_hours)
                share = (
                    np.bincount(index[inside], weights=shares[inside], minlength=table.n_hours) * grid.interval_s / 3600
                )
                marked |= share >= _STOP_SHARE
    starts = table.start_s + 3600.0 * np.arange(table.n_hours)
    for event in data.events:
        if event.kind == "shutdown" and event.point in (None, point):
            marked |= (starts >= event.start_s) & (starts + 3600 <= event.end_s)
    return marked


def exceedance_hours(table: HourlyTable, *, point: str) -> Bools:
    """Hours in which a reading that came, flagged or not, exceeds the limit of its channel."""
    out = np.zeros(table.n_hours, dtype=bool)
    for row, channel in enumerate(table.channels):
        if channel.point == point and channel.limit is not None:
            with np.errstate(invalid="ignore"):
                out |= table.raw[row] > channel.limit
    return out


def confirmed_hours(marked: Bools, runs: Bools, stands: Bools, *, exceeds: Bools) -> Floats:
    """Hours in a row that are marked and run, away from real stops.

    Parameters
    ----------
    marked, runs, stands, exceeds : (h,) bool
        Marks; the plant runs; it surely does not; a limit is exceeded.

    Returns
    -------
    hours : (h,) float64
        Length of the row up to each hour. An hour beside one that stands still is the half-running edge of a real
        stop and does not count, nor one that a late clock explains; a row of nothing but exceedances that begins
        with them is left to `false_flag`, which knows how improbable it is.
    """
    beside = np.zeros_like(stands)
    beside[1:] |= stands[:-1]
    beside[:-1] |= stands[1:]
    always = np.ones_like(marked)
    contradicts = marked & runs & ~beside & ~by_late_clock(marked, stands)
    hours = consecutive(contradicts, always)
    # where limits were exceeded without a mark for hours before, the mark does not hide the exceedance
    before = np.arange(marked.size) - hours.astype(np.int64)
    open_exceedance = exceeds & ~marked
    was_open = (before >= 1) & open_exceedance[before] & open_exceedance[np.maximum(before - 1, 0)]
    only_exceedances = consecutive(contradicts & exceeds, always) == hours
    return np.where(only_exceedances & ~was_open, 0.0, hours)


def by_late_clock(marked: Bools, stands: Bools) -> Bools:
    """Hours whose mark belongs to the standstill before, if the logger's clock is ahead of the meter's.

    Parameters
    ----------
    marked, stands : (h,) bool
        Stop marks of the outlet; standstill by the meter.

    Returns
    -------
    late : (h,) bool
        The marks began some hours after the standstill that they began in; so many hours ago the plant stood. (The
        hour beside it is taken along, as at any stop.)
    """
    number = np.arange(marked.size)
    begin_of_marks, begin_of_stop = (
        np.maximum.accumulate(np.where(state & ~np.concatenate([[False], state[:-1]]), number, 0))
        for state in (marked, stands)
    )
    lag = np.where(stands[begin_of_marks], begin_of_marks - begin_of_stop[begin_of_marks], 0)
    lag = np.where(marked & (lag <= MAX_LAG_H), lag, 0)
    return (lag > 0) & (stands[number - lag] | stands[np.maximum(number - lag - 1, 0)])


DETECTOR = Detector(
    name="running_while_stopped",
    fault="running_while_stopped",
    runs_on="site",
    run=run,
    explanation=Text(
        en="marked as stopped for {score:.0f} h in a row while the plant ran: power or flow stood at "
        "{of_running_power_pct:.0f} % of "
        "what is usual when running",
        zh="连续 {score:.0f} 小时标记为停运，而生产仍在运行：功率或流量为正常运行时的 {of_running_power_pct:.0f} %",
    ),
    innocent_if=Text(
        en="the analyser alone was out of use, by notice, and the power or flow belongs to another unit of the plant",
        zh="若仅监测设备经报备停用，且功率、流量属于其他机组，则可排除",
    ),
    floor=1.0,
    kind="exact",
    specificity=8,
    alternatives=("false_flag",),
)
