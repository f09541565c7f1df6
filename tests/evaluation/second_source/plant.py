"""Channels, points and sites, and how a data logger computes its derived channels.

A channel keeps `exact`, the number inside the device; `rounded()` is what it sends: quantised, clipped to the range,
and told below the detection limit as the device tells it. Derived channels follow the formulas of the dataset format,
either from the exact numbers (a logger that computes inside) or from the rounded ones (one that computes from its own
record).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulators.falsification.site import Truth
from tests.evaluation.second_source.noise import BoolArray, FloatArray

HOUR_S = 3600
DAY_S = 86400
COUNTER_START_M3 = 52_340.0


@dataclass(slots=True, eq=False)
class Channel:
    id: str
    quantity: str
    statistic: str
    unit: str
    interval_s: int
    exact: FloatArray
    step: float | FloatArray
    formula: str = ""
    sources: tuple[str, ...] = ()
    limit: float | None = None
    range_low: float | None = None
    range_high: float | None = None
    detection_limit: float | None = None
    below: str = "as_is"  # or "limit", "half"
    is_relation_told: bool = True
    is_formula_told: bool = True
    flags: NDArray[np.str_] = field(init=False)
    is_lost: BoolArray = field(init=False)
    received_s: FloatArray = field(init=False)  # nan: at the end of its interval
    resent: list[tuple[int, float, float]] = field(default_factory=list)  # index, value, received

    def __post_init__(self) -> None:
        n = self.exact.size
        self.flags = np.full(n, "N", dtype="<U1")
        self.is_lost = np.zeros(n, dtype=np.bool_)
        self.received_s = np.full(n, np.nan)

    def rounded(self) -> FloatArray:
        return self.told(self.exact)

    def told(self, values: FloatArray) -> FloatArray:
        """What the device sends for these exact values (all of the channel)."""
        out = np.asarray(values, dtype=np.float64)
        if self.detection_limit is not None and self.below != "as_is":
            floor = self.detection_limit * (0.5 if self.below == "half" else 1.0)
            out = np.where(out < self.detection_limit, floor, out)
        if self.range_high is not None:
            out = np.minimum(out, self.range_high)
        return np.round(np.round(out / self.step) * self.step, 9)

    def window(self, start_s: int, lo_s: float, hi_s: float) -> slice:
        """Indices whose interval begins in [lo_s, hi_s)."""
        lo = int(np.ceil((lo_s - start_s) / self.interval_s))
        return slice(max(0, lo), max(0, int(np.ceil((hi_s - start_s) / self.interval_s))))


@dataclass(slots=True)
class Point:
    id: str
    medium: str
    channels: dict[str, Channel]
    reference_oxygen_pct: float | None = None
    duct_factor: float = 0.0  # 3600 x area x velocity coefficient
    computes_from_rounded: bool = False

    def add(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel

    def descendants(self, names: Iterable[str]) -> list[str]:
        """Channels computed, directly or not, from `names`; in the order of computation."""
        reached = set(names)
        below = []
        for name, channel in self.channels.items():
            if channel.formula and reached & set(channel.sources):
                reached.add(name)
                below.append(name)
        return below

    def derive(self, names: Iterable[str] | None = None) -> None:
        """Compute the derived channels anew (all, or those named)."""
        wanted = None if names is None else set(names)
        for name, channel in self.channels.items():
            if channel.formula and (wanted is None or name in wanted):
                channel.exact = self._computed(channel)

    def carry_flags(self) -> None:
        """What is computed from a row that is not normal is flagged as that row; means only where too few are left."""
        for channel in self.channels.values():
            for name in channel.sources:
                source = self.channels[name]
                if source.interval_s == channel.interval_s:
                    channel.flags = np.where(channel.flags == "N", source.flags, channel.flags)
                elif source.interval_s < channel.interval_s:
                    parts = source.flags.reshape(channel.exact.size, -1)
                    is_bad = parts != "N"
                    first = parts[np.arange(parts.shape[0]), is_bad.argmax(axis=1)]
                    mostly = 1 - is_bad.mean(axis=1) < enough_parts(channel.interval_s) - 1e-9
                    channel.flags = np.where((channel.flags == "N") & mostly, first, channel.flags)

    def _computed(self, channel: Channel) -> FloatArray:
        sources = [self.channels[name] for name in channel.sources]
        values = [s.rounded() if self.computes_from_rounded else s.exact for s in sources]
        hours = channel.interval_s / HOUR_S
        first = values[0]
        if channel.formula == "oxygen_conversion":
            assert self.reference_oxygen_pct is not None
            room = 21.0 - values[1]
            return np.where(room > 0.5, first * (21.0 - self.reference_oxygen_pct) / np.maximum(room, 0.5), np.nan)
        if channel.formula == "mass":
            return first * values[1] * 1e-6 * hours
        if channel.formula == "dry_standard_flow":
            t, p, x = values[1:]
            return self.duct_factor * first * 273.0 / (273.0 + t) * (101325.0 + p) / 101325.0 * (1.0 - x / 100.0)
        if channel.formula in ("mean", "sum"):
            part = means(channel, sources[0], first, np.ones(first.size))
            normal = ((sources[0].flags == "N") & np.isfinite(first)).reshape(part.size, -1).sum(axis=1)
            return part * normal if channel.formula == "sum" else part
        if channel.formula == "flow_weighted_mean":
            flow = sources[1]
            weights = values[1]
            if flow.interval_s < sources[0].interval_s:
                weights = weights.reshape(first.size, -1).mean(axis=1)
            return means(channel, sources[0], first, weights)
        if channel.formula in EXTREMES:
            return EXTREMES[channel.formula](sources[0], first, channel.exact.size)
        if channel.formula == "counter":
            start = COUNTER_START_M3
            return start + np.cumsum(np.nan_to_num(first)) * channel.interval_s / 1000.0
        if channel.formula == "rate":
            return first / hours
        if channel.formula == "no_to_nox":
            return first * 1.533
        raise ValueError(f"no such formula: {channel.formula}")


def enough_parts(interval_s: int) -> float:
    """An hour needs 45 valid minutes, a day 20 valid hours (HJ 76-2017)."""
    return 20 / 24 if interval_s >= DAY_S else 0.75


def means(channel: Channel, source: Channel, values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted means of the normal parts of each interval of `channel`; nan where too few of them are normal."""
    count = channel.exact.size
    parts = values.reshape(count, -1)
    is_normal = ((source.flags == "N") & np.isfinite(values)).reshape(count, -1)
    weight = np.where(is_normal, weights.reshape(count, -1), 0.0)
    total = (np.where(is_normal, parts, 0.0) * weight).sum(axis=1)
    enough = is_normal.mean(axis=1) >= enough_parts(channel.interval_s) - 1e-9
    return np.where(enough & (weight.sum(axis=1) > 0), total / np.maximum(weight.sum(axis=1), 1e-12), np.nan)


