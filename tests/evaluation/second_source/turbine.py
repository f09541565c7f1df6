"""Honest sites on the real gas turbine series: NOx, CO, load and pressures as measured; oxygen and flow assumed.

Each site begins at another row and takes consecutive rows as consecutive hours. Oxygen follows the measured load and
ambient temperature with an analyser's noise, the velocity follows the compressor's pressure; both say so by being made.
"""

from __future__ import annotations

import csv
import gzip
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.evaluation.second_source import noise
from tests.evaluation.second_source.noise import FloatArray
from tests.evaluation.second_source.plant import HOUR_S, Channel, Point, Site
from tests.evaluation.second_source.stacks import DAY_S, FIRST_MOMENT_S

SERIES = Path(__file__).resolve().parents[2] / "data" / "gasturbine_hourly_2011_2013.csv.gz"


LONGEST_HOLD = 5  # rows; the series holds a NOx analyser frozen for 102 h and some shorter holds: no honest data


@cache
def rows() -> dict[str, FloatArray]:
    with gzip.open(SERIES, "rt", encoding="utf-8", newline="") as lines:
        table = list(csv.DictReader(lines))
    return {name: np.array([float(row[name]) for row in table]) for name in table[0]}


def turbine(rng: np.random.Generator, name: str, *, history_d: int, judged_d: int) -> Site:
    """One site with the point A1 (hourly) and the production meter P1 (the measured energy yield)."""
    n = (history_d + judged_d) * 24
    series = rows()
    first = _first_row(rng, n)
    own = {key: values[first : first + n] for key, values in series.items()}
    start_s = FIRST_MOMENT_S + int(rng.integers(0, 60)) * DAY_S
    accepted_s = start_s + history_d * DAY_S
    point = Point("A1", "air", {}, 15.0)

    def add(channel_id: str, unit: str, values: FloatArray, step: float, high: float) -> Channel:
        channel = Channel(channel_id, channel_id, "avg", unit, HOUR_S, values.copy(), step, range_low=0.0)
        channel.range_high = high
        return point.add(channel)

    def memory(tau_h: float, sigma: float) -> FloatArray:
        return noise.remembering(rng, n, tau_h=tau_h, dt_h=1, sigma=sigma)

    load = own["TEY_MWh"] / 134.0
    add("nox", "mg/m3", own["NOX_mgm3"], 0.01, 300).detection_limit = 1.0
    add("co", "mg/m3", own["CO_mgm3"], 0.01, 200).detection_limit = 0.1
    oxygen = 13.9 + 2.2 * (1.0 - load) + 0.012 * (own["AT_C"] - 17) + memory(5, 0.06) + rng.normal(0, 0.03, n)
    add("o2", "%", np.clip(oxygen, 5, 20.9), 0.01, 25)
    temperature = own["TAT_C"] - 440.0 + memory(4, 0.4)
    add("stack_temperature", "Cel", temperature, 0.1, 300)
    add("stack_pressure", "Pa", 100 * own["GTEP_mbar"], 1.0, 10000)
    add("humidity", "%", 7.0 + 0.03 * own["AH_pct"] / 2 + memory(6, 0.1), 0.01, 40)
    add("velocity", "m/s", 1.7 * own["CDP_mbar"] * np.exp(memory(3, 0.01)), 0.01, 60)
    _derived(point, n)
    site = Site(name, "thermal_power", start_s, accepted_s, accepted_s + judged_d * DAY_S, {"A1": point})
    meter = Point("P1", "power", {})
    meter.add(Channel("power", "power", "avg", "kW", HOUR_S, 1000 * own["TEY_MWh"], 10.0))
    site.points["P1"] = meter
    site.facilities = [{"id": "turbine", "kind": "production", "channel": "P1/power", "run_kw": 20000}]
    return site


@cache
def _held() -> FloatArray:
    """Where NOx or CO repeats one value longer than honest data do, counted up from the first row."""
    is_held = np.zeros(rows()["seq"].size, dtype=np.bool_)
    for name in ("NOX_mgm3", "CO_mgm3"):
        values = rows()[name]
        begins = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [values.size]])
        for lo, hi in pairwise(begins):
            is_held[lo:hi] |= hi - lo > LONGEST_HOLD
    return np.concatenate([[0.0], np.cumsum(is_held)])


def _first_row(rng: np.random.Generator, n: int) -> int:
    """A place where `n` rows hold no instrument's fault, or the one of two hundred that holds least of them."""
    places = rng.integers(0, rows()["seq"].size - n, 200)
    return int(places[np.argmin(_held()[places + n] - _held()[places])])


def _derived(point: Point, n: int) -> None:
    point.duct_factor = 3600 * 30.0
    sources = ("velocity", "stack_temperature", "stack_pressure", "humidity")
    flow = Channel("flow_dry_standard", "flow_dry_standard", "avg", "m3/h", HOUR_S, np.zeros(n), 10.0)
    flow.formula, flow.sources = "dry_standard_flow", sources
    point.add(flow)
    for gas, limit in (("nox", 120.0), ("co", 100.0)):
        converted = Channel(f"{gas}_zs", gas, "zs_avg", "mg/m3", HOUR_S, np.zeros(n), 0.01, limit=limit)
        converted.formula, converted.sources = "oxygen_conversion", (gas, "o2")
        point.add(converted)
    mass = Channel("nox_kg", "nox", "cou", "kg", HOUR_S, np.zeros(n), 0.01)
    mass.formula, mass.sources = "mass", ("nox", "flow_dry_standard")
    point.add(mass)
