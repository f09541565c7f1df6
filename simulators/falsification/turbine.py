"""A real honest series as a site: the gas turbine of the UCI data set 551 (Kaya, Tüfekci, Uzun 2019), CC BY 4.0.

Measured: NOx, CO, load, temperature after the turbine, exhaust pressure, compressor discharge pressure, weather. Rows
are operating hours without a clock: each is taken as the hour after the one before, from the given start. Assumed,
because it is not measured: the oxygen (about 15 % at full load, rising when the load falls, with AR(1) noise) and the
dry standard flow (proportional to the compressor discharge pressure). Conversion and mass are computed from these.
"""

from __future__ import annotations

import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np

from simulators.falsification.noise import FloatArray, autoregressive
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Facility, Point, Site

COLUMNS = (
    "year",
    "AT",
    "AP",
    "AH",
    "GTEP",
    "TAT",
    "TEY",
    "CDP",
    "CO",
    "NOX",
)  # as the header has them, before the unit


@cache
def load(path: Path) -> dict[str, FloatArray]:
    """The columns of the file by name, in time order."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {name.split("_")[0]: name for name in rows[0]}
    return {column: np.array([float(row[names[column]]) for row in rows]) for column in COLUMNS}


def last_year(path: Path) -> int:
    """The first row of the last year: rows from here on are for scoring only."""
    years = load(path)["year"]
    return int(np.flatnonzero(years == years.max())[0])


def build_turbine(
    rng: np.random.Generator, path: Path, *, site_id: str, first_row: int, start_s: int, accepted_days: int, days: int
) -> Site:
    """The rows from `first_row` for `days` as a site; honest, before transport."""
    data = {name: column[first_row : first_row + days * 24].copy() for name, column in load(path).items()}
    if data["NOX"].size < days * 24:
        raise ValueError(f"{days} days from row {first_row}: only {data['NOX'].size} rows are left")
    n = days * 24
    load_share = data["TEY"] / 165.0
    oxygen = 15.1 - 2.0 * (load_share - 0.8) + autoregressive(rng, n, tau=12, sigma=0.12) + rng.normal(0, 0.03, n)
    flow = 95_000.0 * data["CDP"]
    fine = bool(rng.random() < 0.5)
    hour = HOUR_S
    channels = [
        Channel("nox", "nox", "avg", "mg/m3", hour, data["NOX"], 0.01 if fine else 0.1, None, 0.0, 200.0, 1.0),
        Channel("co", "co", "avg", "mg/m3", hour, data["CO"], 0.001 if fine else 0.01, None, 0.0, 100.0, 0.1),
        Channel("o2", "o2", "avg", "%", hour, oxygen, 0.01, None, 0.0, 25.0),
        Channel("temperature", "stack_temperature", "avg", "Cel", hour, data["TAT"], 0.1, None, 0.0, 700.0),
        Channel("pressure", "stack_pressure", "avg", "Pa", hour, data["GTEP"] * 100.0, 1.0, None, 0.0, 10_000.0),
        Channel("flow", "flow_dry_standard", "avg", "m3/h", hour, flow, 1.0),
        _computed("nox_zs", "nox", n, 0.01, "oxygen_conversion", ("nox", "o2"), limit=90.0),
        _computed("co_zs", "co", n, 0.001, "oxygen_conversion", ("co", "o2"), limit=30.0),
        _computed("nox_kg", "nox", n, 0.001, "mass", ("nox", "flow"), limit=None),
    ]
    stack = Point("A1", "air", channels, 15.0)
    stack.recompute([c.id for c in channels if c.formula is None], 0, 0, n * HOUR_S)
    meter = Point(
        "P1", "power", [Channel("power", "power", "avg", "kW", hour, data["TEY"] * 1000.0, 10.0, None, 0.0, 200_000.0)]
    )
    weather = Point(
        "M1", "ambient",
        [
            Channel("air_temperature", "air_temperature", "avg", "Cel", hour, data["AT"], 0.1),
            Channel("air_pressure", "air_pressure", "avg", "hPa", hour, data["AP"], 0.1),
            Channel("air_humidity", "air_humidity", "avg", "%", hour, data["AH"], 0.1),
        ],
    )  # fmt: skip
    facilities = [Facility("turbine", "production", "P1/power", 20_000.0)]
    return Site(
        site_id, "gas_turbine", "real", start_s, days, start_s + accepted_days * DAY_S, [stack, meter, weather],
        np.ones(n, dtype=bool), HOUR_S, facilities,
    )  # fmt: skip


def _computed(
    name: str, quantity: str, n: int, step: float, formula: str, sources: tuple[str, ...], *, limit: float | None
) -> Channel:
    statistic, unit = ("cou", "kg") if formula == "mass" else ("zs_avg", "mg/m3")
    return Channel(
        name, quantity, statistic, unit, HOUR_S, np.full(n, np.nan), step, limit, formula=formula, sources=sources,
        constant=1e-6,
    )  # fmt: skip
