"""A small plant for the tests of the relation detectors: real load, NOx and CO, and what follows from them by formula.

Load, NOx, CO and ambient conditions are the hourly gas turbine series of tests/data; oxygen, flow, temperature and
treatment power are modelled on the load with autocorrelated noise, and the derived channels are computed, not drawn.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.model.metadata import Channel, Event, Facility, LedgerEntry, Site
from analysis.model.site import Grid, Revisions, SiteData

START_S = 1_767_225_600  # 2026-01-01T00:00:00Z
HOUR_S = 3600
SERIES = Path(__file__).parents[1] / "data" / "gasturbine_hourly_2011_2013.csv.gz"
REFERENCE_OXYGEN_PCT = 15.0
FLAGS = ("N", "F", "M", "S", "D", "C", "T", "B")

Values = dict[str, NDArray[np.float64]]


@cache
def gas_turbine() -> dict[str, NDArray[np.float64]]:
    """The series by column name."""
    with gzip.open(SERIES, "rt") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def autocorrelated(rng: np.random.Generator, n: int, *, sigma: float, rho: float = 0.8) -> NDArray[np.float64]:
    """First-order autoregressive noise of standard deviation `sigma`."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([1.0], [1.0, -rho], rng.normal(0, sigma * np.sqrt(1 - rho**2), n)))


def honest_values(*, first: int = 0, hours: int = 3600, seed: int = 1) -> Values:
    """Raw channels by id: nox co o2 temp pressure humidity velocity (outlet A1), load treat (P1, P2)."""
    rng = np.random.default_rng(seed)
    source = {name: values[first : first + hours] for name, values in gas_turbine().items()}
    load = source["TEY_MWh"]
    raw = {
        "nox": source["NOX_mgm3"],
        "co": np.maximum(source["CO_mgm3"], 0.01),
        "o2": 15.6 - 0.012 * (load - 130) + autocorrelated(rng, hours, sigma=0.12),
        "temp": 95 + 0.2 * (load - 130) + autocorrelated(rng, hours, sigma=1.5),
        "pressure": -150 + autocorrelated(rng, hours, sigma=12.0),
        "humidity": 8 + 0.02 * source["AH_pct"] + autocorrelated(rng, hours, sigma=0.3),
        "velocity": (9 + 0.06 * (load - 130)) * (1 + autocorrelated(rng, hours, sigma=0.02)),
        "load": load,
        "treat": 220 + 0.8 * (load - 130) + autocorrelated(rng, hours, sigma=4.0),
    }
    places = {"nox": 2, "co": 3, "o2": 2, "temp": 1, "pressure": 0, "humidity": 2, "velocity": 2, "load": 2, "treat": 1}
    return {name: np.round(values, places[name]) for name, values in raw.items()}


def derived_values(raw: Values) -> Values:
    """Converted NOx, dry standard flow and NOx mass by the formulas of HJ 75-2017, rounded as a logger rounds."""
    kelvin = 273 + raw["temp"]
    dry = 1 - raw["humidity"] / 100
    flow = 3600 * 28.0 * raw["velocity"] * 273 / kelvin * (101325 + raw["pressure"]) / 101325 * dry
    left = np.where(raw["o2"] < 21, 21 - raw["o2"], np.nan)
    flow = np.round(flow, 0)
    return {
        "flow": flow,
        "nox_zs": np.round(raw["nox"] * (21 - REFERENCE_OXYGEN_PCT) / left, 2),
        "nox_mass": np.round(raw["nox"] * flow * 1e-6, 3),
    }


