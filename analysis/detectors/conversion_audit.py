"""The conversion to the reference oxygen content, in both of the conventions in use.

The mean of converted minutes and the conversion of the hourly means differ by the covariance of C and 1/(21 − O).
Which one a site keeps is decided on its accepted rows; from then on it must keep it.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors import identities
from analysis.detectors.aggregates import mean_of_parts, parts_of
from analysis.detectors.arithmetic_residual import best_convention
from analysis.detectors.audit import Audit, Series, aligned, channel_of, inside_range, make_audit, step_of
from analysis.model.arrays import Bools, Floats
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

HIGHEST_OXYGEN_PCT = 19.0
"""Above it the plant does not run or the line leaks; a rounding of O is multiplied by ten and more, and loggers stop
converting."""

CONVERTED = {"zs_avg": "avg", "zs_rtd": "rtd", "zs_min": "min", "zs_max": "max"}


def undeclared_sources(data: SiteData, channel: Channel) -> list[Series | None]:
    """Value and oxygen of the same point and interval, for a converted channel that does not name them."""
    return [
        next(
            (
                source
                for source in data.find(quantity=quantity, point=channel.point, statistic=CONVERTED[channel.statistic])
                if source[0].interval_s == channel.interval_s
            ),
            None,
        )
        for quantity in (channel.quantity, "o2")
    ]


def oxygen_conversion_audit(data: SiteData, grid: Grid, row: int, sources: list[Series]) -> Audit | None:
    """The convention that the accepted rows keep; None without value, oxygen or reference oxygen content."""
    oxygen = next((s for s in sources if channel_of(s).quantity == "o2"), None)
    value = next((s for s in sources if channel_of(s).quantity != "o2"), None)
    if oxygen is None or value is None or grid.channels[row].reference_oxygen_pct is None:
        return None
    if value[0].interval_s < grid.interval_s:
        return _mean_of_conversions(grid, row, value, oxygen)
    direct = _conversion_of_means(grid, row, value, oxygen)
    value_parts, oxygen_parts = _shorter(data, value), _shorter(data, oxygen)
    if direct is None or value_parts is None or oxygen_parts is None:
        return direct
    by_parts = _mean_of_conversions(grid, row, value_parts, oxygen_parts)
    if by_parts is None:
        return direct
    ratios = [np.abs(audit.residual) / audit.bound for audit in (direct, by_parts)]
    return (direct, by_parts)[best_convention(ratios, reference=direct.reference)]


def _shorter(data: SiteData, source: Series) -> Series | None:
    """The same quantity of the point with the longest interval below this one's."""
    channel = channel_of(source)
    shorter = [
        s
        for s in data.find(quantity=channel.quantity, point=channel.point)
        if s[0].interval_s < channel.interval_s and channel_of(s).statistic in ("avg", "rtd")
    ]
    return shorter[-1] if shorter else None


def _conversion_of_means(grid: Grid, row: int, value: Series, oxygen: Series) -> Audit | None:
    c, o = aligned(grid, value), aligned(grid, oxygen)
    reference = grid.channels[row].reference_oxygen_pct
    if c is None or o is None or reference is None:
        return None
    c = inside_range(value, np.where(_is_judged(c, o, channel_of(value)), c, np.nan))
    expected, slopes = identities.oxygen_conversion({"value": c, "o2": o}, reference_oxygen_pct=reference)
    # the slopes at the end of the rounding of O: the curve bends, and both roundings multiply
    left = identities.AMBIENT_OXYGEN_PCT - o
    bend = left / np.maximum(left - step_of(oxygen) / 2, 0.5)
    slopes = {name: slope * bend for name, slope in slopes.items()}
    reported = grid.values[row]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = reported / expected
        implied = {
            channel_of(value).id: c * ratio,
            channel_of(oxygen).id: identities.AMBIENT_OXYGEN_PCT - (identities.AMBIENT_OXYGEN_PCT - o) / ratio,
        }
    return make_audit(
        grid,
        row,
        formula="oxygen_conversion",
        sources=[value, oxygen],
        expected=expected,
        slopes=slopes,
        steps={"value": step_of(value), "o2": step_of(oxygen)},
        implied=implied,
    )


def _is_judged(value: Floats, oxygen: Floats, channel: Channel) -> Bools:
    """Not where the reading is one for "less than": some loggers convert it, some write it, some clip it."""
    floor = max(channel.detection_limit or 0.0, 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((value > floor) & (oxygen <= HIGHEST_OXYGEN_PCT))


def _mean_of_conversions(grid: Grid, row: int, value: Series, oxygen: Series) -> Audit | None:
    parts_grid, c = value[0], value[0].values[value[1]]
    o, reference = aligned(parts_grid, oxygen), grid.channels[row].reference_oxygen_pct
    if o is None or reference is None or grid.interval_s % parts_grid.interval_s:
        return None
    converted, slopes = identities.oxygen_conversion({"value": c, "o2": o}, reference_oxygen_pct=reference)
    arrived = parts_grid.present[value[1]] & (
        oxygen[0].present[oxygen[1]] if oxygen[0] is parts_grid else np.isfinite(o)
    )
    parts = parts_of(
        grid.times_s,
        interval_s=grid.interval_s,
        times=parts_grid.times_s[arrived],
        values=converted[arrived],
        normal=np.isfinite(converted[arrived]),
    )
    # what a device does with a part near ambient air is its own: the whole is not judged
    ambient = parts_of(
        grid.times_s,
        interval_s=grid.interval_s,
        times=parts_grid.times_s[arrived],
        values=(np.nan_to_num(o[arrived]) > HIGHEST_OXYGEN_PCT).astype(np.float64),
        normal=np.ones(int(arrived.sum()), dtype=bool),
    )
    expected = mean_of_parts(parts, expected_count=grid.interval_s // parts_grid.interval_s)
    known = slopes["value"][np.isfinite(slopes["value"])]
    factor = float(np.median(known)) if known.size else np.nan
    return make_audit(
        grid,
        row,
        formula="oxygen_conversion",
        sources=[value, oxygen],
        expected=np.where(ambient.total > 0, np.nan, expected),
        slopes={"value": np.full(grid.n_times, factor)},
        steps={"value": step_of(value)},
        implied={},
    )
