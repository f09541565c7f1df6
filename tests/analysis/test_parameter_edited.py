from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.parameter_edited import DETECTOR, MAX_FORCE_S, is_documented, relative_change, run
from analysis.model.metadata import Event, LedgerEntry
from tests.analysis.plant import HOUR_S, START_S, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def entry(
    hour: float, value: float, *, parameter: str = "slope", delay_h: float = 1.0, channel: str = "nox"
) -> LedgerEntry:
    time_s = START_S + hour * HOUR_S
    return LedgerEntry(time_s, "S01/A1", channel, parameter, value, time_s + delay_h * HOUR_S)


def scores_of(*entries: LedgerEntry, events: tuple[Event, ...] = (), factor: float = 1.0):
    raw = honest_values()
    raw["nox"][FIRST:LAST] *= factor
    return run(make_site(raw, accepted=ACCEPTED, ledger=entries, events=events))


def test_a_change_is_found_when_reported_and_lasts_until_it_is_undone() -> None:
    changed, undone = scores_of(entry(0, 1.0), entry(FIRST, 0.5), entry(LAST, 1.0), factor=0.5)
    assert (changed.scores >= DETECTOR.floor).all()
    assert changed.available[0, 0] == START_S + (FIRST + 1) * HOUR_S
    assert changed.starts[0, 0] == FIRST
    assert changed.ends[-1] == LAST
    assert changed.evidence["level_ratio"][0, -1] == pytest.approx(0.5, abs=0.1)
    assert undone.starts[0, 0] == LAST
    assert undone.ends[-1] <= LAST + MAX_FORCE_S / HOUR_S


def test_a_ledger_that_logs_only_changes_starts_from_the_neutral_setting() -> None:
    changed, _ = scores_of(entry(FIRST, 0.5), entry(LAST, 1.0))
    assert changed.evidence["was"][0, 0] == 1.0
    assert scores_of(entry(FIRST, 50.0, parameter="range_high")) == []
    assert scores_of(entry(10, 0.9)) == []


def test_a_change_within_a_documented_event_and_the_same_value_again_are_innocent() -> None:
    times = START_S + (FIRST - 1) * HOUR_S, START_S + (FIRST + 2) * HOUR_S
    for kind, point, accused in (
        ("calibration", None, False),
        ("maintenance", "A1", False),
        ("calibration", "A2", True),
        ("inspection", None, True),
    ):
        found = scores_of(entry(0, 1.0), entry(FIRST, 0.8), events=(Event(*times, "S01", point, kind),))
        assert bool(found) is accused
    assert scores_of(entry(0, 1.0), entry(FIRST, 1.0)) == []


def test_what_is_documented_includes_both_ends_of_the_event() -> None:
    event = Event(START_S, START_S + HOUR_S, "S01", None, "calibration")
    assert is_documented(entry(0, 1.0), (event,))
    assert is_documented(entry(1, 1.0), (event,))
    assert not is_documented(entry(1.01, 1.0), (event,))


def test_an_unknown_channel_accuses_the_point() -> None:
    (found,) = scores_of(
        entry(0, 6.0, parameter="reference_oxygen", channel="x"),
        entry(FIRST, 3.0, parameter="reference_oxygen", channel="x"),
    )
    assert found.targets[0].channels == ()


def test_relative_change_is_a_log_ratio_where_it_can_be() -> None:
    assert relative_change(1.0, 0.5) == pytest.approx(-np.log(2))
    assert relative_change(0.0, 2.5) == 2.5
    assert relative_change(1e-9, 1.0) == 3.0
