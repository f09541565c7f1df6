"""Contradictions in the power of a plant: which facilities go into which rule of `analysis.facility`. Pure.

Links are judged by P1 to P4, and by P13 where a treatment serves an outlet; production under an order by P10 (a limit
by the means of whole hours), each meter by P5, P6, P7 and P9 as far as it measures what they need, and by P11 beside
the other meters of the site. P8 adds up what is behind the meter of a plant; it asks only for a sum above it, since the
other half of the rule, a plant that draws more than its sub-meters show, supposes that every load is registered. P12
compares a night with the day shift before it, when both are over: `night_contradictions`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from analysis.facility import FacilityPower, LinkTerms, RuleEvent, facility_states, supervise_link
from analysis.facility_events import without_notices
from analysis.facility_rules_meter import energy_mismatch, frozen_power, invented_power, lost_link, phase_fault
from analysis.facility_rules_plant import night_work, order_broken, unbalanced_sum
from analysis.facility_states import States
from gateway.facilities.plant import (
    EXCUSES,
    CalendarEntry,
    Contradiction,
    Facility,
    FacilityLink,
    Floats,
    Plant,
    PlantPowers,
)

KINDS = {
    "P1": "treatment_off_while_production_runs",
    "P2": "treatment_idle_while_production_runs",
    "P3": "start_stop_order_reversed",
    "P4": "treatment_load_too_low",
    "P5": "power_frozen",
    "P6": "power_computed_not_measured",
    "P7": "energy_contradicts_power",
    "P8": "sub_meters_contradict_plant_meter",
    "P9": "phase_fault",
    "P10": "production_against_order",
    "P11": "meter_lost",
    "P12": "night_work",
    "P13": "emission_unchanged_while_treatment_off",
}
"""Rule → kind of the event that is stored."""

PHASES = "abc"
VOLTAGES = tuple(f"voltage_{phase}" for phase in PHASES)
CURRENTS = tuple(f"current_{phase}" for phase in PHASES)
POWERS = tuple(f"power_{phase}" for phase in PHASES)
ENERGIES = ("energy_forward", "energy")
METER_QUANTITIES = (*VOLTAGES, *CURRENTS, *POWERS, "power_factor", *ENERGIES)
"""What else than the facility's own power is read of its meter."""

LEAST_COUNT_KWH = 0.01
HOUR_S = 3600.0
DAY_S = 86_400.0


def contradictions(plant: Plant, powers: PlantPowers) -> list[Contradiction]:
    """All that the rules find in the stretch, by start. Facilities whose thresholds nobody has signed are left out.

    A link is judged only when all its facilities are signed: with a stage left out it would be another link.
    """
    if not len(powers.times_s):
        return []
    signed = {facility.id: facility for facility in plant.facilities if facility.is_signed}
    found: list[Contradiction] = []
    for link in plant.links:
        members = [signed[number] for number in link.members if number in signed]
        kinds = {member.kind for member in members}
        if len(members) == len(link.members) and kinds == {"production", "treatment"}:
            found += _of_link(link, members, plant.calendar, powers)
    for facility in signed.values():
        found += _of_plant(facility, plant.facilities, plant.calendar, powers)
        found += _of_orders(facility, plant.calendar, powers)
        found += _of_meter(facility, list(signed.values()), plant.calendar, powers)
    return sorted(found, key=lambda item: (item.start_s, item.rule))


def _of_link(
    link: FacilityLink, members: Sequence[Facility], calendar: Sequence[CalendarEntry], powers: PlantPowers
) -> Iterator[Contradiction]:
    sides = {
        kind: [_facility_power(member, powers) for member in members if member.kind == kind]
        for kind in ("production", "treatment")
    }
    judged = partial(
        supervise_link,
        powers.times_s,
        sides["production"],
        sides["treatment"],
        terms=LinkTerms(link.mode, link.lead_s, link.lag_s, link.least_ratio),
        notices=_excused(calendar, *link.members),
    )
    outlets = {point for member in members if member.kind == "treatment" for point in member.serves}
    emissions = [powers.emissions[key] for key in sorted(powers.emissions) if key[0] in outlets]
    events = judged() + _of_emissions([judged(emission=emission) for emission in emissions])
    device = next(member.device for member in members if member.kind == "treatment")
    names = tuple(member.name for member in members)
    return (replace(_contradiction(event, device, names), link=link) for event in events)


