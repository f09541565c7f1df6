"""What counts as found, named and false."""

from __future__ import annotations

import pytest

from simulators.falsification.site import Truth
from tests.evaluation.matching import Finding, false_alerts, intersection_over_union, judge, merge

HOUR = 3600.0


def truth(**changes: object) -> Truth:
    values: dict[str, object] = {
        "site": "S", "point": "A1", "channels": ["A1/nox", "A1/nox_zs"], "falsified": True, "class_name": "scaled",
        "injection": "I4", "level": "L1", "variant": "careful", "start_s": 100 * 3600, "end_s": 110 * 3600,
        "known_s": 100 * HOUR,
    }  # fmt: skip
    return Truth(**{**values, **changes})  # type: ignore[arg-type]


def finding(start_h: float = 101, end_h: float = 109, detected_h: float = 103, **changes: object) -> Finding:
    values: dict[str, object] = {
        "site": "S", "channels": frozenset({"A1/nox"}), "start_s": start_h * HOUR, "end_s": end_h * HOUR,
        "detected_s": detected_h * HOUR, "class_name": "scaled", "alternatives": ("offset", "capped", "replayed"),
        "score": 0.9, "p_value": 0.001, "alert": True, "detector": "level_shift",
    }  # fmt: skip
    return Finding(**{**values, **changes})  # type: ignore[arg-type]


def verdict(*findings: Finding, **changes: object):
    return judge(truth(**changes), findings, judged_until_s=200 * HOUR, interval_s=HOUR)


def test_an_overlapping_alert_on_the_channel_finds_and_names():
    result = verdict(finding())
    assert (result.found, result.shares_channel, result.named, result.named_in_three) == (True, True, True, True)
    assert result.hours_to_detect == pytest.approx(3)
    assert result.overlap == pytest.approx(0.8)
    assert result.onset_error_h == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong",
    [
        finding(alert=False),
        finding(class_name="process_change"),
        finding(site="T"),
        finding(start_h=111, end_h=120, detected_h=121),
        finding(start_h=90, end_h=99, detected_h=101),
        finding(detected_h=201),
        finding(start_h=95, detected_h=99),
    ],
    ids=["quiet", "innocent class", "another site", "after", "before", "too late", "stood before it began"],
)
def test_what_is_not_an_alert_about_it_does_not_find(wrong: Finding):
    assert not verdict(wrong).found


def test_one_interval_of_tolerance_and_no_more():
    assert verdict(finding(start_h=110.9, end_h=112, detected_h=113)).found
    assert not verdict(finding(start_h=111.0, end_h=112, detected_h=113)).found


def test_an_alert_on_another_channel_finds_by_chance_but_never_names():
    result = verdict(finding(channels=frozenset({"W1/cod"})))
    assert result.found
    assert not result.shares_channel
    assert not result.named_in_three


def test_the_highest_score_that_shares_a_channel_gives_the_name():
    result = verdict(
        finding(class_name="offset", score=0.95),
        finding(score=0.9),
        finding(class_name="capped", score=0.99, channels=frozenset({"W1/cod"})),
    )
    assert (result.named, result.called) == (False, "offset")


def test_only_the_first_two_alternatives_count_as_named_in_three():
    assert verdict(finding(class_name="offset", alternatives=("capped", "scaled"))).named_in_three
    assert not verdict(finding(class_name="offset", alternatives=("capped", "clipped", "scaled"))).named_in_three


def test_a_second_true_name_is_as_good():
    assert verdict(finding(class_name="offset"), also=["offset"]).named


def test_a_late_edit_is_visible_from_its_arrival_on():
    result = verdict(finding(detected_h=151), known_s=150 * HOUR)
    assert result.hours_to_detect == pytest.approx(1)
    assert not verdict(finding(detected_h=149), known_s=150 * HOUR).found


def test_intersection_over_union_joins_what_was_found():
    assert intersection_over_union([(0, 4), (2, 6)], (0, 12)) == pytest.approx(0.5)
    assert intersection_over_union([(0, 2), (8, 10)], (4, 6)) == 0.0
    assert intersection_over_union([(0, 20)], (0, 10)) == pytest.approx(0.5)


def test_alerts_less_than_six_hours_apart_are_one():
    hours = [(0, 1), (6.9, 8), (14, 15)]
    assert merge([(lo * HOUR, hi * HOUR) for lo, hi in hours]) == [(0, 8 * HOUR), (14 * HOUR, 15 * HOUR)]


def test_false_alerts_are_those_after_acceptance():
    own = [finding(10, 20, 21), finding(95, 105, 106), finding(130, 131, 132), finding(150, 151, 152, alert=False)]
    assert len(false_alerts(own, since_s=100 * HOUR, until_s=200 * HOUR)) == 2


def test_a_line_of_findings_is_read():
    line = {
        "site": "S", "point": "S/A1", "channels": ["nox", "P1/power"], "start": "2026-03-01T00:00:00+08:00",
        "end": "2026-03-01T01:00:00+08:00", "detected_at": "2026-03-01T02:00:00+08:00", "class": "scaled",
        "alternatives": [], "score": 0.5, "p_value": None, "alert": True, "detector": "level_shift",
    }  # fmt: skip
    read = Finding.from_json(line)
    assert read.channels == {"A1/nox", "P1/power"}
    assert read.end_s - read.start_s == HOUR
    assert read.accuses
