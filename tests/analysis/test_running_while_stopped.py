from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.running_while_stopped import by_late_clock, confirmed_hours, run
from analysis.model.metadata import Event
from tests.analysis.plant import FLAGS, HOUR_S, START_S, honest_values, make_site

ACCEPTED, FIRST = 2160, 2500
STOP = FLAGS.index("F")


def marked(hours: int, *, first: int = FIRST) -> dict[str, np.ndarray]:
    flags = np.zeros(3600, dtype=np.uint8)
    flags[first : first + hours] = STOP
    return dict.fromkeys(("nox", "co", "o2", "temp", "pressure", "humidity", "velocity"), flags)


@pytest.mark.parametrize("hours", [24, 8, 3, 1])
def test_marked_hours_of_a_running_plant_are_counted(hours: int) -> None:
    (scores,) = run(make_site(honest_values(), accepted=ACCEPTED, flags=marked(hours)))
    assert np.flatnonzero(scores.scores[0] >= 1).tolist() == list(range(FIRST, FIRST + hours))
    assert scores.scores[0, FIRST + hours - 1] == hours
    assert scores.starts[0, FIRST + hours - 1] == FIRST
    # the verdict on an hour waits for the one after it
    assert scores.available[0, FIRST] == START_S + (FIRST + 2) * HOUR_S


def test_a_registered_shutdown_is_a_mark_too() -> None:
    event = Event(START_S + FIRST * HOUR_S, START_S + (FIRST + 5) * HOUR_S, "S01", None, "shutdown")
    (scores,) = run(make_site(honest_values(), accepted=ACCEPTED, events=(event,)))
    assert np.nanmax(scores.scores) == 5


def test_a_real_stop_is_honest_with_its_half_running_edges() -> None:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["load"][FIRST : FIRST + 30] = 0.5
    raw["velocity"][FIRST : FIRST + 30] = 0.3
    for edge in (FIRST - 1, FIRST + 30):
        raw["load"][edge] *= 0.6
    (scores,) = run(make_site(raw, accepted=ACCEPTED, flags=marked(32, first=FIRST - 1)))
    assert np.nanmax(scores.scores) == 0


def test_a_row_of_nothing_but_exceedances_is_left_to_the_flags() -> None:
    marks, runs, stands = np.zeros(12, dtype=bool), np.ones(12, dtype=bool), np.zeros(12, dtype=bool)
    marks[3:6] = marks[8:11] = True
    exceeds = np.zeros(12, dtype=bool)
    exceeds[3:6] = exceeds[8] = True
    hours = confirmed_hours(marks, runs, stands, exceeds=exceeds)
    assert hours.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0]


def test_marks_within_hours_of_open_exceedance_hide_nothing_and_count() -> None:
    marks, runs, stands = np.zeros(12, dtype=bool), np.ones(12, dtype=bool), np.zeros(12, dtype=bool)
    marks[5:8] = True
    always = np.ones(12, dtype=bool)
    assert confirmed_hours(marks, runs, stands, exceeds=always).tolist() == [0] * 5 + [1, 2, 3] + [0] * 4
    just_begun = np.arange(12) >= 4
    assert not confirmed_hours(marks, runs, stands, exceeds=just_begun).any()


def test_honest_marks_other_flags_and_sites_without_history_score_nothing() -> None:
    assert run(make_site(honest_values(), accepted=ACCEPTED)) == []
    fault = {name: np.where(flags == STOP, 4, 0).astype(np.uint8) for name, flags in marked(24).items()}
    assert run(make_site(honest_values(), accepted=ACCEPTED, flags=fault)) == []
    assert run(make_site(honest_values(), accepted=0, flags=marked(24))) == []


def test_without_a_meter_flow_and_temperature_together_can_tell() -> None:
    raw = {name: values for name, values in honest_values().items() if name not in ("load", "treat")}
    (scores,) = run(make_site(raw, accepted=ACCEPTED, flags=marked(24), facilities=()))
    assert np.nanmax(scores.scores) >= 12
    cold = {name: values for name, values in raw.items() if name != "temp"}
    assert run(make_site(cold, accepted=ACCEPTED, flags=marked(24), facilities=())) == []


@pytest.mark.parametrize("lag", [0, 1, 2, 8])
def test_marks_that_a_late_clock_puts_after_the_stop_are_honest(lag: int) -> None:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["load"][FIRST : FIRST + 20] = 0.5
    scores = run(make_site(raw, accepted=ACCEPTED, flags=marked(20, first=FIRST + lag)))
    assert np.nanmax(scores[0].scores) == 0


def test_marks_that_go_on_after_the_stop_are_not_a_late_clock() -> None:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["load"][FIRST : FIRST + 20] = 0.5
    (scores,) = run(make_site(raw, accepted=ACCEPTED, flags=marked(30, first=FIRST + 2)))
    assert np.flatnonzero(scores.scores[0] >= 1).tolist() == list(range(FIRST + 23, FIRST + 32))


def test_a_late_clock_explains_as_many_hours_as_it_is_late() -> None:
    stands, marks = np.zeros(20, dtype=bool), np.zeros(20, dtype=bool)
    stands[2:8] = True
    marks[5:14] = True
    assert np.flatnonzero(by_late_clock(marks, stands)).tolist() == list(range(5, 12))
    marks[:] = False
    marks[10:14] = True
    assert not by_late_clock(marks, stands).any()
