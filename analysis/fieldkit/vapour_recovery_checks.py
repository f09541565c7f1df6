"""Signs that a vapour recovery test was badly done or never made, with figures and an innocent reason for each.

From the procedures of GB 20952-2020, appendices A to C. A doubt is no verdict: it says which test to see again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from analysis.fieldkit.vapour_recovery_record import (
    AirToLiquid,
    Resistance,
    RigLeak,
    Tightness,
    VapourRecoveryRecord,
)

START_PA = 500.0
START_TOLERANCE_PA = 10.0
NITROGEN_L_MIN = (30.0, 100.0)
PRESSURISING_DIVISOR = 265.0
"""Formula B.1: least time [min] = ullage [L] / (265 x flow [L/min])."""
WARM_UP_MIN, DRIFT_PA = 15.0, 2.5
FUELLING_BREAK, DELIVERY_BREAK = timedelta(minutes=30), timedelta(hours=3)
PRESSURE_CALIBRATION, GAS_METER_CALIBRATION = timedelta(days=90), timedelta(days=365)
RIG_START_PA, RIG_END_PA = 1245.0, 1230.0
FUEL_L, FUEL_L_MIN = (15.0, 20.0), 20.0
SETTLED_S = 30.0
SINGLE_TANK_ULLAGE_L, SINGLE_TANK_SHARE, JOINED_ULLAGE_L = 3800.0, 0.25, 95_000.0
REPEATED_VALUES = 3
"""So many nozzles with the same A/L to four decimals are no coincidence: the meters resolve far better."""
EQUAL_STEP_PA = 0.05


@dataclass(frozen=True, slots=True)
class Doubt:
    """One sign, with its figures and what would explain it innocently."""

    check: str
    subject: str
    figures: dict[str, Any]
    unless: str


def is_rig_tight(leak: RigLeak | None) -> bool:
    """1245 Pa, and at least 1230 Pa three minutes later; a test that was not made shows nothing."""
    return leak is not None and leak.start_pa >= RIG_START_PA and leak.end_pa >= RIG_END_PA


def doubts_of(
    record: VapourRecoveryRecord,
    ratios: Sequence[float | None],
    *,
    told: Mapping[str, str],
    recomputed: Mapping[str, str],
) -> Iterator[Doubt]:
    """All doubts about a record; `ratios` are its first A/L values, `told` the instrument's verdicts."""
    for tightness in record.tightness:
        yield from _pressurising(tightness)
        yield from _decay(tightness)
        yield from _preparation(tightness)
    for resistance in record.resistance:
        yield from _settling(resistance)
    for test in record.air_to_liquid:
        yield from _fuelling(test)
    yield from _repeated(ratios)
    yield from _rig_leaks(record)
    yield from _calibrations(record)
    yield from _overlaps(record)
    for part, verdict in told.items():
        if recomputed.get(part) != verdict:
            figures = {"instrument": verdict, "recomputed": recomputed.get(part)}
            yield Doubt("verdict_differs", part, figures, "the instrument knows readings that the record lacks")


def _pressurising(test: Tightness) -> Iterator[Doubt]:
    flow, time_s = test.nitrogen_l_min, test.pressurising_s
    if flow is not None and not NITROGEN_L_MIN[0] <= flow <= NITROGEN_L_MIN[1]:
        yield Doubt("nitrogen_flow", test.tank, {"l_min": flow, "range": NITROGEN_L_MIN}, "the flow was misread")
    if flow is not None and time_s is not None:
        least_s = 60 * test.ullage_l / (PRESSURISING_DIVISOR * flow)
        if not least_s <= time_s <= 2 * least_s:
            figures = {"pressurising_s": time_s, "least_s": round(least_s, 1), "most_s": round(2 * least_s, 1)}
            yield Doubt("pressurising_time", test.tank, figures, "the ullage is not the one that was written down")
    if abs(test.initial_pa - START_PA) > START_TOLERANCE_PA:
        yield Doubt("start_pressure", test.tank, {"initial_pa": test.initial_pa}, "the gauge lags behind the valve")
    too_small = SINGLE_TANK_ULLAGE_L
    if test.capacity_l is not None:
        too_small = min(too_small, SINGLE_TANK_SHARE * test.capacity_l)
    is_too_small = not test.is_joined and test.ullage_l < too_small
    if is_too_small or (test.is_joined and test.ullage_l > JOINED_ULLAGE_L):
        yield Doubt("ullage", test.tank, {"ullage_l": test.ullage_l}, "the level gauge was read after the test")


