"""Power-use supervision: states with hysteresis and dwell, learned thresholds, and each rule on a case and its twin."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.facility import (
    IDLE,
    OFF,
    RULES,
    RUN,
    UNKNOWN,
    FacilityPower,
    LinkTerms,
    combine_all,
    combine_any,
    facility_states,
    learn_ratio,
    learn_thresholds,
    supervise_link,
    without_notices,
)
from analysis.facility_events import TEXTS, events_of, spans

NAN = float("nan")
DAY_S = 86_400.0


def minutes(count: int) -> Any:
    return 1_795_312_800.0 + 60.0 * np.arange(count)


def states_by_loop(power: list[float], *, off_kw: float, run_kw: float, dwell: int = 3) -> list[int]:
    """The rule in plain words: one sample after the other."""
    state, runs, row, out = UNKNOWN, False, [], []
    for value in power:
        if np.isnan(value):
            state, runs, row = UNKNOWN, False, []
            out.append(UNKNOWN)
            continue
        runs = value >= run_kw or (runs and value >= 0.8 * run_kw)
        now = RUN if runs else OFF if value < off_kw else IDLE
        row = [*row, now][-dwell:]
        if len(row) == dwell and len(set(row)) == 1:
            state = now
        out.append(state)
    return out


@given(st.lists(st.sampled_from([0.0, 0.5, 1.5, 7.9, 8.5, 10.0, 12.0, NAN]), min_size=1, max_size=60))
def test_states_agree_with_a_plain_loop(power: list[float]) -> None:
    states = facility_states(np.array(power), off_kw=1.0, run_kw=10.0)
    assert states.tolist() == states_by_loop(power, off_kw=1.0, run_kw=10.0)


def test_states_of_many_facilities_are_those_of_each() -> None:
    power = np.random.default_rng(1).choice([0.0, 5.0, 9.0, 12.0, NAN], (7, 200))
    together = facility_states(power, off_kw=1.0, run_kw=10.0)
    for row, states in zip(power, together, strict=True):
        assert facility_states(row, off_kw=1.0, run_kw=10.0).tolist() == states.tolist()


def test_missing_data_is_unknown_and_never_off() -> None:
    power = np.array([0.0] * 5 + [NAN] * 3 + [0.0] * 3)
    states = facility_states(power, off_kw=1.0, run_kw=10.0)
    assert states.tolist() == [UNKNOWN, UNKNOWN] + [OFF] * 3 + [UNKNOWN] * 5 + [OFF]


@pytest.mark.parametrize(("off_kw", "run_kw", "dwell"), [(5.0, 1.0, 3), (-1.0, 1.0, 3), (1.0, 2.0, 0)])
def test_thresholds_that_make_no_sense_are_refused(off_kw: float, run_kw: float, dwell: int) -> None:
    with pytest.raises(ValueError, match=r"thresholds|dwell"):
        facility_states(np.zeros(3), off_kw=off_kw, run_kw=run_kw, dwell=dwell)


def test_one_of_two_twins_is_enough_and_stages_are_all_needed() -> None:
    twins = np.array([[RUN, OFF, OFF, UNKNOWN, UNKNOWN, IDLE], [OFF, OFF, IDLE, RUN, OFF, IDLE]], dtype=np.int8)
    assert combine_any(twins).tolist() == [RUN, OFF, IDLE, RUN, UNKNOWN, IDLE]
    assert combine_all(twins).tolist() == [OFF, OFF, OFF, UNKNOWN, OFF, IDLE]


def test_thresholds_learned_from_two_weeks_split_the_clusters() -> None:
    rng = np.random.default_rng(7)
    hour = np.arange(14 * 1440) / 60 % 24
    power = np.where((hour > 8) & (hour < 20), 55 + rng.normal(0, 3, len(hour)), 6 + rng.normal(0, 0.3, len(hour)))
    power = np.where((hour > 2) & (hour < 4), 0.05, power)
    learned = learn_thresholds(power)
    assert learned.is_clear
    assert 12 < learned.run_kw < 45
    assert 0.05 < learned.off_kw < 5
    assert learned.idle_level_kw == pytest.approx(6, abs=0.2)
    states = facility_states(power, off_kw=learned.off_kw, run_kw=learned.run_kw)
    assert {name: int((states == name).sum()) > 1000 for name in (OFF, IDLE, RUN)} == {OFF: True, IDLE: True, RUN: True}


def test_facility_that_never_stopped_gives_no_clear_thresholds() -> None:
    power = 50 + np.random.default_rng(3).normal(0, 2, 3000)
    assert not learn_thresholds(power).is_clear


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        learn_thresholds(np.ones(100))
    with pytest.raises(ValueError, match="never above zero"):
        learn_thresholds(np.zeros(2000))


def plant(count: int = 240) -> tuple[Any, Any, Any]:
    """Times, and production and treatment that both run."""
    return minutes(count), np.full(count, RUN, np.int8), np.full(count, RUN, np.int8)


def test_p1_treatment_off_is_told_within_two_minutes_of_data_time() -> None:
    times = minutes(120)
    production = np.full(120, 80.0)
    treatment = np.where((np.arange(120) >= 60) & (np.arange(120) < 90), 0.1, 15.0)
    thresholds = {"off_kw": 1.0, "run_kw": 10.0}
    states = [facility_states(power, **thresholds) for power in (production, treatment)]
    (event,) = RULES["P1"](times, *states, production_kw=production, treatment_kw=treatment)
    assert event.detected_s - times[60] <= 120
    assert event.figures["production_kw"] == 80.0
    assert event.severity == 2
    assert event.text_zh
    assert not RULES["P1"](times[:60], *(s[:60] for s in states))


def test_p1_severity_grows_with_duration_and_unknown_is_no_contradiction() -> None:
    times, production, treatment = plant()
    treatment[10:13], treatment[30:50], treatment[100:200] = OFF, OFF, OFF
    treatment[210:230] = UNKNOWN
    assert [event.severity for event in RULES["P1"](times, production, treatment)] == [1, 2, 3]
    assert len(RULES["P1"](times, production, treatment, delay_s=300)) == 2


def test_p2_idle_treatment() -> None:
    times, production, treatment = plant()
    treatment[50:80], treatment[100:105] = IDLE, IDLE
    (event,) = RULES["P2"](times, production, treatment)
    assert event.figures["duration_s"] == 29 * 60
    assert event.detected_s == times[60]


def test_p3_order_of_start_and_stop() -> None:
    times, production, treatment = plant()
    production[:100], production[200:] = OFF, OFF
    treatment[:80], treatment[215:] = OFF, OFF
    assert not RULES["P3"](times, production, treatment, lead_s=900, lag_s=600)
    late, early = RULES["P3"](times, production, treatment, lead_s=1800, lag_s=1200)
    assert late.figures["is_start"] == 1
    assert late.figures["not_running_s"] == pytest.approx(600, abs=60)
    assert early.figures["not_running_s"] == pytest.approx(360, abs=60)
    treatment[85] = UNKNOWN
    assert len(RULES["P3"](times, production, treatment, lead_s=1800, lag_s=1200)) == 1


def test_p4_lowered_frequency_against_the_learned_ratio() -> None:
    times, production, treatment = plant(600)
    production_kw = 100 + 5 * np.sin(np.arange(600) / 9)
    treatment_kw = 0.2 * production_kw + np.random.default_rng(2).normal(0, 0.1, 600)
    least = learn_ratio(treatment_kw[:400], production_kw[:400], treatment[:400], production[:400], run_state=RUN)
    assert least == pytest.approx(0.198, abs=0.002)
    assert not RULES["P4"](times, production_kw, treatment_kw, production, treatment, least_ratio=least)
    treatment_kw[450:550] *= 0.6
    (event,) = RULES["P4"](times, production_kw, treatment_kw, production, treatment, least_ratio=least)
    assert event.figures["mean_ratio"] == pytest.approx(0.12, abs=0.002)


def test_p5_frozen_power_with_a_moving_voltage() -> None:
    rng = np.random.default_rng(5)
    times, power, voltage = minutes(100), rng.normal(20, 1, 100), rng.normal(230, 1, 100)
    power[40:60] = 19.87
    (event,) = RULES["P5"](times, power, voltage)
    assert (event.start_s, event.figures["power_kw"]) == (times[40], 19.87)
    assert not RULES["P5"](times, power, np.full(100, 230.0)), "a bus that repeats everything is not this rule's"
    power[40:60] = 0.0
    assert not RULES["P5"](times, power, voltage), "a standing facility is not frozen"


def test_p6_power_that_was_computed() -> None:
    rng = np.random.default_rng(6)
    voltage, current = rng.normal(230, 1, (3, 200)), rng.normal(30, 4, (3, 200))
    apparent = (voltage * current).sum(axis=0) / 1000
    factor = np.full(200, 1.0)
    (event,) = RULES["P6"](minutes(200), np.round(apparent, 2), voltage, current, factor)
    assert event.figures["mean_power_over_ui"] == pytest.approx(1, abs=1e-3)
    real_factor = 0.86 + rng.normal(0, 0.01, 200)
    assert not RULES["P6"](minutes(200), apparent * real_factor, voltage, current, np.round(real_factor, 3))


def test_p7_energy_against_the_integral_of_power() -> None:
    times, power = minutes(361), np.full(361, 60.0)
    energy = 1000 + np.arange(361) * 1.0
    assert not RULES["P7"](times, power, energy)
    energy[121:] -= 0.3 * (np.arange(361)[121:] - 120)
    (event,) = RULES["P7"](times, power, energy)
    assert event.start_s == times[120]
    assert event.figures["ratio"] == pytest.approx(0.7, abs=0.01)
    energy[300:] -= 500
    found = RULES["P7"](times, power, energy)
    assert any(event.figures.get("step_kwh", 0) < -400 for event in found)


def test_p7_judges_no_window_with_a_gap() -> None:
    times, power = minutes(121), np.full(121, 60.0)
    power[20:50] = NAN
    energy = 1000 + np.arange(121) * 0.5
    assert [event.start_s for event in RULES["P7"](times, power, energy)] == [times[60]]


def test_p8_sums_of_meters() -> None:
    times, parts = minutes(60), np.full((3, 60), 30.0)
    assert not RULES["P8"](times, np.full(60, 92.0), parts)
    (above,) = RULES["P8"](times, np.full(60, 80.0), parts)
    assert above.figures["is_sum_above_plant"] == 1
    (unmetered,) = RULES["P8"](times, np.full(60, 150.0), parts)
    assert unmetered.figures["is_unmetered"] == 1
    parts[1] = NAN
    assert not RULES["P8"](times, np.full(60, 80.0), parts)


def test_p9_phases() -> None:
    rng = np.random.default_rng(9)
    times = minutes(60)
    voltage, current = rng.normal(230, 1, (3, 60)), rng.normal(20, 1, (3, 60))
    power = voltage * current * 0.9 / 1000
    assert not RULES["P9"](times, voltage, current, power)
    clamp_off = current.copy()
    clamp_off[1, 20:40] = 0
    assert [event.figures.get("is_lost") for event in RULES["P9"](times, voltage, clamp_off, power)] == [1]
    turned = power.copy()
    turned[2] *= -1
    assert [event.figures.get("is_negative") for event in RULES["P9"](times, voltage, current, turned)] == [1]
    same = [np.tile(array[0], (3, 1)) for array in (voltage, current, power)]
    assert [event.figures.get("is_identical") for event in RULES["P9"](times, *same)] == [1]
    with pytest.raises(ValueError, match="currents"):
        RULES["P9"](times, voltage, current[:2], power)


def test_p10_orders() -> None:
    times, states, _ = plant()
    power = np.full(240, 50.0)
    inside = {"order_start_s": times[60], "order_end_s": times[120]}
    (stop,) = RULES["P10"](times, power, states, **inside)
    assert (stop.start_s, stop.figures["mean_kw"]) == (times[60], 50.0)
    (limit,) = RULES["P10"](times, power, states, **inside, allowed_share=0.5, baseline_kw=80.0)
    assert limit.figures["share"] == 0.625
    assert not RULES["P10"](times, power, states, **inside, allowed_share=0.7, baseline_kw=80.0)
    with pytest.raises(ValueError, match="baseline"):
        RULES["P10"](times, power, states, **inside, allowed_share=0.7)


def test_p11_link_lost_while_the_neighbours_are_up() -> None:
    present, neighbours = np.ones(60, bool), np.ones((3, 60), bool)
    present[20:40] = False
    (event,) = RULES["P11"](minutes(60), present, neighbours, is_night=np.arange(60) >= 30)
    assert event.figures["neighbours_up"] == 1.0
    assert event.figures["night_share"] == 0.5
    neighbours[:, 15:45] = False
    assert not RULES["P11"](minutes(60), present, neighbours), "a feeder without power is no lost link"
    assert not RULES["P11"](minutes(60), present, neighbours[:0])


def test_p12_night_work() -> None:
    times = np.floor(minutes(2 * 1440) / DAY_S)[0] * DAY_S + 60.0 * np.arange(2 * 1440)
    hour = times % DAY_S / 3600
    night = (hour >= 12) & (hour < 24)
    power = np.where(night, 40.0, 20.0)
    assert [event.figures["night_kw"] for event in RULES["P12"](times, power, night)] == [40.0, 40.0]
    assert not RULES["P12"](times, np.where(night, 28.0, 20.0), night)


def test_p13_emissions_that_do_not_notice_that_treatment_is_off() -> None:
    times, production, treatment = plant(600)
    emission = np.random.default_rng(13).normal(20, 1, 600)
    treatment[300:400] = OFF
    (event,) = RULES["P13"](times, production, treatment, np.clip(emission, 18, 21))
    assert event.severity == 3
    assert event.figures["mean_emission"] == pytest.approx(20, abs=1)
    emission[300:400] *= 6
    assert not RULES["P13"](times, production, treatment, emission), "a breakdown that shows is no falsification"
    assert not RULES["P13"](times, production, np.full(600, OFF, np.int8), emission), "nothing to compare with"


def test_link_of_two_lines_and_standby_twins_is_judged_as_one() -> None:
    number = np.arange(600)
    lines = [
        np.where((number >= 60) & (number < 400), 80.0, 0.0),
        np.where((number >= 200) & (number < 500), 40.0, 0.0),
    ]
    fans = [np.where(number < 300, 15.0, 0.0), np.where((number >= 300) & (number < 450), 15.0, 0.0)]
    made = [FacilityPower(f"line-{n}", 1.0, 20.0, power) for n, power in enumerate(lines)]
    treated = [FacilityPower(f"fan-{n}", 1.0, 10.0, power) for n, power in enumerate(fans)]
    times = minutes(600)
    terms = LinkTerms("any", lag_s=600.0)
    off, late = supervise_link(times, made, treated, terms=terms)
    assert (off.rule, off.start_s, off.end_s) == ("P1", times[452], times[501])
    assert (late.rule, late.figures["is_start"]) == ("P3", 0)
    assert not supervise_link(times, made, treated, notices=[(times[440], times[520])])
    assert supervise_link(times, made, treated, terms=LinkTerms("all"))[0].start_s == times[62]
    lines[1][:] = NAN
    (unknown,) = supervise_link(
        times[:440],
        [FacilityPower(f.name, 1, 20, f.power_kw[:440]) for f in made],
        [FacilityPower("fan", 1, 10, np.where(number < 300, 15.0, 0.0)[:440])],
    )
    assert unknown.figures["production_kw"] == pytest.approx(80 * 98 / 100)  # the stop is seen two samples late
    with pytest.raises(ValueError, match="needs production"):
        supervise_link(times, [], treated)
    with pytest.raises(ValueError, match="line-0"):
        supervise_link(times[1:], made, treated)


def test_one_of_standby_twins_is_enough_where_all_stages_are_needed() -> None:
    times = minutes(100)
    line = FacilityPower("line", 1, 20, np.full(100, 60.0))
    scrubber = FacilityPower("scrubber", 1, 5, np.full(100, 8.0))
    first = np.where(np.arange(100) < 50, 12.0, 0.0)

    def fans(group: str, *, both_off_from: int) -> list[FacilityPower]:
        second = np.where((np.arange(100) >= 40) & (np.arange(100) < both_off_from), 12.0, 0.0)
        return [FacilityPower(f"fan-{n}", 1, 10, power, group) for n, power in enumerate((first, second))]

    def found(treatment: list[FacilityPower]) -> list[float]:
        events = supervise_link(times, [line], [scrubber, *treatment], terms=LinkTerms("all"))
        return [event.start_s for event in events if event.rule == "P1"]

    assert found(fans("fans", both_off_from=200)) == []
    assert found(fans("fans", both_off_from=80)) == [times[82]]
    assert found(fans("", both_off_from=200)) == [times[2], times[52]]  # without a group both must run


def test_notices_cover_whole_events_only() -> None:
    times, production, treatment = plant()
    treatment[50:80] = OFF
    events = RULES["P1"](times, production, treatment)
    assert not without_notices(events, [(times[40], times[90])])
    assert without_notices(events, [(times[40], times[70])]) == events


def test_every_rule_has_its_texts_and_an_innocent_reason() -> None:
    assert list(RULES) == [f"P{n}" for n in range(1, 14)] == list(TEXTS)
    assert all(len(row) == 4 and all(row) for row in TEXTS.values())


def test_rows_of_hits_become_events() -> None:
    assert spans(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    with pytest.raises(ValueError, match="differ in shape"):
        events_of("P1", minutes(3), np.ones(2, bool))