CHANNELS = {
    "nox": (
        "A1",
        "nox",
        "avg",
        "mg/m3",
        {"limit": 75.0, "range_low": 0.0, "range_high": 300.0, "detection_limit": 1.0},
    ),
    "co": ("A1", "co", "avg", "mg/m3", {}),
    "o2": ("A1", "o2", "avg", "%", {}),
    "temp": ("A1", "stack_temperature", "avg", "Cel", {}),
    "pressure": ("A1", "stack_pressure", "avg", "Pa", {}),
    "humidity": ("A1", "humidity", "avg", "%", {}),
    "velocity": ("A1", "velocity", "avg", "m/s", {}),
    "flow": (
        "A1",
        "flow_dry_standard",
        "avg",
        "m3/h",
        {"derived_from": ("velocity", "temp", "pressure", "humidity"), "formula": "dry_standard_flow"},
    ),
    "nox_zs": (
        "A1",
        "nox",
        "zs_avg",
        "mg/m3",
        {"derived_from": ("nox", "o2"), "formula": "oxygen_conversion", "limit": 75.0},
    ),
    "nox_mass": ("A1", "nox", "cou", "kg", {"derived_from": ("nox", "flow"), "formula": "mass"}),
    "load": ("P1", "power", "avg", "kW", {}),
    "treat": ("P2", "power", "avg", "kW", {}),
}
FACILITIES = (
    Facility("turbine", "production", "P1/load", run_kw=60.0),
    Facility("scr", "treatment", "P2/treat", run_kw=20.0, treats=("turbine",), serves=("A1",)),
)


def make_channel(name: str, *, interval_s: int = HOUR_S) -> Channel:
    """One of `CHANNELS`."""
    point, quantity, statistic, unit, options = CHANNELS[name]
    return Channel(
        site="S01",
        point=point,
        id=name,
        medium="power" if point != "A1" else "air",
        quantity=quantity,
        statistic=statistic,
        unit=unit,
        interval_s=interval_s,
        reference_oxygen_pct=REFERENCE_OXYGEN_PCT if point == "A1" else None,
        **options,
    )


def make_grid(
    channels: tuple[Channel, ...],
    raw: NDArray[np.float64],
    *,
    accepted: int,
    flags: NDArray[np.uint8] | None = None,
    present: NDArray[np.bool_] | None = None,
    revisions: Revisions | None = None,
    start_s: int = START_S,
) -> Grid:
    """A grid whose rows arrive at the end of their interval."""
    interval_s = channels[0].interval_s
    present = np.ones(raw.shape, dtype=bool) if present is None else present
    flags = np.zeros(raw.shape, dtype=np.uint8) if flags is None else flags
    ends = start_s + interval_s * np.arange(1.0, raw.shape[1] + 1)
    raw = np.where(present, raw, np.nan)
    return Grid(
        interval_s=interval_s,
        start_s=start_s,
        channels=channels,
        values=np.where(flags == 0, raw, np.nan),
        raw=raw,
        flags=np.where(present, flags, 0).astype(np.uint8),
        present=present,
        arrival=np.where(present, ends, np.nan),
        available=ends,
        n_accepted=accepted,
        revisions=revisions or Revisions.none(),
    )


def make_site(
    values: Values,
    *,
    accepted: int = 2160,
    flags: dict[str, NDArray[np.uint8]] | None = None,
    present: dict[str, NDArray[np.bool_]] | None = None,
    revisions: Revisions | None = None,
    events: tuple[Event, ...] = (),
    ledger: tuple[LedgerEntry, ...] = (),
    facilities: tuple[Facility, ...] = FACILITIES,
    options: dict[str, dict[str, object]] | None = None,
) -> SiteData:
    """A site of hourly channels, those of `values` in their order; `options` replaces fields of a channel."""
    channels = tuple(replace(make_channel(name), **(options or {}).get(name, {})) for name in values)
    shape = next(iter(values.values())).shape
    grid = make_grid(
        channels,
        np.stack(list(values.values())),
        accepted=accepted,
        flags=np.stack([(flags or {}).get(name, np.zeros(shape, dtype=np.uint8)) for name in values]),
        present=np.stack([(present or {}).get(name, np.ones(shape, dtype=bool)) for name in values]),
        revisions=revisions,
    )
    accepted_s = START_S + accepted * HOUR_S if accepted else None
    site = Site("S01", "test plant", "thermal_power", channels, facilities, accepted_s)
    return SiteData(site=site, grids={HOUR_S: grid}, events=events, ledger=ledger, flag_names=FLAGS)


def honest_site(**options: object) -> SiteData:
    """Raw and derived channels of an honest plant."""
    raw = honest_values()
    return make_site(raw | derived_values(raw), **options)  # type: ignore[arg-type]
