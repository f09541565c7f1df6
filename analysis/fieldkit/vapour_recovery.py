"""油气回收三项检测, judged again: resistance, tightness and A/L of a petrol station by GB 20952-2020.

Every verdict is computed from raw readings; what an instrument says of itself is compared and never copied. A verdict
is "pass", "fail", "retest" (two more A/L runs are due), "void" (the test cannot count) or "none" (nothing was tested,
or the standard has no value for it).

Source: GB 20952-2020, section 5 and appendices A (resistance), B (tightness), C (A/L); letter of the Ministry of
Ecology and Environment of 2021-08-23 on the limits in force.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from analysis.fieldkit.vapour_recovery_checks import Doubt, doubts_of, is_rig_tight
from analysis.fieldkit.vapour_recovery_limits import (
    A_L_RANGE,
    A_L_RETEST_MARGIN,
    BOUNDARY_LIMIT_MG_M3,
    EXHAUST_LIMIT_G_M3,
    LEAK_LIMIT_UMOL_MOL,
    RESISTANCE_LIMITS_PA,
    least_pressure_pa,
    sampling_rule,
)
from analysis.fieldkit.vapour_recovery_record import AirToLiquid, Resistance, Run, Tightness, VapourRecoveryRecord

Verdict = Literal["pass", "fail", "retest", "void", "none"]
TOLERANCE = 1e-9
"""Binary fractions: 15.0 L over 12.5 L is 1.2 and must pass."""
MINUTES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One recomputed verdict with its figures."""

    subject: str  # tank, dispenser, nozzle
    verdict: Verdict
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class VapourRecoveryVerdict:
    """What the raw readings of a record say."""

    station: str
    verdict: Verdict
    tightness: tuple[Finding, ...]
    resistance: tuple[Finding, ...]
    air_to_liquid: tuple[Finding, ...]
    emissions: tuple[Finding, ...]
    doubts: tuple[Doubt, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(record: VapourRecoveryRecord) -> VapourRecoveryVerdict:
    """All verdicts and doubts of a record."""
    tightness = tuple(judge_tightness(test) for test in record.tightness)
    resistance = tuple(judge_resistance(test) for test in record.resistance)
    is_tight = is_rig_tight(record.rig_leak_before) and is_rig_tight(record.rig_leak_after)
    air_to_liquid = tuple(judge_air_to_liquid(test, is_rig_tight=is_tight) for test in record.air_to_liquid)
    emissions = tuple(_emissions(record))
    parts = {
        "tightness": _worst(tightness),
        "resistance": _worst(resistance),
        "air_to_liquid": judge_nozzles(air_to_liquid, record.nozzles_in_use),
        "emissions": _worst(emissions),
    }
    overall = _overall(parts)
    told = {str(part): str(verdict) for part, verdict in record.instrument_verdict.items()}
    recomputed = {**parts, "station": overall}
    values = [finding.figures["a_l"][0] for finding in air_to_liquid]
    doubts = tuple(doubts_of(record, values, told=told, recomputed={k: str(v) for k, v in recomputed.items()}))
    return VapourRecoveryVerdict(record.station, overall, tightness, resistance, air_to_liquid, emissions, doubts)


def judge_resistance(test: Resistance) -> Finding:
    """Each pressure must be less than its limit; all three flows are needed."""
    pressures = {int(flow): pressure for flow, pressure in test.pressure_pa.items()}
    is_above = any(pressure >= RESISTANCE_LIMITS_PA[flow] for flow, pressure in pressures.items())
    is_whole = pressures.keys() == RESISTANCE_LIMITS_PA.keys()
    verdict: Verdict = "fail" if is_above else "pass" if is_whole else "void"
    return Finding(test.dispenser, verdict, {"pressure_pa": pressures, "limit_pa": RESISTANCE_LIMITS_PA})


def judge_tightness(test: Tightness) -> Finding:
    """The fifth minute's pressure must reach the table's value for ullage and affected nozzles.

    A start other than 500 Pa is not corrected for: the standard knows no such correction.
    """
    figures: dict[str, Any] = {"ullage_l": test.ullage_l, "affected_nozzles": test.affected_nozzles}
    try:
        least_pa = least_pressure_pa(test.ullage_l, test.affected_nozzles)
    except ValueError as error:
        return Finding(test.tank, "none", {**figures, "reason": str(error)})
    figures |= {"least_pa": round(least_pa, 2), "final_pa": test.minute_pa[-1]}
    if len(test.minute_pa) < MINUTES:
        return Finding(test.tank, "void", {**figures, "minutes": len(test.minute_pa)})
    return Finding(test.tank, "pass" if test.minute_pa[-1] >= least_pa - TOLERANCE else "fail", figures)


def air_to_liquid_ratio(run: Run, *, gas_meter_correction: float = 1.0) -> float:
    """A/L = y (Vf - Vi) / (Gf - Gi), y the correction of the gas meter (appendix C).

    Raises
    ------
    ValueError
        If no fuel was delivered.
    """
    if run.fuel_l <= 0:
        raise ValueError(f"no fuel was delivered: {run.fuel_start_l} to {run.fuel_end_l} L")
    return gas_meter_correction * (run.vapour_end_l - run.vapour_start_l) / run.fuel_l


def judge_air_to_liquid(test: AirToLiquid, *, is_rig_tight: bool = True) -> Finding:
    """One run inside the range passes; out by at most 0.1, the mean of three decides; out by more, it fails."""
    try:
        ratios = [air_to_liquid_ratio(run, gas_meter_correction=test.gas_meter_correction) for run in test.runs]
    except ValueError as error:
        return Finding(test.nozzle, "void", {"a_l": [None], "reason": str(error)})
    figures: dict[str, Any] = {"a_l": [round(ratio, 4) for ratio in ratios]}
    if not is_rig_tight:
        return Finding(test.nozzle, "void", {**figures, "reason": "the rig was not shown to be tight"})
    if len(ratios) == 3 and 0 < _distance(ratios[0]) <= A_L_RETEST_MARGIN + TOLERANCE:
        mean = sum(ratios) / 3
        figures["mean_a_l"] = round(mean, 4)
        return Finding(test.nozzle, "pass" if _distance(mean) == 0 else "fail", figures)
    return Finding(test.nozzle, _of_one_run(_distance(ratios[0])), figures)


def judge_nozzles(findings: Sequence[Finding], nozzles_in_use: int) -> Verdict:
    """A/L of the station: enough nozzles tested, and fewer failing than table 4 allows."""
    if not findings:
        return "none"
    sample, fail_at = sampling_rule(nozzles_in_use)
    verdicts = [finding.verdict for finding in findings]
    if verdicts.count("fail") >= fail_at:
        return "fail"
    if "retest" in verdicts:
        return "retest"
    counted = len({finding.subject for finding in findings if finding.verdict in ("pass", "fail")})
    return "pass" if counted >= sample else "void"


def _distance(ratio: float) -> float:
    """How far a ratio is outside the range, 0 inside."""
    low, high = A_L_RANGE
    outside = max(low - ratio, ratio - high)
    return outside if outside > TOLERANCE else 0.0


def _of_one_run(distance: float) -> Verdict:
    if distance == 0:
        return "pass"
    return "retest" if distance <= A_L_RETEST_MARGIN + TOLERANCE else "fail"


def _emissions(record: VapourRecoveryRecord) -> list[Finding]:
    rows: list[tuple[str, list[float | None], float, str]] = [
        ("treatment exhaust", [record.exhaust_g_m3], EXHAUST_LIMIT_G_M3, "g/m3"),
        ("leak points", list(record.leaks_umol_mol), LEAK_LIMIT_UMOL_MOL, "umol/mol"),
        ("station boundary", list(record.boundary_nmhc_mg_m3), BOUNDARY_LIMIT_MG_M3, "mg/m3"),
    ]
    found = []
    for subject, values, limit, unit in rows:
        measured = [value for value in values if value is not None]
        if measured:
            figures = {"most": max(measured), "limit": limit, "unit": unit}
            found.append(Finding(subject, "pass" if max(measured) <= limit else "fail", figures))
    return found


def _worst(findings: Sequence[Finding]) -> Verdict:
    order: tuple[Verdict, ...] = ("fail", "retest", "void", "none", "pass")
    return next((v for v in order if any(f.verdict == v for f in findings)), "none")


def _overall(parts: dict[str, Verdict]) -> Verdict:
    """The three tests are needed for a pass; any failure fails the station."""
    if "fail" in parts.values():
        return "fail"
    needed = [parts["tightness"], parts["resistance"], parts["air_to_liquid"]]
    if all(verdict == "pass" for verdict in needed):
        return "pass"
    return "retest" if "retest" in needed else "void" if "void" in needed else "none"
