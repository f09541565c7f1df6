from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.treatment_off import LEAST_HOURS, consecutive, run
from tests.analysis import naive_relations as naive
from tests.analysis.plant import FACILITIES, honest_values, make_site

ACCEPTED, FIRST = 2160, 2500


def stopped(hours: int, *, nox_rises: bool = False, load_stops: bool = False) -> dict[str, np.ndarray]:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["treat"][FIRST : FIRST + hours] = 0.0
    if nox_rises:
        raw["nox"][FIRST : FIRST + hours] *= 3.0
    if load_stops:
        raw["load"][FIRST : FIRST + hours] = 0.0
    return raw


def test_consecutive_agrees_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    state, known = rng.random(300) > 0.4, rng.random(300) > 0.2
    assert consecutive(state, known).tolist() == naive.consecutive(state.tolist(), known.tolist())


@pytest.mark.parametrize("hours", [24, 6, 2])
def test_hours_without_treatment_while_production_runs_are_counted(hours: int) -> None:
    (scores,) = run(make_site(stopped(hours), accepted=ACCEPTED))
    assert np.flatnonzero(scores.scores[0] >= LEAST_HOURS).tolist() == list(range(FIRST + 1, FIRST + hours))
    assert scores.scores[0, FIRST + hours - 1] == hours
    assert scores.starts[0, FIRST + hours - 1] == FIRST


def test_the_running_power_is_learned_where_it_is_not_registered() -> None:
    from dataclasses import replace

    bare = tuple(replace(facility, run_kw=None) for facility in FACILITIES)
    (scores,) = run(make_site(stopped(6), accepted=ACCEPTED, facilities=bare))
    assert np.nanmax(scores.scores) == 6


@pytest.mark.parametrize("innocent", [{"nox_rises": True}, {"load_stops": True}])
def test_a_stop_that_shows_in_the_outlet_or_stops_with_production_is_none(innocent: dict[str, bool]) -> None:
    (scores,) = run(make_site(stopped(24, **innocent), accepted=ACCEPTED))
    assert np.nanmax(scores.scores) < LEAST_HOURS


def test_honest_hours_score_nothing_and_a_late_start_of_one_hour_is_below_the_floor() -> None:
    (scores,) = run(make_site(honest_values(), accepted=ACCEPTED))
    assert np.nanmax(scores.scores) == 0
    (scores,) = run(make_site(stopped(1), accepted=ACCEPTED))
    assert np.nanmax(scores.scores) < LEAST_HOURS


def test_without_treatment_nothing_is_said() -> None:
    assert run(make_site(stopped(24), accepted=ACCEPTED, facilities=FACILITIES[:1])) == []