def least(source: Channel, values: FloatArray, count: int) -> FloatArray:
    """The smallest normal part of each interval; nan where there is none."""
    return -greatest(source, -values, count)


def greatest(source: Channel, values: FloatArray, count: int) -> FloatArray:
    is_normal = (source.flags == "N") & np.isfinite(values)
    top = np.where(is_normal, values, -np.inf).reshape(count, -1).max(axis=1)
    return np.where(np.isfinite(top), top, np.nan)


EXTREMES = {"least": least, "greatest": greatest}
UNNAMED = {*EXTREMES, "counter"}  # the dataset format has no formula for them


@dataclass(slots=True)
class Event:
    start_s: float
    end_s: float
    point: str
    kind: str
    note: str = ""


@dataclass(slots=True)
class Site:
    id: str
    industry: str
    start_s: int
    accepted_s: int
    end_s: int
    points: dict[str, Point]
    facilities: list[dict[str, object]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    # time, point, channel, parameter, value
    parameters: list[tuple[float, str, str, str, float]] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    is_arrival_told: bool = False
    says_normal: bool = False  # writes N, not an empty flag
    position: tuple[float, float] | None = None

    @property
    def months(self) -> float:
        return (self.end_s - self.accepted_s) / (730.0 * HOUR_S)

    def channels(self) -> list[tuple[Point, Channel]]:
        return [(point, channel) for point in self.points.values() for channel in point.channels.values()]
