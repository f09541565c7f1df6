"""Honest data that look odd: whatever the instruments or the register do, nobody is accused and nothing breaks."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.battery import Settings, analyse_sites
from analysis.model.site import SiteData
from tests.analysis.plant import FACILITIES, START_S, derived_values, honest_values, make_site
from tests.analysis.series import channel, honest, site

HOURS, ACCEPTED = 2520, 1440
LATER = slice(1800, 2300)


def accusations(data: SiteData, *, budget: float = 0.1) -> list[str]:
    """Alerts that end after acceptance, as text that says what and where."""
    found = analyse_sites([data], Settings(budget, "Asia/Shanghai"))
    return [
        f"{one.detector} {one.fault} {one.channels} {(one.start_s - START_S) / 3600:.0f}" for one in found if one.alert
    ]


def plant(*, seed: int = 1, first: int = 12000) -> dict[str, np.ndarray]:
    raw = honest_values(first=first, hours=HOURS, seed=seed)
    return raw | derived_values(raw)


def recomputed(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return values | derived_values(values)


def unused_stack(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An analyser that has never had anything to measure."""
    return values | {"co": np.zeros(HOURS)}


def at_detection_limit(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = dict(values)
    out["co"] = values["co"].copy()
    out["co"][LATER] = 0.5
    return out


def integers(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = dict(values)
    out["nox"] = np.round(values["nox"])
    out["o2"] = np.round(values["o2"], 1)
    return recomputed(out)


def missing_weeks(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.where(np.isin(np.arange(HOURS) // 168, (9, 10, 11, 12)), np.nan, v) for name, v in values.items()}


def appears_later(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = dict(values)
    for name in ("co", "humidity"):
        out[name] = np.where(np.arange(HOURS) < ACCEPTED + 200, np.nan, values[name])
    return out


def small_negatives(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    out = dict(values)
    out["co"] = np.round(rng.normal(0.0, 0.02, HOURS), 3)
    return out


def over_range(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = dict(values)
    out["nox"] = values["nox"].copy()
    out["nox"][LATER.start : LATER.start + 5] = 300.0
    return recomputed(out)


ODDITIES = (unused_stack, at_detection_limit, integers, missing_weeks, appears_later, small_negatives, over_range)


@pytest.mark.parametrize("change", ODDITIES, ids=lambda one: one.__name__)
def test_odd_but_honest_data_accuse_nobody(change) -> None:
    options = {"co": {"detection_limit": 0.5}} if change is at_detection_limit else None
    data = make_site(change(plant()), accepted=ACCEPTED, options=options)
    assert accusations(data) == []


@pytest.mark.parametrize("accepted", [0, ACCEPTED])
def test_meters_without_a_running_power_or_without_rows_accuse_nobody(accepted: int) -> None:
    from dataclasses import replace

    unknown = tuple(replace(facility, run_kw=None, treats=(), serves=()) for facility in FACILITIES)
    lost = (replace(FACILITIES[0], channel="P9/none"), replace(FACILITIES[1], channel=""))
    for facilities in (unknown, lost):
        assert accusations(make_site(plant(), accepted=accepted, facilities=facilities)) == []
    silent = plant() | {"load": np.full(HOURS, np.nan), "treat": np.full(HOURS, np.nan)}
    assert accusations(make_site(silent, accepted=accepted)) == []


def outlet() -> dict[str, np.ndarray]:
    """An outlet whose instruments are coarse, low or idle from the first day on."""
    rng = np.random.default_rng(7)
    cod = honest(rng, HOURS, mean=24, spread=4, step=1.0)
    nh3n = np.maximum(honest(rng, HOURS, mean=0.06, spread=0.03, step=0.01), 0.0)
    tp = np.where(rng.random(HOURS) < 0.9, 0.05, 0.06)  # at its detection limit of 0.05 for months
    return {
        "cod": cod,
        "nh3n": nh3n,
        "tp": tp,
        "ph": honest(rng, HOURS, mean=7.4, spread=0.4, step=1.0),
        "conductivity": np.zeros(HOURS),
        "flow": np.zeros(HOURS),
    }


def late_ph(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return values | {"ph": np.where(np.arange(HOURS) < ACCEPTED + 150, np.nan, values["ph"])}


def without_a_month(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    gone = (np.arange(HOURS) > 1300) & (np.arange(HOURS) < 2020)
    return {name: np.where(gone, np.nan, one) for name, one in values.items()}


def flow_begins(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    return values | {"flow": np.where(np.arange(HOURS) < 1900, 0.0, honest(rng, HOURS, mean=120, spread=20))}


def below_zero(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(9)
    return values | {"nh3n": np.round(rng.normal(0.0, 0.01, HOURS), 3)}


@pytest.mark.parametrize("change", [dict, late_ph, without_a_month, flow_begins, below_zero])
def test_an_outlet_of_coarse_low_and_idle_channels_accuses_nobody(change) -> None:
    limits = {"tp": 0.05, "nh3n": 0.02}
    rows = {
        channel(name, point="W1", medium="water", unit="mg/L", range_high=None, detection_limit=limits.get(name)): one
        for name, one in change(outlet()).items()
    }
    assert accusations(site(rows, n_accepted=ACCEPTED)) == []
