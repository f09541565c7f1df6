"""An ambient water station: a sonde and a COD analyser, no limit and no process behind them."""

from __future__ import annotations

import numpy as np

from simulators.falsification.noise import autoregressive
from simulators.falsification.operation import Operation
from simulators.falsification.site import Channel, Point


def build_river(rng: np.random.Generator, op: Operation, *, point_id: str) -> Point:
    n, day = op.n, np.sin(2 * np.pi * (op.hour_of_day - 15) / 24)
    warmth = 17 + 1.0 * day + autoregressive(rng, n, tau=op.samples(90), sigma=2)
    oxygen = 9.5 + 0.8 * day - 0.15 * (warmth - 17) + autoregressive(rng, n, tau=op.samples(20), sigma=0.3)
    table = (
        ("water_temperature", "Cel", warmth, 0.03, 0.1, 50.0),
        ("dissolved_oxygen", "mg/L", oxygen, 0.03, 0.01, 20.0),
        ("ph", "1", 7.9 + 0.12 * day + autoregressive(rng, n, tau=op.samples(30), sigma=0.08), 0.006, 0.01, 14.0),
        (
            "conductivity",
            "uS/cm",
            450 * np.exp(autoregressive(rng, n, tau=op.samples(60), sigma=0.1)),
            0.8,
            1.0,
            5000.0,
        ),
        ("turbidity", "NTU", 6 * np.exp(autoregressive(rng, n, tau=op.samples(15), sigma=0.6)), 0.2, 0.1, 1000.0),
        ("cod", "mg/L", 12 * np.exp(autoregressive(rng, n, tau=op.samples(50), sigma=0.2)), 0.15, 0.1, 200.0),
    )
    channels = []
    for name, unit, course, noise, step, high in table:
        exact = np.maximum(course + rng.normal(0, noise, n), 0)
        channels.append(Channel(name, name, "avg", unit, op.interval_s, exact, step, None, 0.0, high))
    return Point(point_id, "water", channels)
