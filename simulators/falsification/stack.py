"""A continuous emission monitoring system on a stack: gases, dust, flow and auxiliaries, coupled through the load.

Levels, limits and reference oxygen follow GB 13223-2011, GB 13271-2014, GB 18485-2014 and GB 4915-2013; what a site
measures, declares and how it reports is drawn at random, so that no two sites are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.falsification.noise import FloatArray, autoregressive, lag, plateaus
from simulators.falsification.operation import Operation
from simulators.falsification.pollutant import build_pollutant
from simulators.falsification.site import Channel, Point


@dataclass(frozen=True, slots=True)
class Industry:
    name: str
    reference_oxygen_pct: float
    oxygen_pct: tuple[float, float]  # at full load
    temperature_c: tuple[float, float]
    limits: dict[str, tuple[float, ...]]  # pollutant to the limits in use


INDUSTRIES = (
    Industry(
        "thermal_power", 6.0, (4.5, 7.0), (48.0, 90.0),
        {"so2": (35, 50, 100), "nox": (50, 100), "particulate": (10, 20, 30)},
    ),
    Industry(
        "industrial_boiler", 9.0, (8.0, 12.0), (50.0, 130.0),
        {"so2": (50, 200, 300), "nox": (150, 200, 300), "particulate": (20, 30, 50)},
    ),
    Industry(
        "waste_incineration", 11.0, (7.5, 11.0), (120.0, 160.0),
        {"so2": (80, 100), "nox": (250, 300), "particulate": (20, 30), "hcl": (50, 60), "co": (80, 100)},
    ),
    Industry(
        "cement", 10.0, (8.5, 12.5), (90.0, 140.0),
        {"so2": (100, 200), "nox": (200, 320, 400), "particulate": (20, 30)},
    ),
    Industry(
        "iron_steel", 16.0, (14.5, 17.2), (100.0, 150.0),
        {"so2": (35, 200), "nox": (50, 300), "particulate": (10, 40)},
    ),
    Industry("gas_boiler", 3.5, (2.8, 6.0), (80.0, 150.0), {"nox": (50, 80, 150), "co": (95,)}),
)  # fmt: skip


def build_stack(
    rng: np.random.Generator, operation: Operation, *, point_id: str, industry: Industry, base_statistic: str = "avg"
) -> Point:
    """A stack point at the interval of `operation`, with conversions and masses, before transport and flags."""
    auxiliaries = _auxiliaries(rng, operation, industry)
    flow = _flow_channels(rng, operation, auxiliaries)
    reference = industry.reference_oxygen_pct
    gases: list[Channel] = []
    names = list(industry.limits)
    if len(names) > 2 and rng.random() < 0.25:
        names.remove(str(rng.choice(names)))
    fuel = _fuel(rng, operation)
    for name in names:
        limit = float(rng.choice(industry.limits[name]))
        gases += build_pollutant(rng, operation, auxiliaries["o2"].exact, fuel, name, limit=limit, reference=reference)
    kept = [
        channel
        for name, channel in auxiliaries.items()
        if name in ("o2", "stack_temperature", "velocity") or rng.random() < 0.9
    ]
    point = Point(point_id, "air", [*gases, *kept, *flow], reference, computes_from_reported=bool(rng.random() < 0.6))
    _derive_all(rng, point, operation)
    if base_statistic != "avg":
        for channel in point.channels:
            channel.statistic = channel.statistic.replace("avg", base_statistic)
    _declare(rng, point)
    return point


def _fuel(rng: np.random.Generator, op: Operation) -> FloatArray:
    """Logarithmic level of what is burnt: at a third of the plants it changes every few days or weeks."""
    if rng.random() > 0.33:
        return np.zeros(op.n)
    days = op.samples(24)
    return lag(plateaus(rng, op.n, length=(3 * days, 25 * days), sigma=rng.uniform(0.03, 0.15)), op.samples(4))


def _auxiliaries(rng: np.random.Generator, op: Operation, industry: Industry) -> dict[str, Channel]:
    n, warm = op.n, lag(op.fire, op.samples(1.5))
    full = rng.uniform(*industry.oxygen_pct)
    oxygen = full + rng.uniform(1.5, 6.0) * (0.85 - op.load) * (op.fire > 0.5)
    oxygen = oxygen + autoregressive(rng, n, tau=op.samples(5), sigma=rng.uniform(0.15, 0.45))
    oxygen = oxygen + autoregressive(rng, n, tau=op.samples(0.4), sigma=rng.uniform(0.05, 0.2))
    oxygen = np.clip(oxygen, 1.5, 20.3) * op.fire + 20.85 * (1 - op.fire) + rng.normal(0, 0.02, n)
    ambient = (
        18 + 8 * np.sin(2 * np.pi * (op.hour_of_day - 9) / 24) + autoregressive(rng, n, tau=op.samples(60), sigma=4)
    )
    hot = rng.uniform(*industry.temperature_c) + rng.uniform(8, 30) * (op.load - 0.8)
    hot = hot + autoregressive(rng, n, tau=op.samples(4), sigma=rng.uniform(0.6, 2.5)) + rng.normal(0, 0.15, n)
    temperature = hot * warm + ambient * (1 - warm)
    humidity = (
        rng.uniform(6, 14) + autoregressive(rng, n, tau=op.samples(10), sigma=0.6) + rng.normal(0, 0.05, n)
    ) * warm + 1.8 * (1 - warm)
    pressure = -rng.uniform(60, 350) * (0.3 + 0.7 * op.load) + autoregressive(
        rng, n, tau=op.samples(1), sigma=rng.uniform(6, 20)
    )
    velocity = rng.uniform(8, 17) * (0.3 + 0.7 * op.load) * np.clip(op.fire * 3, 0, 1)
    velocity = velocity * np.exp(autoregressive(rng, n, tau=op.samples(2), sigma=rng.uniform(0.01, 0.035)))
    velocity = np.maximum(velocity * np.exp(rng.normal(0, 0.006, n)) + rng.normal(0, 0.05, n), 0.0)
    fine = bool(rng.random() < 0.6)
    table = (
        ("o2", "o2", "%", oxygen, 0.01 if fine else 0.1, 0.0, 25.0),
        ("temperature", "stack_temperature", "Cel", temperature, 0.1, 0.0, 300.0),
        ("pressure", "stack_pressure", "Pa", pressure, 1.0 if fine else 10.0, -5000.0, 5000.0),
        ("humidity", "humidity", "%", np.maximum(humidity, 0), 0.01 if fine else 0.1, 0.0, 40.0),
        ("velocity", "velocity", "m/s", velocity, 0.01 if fine else 0.1, 0.0, 40.0),
    )
    return {
        quantity: Channel(name, quantity, "avg", unit, op.interval_s, exact, step, None, low, high)
        for name, quantity, unit, exact, step, low, high in table
    }


def _flow_channels(rng: np.random.Generator, op: Operation, aux: dict[str, Channel]) -> list[Channel]:
    area_coefficient = 3600 * rng.uniform(2, 40) * rng.uniform(0.75, 1.0)
    empty = np.full(op.n, np.nan)
    flow = Channel(
        "flow", "flow_dry_standard", "avg", "m3/h", op.interval_s, empty, 1.0, formula="dry_standard_flow",
        sources=("velocity", "temperature", "pressure", "humidity"), constant=area_coefficient,
    )  # fmt: skip
    return [flow]


def _derive_all(rng: np.random.Generator, point: Point, op: Operation) -> None:
    known = {channel.id for channel in point.channels}
    if not {"pressure", "humidity"} <= known:
        flow = point["flow"]
        flow.exact = (
            flow.constant
            * point["velocity"].exact
            * 0.75
            * np.exp(autoregressive(rng, op.n, tau=op.samples(8), sigma=0.01))
        )
        flow.values = flow.report(flow.exact)
        flow.formula, flow.sources = None, ()
    if rng.random() < 0.12 and op.interval_s == 3600:
        spread = np.abs(rng.normal(0, rng.uniform(0.001, 0.006), op.n))
        for channel in point.channels:
            if channel.formula == "oxygen_conversion":
                channel.jitter = spread
    order = sorted(point.channels, key=_depth)
    point.channels = order
    point.recompute([c.id for c in order if c.formula is None], 0, 0, op.n * op.interval_s)


def _depth(channel: Channel) -> int:
    if channel.formula is None:
        return 0
    return 1 if channel.formula in ("dry_standard_flow", "affine", "no_to_nox") else 2


def _declare(rng: np.random.Generator, point: Point) -> None:
    """What a site's registration tells of its channels; much is missing in the field."""
    silent_ranges, silent_detection, silent_formulas = rng.random() < 0.2, rng.random() < 0.25, rng.random() < 0.15
    silent_sources = silent_formulas and rng.random() < 0.5
    hidden = ({"range"} if silent_ranges else set()) | ({"detection_limit"} if silent_detection else set())
    for channel in point.channels:
        channel.declares = channel.declares - hidden
        channel.declares_formula = not silent_formulas
        channel.declares_sources = not silent_sources
