"""Honest stacks: thermal power, cement, waste incineration; optionally with boiler and treatment meters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.evaluation.second_source import noise
from tests.evaluation.second_source.noise import BoolArray, FloatArray
from tests.evaluation.second_source.plant import HOUR_S, Channel, Event, Point, Site

DAY_S = 86400
FIRST_MOMENT_S = 1741276800  # 2025-03-07 00:00 in Shanghai


@dataclass(frozen=True, slots=True)
class Gas:
    level: float  # mg/m3
    limit: float
    range_high: float
    detection_limit: float
    load_slope: float
    oxygen_slope: float


@dataclass(frozen=True, slots=True)
class Kind:
    industry: str
    reference_oxygen_pct: float
    oxygen_pct: float
    temperature_c: float
    humidity_pct: float
    velocity_m_s: float
    load: float
    rhythm: float
    step: float
    gases: dict[str, Gas]


KINDS = {
    "power": Kind("thermal_power", 6, 6.3, 51, 13, 13, 0.72, 0.10, 0.09, {
        "so2": Gas(17, 35, 200, 1, 0.8, -0.02), "nox": Gas(34, 50, 300, 1, -0.5, 0.06),
        "particulate": Gas(3.1, 10, 50, 0.2, 0.5, 0.0)}),
    "cement": Kind("cement", 10, 10.4, 112, 8, 15, 0.9, 0.02, 0.05, {
        "so2": Gas(9, 100, 300, 2, 0.3, 0.0), "nox": Gas(215, 320, 1000, 2, 0.3, 0.05),
        "particulate": Gas(6.0, 20, 100, 0.2, 0.7, 0.0)}),
    "waste": Kind("waste_incineration", 11, 9.1, 148, 19, 16, 0.93, 0.01, 0.03, {
        "so2": Gas(22, 100, 300, 1, 0.3, 0.0), "nox": Gas(165, 300, 600, 2, 0.2, 0.05),
        "hcl": Gas(14, 60, 150, 0.5, 0.4, 0.0), "co": Gas(9, 100, 300, 1, -0.8, -0.15),
        "particulate": Gas(2.4, 30, 50, 0.2, 0.3, 0.0)}),
}  # fmt: skip


def stack(
    rng: np.random.Generator, name: str, kind_name: str, *, interval_s: int, history_d: int, judged_d: int
) -> Site:
    """One site with the point A1 and, at two of three sites, the meters P1 (boiler or kiln) and P2 (treatment fan)."""
    kind = KINDS[kind_name]
    start_s = FIRST_MOMENT_S + int(rng.integers(0, 60)) * DAY_S
    n = (history_d + judged_d) * DAY_S // interval_s
    dt_h = interval_s / HOUR_S
    hours = np.arange(n, dtype=np.float64) * dt_h
    runs = noise.running(rng, hours, stops_per_month=rng.choice([0.0, 0.4, 1.0]), mean_stop_h=25)
    load = _load(rng, kind, hours, runs)
    point = Point("A1", "air", {}, kind.reference_oxygen_pct, computes_from_rounded=bool(rng.random() < 0.4))
    accepted_s = start_s + history_d * DAY_S
    site = Site(name, kind.industry, start_s, accepted_s, accepted_s + judged_d * DAY_S, {"A1": point})
    _measured(rng, kind, point, hours, load, runs)
    _derived(rng, kind, point, n, interval_s)
    if rng.random() < 0.66:
        meters(rng, site, load, interval_s)
    mark_stops(rng, site, runs, interval_s)
    return site


def _load(rng: np.random.Generator, kind: Kind, hours: FloatArray, runs: BoolArray) -> FloatArray:
    dt_h = float(hours[1] - hours[0])
    load = kind.load + noise.rhythm(hours, day=kind.rhythm, week=kind.rhythm * rng.uniform(0, 0.8), phase_h=9)
    load = load + noise.steps(rng, hours, mean_h=rng.uniform(8, 40), sigma=kind.step, ramp_h=1.5)
    load = load + noise.remembering(rng, hours.size, tau_h=2, dt_h=dt_h, sigma=0.012)
    load = np.clip(load, 0.38, 1.04)
    return noise.settling(np.where(runs, load, 0.0), tau_h=1.2, dt_h=dt_h)


def _measured(
    rng: np.random.Generator, kind: Kind, point: Point, hours: FloatArray, load: FloatArray, runs: BoolArray
) -> None:
    n, dt_h = hours.size, float(hours[1] - hours[0])
    interval_s = round(dt_h * HOUR_S)
    hot = noise.settling(runs.astype(np.float64), tau_h=2.5, dt_h=dt_h)
    air = noise.settling(runs.astype(np.float64), tau_h=0.4, dt_h=dt_h)

    def memory(tau_h: float, sigma: float) -> FloatArray:
        return noise.remembering(rng, n, tau_h=tau_h, dt_h=dt_h, sigma=sigma)

    def add(quantity: str, unit: str, values: FloatArray, step: float, low: float, high: float) -> None:
        statistic = "rtd" if interval_s < 900 else "avg"
        channel = Channel(quantity, quantity, statistic, unit, interval_s, values, step, range_low=low)
        point.add(channel).range_high = high

    oxygen = kind.oxygen_pct + 5.0 * (kind.load - load) * rng.uniform(0.5, 1.0) + memory(4, 0.22) + memory(0.3, 0.12)
    oxygen = oxygen + noise.wandering(rng, n, dt_h=dt_h, per_month=rng.uniform(0, 0.15))
    oxygen = np.clip(np.minimum(oxygen, 16.5) * air + 20.85 * (1 - air) + memory(0.2, 0.02), 0.3, 20.95)
    fuel = memory(30, rng.uniform(0.06, 0.16)) + noise.wandering(rng, n, dt_h=dt_h, per_month=rng.uniform(0, 0.06))
    season = rng.choice([0.0, 0.0, -0.15]) * hours / hours[-1]
    for quantity, gas in kind.gases.items():
        own = fuel * rng.uniform(0.2, 1.0) + memory(15, rng.uniform(0.06, 0.14)) + memory(0.8, rng.uniform(0.03, 0.1))
        own = own + gas.load_slope * (load - kind.load) + gas.oxygen_slope * (oxygen - kind.oxygen_pct) + season
        own = own + noise.heavy(rng, n, sigma=rng.uniform(0.005, 0.03), freedom=rng.choice([3.0, 6.0, 30.0]))
        level = gas.level * rng.uniform(0.75, 1.2)
        upset = noise.bursts(rng, hours, per_month=rng.choice([1.0, 4.0, 8.0]), height=0.35 * gas.level, tau_h=1.5)
        value = (level * np.exp(np.clip(own, -3, 1.5)) + upset) * air + np.abs(memory(1, 0.01 * gas.level)) * (1 - air)
        step = float(rng.choice([0.01, 0.1, 0.1, 1.0] if gas.level > 30 else [0.01, 0.01, 0.1]))
        add(quantity, "mg/m3", np.maximum(value, 0.0), step, 0.0, gas.range_high)
        channel = point.channels[quantity]
        channel.detection_limit = gas.detection_limit
        channel.below = str(rng.choice(["as_is", "limit", "half"]))
    add("o2", "%", oxygen, float(rng.choice([0.01, 0.1])), 0.0, 25.0)
    ambient = 18 + 8 * np.sin(2 * np.pi * (hours - 9) / 24) + memory(40, 3)
    warm = kind.temperature_c + 10 * (load - kind.load) + 0.08 * (ambient - 18) + memory(6, 0.9) + memory(0.3, 0.25)
    temperature = warm * hot + ambient * (1 - hot)
    humidity = np.clip(kind.humidity_pct + 2 * (load - kind.load) + memory(9, 0.5) + memory(0.5, 0.12), 0.5, 60)
    pressure = -180 - 260 * load * load + memory(1, 14) + memory(0.1, 8)
    velocity = kind.velocity_m_s * (0.25 + 0.75 * load / kind.load) * np.exp(memory(2, 0.02) + memory(0.1, 0.012))
    velocity = np.maximum(velocity * air + np.abs(memory(0.3, 0.3)) * (1 - air), 0.0)
    add("stack_temperature", "Cel", temperature, float(rng.choice([0.01, 0.1])), 0, 300)
    add("stack_pressure", "Pa", pressure * air, float(rng.choice([0.1, 1.0])), -5000, 5000)
    add("humidity", "%", humidity * hot + 2.0 * (1 - hot), float(rng.choice([0.01, 0.1])), 0, 40)
    add("velocity", "m/s", velocity, 0.01, 0, 40)


def _derived(rng: np.random.Generator, kind: Kind, point: Point, n: int, interval_s: int) -> None:
    def add(
        name: str, like: str, statistic: str, unit: str, every_s: int, step: float, formula: str, *sources: str
    ) -> None:
        size = n * interval_s // every_s
        quantity = point.channels[like].quantity if like in point.channels else like
        channel = Channel(name, quantity, statistic, unit, every_s, np.zeros(size), step, formula, sources)
        point.add(channel)

    point.duct_factor = 3600 * rng.uniform(6, 24)
    statistic = "rtd" if interval_s < 900 else "avg"
    parts = ("velocity", "stack_temperature", "stack_pressure", "humidity")
    flow_step = float(rng.choice([1.0, 10.0]))
    add("flow_dry_standard", "flow_dry_standard", statistic, "m3/h", interval_s, flow_step, "dry_standard_flow", *parts)
    for gas, facts in kind.gases.items():
        step = float(np.max(point.channels[gas].step))
        add(f"{gas}_zs", gas, f"zs_{statistic}", "mg/m3", interval_s, step, "oxygen_conversion", gas, "o2")
        if gas in ("nox", "so2"):
            add(f"{gas}_kg", gas, "cou", "kg", interval_s, 0.001, "mass", gas, "flow_dry_standard")
        point.channels[f"{gas}_zs"].limit = facts.limit
    hourly = interval_s < HOUR_S and (interval_s < 900 or rng.random() < 0.6)
    is_mean_of_converted = rng.random() < 0.5
    if hourly:
        for name in [*kind.gases, "o2", "flow_dry_standard"]:
            source = point.channels[name]
            add(f"{name}_h", name, "avg", source.unit, HOUR_S, float(np.max(source.step)), "mean", name)
        for gas, facts in kind.gases.items():
            step = float(np.max(point.channels[gas].step))
            if is_mean_of_converted:
                add(f"{gas}_zs_h", gas, "zs_avg", "mg/m3", HOUR_S, step, "mean", f"{gas}_zs")
            else:
                add(f"{gas}_zs_h", gas, "zs_avg", "mg/m3", HOUR_S, step, "oxygen_conversion", f"{gas}_h", "o2_h")
            point.channels[f"{gas}_zs_h"].limit = facts.limit
        if rng.random() < 0.5:
            add("nox_h_min", "nox", "min", "mg/m3", HOUR_S, float(np.max(point.channels["nox"].step)), "least", "nox")
            add(
                "nox_h_max", "nox", "max", "mg/m3", HOUR_S, float(np.max(point.channels["nox"].step)), "greatest", "nox"
            )
    if rng.random() < 0.4:
        source_name = "nox_zs_h" if hourly else "nox_zs"
        step = float(np.max(point.channels["nox"].step))
        add("nox_zs_day", "nox", "zs_avg", "mg/m3", DAY_S, step, "mean", source_name)
        add("nox_kg_day", "nox", "cou", "kg", DAY_S, 0.001, "sum", "nox_kg")


def meters(rng: np.random.Generator, site: Site, load: FloatArray, interval_s: int) -> None:
    """The power meters P1 of the production and P2 of the treatment, every 900 s at least."""
    every = max(interval_s, 900)
    width = every // interval_s
    mean_load = load.reshape(-1, width).mean(axis=1)
    n, dt_h = mean_load.size, every / HOUR_S
    rated_kw, fan_kw = rng.uniform(300, 2500), rng.uniform(60, 400)
    jitter = noise.remembering(rng, n, tau_h=1, dt_h=dt_h, sigma=0.02) + noise.heavy(rng, n, sigma=0.008, freedom=5)
    main = rated_kw * (0.02 + 0.98 * mean_load) * np.exp(jitter)
    wobble = noise.remembering(rng, n, tau_h=3, dt_h=dt_h, sigma=0.03) + noise.heavy(rng, n, sigma=0.01, freedom=5)
    fan = fan_kw * np.where(mean_load > 0.05, 0.35 + 0.65 * mean_load, 0.01) * np.exp(wobble)
    by_energy = rng.random() < 0.4
    for name, power in (("P1", main), ("P2", fan)):
        point = Point(name, "power", {}, computes_from_rounded=False)
        if by_energy:
            point.add(Channel("energy", "energy", "cou", "kWh", every, power * dt_h, 0.01))
            point.add(Channel("power", "power", "avg", "kW", every, power, 0.1, "rate", ("energy",)))
        else:
            point.add(Channel("power", "power", "avg", "kW", every, power, 0.1))
        site.points[name] = point
    site.facilities = [
        {"id": "main", "kind": "production", "channel": "P1/power", "run_kw": round(rated_kw * 0.15)},
        {"id": "fan", "kind": "treatment", "channel": "P2/power", "run_kw": round(fan_kw * 0.12, 1),
         "treats": ["main"], "serves": ["A1"]},
    ]  # fmt: skip


def mark_stops(rng: np.random.Generator, site: Site, runs: BoolArray, interval_s: int) -> None:
    """Nine of ten plants flag their stops F (from the second hour), and half of those tell them as events."""
    if rng.random() < 0.1 or runs.all():
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[True], runs, [True]]).astype(np.int8)))
    is_told = rng.random() < 0.5
    for lo, hi in zip(edges[::2], edges[1::2], strict=True):
        begin, end = site.start_s + lo * interval_s + HOUR_S, site.start_s + hi * interval_s
        for channel in site.points["A1"].channels.values():
            channel.flags[channel.window(site.start_s, begin, end)] = "F"
        if is_told:
            site.events.append(Event(float(begin - HOUR_S), float(end), "A1", "shutdown"))
