from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.documented_change import run, scatter
from analysis.model.metadata import Event, LedgerEntry
from tests.analysis.plant import HOUR_S, START_S, autocorrelated, honest_values, make_site

FIRST = 2500
WORK = Event(START_S + FIRST * HOUR_S, START_S + (FIRST + 4) * HOUR_S, "S01", "A1", "maintenance", "analyser replaced")


def steady(*, noise: float = 1.0, level: float = 50.0, at: int = FIRST + 4) -> dict[str, np.ndarray]:
    """A channel whose noise or level changes at an hour."""
    rng = np.random.default_rng(1)
    slow, fast = autocorrelated(rng, 3600, sigma=0.5, rho=0.95), rng.normal(0, 1.0, 3600)
    later = np.arange(3600) >= at
    raw = honest_values()
    raw["nox"] = np.round(np.where(later, level, 50.0) + slow + fast * np.where(later, noise, 1.0), 2)
    return raw


def told(raw: dict[str, np.ndarray], *, events: tuple[Event, ...] = (WORK,), ledger: tuple = ()) -> dict[str, int]:
    """Channel → hour at which the change is first known."""
    found = run(make_site(raw, accepted=2160, events=events, ledger=ledger))
    return {one.targets[0].channels[0]: int(one.ends[0]) for one in found}


@pytest.mark.parametrize("changed", [{"noise": 0.4}, {"noise": 2.5}, {"level": 44.0}])
def test_a_step_at_a_documented_maintenance_is_the_maintenance(changed: dict[str, float]) -> None:
    assert told(steady(**changed)) == {"nox": FIRST + 4 + 48}
    (scores,) = run(make_site(steady(**changed), accepted=2160, events=(WORK,)))
    assert scores.starts[0, 0] == FIRST
    assert scores.ends[-1] == FIRST + 720


def test_without_an_event_or_days_after_it_nothing_is_explained() -> None:
    assert told(steady(noise=0.4), events=()) == {}
    assert told(steady(noise=0.4, at=FIRST + 90)) == {}
    assert told(steady()) == {}


def test_a_parameter_set_within_a_documented_calibration_is_in_force_from_then_on() -> None:
    event = Event(WORK.start_s, WORK.end_s, "S01", "A1", "calibration")
    entry = LedgerEntry(WORK.start_s + 7200, "S01/A1", "nox", "slope", 0.95, WORK.start_s + 7300)
    assert told(steady(), events=(event,), ledger=(entry,)) == {"nox": FIRST + 3}
    assert told(steady(), events=(), ledger=(entry,)) == {}


def test_what_is_computed_from_the_channel_is_covered_too() -> None:
    from tests.analysis.plant import derived_values

    raw = steady(noise=0.4)
    scores = run(make_site(raw | derived_values(raw), accepted=2160, events=(WORK,)))[0]
    assert scores.targets[0].channels == ("nox", "nox_zs", "nox_mass")


def test_scatter_is_half_the_span_of_the_middle_two_thirds() -> None:
    values = np.array([np.arange(61.0), np.full(61, np.nan)])
    assert scatter(values, np.full(2, 61)).tolist() == [20.0, np.inf]
