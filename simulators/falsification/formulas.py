"""How one channel of a point is computed from others: the arithmetic that honest data obey.

Sources: GB 13223-2011 and HJ 75-2017 (oxygen conversion, dry standard flow, mass), HJ 76-2017 (an hour needs 45 valid
minutes, a day 20 valid hours), HJ 353-2019 (flow-weighted daily means), NOx counted as NO2 (NO times 46/30).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.falsification.noise import FloatArray
from simulators.falsification.site import HOUR_S, Channel, FlagArray, Point

AIR_OXYGEN_PCT = 21.0
NO_TO_NO2 = 46.0 / 30.0
VALID_SHARE = {86_400: 20 / 24}
HOUR_VALID_SHARE = 0.75

Rule = Callable[[Point, Channel, list[FloatArray]], FloatArray]


def oxygen_conversion(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    """C' = C (21 - Oref) / (21 - O); no value from 20.9 % on."""
    value, oxygen = parts
    reference = 6.0 if point.reference_oxygen_pct is None else point.reference_oxygen_pct
    room = AIR_OXYGEN_PCT - oxygen
    return np.where(room > 0.1, value * (AIR_OXYGEN_PCT - reference) / np.maximum(room, 0.1), np.nan)


def mass(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    """Amount in the interval; `constant` holds the units: 1e-6 for mg/m3 and m3/h to kg/h, 1e-3 for mg/L and m3/h."""
    concentration, flow = parts
    return np.maximum(concentration, 0.0) * flow * (channel.constant * channel.interval_s / HOUR_S)


def dry_standard_flow(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    """Qsn = K v 273/(273+T) (Ba+Ps)/101325 (1-Xsw); `constant` is 3600 x duct area x velocity-field coefficient."""
    velocity, temperature, pressure_pa, humidity = parts
    wet = channel.constant * velocity * 273.0 / (273.0 + temperature) * (101_325.0 + pressure_pa) / 101_325.0
    return wet * (1.0 - humidity / 100.0)


def rate(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    """Amount in the interval of a channel that holds a rate per hour."""
    return parts[0] * (channel.interval_s / HOUR_S)


def power_factor(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    active, reactive = parts
    apparent = np.hypot(active, reactive)
    return np.where(apparent > 0.0, active / np.maximum(apparent, 1e-12), 1.0)


def no_to_nox(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    return NO_TO_NO2 * parts[0] + (parts[1] if len(parts) > 1 else 0.0)


def affine(point: Point, channel: Channel, parts: list[FloatArray]) -> FloatArray:
    return channel.constant * parts[0]


RULES: dict[str, Rule] = {
    "oxygen_conversion": oxygen_conversion,
    "mass": mass,
    "dry_standard_flow": dry_standard_flow,
    "rate": rate,
    "power_factor": power_factor,
    "no_to_nox": no_to_nox,
    "affine": affine,
}


def derive(point: Point, channel: Channel, window: slice) -> tuple[FloatArray, FlagArray]:
    """Exact values and flags of a derived channel inside `window`, from what its sources hold now."""
    sources = [point[name] for name in channel.sources]
    if channel.formula in ("mean", "sum", "flow_weighted_mean"):
        return _aggregate(point, channel, sources, window)
    parts = [s.values[window] if point.computes_from_reported else s.held(s.exact[window]) for s in sources]
    with np.errstate(invalid="ignore", divide="ignore"):
        fresh = RULES[str(channel.formula)](point, channel, parts)
    if channel.jitter is not None:
        fresh = fresh * (1.0 + channel.jitter[window])
    flags = sources[0].flags[window].copy()
    for source in sources[1:]:
        flags = np.where(flags == "", source.flags[window], flags)
    return fresh, flags


def _aggregate(point: Point, channel: Channel, sources: list[Channel], window: slice) -> tuple[FloatArray, FlagArray]:
    """Mean, sum or flow-weighted mean over the valid parts; flagged D where too few parts are valid."""
    source = sources[0]
    ratio = channel.interval_s // source.interval_s
    parts = slice(window.start * ratio, window.stop * ratio)
    shown = source.values[parts] if point.computes_from_reported else source.held(source.exact[parts])
    values = shown.reshape(-1, ratio)
    good = source.valid(parts).reshape(-1, ratio)
    weights = good.astype(np.float64)
    if channel.formula == "flow_weighted_mean":
        flow = sources[1]
        weights = weights * np.nan_to_num(_on_grid(flow, source, parts)).reshape(-1, ratio)
    total = weights.sum(axis=1)
    filled = np.where(good, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = (filled * weights).sum(axis=1)
        fresh = weighted if channel.formula == "sum" else weighted / total
    fresh = np.where(total > 0.0, fresh, np.nan)
    share = good.mean(axis=1)
    needed = VALID_SHARE.get(channel.interval_s, HOUR_VALID_SHARE)
    worst = np.array([_majority(row) for row in source.flags[parts].reshape(-1, ratio)[share < needed]], dtype="<U1")
    flags = np.full(fresh.size, "", dtype="<U1")
    flags[share < needed] = worst
    return fresh, flags


def _on_grid(flow: Channel, source: Channel, parts: slice) -> FloatArray:
    """The flow on the grid of `source`: means of its shorter intervals, or each longer one repeated."""
    if flow.interval_s == source.interval_s:
        return flow.values[parts]
    ratio = source.interval_s // flow.interval_s
    means: FloatArray = np.nanmean(flow.values[parts.start * ratio : parts.stop * ratio].reshape(-1, ratio), axis=1)
    return means


def _majority(flags: FlagArray) -> str:
    raised = flags[flags != ""]
    if raised.size == 0:
        return "D"
    names, counts = np.unique(raised, return_counts=True)
    return str(names[np.argmax(counts)])
