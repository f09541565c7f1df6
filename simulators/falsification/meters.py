"""Electricity meters of production lines and treatment facilities: power follows the plant, the rest follows power."""

from __future__ import annotations

import numpy as np

from simulators.falsification.noise import FloatArray, autoregressive, lag
from simulators.falsification.operation import Operation
from simulators.falsification.site import Channel, Facility, Point, Site


def build_meter(
    rng: np.random.Generator, operation: Operation, *, point_id: str, treatment: bool, detailed: bool
) -> tuple[Point, float]:
    """A meter and the power above which its facility counts as running. [kW]"""
    op = operation
    rated = float(np.exp(rng.uniform(np.log(15), np.log(600 if treatment else 3000))))
    share = _treatment_share(rng, op) if treatment else _production_share(rng, op)
    power = np.maximum(rated * share * np.exp(rng.normal(0, 0.006, op.n)), 0.0) + rated * rng.uniform(0.0, 0.01)
    step = 0.01 if rated < 100 else 0.1
    channels = [
        Channel("power", "power", "avg", "kW", op.interval_s, power, step, None, 0.0, float(np.ceil(rated * 1.6)))
    ]
    if detailed:
        channels += _electrical(rng, op, power, step)
    point = Point(point_id, "power", channels)
    point.recompute([c.id for c in channels if c.formula is None], 0, 0, op.n * op.interval_s)
    return point, round(0.2 * rated, 2)


def _production_share(rng: np.random.Generator, op: Operation) -> FloatArray:
    share = (0.15 + 0.75 * op.load) * np.clip(1.6 * op.fire, 0, 1)
    noise = autoregressive(rng, op.n, tau=op.samples(1), sigma=rng.uniform(0.01, 0.05))
    return np.asarray(share * np.exp(noise))


def _treatment_share(rng: np.random.Generator, op: Operation) -> FloatArray:
    """Fans and pumps run on for a while after the plant stops and follow its load only in part."""
    on = np.clip(2.5 * lag(op.fire, op.samples(rng.uniform(0.3, 1.5))), 0, 1)
    follow = rng.uniform(0.0, 0.5)
    share = (0.8 - 0.8 * follow + follow * op.load) * on
    return np.asarray(share * np.exp(autoregressive(rng, op.n, tau=op.samples(3), sigma=rng.uniform(0.005, 0.03))))


def _electrical(rng: np.random.Generator, op: Operation, power: FloatArray, step: float) -> list[Channel]:
    angle = np.arccos(rng.uniform(0.8, 0.95)) * np.exp(autoregressive(rng, op.n, tau=op.samples(5), sigma=0.05))
    reactive = power * np.tan(np.clip(angle, 0.05, 1.3))
    voltage = 398 + autoregressive(rng, op.n, tau=op.samples(6), sigma=3.0) + rng.normal(0, 0.4, op.n)
    hours = op.interval_s / 3600
    current = np.hypot(power, reactive) * 1000 / (np.sqrt(3) * voltage)
    energy = Channel("energy", "energy", "cou", "kWh", op.interval_s, power * hours, min(step, 0.01))
    return [
        energy,
        Channel("reactive_energy", "reactive_energy", "cou", "kvarh", op.interval_s, reactive * hours, min(step, 0.01)),
        Channel("voltage", "voltage", "avg", "V", op.interval_s, voltage, 0.1),
        Channel("current", "current", "avg", "A", op.interval_s, current, 0.01),
        Channel(
            "power_factor",
            "power_factor",
            "avg",
            "1",
            op.interval_s,
            np.full(op.n, np.nan),
            0.001,
            formula="power_factor",
            sources=("energy", "reactive_energy"),
        ),
    ]


def equip(rng: np.random.Generator, site: Site, operation: Operation, *, detailed: bool = False) -> None:
    """Give `site` a production meter and one or two treatment meters that serve its outlets."""
    production, run_kw = build_meter(rng, operation, point_id="P1", treatment=False, detailed=detailed)
    outlets = tuple(point.id for point in site.points if point.medium in ("air", "water"))
    site.points.append(production)
    site.facilities.append(Facility("plant", "production", "P1/power", run_kw if rng.random() < 0.85 else None))
    for number in range(2, 4 if rng.random() < 0.4 else 3):
        meter, run_kw = build_meter(rng, operation, point_id=f"P{number}", treatment=True, detailed=detailed)
        site.points.append(meter)
        known = run_kw if rng.random() < 0.85 else None
        site.facilities.append(
            Facility(f"treatment-{number - 1}", "treatment", f"P{number}/power", known, ("plant",), outlets)
        )