def _of_emissions(judged: Sequence[Sequence[RuleEvent]]) -> list[RuleEvent]:
    """P13 where it holds for every pollutant at once: a treatment lowers some, and an honest stop shows in one."""
    of_each = [[event for event in events if event.rule == "P13"] for events in judged]
    common = of_each[0] if of_each else []
    for others in of_each[1:]:
        pairs = [(event, other) for event in common for other in others]
        common = [both for event, other in pairs if (both := _while_both(event, other)).end_s > both.start_s]
    return common


def _while_both(event: RuleEvent, other: RuleEvent) -> RuleEvent:
    """The first event as far as the other lasts too; it ends before it begins if it does not."""
    start_s, end_s = max(event.start_s, other.start_s), min(event.end_s, other.end_s)
    figures = event.figures | {"duration_s": end_s - start_s}
    detected_s = max(event.detected_s, other.detected_s)
    return replace(event, start_s=start_s, end_s=end_s, detected_s=detected_s, figures=figures)


def _of_plant(
    plant: Facility, facilities: Sequence[Facility], calendar: Sequence[CalendarEntry], powers: PlantPowers
) -> Iterator[Contradiction]:
    """P8 for the meter of a plant and all others that say something; one that several facilities share counts once."""
    meters = {(one.device, one.quantity, one.channel): one for one in facilities if one.kind != "plant"}
    meters.pop((plant.device, plant.quantity, plant.channel), None)
    parts = [one for one in meters.values() if powers.has(one.id, "power")]
    if plant.kind != "plant" or not parts or not powers.has(plant.id, "power"):
        return
    sums = np.stack([powers.of(one.id) for one in parts])
    events = unbalanced_sum(powers.times_s, powers.of(plant.id), sums)
    above = [event for event in events if "is_sum_above_plant" in event.figures]
    names = (plant.name, *(one.name for one in parts))
    for event in without_notices(above, _excused(calendar, plant.id)):
        yield replace(_contradiction(event, plant.device, names), facility=plant)


def _of_orders(facility: Facility, calendar: Sequence[CalendarEntry], powers: PlantPowers) -> Iterator[Contradiction]:
    """P10 for each order that concerns this production."""
    if facility.kind != "production":
        return
    power = _facility_power(facility, powers)
    states = power.states()
    for order in calendar:
        if order.kind not in ("stop_order", "limit_order") or not order.concerns(facility.id):
            continue
        for start_s, end_s in _stretches(order, powers):
            events = order_broken(
                powers.times_s,
                power.power_kw,
                states,
                order_start_s=start_s,
                order_end_s=end_s,
                allowed_share=order.allowed_share or 0.0,
                baseline_kw=order.baseline_kw,
            )
            for event in events:
                yield replace(_contradiction(event, facility.device, (facility.name,)), facility=facility)


def _stretches(order: CalendarEntry, powers: PlantPowers) -> list[tuple[float, float]]:
    """A stop order is judged as one; a limit, which is one of a mean, by its whole hours within the data."""
    if order.kind == "stop_order":
        return [(order.start_s, order.end_s)]
    first_s = max(order.start_s, float(powers.times_s[0]))
    last_s = min(order.end_s, float(powers.times_s[-1]) + powers.step_s)
    hours = np.arange(math.ceil(first_s / HOUR_S), math.floor(last_s / HOUR_S)) * HOUR_S
    return [(float(start_s), float(start_s) + HOUR_S) for start_s in hours]


