"""When a plant runs and how hard: the common cause behind all its channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.falsification.noise import BoolArray, FloatArray, autoregressive, intervals, lag
from simulators.falsification.site import DAY_S, HOUR_S

STYLES = ("continuous", "continuous", "continuous", "load_following", "load_following", "shifts", "campaigns")


@dataclass(slots=True)
class Operation:
    """`running`: the plant is meant to run; `fire`: 0..1, how warm it is; `load`: 0..1.1, share of the rated load."""

    running: BoolArray
    fire: FloatArray
    load: FloatArray
    hour_of_day: FloatArray
    interval_s: int

    @property
    def n(self) -> int:
        return int(self.load.size)

    def samples(self, hours: float) -> float:
        return hours * HOUR_S / self.interval_s


def operate(
    rng: np.random.Generator,
    *,
    start_s: int,
    days: int,
    interval_s: int,
    style: str | None = None,
    steadiness: float = 1.0,
) -> Operation:
    """The course of a plant from `start_s` (a local midnight) for `days`; `steadiness` above 1 swings less."""
    n = days * DAY_S // interval_s
    style = style or str(rng.choice(STYLES))
    seconds = np.arange(n) * interval_s
    hour = (seconds % DAY_S) / HOUR_S
    weekday = ((seconds + start_s + 8 * HOUR_S) // DAY_S + 3) % 7
    per_hour = HOUR_S / interval_s
    stops_per_day = {"continuous": 0.012, "load_following": 0.02, "shifts": 0.01, "campaigns": 0.05}[style]
    running = ~intervals(rng, n, per_sample=stops_per_day * interval_s / DAY_S, length=(6 * per_hour, 60 * per_hour))
    if style == "shifts":
        first, last = rng.choice([(6, 22), (7, 19), (8, 24)])
        running &= (hour >= first) & (hour < last) & (weekday < rng.choice([5, 6, 7]))
    base = rng.uniform(0.62, 0.92)
    day_swing = {"continuous": 0.03, "load_following": 0.14, "shifts": 0.05, "campaigns": 0.04}[style]
    load = base + day_swing * rng.uniform(0.6, 1.3) * np.sin(2 * np.pi * (hour - rng.uniform(7, 11)) / 24)
    load = load - 0.04 * rng.random() * (weekday >= 5)
    swing = rng.uniform(0.03, 0.09) / steadiness
    load = load + autoregressive(rng, n, tau=rng.uniform(8, 30) * per_hour, sigma=swing)
    load = load + autoregressive(rng, n, tau=rng.uniform(0.7, 2.5) * per_hour, sigma=0.4 * swing)
    fire = lag(running.astype(np.float64), rng.uniform(0.5, 1.5) * per_hour)
    load = np.clip(load, 0.3, 1.08) * fire
    return Operation(running, fire, load, hour, interval_s)