def _decay(test: Tightness) -> Iterator[Doubt]:
    readings = [test.initial_pa, *test.minute_pa]
    steps = [before - after for before, after in pairwise(readings)]
    figures = {"readings_pa": readings}
    if any(step < 0 for step in steps):
        yield Doubt("pressure_rises", test.tank, figures, "the sun warmed the tank, or fuel was delivered")
    if len(steps) > 2 and max(steps) - min(steps) <= EQUAL_STEP_PA:
        yield Doubt("equal_steps", test.tank, figures, "the gauge shows whole pascals and the tank is tight")
    took_min = (test.ended - test.started).total_seconds() / 60
    if took_min < len(test.minute_pa):
        took = {"took_min": round(took_min, 2), "readings": len(test.minute_pa)}
        yield Doubt("too_short", test.tank, took, "the times were written down afterwards")


def _preparation(test: Tightness) -> Iterator[Doubt]:
    if test.gauge_warm_up_min is not None and test.gauge_warm_up_min < WARM_UP_MIN:
        yield Doubt("gauge_cold", test.tank, {"warm_up_min": test.gauge_warm_up_min}, "a mechanical gauge was used")
    if test.gauge_drift_pa is not None and abs(test.gauge_drift_pa) > DRIFT_PA:
        yield Doubt("gauge_drift", test.tank, {"drift_pa": test.gauge_drift_pa}, "none: the gauge is to be replaced")
    for name, last, rest in (
        ("fuelling_before", test.last_fuelling, FUELLING_BREAK),
        ("delivery_before", test.last_delivery, DELIVERY_BREAK),
    ):
        if last is not None and timedelta(0) <= test.started - last < rest:
            figures = {"minutes_before": round((test.started - last).total_seconds() / 60, 1)}
            yield Doubt(name, test.tank, figures, "the clocks of till and tester differ")


def _settling(test: Resistance) -> Iterator[Doubt]:
    if test.settled_s is not None and test.settled_s < SETTLED_S:
        yield Doubt("not_settled", test.dispenser, {"settled_s": test.settled_s}, "the time counts from the valve")


def _fuelling(test: AirToLiquid) -> Iterator[Doubt]:
    for run in test.runs:
        if not FUEL_L[0] <= run.fuel_l <= FUEL_L[1]:
            yield Doubt("fuel_amount", test.nozzle, {"fuel_l": round(run.fuel_l, 2)}, "the tank of the car was full")
        if run.fuel_l_min is not None and run.fuel_l_min < FUEL_L_MIN:
            yield Doubt("fuel_flow", test.nozzle, {"fuel_l_min": run.fuel_l_min}, "several nozzles shared a pump")


def _repeated(ratios: Sequence[float | None]) -> Iterator[Doubt]:
    for ratio, count in Counter(round(r, 4) for r in ratios if r is not None).items():
        if count >= REPEATED_VALUES:
            figures = {"a_l": ratio, "nozzles": count}
            yield Doubt("repeated_a_l", "air_to_liquid", figures, "meters that show whole litres")


def _rig_leaks(record: VapourRecoveryRecord) -> Iterator[Doubt]:
    if not record.air_to_liquid:
        return
    for name, leak in (("before", record.rig_leak_before), ("after", record.rig_leak_after)):
        if not is_rig_tight(leak):
            figures = {"start_pa": leak.start_pa, "end_pa": leak.end_pa} if leak else {"made": False}
            yield Doubt(f"rig_leak_{name}", "air_to_liquid", figures, "the leak test is in another record")


def _calibrations(record: VapourRecoveryRecord) -> Iterator[Doubt]:
    tests = [*record.tightness, *record.resistance, *record.air_to_liquid]
    if not tests:
        return
    tested = min(test.started for test in tests).date()
    rows = (
        ("pressure_calibration", record.rig.pressure_calibrated, PRESSURE_CALIBRATION),
        ("gas_meter_calibration", record.rig.gas_meter_calibrated, GAS_METER_CALIBRATION),
    )
    for name, calibrated, valid in rows:
        if calibrated is None or not timedelta(0) <= tested - calibrated <= valid:
            figures = {"calibrated": str(calibrated), "tested": str(tested), "valid_days": valid.days}
            yield Doubt(name, record.rig.id, figures, "the certificate was not entered")


def _overlaps(record: VapourRecoveryRecord) -> Iterator[Doubt]:
    """One rig cannot make two tests of one kind at a time."""
    for kind, tests in (
        ("tightness", record.tightness),
        ("resistance", record.resistance),
        ("air_to_liquid", record.air_to_liquid),
    ):
        ordered = sorted(tests, key=lambda test: test.started)
        for before, after in pairwise(ordered):
            if after.started < before.ended:
                figures = {"ended": before.ended.isoformat(), "next_started": after.started.isoformat()}
                yield Doubt("tests_overlap", kind, figures, "two teams with two rigs share the record")