def _of_meter(
    facility: Facility, others: Sequence[Facility], calendar: Sequence[CalendarEntry], powers: PlantPowers
) -> Iterator[Contradiction]:
    times, power = powers.times_s, powers.of(facility.id)

    def rows(names: Sequence[str]) -> Floats:
        return np.stack([powers.of(facility.id, name) for name in names])

    events: list[RuleEvent] = []
    if powers.has(facility.id, "power", "voltage_a"):
        # What a facility draws at rest may well be one count of its meter for hours.
        working = np.where(power < (facility.off_kw or 0.0), 0.0, power)
        events += frozen_power(times, working, powers.of(facility.id, "voltage_a"))
    if powers.has(facility.id, "power", *VOLTAGES, *CURRENTS, "power_factor"):
        factor = powers.of(facility.id, "power_factor")
        events += invented_power(times, power, rows(VOLTAGES), rows(CURRENTS), factor)
    energy = next((name for name in ENERGIES if powers.has(facility.id, name)), None)
    if energy is not None and powers.step_s <= 60:
        register = powers.of(facility.id, energy)
        events += energy_mismatch(times, power, register, resolution_kwh=_resolution(register))
    if powers.has(facility.id, *VOLTAGES, *CURRENTS, *POWERS):
        events += phase_fault(times, rows(VOLTAGES), rows(CURRENTS), rows(POWERS))
    neighbours = [powers.of(other.id) for other in others if other.device != facility.device]
    if neighbours:
        events += lost_link(times, np.isfinite(power), np.isfinite(np.stack(neighbours)))
    for event in without_notices(events, _excused(calendar, facility.id)):
        yield replace(_contradiction(event, facility.device, (facility.name,)), facility=facility)


def night_contradictions(plant: Plant, facility: Facility, powers: PlantPowers) -> list[Contradiction]:
    """P12 for a day of a signed facility that has a permitted shift.

    Parameters
    ----------
    powers : from the beginning of a shift to that of the next
    """
    if facility.shift_from_s is None or facility.shift_until_s is None or not facility.is_signed:
        return []
    of_shift_s = (powers.times_s - facility.shift_from_s) % DAY_S
    is_night = of_shift_s >= (facility.shift_until_s - facility.shift_from_s) % DAY_S
    events = night_work(powers.times_s, powers.of(facility.id), is_night, day_starts_s=facility.shift_from_s)
    told = without_notices(events, _excused(plant.calendar, facility.id))
    return [replace(_contradiction(event, facility.device, (facility.name,)), facility=facility) for event in told]


def _resolution(register_kwh: Floats) -> float:
    """The smallest step that a register has made: behind transformers one count may be many tenths. [kWh]"""
    steps = np.diff(register_kwh[np.isfinite(register_kwh)])
    return float(np.round(steps[steps > 0], 6).min(initial=np.inf)) if (steps > 0).any() else LEAST_COUNT_KWH


def _facility_power(facility: Facility, powers: PlantPowers) -> FacilityPower:
    assert facility.off_kw is not None
    assert facility.run_kw is not None
    power = powers.of(facility.id)
    return FacilityPower(facility.name, facility.off_kw, facility.run_kw, power, facility.standby_group)


def _excused(calendar: Sequence[CalendarEntry], *facility_ids: int) -> list[tuple[float, float]]:
    return [(e.start_s, e.end_s) for e in calendar if e.kind in EXCUSES and e.concerns(*facility_ids)]


def _contradiction(event: RuleEvent, device: str, concerned: tuple[str, ...]) -> Contradiction:
    return Contradiction(
        event.rule,
        event.start_s,
        event.end_s,
        event.detected_s,
        event.severity,
        {name: float(f"{value:.6g}") for name, value in event.figures.items() if math.isfinite(value)},
        {
            "text_zh": event.text_zh,
            "text_en": event.text_en,
            "unless_zh": event.unless_zh,
            "unless_en": event.unless_en,
        },
        device,
        concerned,
    )


def states_of(facility: Facility, powers: PlantPowers) -> States:
    """States of a signed facility on the steps."""
    power = _facility_power(facility, powers)
    return facility_states(power.power_kw, off_kw=power.off_kw, run_kw=power.run_kw)
