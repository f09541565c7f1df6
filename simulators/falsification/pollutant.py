"""One pollutant of a stack: its true course, the analyser that sees it, and what the site computes from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.falsification.noise import FloatArray, autoregressive, bursts, heavy_tailed, lag
from simulators.falsification.operation import Operation
from simulators.falsification.site import Channel

MOLAR_FACTORS = {
    "so2": 2.857,
    "nox": 2.054,
    "co": 1.25,
    "hcl": 1.63,
}  # mg/m3 of 1 ppm at 0 degrees Celsius, 101.325 kPa
NO_IN_NO2 = 30.0 / 46.0


@dataclass(frozen=True, slots=True)
class Analyser:
    """What the instrument's plate and its settings say. Concentrations in mg/m3."""

    range_high: float
    detection_limit: float
    step: float
    below_detection: str


def build_pollutant(
    rng: np.random.Generator,
    op: Operation,
    oxygen: FloatArray,
    fuel: FloatArray,
    name: str,
    *,
    limit: float,
    reference: float,
) -> list[Channel]:
    """The channels of one pollutant, measured first; conversion and mass are empty until the point is recomputed."""
    analyser = _analyser(rng, limit)
    converted = limit * rng.uniform(0.2, 0.85) * _course(rng, op, oxygen, fuel)
    raw = converted * np.maximum(21 - oxygen, 0.05) / (21 - reference) * np.clip(op.fire, 0, 1)
    raw = raw + rng.normal(0, 0.15 * analyser.detection_limit, op.n)
    shows_negative = analyser.below_detection == "as_is" and rng.random() < 0.4
    raw = np.maximum(raw, -0.3 * analyser.detection_limit if shows_negative else 0.0)
    limit_on_raw = limit if rng.random() < 0.5 else None
    group = _measured(rng, op, name, raw, analyser, limit_on_raw)
    if rng.random() < 0.85 or limit_on_raw is None:
        finer = analyser.step if rng.random() < 0.7 else max(analyser.step / 10, 0.001)
        zs = _computed(op, f"{name}_zs", name, "zs_avg", "mg/m3", finer, "oxygen_conversion", (name, "o2"))
        zs.limit = limit
        group.append(zs)
    if rng.random() < 0.7:
        step = float(rng.choice([0.001, 0.0001]))
        group.append(_computed(op, f"{name}_kg", name, "cou", "kg", step, "mass", (name, "flow"), constant=1e-6))
    return group


def _course(rng: np.random.Generator, op: Operation, oxygen: FloatArray, fuel: FloatArray) -> FloatArray:
    """The converted concentration around 1: slow and fast noise, season, fuel, load and oxygen, upsets now and then."""
    is_controlled_tightly = rng.random() < 0.15
    spread = rng.uniform(0.015, 0.04) if is_controlled_tightly else rng.uniform(0.05, 0.3)
    course = autoregressive(rng, op.n, tau=op.samples(rng.uniform(4, 20)), sigma=spread)
    course = course + autoregressive(rng, op.n, tau=op.samples(rng.uniform(0.4, 1.5)), sigma=0.6 * spread)
    error = rng.uniform(0.003, 0.04)
    freedom = float(rng.choice([3.0, 5.0, 50.0]))
    course = course + heavy_tailed(rng, op.n, error, freedom=freedom) + rng.uniform(0.3, 1.2) * fuel
    course = course + autoregressive(rng, op.n, tau=op.samples(300), sigma=rng.uniform(0.02, 0.1))
    excess = (oxygen - np.median(oxygen)) * (op.fire > 0.5)
    course = course + rng.uniform(0.1, 1.0) * (op.load - 0.8) + rng.uniform(-0.08, 0.08) * excess
    often, tau = rng.uniform(0.5, 6) / op.samples(720), op.samples(rng.uniform(0.5, 2.5))
    seen = np.exp(course) * (1 + bursts(rng, op.n, per_sample=often, height=(0.3, 2.5), tau=tau))
    is_slow = rng.random() < 0.2  # a long line, a damped analyser
    return lag(seen, op.samples(rng.uniform(0.3, 1.0))) if is_slow else np.asarray(seen)


def _analyser(rng: np.random.Generator, limit: float) -> Analyser:
    detection = float(rng.choice([0.2, 0.5, 1.0, 2.0])) if limit > 20 else float(rng.choice([0.1, 0.2, 0.5]))
    range_high = float(np.ceil(limit * float(rng.choice([3, 4, 6, 10])) / 50) * 50)
    step = float(rng.choice([0.01, 0.1, 0.1, 0.1, 1.0] if limit > 40 else [0.001, 0.01, 0.01, 0.1]))
    return Analyser(range_high, detection, step, str(rng.choice(["as_is", "as_is", "lod", "zero", "half"])))


def _measured(
    rng: np.random.Generator, op: Operation, name: str, raw: FloatArray, analyser: Analyser, limit: float | None
) -> list[Channel]:
    """In mg/m3; or in ppm and computed; or, for NOx, as NO with or without NO2."""
    kind = rng.random()
    if name in MOLAR_FACTORS and kind < 0.12:
        factor = MOLAR_FACTORS[name]
        measured = [_channel(op, f"{name}_ppm", name, "ppm", raw / factor, analyser, scale=1 / factor)]
        formula, constant = "affine", factor
    elif name == "nox" and kind < 0.35:
        share = np.clip(rng.uniform(0.02, 0.08) + autoregressive(rng, op.n, tau=op.samples(10), sigma=0.012), 0.0, 0.3)
        measured = [_channel(op, "no", "no", "mg/m3", np.maximum(raw * (1 - share), 0) * NO_IN_NO2, analyser)]
        if kind < 0.25:
            measured.append(_channel(op, "no2", "no2", "mg/m3", np.maximum(raw * share, 0), analyser, scale=0.25))
        formula, constant = "no_to_nox", 1.0
    else:
        channel = _channel(op, name, name, "mg/m3", raw, analyser)
        channel.limit = limit
        return [channel]
    sources = tuple(channel.id for channel in measured)
    main = _computed(op, name, name, "avg", "mg/m3", analyser.step, formula, sources, constant=constant)
    main.limit, main.range_low, main.range_high = limit, 0.0, analyser.range_high
    main.detection_limit = analyser.detection_limit
    return [*measured, main]


def _channel(
    op: Operation, name: str, quantity: str, unit: str, exact: FloatArray, analyser: Analyser, *, scale: float = 1.0
) -> Channel:
    return Channel(
        name, quantity, "avg", unit, op.interval_s, exact, analyser.step, None, 0.0, analyser.range_high * scale,
        analyser.detection_limit * min(scale, 1.0), below_detection=analyser.below_detection,
    )  # fmt: skip


def _computed(
    op: Operation, name: str, quantity: str, statistic: str, unit: str, step: float, formula: str,
    sources: tuple[str, ...], *, constant: float = 1.0,
) -> Channel:  # fmt: skip
    empty = np.full(op.n, np.nan)
    return Channel(
        name, quantity, statistic, unit, op.interval_s, empty, step, formula=formula, sources=sources, constant=constant
    )
