"""Honest water outlets: samplers every 2 h or 4 h, flow by the hour or oftener, pH and temperature continuous."""

from __future__ import annotations

import numpy as np

from tests.evaluation.second_source import noise
from tests.evaluation.second_source.noise import FloatArray
from tests.evaluation.second_source.plant import HOUR_S, Channel, Point, Site
from tests.evaluation.second_source.stacks import DAY_S, FIRST_MOMENT_S, meters

# level mg/L, limit, range, detection limit, reporting steps
ANALYSERS = {
    "cod": (27.0, 50.0, 200.0, 4.0, (0.1, 1.0, 0.01)),
    "nh3n": (1.6, 5.0, 20.0, 0.05, (0.01, 0.001)),
    "tp": (0.23, 0.5, 2.0, 0.01, (0.001, 0.01)),
    "tn": (9.2, 15.0, 50.0, 0.1, (0.01, 0.1)),
}


def outlet(rng: np.random.Generator, name: str, *, history_d: int, judged_d: int, sampler_s: int, fast_s: int) -> Site:
    """One site with the point W1; `sampler_s` 7200 or 14400, `fast_s` the interval of flow, pH and temperature."""
    start_s = FIRST_MOMENT_S + int(rng.integers(0, 60)) * DAY_S
    accepted_s = start_s + history_d * DAY_S
    point = Point("W1", "water", {}, computes_from_rounded=bool(rng.random() < 0.4))
    site = Site(name, "sewage_treatment", start_s, accepted_s, accepted_s + judged_d * DAY_S, {"W1": point})
    n = (history_d + judged_d) * DAY_S // fast_s
    dt_h = fast_s / HOUR_S
    hours = np.arange(n, dtype=np.float64) * dt_h
    rain = noise.bursts(rng, hours, per_month=rng.choice([2.0, 5.0]), height=0.3, tau_h=10)
    demand = 1.0 + noise.rhythm(hours, day=rng.uniform(0.08, 0.25), week=rng.uniform(0, 0.1), phase_h=8) + rain
    demand = demand + noise.remembering(rng, n, tau_h=3, dt_h=dt_h, sigma=0.05)
    demand = np.clip(demand, 0.15, 3.5)
    flow_l_s = rng.uniform(15, 300)
    flow = flow_l_s * demand * np.exp(noise.remembering(rng, n, tau_h=0.3, dt_h=dt_h, sigma=0.015))
    _continuous(rng, point, hours, flow, fast_s)
    _samplers(rng, point, hours, demand, fast_s, sampler_s)
    _derived(rng, point, n, fast_s)
    if rng.random() < 0.4:
        meters(rng, site, np.clip(0.75 * demand, 0, 1.2), fast_s)
        for facility in site.facilities:
            if facility["kind"] == "treatment":
                facility["serves"] = ["W1"]
    return site


def _continuous(rng: np.random.Generator, point: Point, hours: FloatArray, flow: FloatArray, fast_s: int) -> None:
    n, dt_h = hours.size, fast_s / HOUR_S
    ph = 7.3 + rng.uniform(-0.2, 0.2) + noise.remembering(rng, n, tau_h=12, dt_h=dt_h, sigma=0.09)
    ph = ph + 0.04 * np.sin(2 * np.pi * (hours - 14) / 24) + rng.normal(0, 0.008, n)
    warm = 19 + 0.4 * np.sin(2 * np.pi * (hours - 16) / 24) + noise.remembering(rng, n, tau_h=60, dt_h=dt_h, sigma=0.8)
    statistic = "avg"
    for quantity, unit, values, step, high in (
        ("flow", "L/s", flow, float(rng.choice([0.01, 0.1])), 1000.0),
        ("ph", "1", ph, 0.01, 14.0),
        ("water_temperature", "Cel", warm, 0.1, 60.0),
    ):
        channel = Channel(quantity, quantity, statistic, unit, fast_s, values, step, range_low=0.0, range_high=high)
        point.add(channel)


def _samplers(
    rng: np.random.Generator, point: Point, hours: FloatArray, demand: FloatArray, fast_s: int, sampler_s: int
) -> None:
    every = sampler_s // fast_s
    n = hours.size // every
    dt_h = sampler_s / HOUR_S
    at = hours[::every]
    strength = noise.remembering(rng, n, tau_h=20, dt_h=dt_h, sigma=rng.uniform(0.08, 0.18))
    thin = -0.35 * np.log(demand[::every])
    season = rng.choice([0.0, 0.0, -0.15]) * at / at[-1]
    chosen = ["cod", "nh3n", *(q for q in ("tp", "tn") if rng.random() < 0.7)]
    for quantity in chosen:
        level, limit, high, lod, grid = ANALYSERS[quantity]
        own = noise.remembering(rng, n, tau_h=rng.uniform(6, 30), dt_h=dt_h, sigma=rng.uniform(0.08, 0.2))
        daily = noise.rhythm(at, day=rng.uniform(0.03, 0.1), week=0.03, phase_h=11)
        error = noise.heavy(rng, n, sigma=rng.uniform(0.02, 0.04), freedom=rng.choice([4.0, 30.0]))
        upset = noise.bursts(rng, at, per_month=rng.choice([1.0, 3.0]), height=0.3, tau_h=4)
        value = level * rng.uniform(0.75, 1.1) * np.exp(0.7 * strength + thin + own + daily + error + upset + season)
        channel = Channel(quantity, quantity, "avg", "mg/L", sampler_s, value, float(rng.choice(grid)), limit=limit)
        channel.range_low, channel.range_high, channel.detection_limit = 0.0, high, lod
        channel.below = str(rng.choice(["as_is", "limit", "half"]))
        point.add(channel)
    if "tn" in chosen:  # total nitrogen holds the ammonia
        point.channels["tn"].exact = np.maximum(point.channels["tn"].exact, 1.15 * point.channels["nh3n"].exact)


def _derived(rng: np.random.Generator, point: Point, n: int, fast_s: int) -> None:
    def add(name: str, quantity: str, every_s: int, formula: str, *sources: str) -> None:
        like, size = point.channels[quantity], n * fast_s // every_s
        step = float(np.max(like.step))
        point.add(Channel(name, quantity, "avg", like.unit, every_s, np.zeros(size), step, formula, sources))

    if fast_s < HOUR_S:
        add("flow_h", "flow", HOUR_S, "mean", "flow")
    if rng.random() < 0.4:
        counter = Channel("volume", "flow", "total", "m3", fast_s, np.zeros(n), 1.0, "counter", ("flow",))
        point.add(counter)
    if rng.random() < 0.6:
        add("cod_day", "cod", DAY_S, "flow_weighted_mean", "cod", "flow")
        add("nh3n_day", "nh3n", DAY_S, "flow_weighted_mean", "nh3n", "flow")
