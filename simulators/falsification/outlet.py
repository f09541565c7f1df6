"""A waste-water outlet: flow and probes at a short interval, wet-chemical analysers on their cycle (HJ 353-2019)."""

from __future__ import annotations

import numpy as np

from simulators.falsification.noise import FloatArray, autoregressive, bursts, hold, lag
from simulators.falsification.operation import Operation
from simulators.falsification.site import Channel, Point

# GB 18918-2002 class 1A and the discharge limits of typical industries. [mg/L]
LIMITS = {
    "cod": (50.0, 80.0, 100.0, 500.0),
    "nh3n": (5.0, 8.0, 15.0, 45.0),
    "tp": (0.5, 1.0, 8.0),
    "tn": (15.0, 20.0, 70.0),
}
RANGES = {"cod": (200.0, 1000.0), "nh3n": (20.0, 100.0), "tp": (5.0, 20.0), "tn": (50.0, 150.0)}
DETECTION = {"cod": 4.0, "nh3n": 0.05, "tp": 0.01, "tn": 0.05}


def build_outlet(rng: np.random.Generator, operation: Operation, *, point_id: str) -> Point:
    """A water point: flow, pH and temperature at the interval of `operation`, analysers every hour or two."""
    op = operation
    flow = _flow(rng, op)
    channels = [flow, *_probes(rng, op)]
    cycle_s, reported_s = [(7200, 7200), (7200, 3600), (3600, 3600), (14_400, 14_400)][
        int(rng.choice(4, p=[0.45, 0.25, 0.2, 0.1]))
    ]
    reported_s = max(reported_s, op.interval_s)
    grade = int(rng.integers(0, 3))
    names = ["cod", "nh3n", *(["tp"] if rng.random() < 0.7 else []), *(["tn"] if rng.random() < 0.6 else [])]
    common = _concentration_noise(rng, op, 0.1)
    ammonia: FloatArray | None = None
    for name in names:
        limit = LIMITS[name][min(grade, len(LIMITS[name]) - 1)]
        exact = _concentration(rng, op, limit, common)
        if name == "nh3n":
            ammonia = exact
        if name == "tn" and ammonia is not None:
            exact = ammonia + exact * rng.uniform(0.4, 0.8)
        channels.append(_analyser(rng, op, name, limit, exact, cycle_s=cycle_s, reported_s=reported_s))
    point = Point(point_id, "water", channels)
    if reported_s == op.interval_s and rng.random() < 0.7:
        _add_masses(point, op)
    return point


def _flow(rng: np.random.Generator, op: Operation) -> Channel:
    rated = np.exp(rng.uniform(np.log(8), np.log(2500)))
    course = 0.75 + 0.2 * np.sin(2 * np.pi * (op.hour_of_day - rng.uniform(8, 12)) / 24)
    course = course * (0.35 + 0.65 * lag(op.load, op.samples(3)))
    course = course * np.exp(autoregressive(rng, op.n, tau=op.samples(4), sigma=0.08))
    course = course * np.exp(autoregressive(rng, op.n, tau=op.samples(0.2), sigma=0.03) + rng.normal(0, 0.006, op.n))
    per_second = rng.random() < 0.3
    exact = rated * np.maximum(course, 0.0) / (3.6 if per_second else 1.0)
    return Channel(
        "flow",
        "flow",
        "avg",
        "L/s" if per_second else "m3/h",
        op.interval_s,
        exact,
        0.01 if rated < 300 else 0.1,
        None,
        0.0,
        float(np.ceil(rated * 2)),
    )


def _probes(rng: np.random.Generator, op: Operation) -> list[Channel]:
    ph = rng.uniform(6.8, 7.8) + autoregressive(rng, op.n, tau=op.samples(20), sigma=0.12)
    ph = ph + 0.05 * np.sin(2 * np.pi * (op.hour_of_day - 14) / 24) + rng.normal(0, 0.008, op.n)
    warmth = rng.uniform(14, 28) + 1.2 * np.sin(2 * np.pi * (op.hour_of_day - 15) / 24)
    warmth = warmth + autoregressive(rng, op.n, tau=op.samples(80), sigma=1.5) + rng.normal(0, 0.04, op.n)
    salt = rng.uniform(600, 2500) * np.exp(
        autoregressive(rng, op.n, tau=op.samples(25), sigma=0.08) + rng.normal(0, 0.003, op.n)
    )
    probes = [
        Channel("ph", "ph", "avg", "1", op.interval_s, ph, 0.01, None, 0.0, 14.0),
        Channel("water_temperature", "water_temperature", "avg", "Cel", op.interval_s, warmth, 0.1, None, 0.0, 60.0),
        Channel("conductivity", "conductivity", "avg", "uS/cm", op.interval_s, salt, 1.0, None, 0.0, 5000.0),
    ]
    return [probe for probe in probes if probe.id == "ph" or rng.random() < 0.55]


def _concentration_noise(rng: np.random.Generator, op: Operation, sigma: float) -> FloatArray:
    return autoregressive(rng, op.n, tau=op.samples(rng.uniform(12, 40)), sigma=sigma)


def _concentration(rng: np.random.Generator, op: Operation, limit: float, common: FloatArray) -> FloatArray:
    swing = rng.uniform(0.08, 0.22)
    course = common * rng.uniform(0.4, 1.2) + _concentration_noise(rng, op, swing)
    course = course + autoregressive(rng, op.n, tau=op.samples(rng.uniform(2, 5)), sigma=0.4 * swing)
    course = course + rng.uniform(0.02, 0.15) * np.sin(2 * np.pi * (op.hour_of_day - rng.uniform(9, 15)) / 24)
    upset = bursts(
        rng,
        op.n,
        per_sample=rng.uniform(0.3, 3) / op.samples(720),
        height=(0.3, 2.0),
        tau=op.samples(rng.uniform(3, 8)),
    )
    return np.asarray(limit * rng.uniform(0.2, 0.75) * np.exp(course) * (1 + upset))


def _analyser(
    rng: np.random.Generator,
    op: Operation,
    name: str,
    limit: float,
    exact: FloatArray,
    *,
    cycle_s: int,
    reported_s: int,
) -> Channel:
    """One value a cycle with the analyser's own error; reported each cycle, or held when reported more often."""
    taken = exact[:: max(cycle_s // op.interval_s, 1)].copy()
    taken *= np.exp(rng.normal(0, rng.uniform(0.008, 0.04), taken.size))
    values = hold(np.repeat(taken, max(cycle_s // reported_s, 1)), 1)
    high = next((r for r in RANGES[name] if r > 1.6 * limit), RANGES[name][-1] * 2)
    step = float(rng.choice([0.01, 0.1, 1.0])) if name == "cod" else float(rng.choice([0.001, 0.01]))
    below = str(rng.choice(["as_is", "lod", "half"]))
    return Channel(
        name, name, "avg", "mg/L", reported_s, values, step, limit, 0.0, high, DETECTION[name], below_detection=below
    )


def _add_masses(point: Point, op: Operation) -> None:
    flow = point["flow"]
    to_kg_h = 1e-3 * (3.6 if flow.unit == "L/s" else 1.0)
    for channel in [c for c in point.channels if c.quantity in LIMITS]:
        point.channels.append(
            Channel(
                f"{channel.id}_kg",
                channel.quantity,
                "cou",
                "kg",
                op.interval_s,
                np.full(op.n, np.nan),
                0.0001,
                formula="mass",
                sources=(channel.id, "flow"),
                constant=to_kg_h,
            )
        )
    point.recompute(["flow", *[c.id for c in point.channels if c.formula is None]], 0, 0, op.n * op.interval_s)
