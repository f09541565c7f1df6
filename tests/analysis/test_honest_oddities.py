"""Honest data that look odd: whatever the instruments or the register do, nobody is accused and nothing breaks."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.battery import Settings, analyse_sites
from analysis.model.site import SiteData
from tests.analysis.plant import START_S, derived_values, honest_values, make_site

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
