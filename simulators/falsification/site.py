"""A site in memory: points, channels on regular grids, what was sent about them, and what is truly false in them.

A channel keeps its `exact` course apart from the `values` that it reports (rounded to the reporting step, cut at the
range, treated below the detection limit). What was lost on the way is `present`, not a missing value: a device that
computes an hour from its minutes has them all. Injections write exact values and let `Point.recompute` carry them
through every formula, or leave that out, which is what a careless forger does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulators.falsification.noise import BoolArray, FloatArray

HOUR_S = 3600
DAY_S = 86_400
FlagArray = NDArray[np.str_]


@dataclass(slots=True)
class Resent:
    """Rows sent a second time. `values` None: equal to the first at the time of writing."""

    index: NDArray[np.int64]
    received_s: FloatArray
    values: FloatArray | None = None


@dataclass(slots=True)
class Channel:
    id: str
    quantity: str
    statistic: str
    unit: str
    interval_s: int
    exact: FloatArray
    step: float
    limit: float | None = None
    range_low: float | None = None
    range_high: float | None = None
    detection_limit: float | None = None
    formula: str | None = None
    sources: tuple[str, ...] = ()
    constant: float = 1.0
    jitter: FloatArray | None = None  # relative excess of a mean of converted values over the conversion of means
    declares_sources: bool = True
    declares_formula: bool = True
    below_detection: str = "as_is"
    declares: frozenset[str] = frozenset({"limit", "range", "detection_limit"})
    values: FloatArray = field(init=False)
    flags: FlagArray = field(init=False)
    present: BoolArray = field(init=False)
    received_s: FloatArray = field(init=False)
    resent: list[Resent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = self.report(self.exact)
        self.flags = np.full(self.exact.size, "", dtype="<U1")
        self.present = np.ones(self.exact.size, dtype=bool)
        self.received_s = np.zeros(self.exact.size)

    @property
    def size(self) -> int:
        return int(self.exact.size)

    def report(self, exact: FloatArray) -> FloatArray:
        """What the device says for an exact value: detection limit, range ends and the reporting step."""
        shown = self.held(exact)
        rounded: FloatArray = np.round(np.round(shown / self.step) * self.step, 9)
        return rounded + 0.0  # no negative zeros

    def held(self, exact: FloatArray) -> FloatArray:
        """What the device computes with: the value it reports, before the rounding."""
        shown = exact
        if self.detection_limit is not None and self.below_detection != "as_is":
            stand_in = {"lod": self.detection_limit, "zero": 0.0, "half": self.detection_limit / 2}[
                self.below_detection
            ]
            shown = np.where(shown < self.detection_limit, stand_in, shown)
        if self.range_high is not None:
            shown = np.minimum(shown, self.range_high)
        return shown

    def write(self, window: slice, exact: FloatArray, mask: BoolArray | None = None) -> None:
        """Replace the course inside `window` (where `mask` holds) and what is reported of it."""
        old = self.exact[window]
        self.exact[window] = exact if mask is None else np.where(mask, exact, old)
        self.values[window] = self.report(self.exact[window])

    def valid(self, window: slice) -> BoolArray:
        usable: BoolArray = (self.flags[window] == "") & np.isfinite(self.values[window])
        return usable


@dataclass(slots=True)
class Point:
    id: str
    medium: str
    channels: list[Channel]
    reference_oxygen_pct: float | None = None
    computes_from_reported: bool = True
    converts_minutes: bool = False

    def __getitem__(self, channel_id: str) -> Channel:
        return next(channel for channel in self.channels if channel.id == channel_id)

    def find(self, quantity: str, *, measured: bool = True) -> list[Channel]:
        return [c for c in self.channels if c.quantity == quantity and (c.formula is None) == measured]

    def recompute(self, changed: Iterable[str], start_s: int, lo_s: int, hi_s: int) -> list[str]:
        """Carry a change of the channels `changed` in [lo_s, hi_s) through every formula; returns all changed ids."""
        from simulators.falsification.formulas import derive  # formulas need the classes of this module

        touched = list(changed)
        for channel in self.channels:
            if channel.formula is not None and set(channel.sources) & set(touched) and channel.id not in touched:
                window = grid_window(channel, start_s, lo_s, hi_s, outward=True)
                fresh, flags = derive(self, channel, window)
                channel.write(window, fresh)
                channel.flags[window] = flags
                touched.append(channel.id)
        return touched


@dataclass(slots=True)
class Facility:
    id: str
    kind: str
    channel: str
    run_kw: float | None
    treats: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()


@dataclass(slots=True)
class Truth:
    """One true statement about a site: what was falsified (or which innocent event took place), where and when."""

    site: str
    point: str
    channels: list[str]
    falsified: bool
    class_name: str
    injection: str
    level: str
    variant: str
    start_s: int
    end_s: int
    also: list[str] = field(default_factory=list)
    known_s: float = 0.0  # when the first falsified row reached the platform, for edits after the fact; else the start


@dataclass(slots=True)
class Site:
    id: str
    industry: str
    region: str
    start_s: int
    days: int
    accepted_s: int
    points: list[Point]
    running: BoolArray
    running_interval_s: int
    facilities: list[Facility] = field(default_factory=list)
    parameters: list[tuple[int, str, str, str, float, int]] = field(default_factory=list)
    events: list[tuple[int, int, str, str, str]] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    collection: str = ""
    longitude: float = 115.9
    latitude: float = 28.7

    @property
    def end_s(self) -> int:
        return self.start_s + self.days * DAY_S

    def point(self, point_id: str) -> Point:
        return next(point for point in self.points if point.id == point_id)

    def runs(self, lo_s: int, hi_s: int) -> BoolArray:
        lo, hi = (int((t - self.start_s) // self.running_interval_s) for t in (lo_s, hi_s))
        return self.running[max(lo, 0) : max(hi, 0)]


def grid_window(channel: Channel, start_s: int, lo_s: int, hi_s: int, *, outward: bool = False) -> slice:
    """The samples of `channel` whose intervals begin in [lo_s, hi_s); with `outward` those that touch it at all."""
    lo = (lo_s - start_s) / channel.interval_s
    hi = (hi_s - start_s) / channel.interval_s
    first = int(np.floor(lo)) if outward else int(np.ceil(lo))
    last = int(np.ceil(hi))
    return slice(max(first, 0), min(max(last, 0), channel.size))
