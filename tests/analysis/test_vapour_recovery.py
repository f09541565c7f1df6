"""Vapour recovery by GB 20952-2020: the whole table, interpolation, edges, retests, and signs of an invented test."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.fieldkit.vapour_recovery import Verdict, air_to_liquid_ratio, judge
from analysis.fieldkit.vapour_recovery_limits import TIGHTNESS_PA, least_pressure_pa, sampling_rule
from analysis.fieldkit.vapour_recovery_record import Run, VapourRecoveryRecord

PRINTED_TABLE = """
1893 182 172 162 152 142   4542 329 319 311 304 296   15140 438 436 433 428 426
2082 199 189 179 169 159   5299 349 341 334 326 319   17033 446 443 441 436 433
2271 217 204 194 184 177   6056 364 356 351 344 336   18925 451 448 446 443 441
2460 232 219 209 199 192   6813 376 371 364 359 351   22710 458 456 453 451 448
2650 244 234 224 214 204   7570 389 381 376 371 364   26495 463 461 461 458 456
2839 257 244 234 227 217   8327 396 391 386 381 376   30280 468 466 463 463 461
3028 267 257 247 237 229   9084 404 399 394 389 384   34065 471 471 468 466 466
3217 277 267 257 249 239   9841 411 406 401 396 391   37850 473 473 471 468 468
3407 286 277 267 257 249  10598 416 411 409 404 399   56775 481 481 481 478 478
3596 294 284 277 267 259  11355 421 418 414 409 404   75700 486 486 483 483 483
3785 301 294 284 274 267  13248 431 428 423 421 416   94625 488 488 488 486 486
"""
"""Table 2 as printed: ullage and five values, three rows side by side."""
NUMBERS = [int(text) for text in PRINTED_TABLE.split()]
PRINTED = {NUMBERS[n]: NUMBERS[n + 1 : n + 6] for n in range(0, len(NUMBERS), 6)}
LAST_NOZZLES = (6, 12, 18, 24, 60)


def record(**changes: Any) -> dict[str, Any]:
    """A visit without any fault, as JSON data."""
    runs = [
        {
            "vapour_start_l": 0,
            "vapour_end_l": 17.05 + n / 50,
            "fuel_start_l": 0,
            "fuel_end_l": 15.5 + n / 9,
            "fuel_l_min": 30,
        }
        for n in range(6)
    ]
    good: dict[str, Any] = {
        "station": "S1",
        "operator": "W",
        "rig": {"id": "R7", "pressure_calibrated": "2026-10-01", "gas_meter_calibrated": "2026-03-01"},
        "fix": {"latitude_deg": 28.7, "longitude_deg": 115.9},
        "nozzles_in_use": 6,
        "tightness": [tightness()],
        "resistance": [
            {
                "dispenser": "1",
                "started": at(9, 0),
                "ended": at(9, 10),
                "pressure_pa": {"18": 31, "28": 70, "38": 120},
                "settled_s": 35,
            }
        ],
        "air_to_liquid": [
            {"nozzle": str(n), "started": at(10, 5 * n), "ended": at(10, 5 * n + 4), "runs": [run]}
            for n, run in enumerate(runs)
        ],
        "rig_leak_before": {"start_pa": 1246, "end_pa": 1238},
        "rig_leak_after": {"start_pa": 1250, "end_pa": 1231},
        "exhaust_g_m3": 11.5,
        "leaks_umol_mol": [120, 60],
        "boundary_nmhc_mg_m3": [1.1],
    }
    return good | changes


def tightness(**changes: Any) -> dict[str, Any]:
    return {
        "tank": "1-4",
        "started": at(8, 0),
        "ended": at(8, 6),
        "ullage_l": 20000,
        "affected_nozzles": 6,
        "is_joined": True,
        "nitrogen_l_min": 60,
        "pressurising_s": 100,
        "initial_pa": 500,
        "minute_pa": [492, 485.5, 479.4, 473.6, 468.2],
        "gauge_warm_up_min": 20,
        "gauge_drift_pa": 1.0,
        "last_fuelling": at(7, 20),
        "last_delivery": at(2, 0),
    } | changes


def nozzle(*ratios: float, number: int = 0) -> dict[str, Any]:
    runs = [{"vapour_start_l": 100, "vapour_end_l": 100 + 16 * r, "fuel_start_l": 0, "fuel_end_l": 16} for r in ratios]
    return {"nozzle": str(number), "started": at(10, 2 * number), "ended": at(10, 2 * number + 1), "runs": runs}


def at(hour: int, minute: int) -> str:
    return f"2026-11-20T{hour:02}:{minute:02}:00+08:00"


def judged(**changes: Any) -> Any:
    return judge(VapourRecoveryRecord.model_validate(record(**changes)))


def checks(**changes: Any) -> set[str]:
    return {doubt.check for doubt in judged(**changes).doubts}


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("ullage", PRINTED)
def test_every_printed_value(ullage: int, column: int) -> None:
    first = 1 if column == 0 else LAST_NOZZLES[column - 1] + 1
    for nozzles in (first, LAST_NOZZLES[column]):
        assert least_pressure_pa(ullage, nozzles) == PRINTED[ullage][column]


def test_table_has_the_165_values_and_no_others() -> None:
    assert {ullage: list(row) for ullage, row in TIGHTNESS_PA.items()} == PRINTED
    assert sum(map(len, PRINTED.values())) == 165


def test_interpolation_is_linear_between_rows() -> None:
    assert least_pressure_pa(2000, 6) == pytest.approx(191.6, abs=0.05)
    assert least_pressure_pa((94625 + 75700) / 2, 30) == pytest.approx(484.5)


@given(st.floats(1893, 94625), st.integers(1, 60))
def test_interpolated_values_stay_between_their_rows(ullage: float, nozzles: int) -> None:
    rows = sorted(PRINTED)
    low = max(row for row in rows if row <= ullage)
    high = min(row for row in rows if row >= ullage)
    column = sum(nozzles > last for last in LAST_NOZZLES[:4])
    assert PRINTED[low][column] - 1e-9 <= least_pressure_pa(ullage, nozzles) <= PRINTED[high][column] + 1e-9


@pytest.mark.parametrize(("ullage", "nozzles"), [(1892.9, 6), (94625.1, 6), (5000, 0)])
def test_outside_the_table_there_is_no_value(ullage: float, nozzles: int) -> None:
    with pytest.raises(ValueError, match=r"table|nozzles"):
        least_pressure_pa(ullage, nozzles)
    assert judged(tightness=[tightness(ullage_l=1500)]).tightness[0].verdict == "none"


def published_wrong_least_pa(ullage: float, nozzles: int) -> float:
    """The mistake of a public firmware: it chooses the column, then sets it back to "1-6" before the table is used."""
    nozzles = 6
    return least_pressure_pa(ullage, nozzles)


def test_nozzle_column_that_is_reset_is_caught() -> None:
    test = tightness(ullage_l=2000, affected_nozzles=30, minute_pa=[400, 320, 260, 210, 165])
    found = judged(tightness=[test]).tightness[0]
    assert found.verdict == "pass"
    assert found.figures["least_pa"] == pytest.approx(151.63, abs=0.01)
    assert published_wrong_least_pa(2000, 30) == pytest.approx(191.6, abs=0.05)
    assert test["minute_pa"][-1] < published_wrong_least_pa(2000, 30)


def test_start_pressure_is_not_corrected_for() -> None:
    """The same firmware moves the limit by 0.4 or 0.2 of the difference to 500 Pa; the standard does not."""
    test = tightness(initial_pa=530, minute_pa=[510, 495, 480, 465, 453.4])
    found = judged(tightness=[test])
    assert found.tightness[0].figures["least_pa"] == pytest.approx(least_pressure_pa(20000, 6), abs=0.01)
    assert found.tightness[0].verdict == "pass"
    assert "start_pressure" in {doubt.check for doubt in found.doubts}


def test_good_visit_passes_without_a_doubt() -> None:
    found = judged()
    assert found.verdict == "pass"
    assert found.doubts == ()


@pytest.mark.parametrize(("final", "verdict"), [(452.99, "pass"), (452.98, "fail")])
def test_final_pressure_must_reach_the_interpolated_limit(final: float, verdict: Verdict) -> None:
    least = least_pressure_pa(20000, 6)
    assert least == pytest.approx(451 + 7 * (20000 - 18925) / (22710 - 18925))
    assert judged(tightness=[tightness(minute_pa=[490, 480, 470, 460, final])]).tightness[0].verdict == verdict


@pytest.mark.parametrize(("pressure", "verdict"), [(39.9, "pass"), (40, "fail")])
def test_resistance_must_be_less_than_its_limit(pressure: float, verdict: Verdict) -> None:
    test = {**record()["resistance"][0], "pressure_pa": {"18": pressure, "28": 89.9, "38": 154.9}}
    assert judged(resistance=[test]).resistance[0].verdict == verdict


def test_resistance_needs_all_three_flows() -> None:
    test = {**record()["resistance"][0], "pressure_pa": {"18": 10, "28": 20}}
    assert judged(resistance=[test]).resistance[0].verdict == "void"


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.0], "pass"),
        ([1.2], "pass"),
        ([1.21], "retest"),
        ([0.9], "retest"),
        ([1.3], "retest"),
        ([1.31], "fail"),
        ([0.89], "fail"),
        ([1.25, 1.15], "retest"),
        ([1.25, 1.15, 1.19], "pass"),
        ([1.25, 1.25, 1.15], "fail"),
        ([1.31, 1.1, 1.1], "fail"),
        ([1.1, 1.5, 1.5], "pass"),
    ],
)
def test_air_to_liquid_and_its_retest(ratios: list[float], verdict: Verdict) -> None:
    assert judged(air_to_liquid=[nozzle(*ratios)]).air_to_liquid[0].verdict == verdict


def test_gas_meter_correction_multiplies() -> None:
    run = Run(vapour_start_l=10, vapour_end_l=26, fuel_start_l=0, fuel_end_l=16)
    assert air_to_liquid_ratio(run, gas_meter_correction=1.05) == pytest.approx(1.05)
    with pytest.raises(ValueError, match="no fuel"):
        air_to_liquid_ratio(Run(vapour_start_l=0, vapour_end_l=1, fuel_start_l=5, fuel_end_l=5))


@pytest.mark.parametrize(
    ("nozzles", "sample", "fail_at"),
    [
        (1, 1, 1),
        (6, 6, 1),
        (7, 6, 1),
        (10, 6, 1),
        (11, 8, 2),
        (15, 8, 2),
        (16, 10, 2),
        (20, 10, 2),
        (21, 12, 3),
        (40, 12, 3),
    ],
)
def test_station_sampling(nozzles: int, sample: int, fail_at: int) -> None:
    assert sampling_rule(nozzles) == (sample, fail_at)


@pytest.mark.parametrize(
    ("good", "bad", "in_use", "verdict"),
    [
        (6, 0, 10, "pass"),
        (5, 0, 10, "void"),
        (5, 1, 10, "fail"),
        (7, 1, 12, "pass"),
        (6, 2, 12, "fail"),
        (10, 2, 30, "pass"),
        (9, 3, 30, "fail"),
    ],
)
def test_station_verdict_counts_failing_nozzles(good: int, bad: int, in_use: int, verdict: Verdict) -> None:
    tests = [nozzle(1.1 + n / 1000, number=n) for n in range(good)] + [
        nozzle(1.5 + n / 100, number=good + n) for n in range(bad)
    ]
    found = judged(air_to_liquid=tests, nozzles_in_use=in_use)
    assert found.verdict == verdict


def test_leaking_rig_voids_all_air_to_liquid_values() -> None:
    found = judged(rig_leak_after={"start_pa": 1245, "end_pa": 1229})
    assert {finding.verdict for finding in found.air_to_liquid} == {"void"}
    assert found.verdict == "void"
    assert judged(rig_leak_before=None).verdict == "void"


@pytest.mark.parametrize("change", [{"exhaust_g_m3": 25.1}, {"leaks_umol_mol": [501]}, {"boundary_nmhc_mg_m3": [4.01]}])
def test_emission_limits(change: dict[str, Any]) -> None:
    assert judged(**change).verdict == "fail"


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"nitrogen_l_min": 120, "pressurising_s": 50}, "nitrogen_flow"),
        ({"pressurising_s": 70}, "pressurising_time"),
        ({"pressurising_s": 160}, "pressurising_time"),
        ({"minute_pa": [490, 480, 470, 475, 471]}, "pressure_rises"),
        ({"minute_pa": [492, 484, 476, 468, 460]}, "equal_steps"),
        ({"ended": at(8, 2)}, "too_short"),
        ({"gauge_warm_up_min": 5}, "gauge_cold"),
        ({"gauge_drift_pa": -3}, "gauge_drift"),
        ({"last_fuelling": at(7, 45)}, "fuelling_before"),
        ({"last_delivery": at(6, 0)}, "delivery_before"),
        ({"is_joined": False, "ullage_l": 2500, "capacity_l": 30000, "pressurising_s": 12}, "ullage"),
    ],
)
def test_signs_of_a_bad_tightness_test(changes: dict[str, Any], check: str) -> None:
    assert checks(tightness=[tightness(**changes)]) == {check}


def test_signs_of_bad_air_to_liquid_tests() -> None:
    assert checks(air_to_liquid=[nozzle(1.1, number=n) for n in range(6)]) == {"repeated_a_l"}
    short = nozzle(1.1)
    short["runs"][0] |= {"vapour_end_l": 111, "fuel_end_l": 10, "fuel_l_min": 15}
    assert checks(air_to_liquid=[short]) == {"fuel_amount", "fuel_flow"}
    twice = [nozzle(1.1, number=1), nozzle(1.15, number=1)]
    assert checks(air_to_liquid=twice) == {"tests_overlap"}


def test_calibrations_must_be_valid_on_the_day() -> None:
    rig = {"id": "R7", "pressure_calibrated": "2026-08-01", "gas_meter_calibrated": None}
    assert checks(rig=rig) == {"pressure_calibration", "gas_meter_calibration"}


def test_instrument_that_says_pass_where_the_readings_fail_is_told() -> None:
    found = judged(
        tightness=[tightness(minute_pa=[480, 470, 455, 445, 430])],
        instrument_verdict={"tightness": "pass", "station": "pass"},
    )
    assert found.verdict == "fail"
    assert [d.subject for d in found.doubts if d.check == "verdict_differs"] == ["tightness", "station"]


def test_record_goes_through_json_and_mistakes_are_named() -> None:
    good = VapourRecoveryRecord.model_validate(record())
    assert VapourRecoveryRecord.model_validate_json(good.model_dump_json()) == good
    assert judge(good).to_json()["tightness"][0]["figures"]["least_pa"] == 452.99
    with pytest.raises(ValueError, match="ullage_l"):
        VapourRecoveryRecord.model_validate(record(tightness=[tightness(ullage_l=-1)]))
    with pytest.raises(ValueError, match="started"):
        VapourRecoveryRecord.model_validate(record(tightness=[tightness(started="2026-11-20T08:00:00")]))
