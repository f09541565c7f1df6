from __future__ import annotations

import numpy as np

from analysis.detectors.process_change import DETECTOR, run
from tests.analysis.plant import honest_values, make_site

ACCEPTED, FIRST = 2160, 2500


def hours_of(raw: dict[str, np.ndarray]) -> list[int]:
    found = run(make_site(raw, accepted=ACCEPTED))
    return np.flatnonzero(found[0].scores[0] >= DETECTOR.floor).tolist() if found else []


def test_a_shutdown_is_named_with_the_hours_after_it() -> None:
    raw = honest_values(first=14000)
    raw["load"][FIRST : FIRST + 100] = 0.0
    hours = hours_of(raw)
    # the load of zero is new at once, the standstill is one after a day
    assert hours[0] == FIRST + 2
    assert set(range(FIRST + 28, FIRST + 100)) <= set(hours)
    assert hours[-1] <= FIRST + 112


def test_stops_of_a_night_are_how_the_plant_runs() -> None:
    raw = honest_values(first=14000)
    for night in range(0, 3600, 24):
        raw["load"][night : night + 8] = 0.0
    assert hours_of(raw) == []


def test_a_load_that_was_never_seen_is_named() -> None:
    raw = honest_values(first=14000)
    raw["load"][FIRST : FIRST + 50] = 260.0
    hours = hours_of(raw)
    assert set(range(FIRST + 2, FIRST + 24)) <= set(hours)
    # after a day it is known
    assert max(hours) <= FIRST + 27


def test_a_load_within_experience_is_no_change_and_a_meter_is_needed() -> None:
    assert hours_of(honest_values(first=14000)) == []
    raw = honest_values(first=14000)
    site = make_site({"nox": raw["nox"], "o2": raw["o2"]}, accepted=ACCEPTED, facilities=())
    assert run(site) == []


def test_the_whole_site_is_meant() -> None:
    raw = honest_values(first=14000)
    raw["load"][FIRST : FIRST + 100] = 0.0
    (scores,) = run(make_site(raw, accepted=ACCEPTED))
    assert (scores.targets[0].point, scores.targets[0].channels) == ("", ())
