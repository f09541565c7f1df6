"""Which facilities and which values go into which rule, without a database."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.facilities.judgement import CURRENTS, KINDS, POWERS, VOLTAGES, contradictions
from gateway.facilities.plant import CalendarEntry, Facility, FacilityLink, Floats, Plant, PlantPowers
from tests.facilities.plants import MINUTE_S, START_S

COUNT = 240
NUMBER = np.arange(COUNT, dtype=np.float64)
TIMES_S = START_S + NUMBER * MINUTE_S
KILN = Facility(1, "kiln", "production", "M1", off_kw=1.0, run_kw=30.0, signed_off_by="officer")
FAN = Facility(2, "fan", "treatment", "M2", off_kw=1.0, run_kw=6.0, signed_off_by="officer")
TWIN = Facility(3, "twin", "treatment", "M3", off_kw=1.0, run_kw=6.0, signed_off_by="officer")
LINE_KW = np.round(60 + 3 * np.sin(NUMBER / 7), 4)
FAN_KW = np.round(12 + np.sin(NUMBER / 9), 4)


def judged(
    values: dict[tuple[int, str], Floats],
    *,
    facilities: tuple[Facility, ...] = (KILN, FAN),
    links: tuple[FacilityLink, ...] = (),
    calendar: tuple[CalendarEntry, ...] = (),
    emissions: dict[tuple[str, str], Floats] | None = None,
) -> list[tuple[str, str, float]]:
    """Rule, device and the minute of its beginning of all that is found."""
    plant = Plant(1, "works", facilities, links, calendar)
    found = contradictions(plant, PlantPowers(TIMES_S, MINUTE_S, values, emissions or {}))
    return [(item.rule, item.device, (item.start_s - START_S) / MINUTE_S) for item in found]


def still(power: Floats, start: int, end: int, value: float = 0.0) -> Floats:
    return np.where((start <= NUMBER) & (end > NUMBER), value, power)


HONEST = {(1, "power"): LINE_KW, (2, "power"): FAN_KW}
LINK = FacilityLink(7, "exhaust", "any", (1, 2))


def test_honest_power_contradicts_nothing() -> None:
    assert judged(HONEST, links=(LINK,)) == []


def test_a_link_is_judged_when_everybody_in_it_is_signed() -> None:
    values = HONEST | {(2, "power"): still(FAN_KW, 100, 150), (3, "power"): still(FAN_KW, 0, COUNT)}
    both = FacilityLink(7, "exhaust", "any", (1, 2, 3))
    assert judged(values, links=(LINK,)) == [("P1", "M2", 102.0)]
    assert judged(values, facilities=(KILN, FAN, TWIN), links=(both,)) == [("P1", "M2", 102.0)]
    unsigned = Facility(3, "twin", "treatment", "M3", off_kw=1.0, run_kw=6.0)
    assert judged(values, facilities=(KILN, FAN, unsigned), links=(both,)) == []


def test_terms_of_a_link_reach_their_rules() -> None:
    values = HONEST | {(1, "power"): still(LINE_KW, 100, COUNT), (2, "power"): still(FAN_KW, 103, COUNT)}
    assert judged(values, links=(LINK,)) == []
    late = FacilityLink(7, "exhaust", "any", (1, 2), lag_s=1800.0)
    assert judged(values, links=(late,)) == [("P3", "M2", 102.0)]
    ratio = FacilityLink(7, "exhaust", "any", (1, 2), least_ratio=0.5)
    assert judged(HONEST, links=(ratio,))[0][:2] == ("P4", "M2")


def test_frozen_power_is_told_and_a_facility_at_rest_is_not_frozen() -> None:
    voltage = 230 + np.sin(NUMBER)
    frozen = HONEST | {(1, "power"): still(LINE_KW, 50, 100, 61.5), (1, "voltage_a"): voltage}
    assert [row[:2] for row in judged(frozen)] == [("P5", "M1")]
    resting = HONEST | {(1, "power"): still(LINE_KW, 50, 100, 0.4), (1, "voltage_a"): voltage}
    assert judged(resting) == []


def test_a_register_contradicts_only_beyond_its_own_count() -> None:
    energy = np.cumsum(LINE_KW) / 60
    assert judged(HONEST | {(1, "energy_forward"): energy}) == []
    assert {row[:2] for row in judged(HONEST | {(1, "energy_forward"): energy / 2})} == {("P7", "M1")}
    # Behind 200/5 transformers a register counts in 0.4 kWh: what rests draws less than that in an hour.
    resting = np.full(COUNT, 0.9)
    coarse = np.floor(np.cumsum(resting) / 60 / 0.4) * 0.4
    assert judged({(1, "power"): resting, (2, "power"): FAN_KW, (1, "energy"): coarse}) == []


def test_a_lost_phase_and_a_lost_meter_are_told() -> None:
    amps = {name: 90 + n + np.sin(NUMBER) for n, name in enumerate(CURRENTS)}
    volts = {name: 230 + n + np.cos(NUMBER) for n, name in enumerate(VOLTAGES)}
    kilowatts = {name: LINE_KW / 3 + n for n, name in enumerate(POWERS)}
    whole = HONEST | {(1, name): values for name, values in (amps | volts | kilowatts).items()}
    assert judged(whole) == []
    assert judged(whole | {(1, "current_b"): still(amps["current_b"], 60, 90)}) == [("P9", "M1", 60.0)]
    assert judged(HONEST | {(2, "power"): still(FAN_KW, 80, 120, np.nan)}) == [("P11", "M2", 80.0)]


@pytest.mark.parametrize("concerned", [None, 2])
def test_maintenance_of_site_or_facility_excuses(concerned: int | None) -> None:
    values = HONEST | {(2, "power"): still(FAN_KW, 100, 150)}
    entry = CalendarEntry(concerned, "maintenance", TIMES_S[95], TIMES_S[160])
    other = CalendarEntry(9, "maintenance", TIMES_S[95], TIMES_S[160])
    assert judged(values, links=(LINK,), calendar=(entry,)) == []
    assert judged(values, links=(LINK,), calendar=(other,)) == [("P1", "M2", 102.0)]


def test_nothing_is_found_in_no_time_and_every_rule_has_a_kind() -> None:
    plant = Plant(1, "works", (KILN, FAN), (LINK,), ())
    assert contradictions(plant, PlantPowers(np.empty(0), MINUTE_S, {})) == []
    assert list(KINDS) == [f"P{number}" for number in range(1, 14)]
    assert len(set(KINDS.values())) == 13


SERVING = replace(FAN, serves=("A1",))
OFF = HONEST | {(2, "power"): still(FAN_KW, 100, 200)}
SO2_KEPT = np.round(20 + 2 * np.sin(NUMBER / 5), 2)
SO2_RISES = SO2_KEPT + np.where((NUMBER > 104) & (NUMBER < 200), 60.0, 0.0)
NOX_KEPT = np.round(40 + 3 * np.sin(NUMBER / 6), 2)


def with_outlet(**emissions: Floats) -> list[tuple[str, str, float]]:
    given = {("A1", quantity): values for quantity, values in emissions.items()}
    return judged(OFF, facilities=(KILN, SERVING), links=(LINK,), emissions=given)


def test_an_outlet_that_stays_as_it_was_while_its_treatment_is_off_contradicts() -> None:
    assert with_outlet(so2=SO2_KEPT, nox=NOX_KEPT) == [("P1", "M2", 102.0), ("P13", "M2", 102.0)]


def test_one_pollutant_that_rises_is_an_honest_stop() -> None:
    assert with_outlet(so2=SO2_RISES, nox=NOX_KEPT) == [("P1", "M2", 102.0)]


def test_outlets_that_the_treatment_does_not_serve_say_nothing() -> None:
    found = judged(OFF, facilities=(KILN, FAN), links=(LINK,), emissions={("A1", "so2"): SO2_KEPT})
    assert found == [("P1", "M2", 102.0)]


def test_pollutants_that_stay_at_different_times_count_while_all_of_them_do() -> None:
    gap = np.where((NUMBER >= 102) & (NUMBER < 140), np.nan, NOX_KEPT)
    plant = Plant(1, "works", (KILN, SERVING), (LINK,), ())
    powers = PlantPowers(TIMES_S, MINUTE_S, OFF, {("A1", "so2"): SO2_KEPT, ("A1", "nox"): gap})
    [event] = [item for item in contradictions(plant, powers) if item.rule == "P13"]
    assert (event.start_s, event.figures["duration_s"]) == (TIMES_S[140], event.end_s - TIMES_S[140])
    assert event.figures["usual_emission"] == pytest.approx(40, abs=1)  # of the first by name


WHOLE = Facility(9, "works meter", "plant", "M9", off_kw=0.0, run_kw=0.0, signed_off_by="officer")
SUM_KW = LINE_KW + FAN_KW


@pytest.mark.parametrize(
    ("whole", "found"),
    [
        (SUM_KW + 10, []),  # other loads
        (SUM_KW * 3, []),  # and many of them: what is not registered is not accused
        (SUM_KW * 0.97, []),  # tolerance of meters
        (np.where((NUMBER >= 100) & (NUMBER < 130), SUM_KW * 0.8, SUM_KW), [("P8", "M9", 100.0)]),
        (np.where((NUMBER >= 100) & (NUMBER < 110), SUM_KW * 0.8, SUM_KW), []),  # too short
    ],
)
def test_parts_that_add_up_to_more_than_the_plant_contradict_it(whole: Floats, found: list[object]) -> None:
    assert judged(HONEST | {(9, "power"): whole}, facilities=(KILN, FAN, WHOLE)) == found


def test_facilities_behind_one_meter_count_once_and_an_unsigned_plant_not_at_all() -> None:
    values = HONEST | {(3, "power"): FAN_KW, (9, "power"): SUM_KW}
    shared = replace(TWIN, device="M2")
    assert judged(values, facilities=(KILN, FAN, shared, WHOLE)) == []
    unsigned = replace(WHOLE, signed_off_by=None)
    assert judged(values | {(9, "power"): SUM_KW / 2}, facilities=(KILN, FAN, unsigned)) == []
