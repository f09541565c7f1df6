"""Where a falsification takes place: the site, the channel aimed at, the interval, and how careful the forger is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from simulators.falsification.aggregates import POLLUTANTS
from simulators.falsification.noise import BoolArray, FloatArray
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Point, Site, Truth, grid_window

HISTORY_S = 30 * DAY_S


@dataclass(slots=True)
class Scene:
    site: Site
    point: Point
    channel: Channel
    rng: np.random.Generator
    lo_s: int
    hi_s: int
    level: int  # 0 easy .. 3 hard
    variant: str  # "lazy": what is reported only; "careful": everything computed from it follows
    touched: list[str] = field(default_factory=list)
    known_s: float = 0.0

    @property
    def window(self) -> slice:
        return self.window_of(self.channel)

    def window_of(self, channel: Channel) -> slice:
        return grid_window(channel, self.site.start_s, self.lo_s, self.hi_s)

    def normal(self, channel: Channel | None = None) -> BoolArray:
        """Rows inside the interval that a forger touches: unflagged, with a value, plant running."""
        channel = channel or self.channel
        window = self.window_of(channel)
        stride = channel.interval_s / self.site.running_interval_s
        index = (np.arange(window.start, window.stop) * stride).astype(np.int64)
        return channel.valid(window) & self.site.running[np.minimum(index, self.site.running.size - 1)]

    def history(self, channel: Channel | None = None) -> FloatArray:
        """Valid values of the month before, plant running: what the forger believes to be normal."""
        channel = channel or self.channel
        window = grid_window(channel, self.site.start_s, self.lo_s - HISTORY_S, self.lo_s)
        stride = channel.interval_s / self.site.running_interval_s
        index = (np.arange(window.start, window.stop) * stride).astype(np.int64)
        good = channel.valid(window) & self.site.running[np.minimum(index, self.site.running.size - 1)]
        values = channel.values[window][good]
        if values.size:
            return values
        fallback = channel.values[np.isfinite(channel.values)]
        return fallback if fallback.size else np.zeros(1)

    def write(self, exact: FloatArray, channel: Channel | None = None) -> None:
        """Put `exact` into the normal rows of the interval; the careful forger lets the formulas follow at `settle`."""
        channel = channel or self.channel
        channel.write(self.window_of(channel), exact, self.normal(channel))
        self.touched.append(channel.id)

    def write_exactly(self, values: FloatArray, channel: Channel | None = None) -> None:
        """Like `write`, but what is reported is exactly `values`: the edit comes after the rounding."""
        channel = channel or self.channel
        window, mask = self.window_of(channel), self.normal(channel)
        channel.exact[window] = np.where(mask, values, channel.exact[window])
        channel.values[window] = np.where(mask, values, channel.values[window])
        self.touched.append(channel.id)

    def settle(self) -> None:
        if self.variant != "lazy":
            self.touched = self.point.recompute(self.touched, self.site.start_s, self.lo_s, self.hi_s)

    def label(self, name: str, injection: str, also: list[str] | None = None) -> None:
        channels = [f"{self.point.id}/{channel}" for channel in dict.fromkeys(self.touched)]
        self.site.truth.append(
            Truth(
                self.site.id,
                self.point.id,
                channels,
                True,
                name,
                injection,
                f"L{self.level + 1}",
                self.variant,
                self.lo_s,
                self.hi_s,
                also or [],
                self.known_s or self.lo_s,
            )
        )


Target = Callable[[Site], list[tuple[Point, Channel]]]


def pollutants(site: Site) -> list[tuple[Point, Channel]]:
    """Measured pollutant channels of outlets; of a point with several intervals the shortest."""
    return [
        (point, channel)
        for point in site.points
        if point.medium in ("air", "water")
        for channel in point.channels
        if channel.quantity in POLLUTANTS and channel.statistic in ("avg", "rtd") and channel.interval_s <= 4 * HOUR_S
        and channel.formula in (None, "affine", "no_to_nox")
    ]  # fmt: skip


def gases_with_oxygen(site: Site) -> list[tuple[Point, Channel]]:
    return [(p, c) for p, c in pollutants(site) if c.formula is None and any(o.quantity == "o2" for o in p.channels)]


def flows(site: Site) -> list[tuple[Point, Channel]]:
    return [
        (point, channel)
        for point in site.points
        for channel in point.channels
        if channel.quantity in ("flow_dry_standard", "flow") and channel.statistic in ("avg", "rtd")
        and channel.formula in (None, "dry_standard_flow")
    ]  # fmt: skip


def place(
    site: Site, rng: np.random.Generator, channel: Channel, *, hours: float, earliest_s: int | None = None
) -> int | None:
    """A start on a whole hour in the judged period at which the plant mostly runs; None when there is no such place."""
    first = max(site.accepted_s + DAY_S, earliest_s or 0)
    last = site.end_s - int(hours * HOUR_S) - DAY_S
    if last <= first:
        return None
    best, best_share = None, 0.75
    for start in rng.integers(first // HOUR_S, last // HOUR_S + 1, 30):
        lo_s = int(start) * HOUR_S
        if channel.interval_s > HOUR_S:  # whole cycles of a slow analyser
            lo_s -= (lo_s - site.start_s) % channel.interval_s
        hi_s = lo_s + int(hours * HOUR_S)
        runs = site.runs(lo_s, hi_s)
        good = channel.valid(grid_window(channel, site.start_s, lo_s, hi_s))
        share = min(float(runs.mean()) if runs.size else 0.0, float(good.mean()) + 0.1 if good.size else 0.0)
        if share > best_share:
            best, best_share = lo_s, share
        if best_share >= 0.97:
            break
    return best
