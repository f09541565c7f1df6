"""The table of falsifications: what each aims at, how long it lasts at each level, and which variants make sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulators.falsification import physical_forgeries as physical
from simulators.falsification import record_forgeries as record
from simulators.falsification import value_forgeries as value
from simulators.falsification.aggregates import POLLUTANTS
from simulators.falsification.scene import Scene, Target, flows, gases_with_oxygen, place, pollutants
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Point, Site

MONTH = 720.0
BOTH = ("lazy", "careful")


@dataclass(frozen=True, slots=True)
class Injection:
    """`apply` writes the falsification and returns further class names that describe the very same data as well."""

    class_name: str
    apply: Callable[[Scene], list[str]]
    target: Target
    hours: tuple[float, float, float, float]
    variants: tuple[str, ...] = BOTH
    settles: bool = True


def meters_of_treatment(site: Site) -> list[tuple[Point, Channel]]:
    names = [f.channel.split("/") for f in site.facilities if f.kind == "treatment" and f.run_kw is not None]
    return [(site.point(point), site.point(point)[channel]) for point, channel in names]


def outlets_beside_power(site: Site) -> list[tuple[Point, Channel]]:
    """Outlets of a site whose production power is metered: without it a stop cannot be contradicted."""
    metered = any(f.kind == "production" for f in site.facilities)
    return [(p, c) for p, c in pollutants(site) if c.formula is None] if metered else []


def computed(site: Site) -> list[tuple[Point, Channel]]:
    formulas = ("oxygen_conversion", "mass", "mean", "flow_weighted_mean", "sum")
    return [
        (p, c) for p in site.points for c in p.channels
        if c.formula in formulas and c.declares_sources and c.quantity in POLLUTANTS
        and not (c.jitter is not None and c.formula == "oxygen_conversion")
    ]  # fmt: skip


def any_oxygen(site: Site) -> list[tuple[Point, Channel]]:
    found = [(p, c) for p, c in gases_with_oxygen(site)]
    return [(p, c) for p, c in found if any(z.formula == "oxygen_conversion" for z in p.channels)]


def at_exceedances(site: Site) -> list[tuple[Point, Channel]]:
    return [(p, c) for p, c in pollutants(site) if c.limit is not None or any(c.id in z.sources for z in p.channels)]


def _throughout(hours: float) -> tuple[float, float, float, float]:
    return hours, hours, hours, hours


WEEK, TEN_DAYS, WHOLE = _throughout(168), _throughout(240), _throughout(MONTH)
LINE, ALWAYS = ("line", "duct"), ("careful",)

INJECTIONS: dict[str, Injection] = {
    "I1": Injection("stuck_value", value.hold_constant, pollutants, (72, 24, 8, 3)),
    "I2": Injection("narrow_band", value.narrow_band, pollutants, (72, 72, 72, 24)),
    "I3": Injection("synthetic_noise", value.synthetic_noise, pollutants, WEEK),
    "I4": Injection("scaled", value.scale, pollutants, TEN_DAYS),
    "I5": Injection("offset", value.offset, pollutants, TEN_DAYS),
    "I6": Injection("capped", value.cap, pollutants, WHOLE),
    "I7": Injection("clipped", value.clip, pollutants, WHOLE),
    "I8": Injection("replayed", value.replay, pollutants, (168, 48, 168, 168), ("lazy", "careful", "whole")),
    "I9": Injection("copied_channel", value.copy_channel, pollutants, (168, 72, 168, 168)),
    "I10": Injection("smoothed", value.smooth, pollutants, WEEK),
    "I11": Injection("diluted_with_air", physical.dilute_with_air, gases_with_oxygen, TEN_DAYS, LINE),
    "I12": Injection("diluted_with_zero_gas", physical.dilute_with_zero_gas, gases_with_oxygen, TEN_DAYS, ALWAYS),
    "I13": Injection("oxygen_tampered", physical.pull_oxygen, any_oxygen, TEN_DAYS),
    "I14": Injection(
        "flow_coefficient_edited", physical.edit_flow, flows, TEN_DAYS, ("lazy", "coefficient", "velocity")
    ),
    "I15": Injection("false_flag", record.flag_exceedances, at_exceedances, WHOLE),
    "I16": Injection("selective_gap", record.drop_exceedances, pollutants, WHOLE, settles=False),
    "I17": Injection("treatment_off", record.switch_treatment_off, meters_of_treatment, (24, 6, 2, 24), ALWAYS),
    "I18": Injection("running_while_stopped", record.mark_stop, outlets_beside_power, (24, 8, 3, 240), settles=False),
    "I19": Injection("arithmetic_mismatch", record.break_arithmetic, computed, WEEK, ("lazy",)),
    "I20": Injection("late_edit", record.edit_late, pollutants, (24, 24, 24, 24), settles=False),
    "I21": Injection("parameter_edited", record.edit_parameter, pollutants, TEN_DAYS),
}
LEVELS = ("L1", "L2", "L3", "L4")


def applies(injection: Injection, level: int, site: Site) -> list[tuple[Point, Channel]]:
    """The places of a site at which the injection can be seen at all: at least three rows, two days of means."""
    hours = injection.hours[level]
    return [
        (point, channel)
        for point, channel in injection.target(site)
        if channel.interval_s * 3 <= hours * HOUR_S and (channel.interval_s < DAY_S or hours >= 72)
    ]


def inject(
    site: Site, name: str, level: int, variant: str, rng: np.random.Generator, *, earliest_s: int | None = None
) -> bool:
    """Falsify `site`; False when it has no channel or no time at which this can be done."""
    injection = INJECTIONS[name]
    places = applies(injection, level, site)
    if variant != "lazy" and injection.settles:
        origins = [(p, c) for p, c in places if c.formula is None]
        shortest = {
            (p.id, c.quantity): min(o.interval_s for q, o in origins if q is p and o.quantity == c.quantity)
            for p, c in origins
        }
        places = [(p, c) for p, c in origins if c.interval_s == shortest[p.id, c.quantity]] or places
    order = rng.permutation(len(places))
    hours = injection.hours[level]
    if hours == MONTH:
        judged = (site.end_s - site.accepted_s) / HOUR_S - 60
        hours = float(max(14 * 24, min(MONTH, judged // 24 * 24)))
    for number in order:
        point, channel = places[int(number)]
        lo_s = place(site, rng, channel, hours=hours, earliest_s=earliest_s)
        if lo_s is None:
            continue
        scene = Scene(site, point, channel, rng, lo_s, lo_s + int(hours * HOUR_S), level, variant)
        if scene.normal().sum() < 3:
            continue
        also = injection.apply(scene)
        if injection.settles:
            scene.settle()
        scene.label(injection.class_name, name, also)
        return True
    return False
