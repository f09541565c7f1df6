"""Which sites a run consists of: every class at every level, honest sites, innocent events, a ranked fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from simulators.falsification.site import Truth
from tests.evaluation.second_source import level_changes, mark_changes, shape_changes, transport
from tests.evaluation.second_source.innocent import CONTROLS
from tests.evaluation.second_source.outlets import outlet
from tests.evaluation.second_source.placing import LEVELS, CannotPlace, Case
from tests.evaluation.second_source.plant import Site
from tests.evaluation.second_source.stacks import KINDS, stack
from tests.evaluation.second_source.turbine import turbine

INJECTIONS: dict[str, Callable[[Case], Truth]] = {
    "I1": shape_changes.constant, "I2": shape_changes.narrow_band, "I3": shape_changes.synthetic_noise,
    "I4": level_changes.scaled, "I5": level_changes.offset, "I6": shape_changes.cap_and_redraw,
    "I7": shape_changes.clip, "I8": shape_changes.replay, "I9": shape_changes.copied, "I10": shape_changes.smoothed,
    "I11": level_changes.diluted_with_air, "I12": level_changes.diluted_with_zero_gas,
    "I13": level_changes.oxygen_pulled, "I14": level_changes.flow_edited, "I15": mark_changes.false_flags,
    "I16": mark_changes.selective_gap, "I17": mark_changes.treatment_off, "I18": mark_changes.stop_marked,
    "I19": level_changes.miscalculated, "I20": mark_changes.late_edit,
}  # fmt: skip
ONLY_AIR = ("I11", "I12", "I13", "I18")
TRIES = 30


@dataclass(frozen=True, slots=True)
class Wish:
    """What the drawn site must have."""

    only_air: bool = False
    has_treatment_meter: bool = False
    tells_arrival: bool = False
    keeps_keys: bool = False
    is_slow: bool = False  # no rows of minutes


ANY = Wish()


def honest_site(rng: np.random.Generator, name: str, wish: Wish = ANY) -> Site:
    """A site with everything that happens to honest data."""
    site = _drawn(rng, name, wish)
    site.is_arrival_told = wish.tells_arrival or rng.random() < 0.35
    site.says_normal = rng.random() < 0.5
    if rng.random() < 0.7:
        site.position = (round(rng.uniform(110, 122), 4), round(rng.uniform(24, 40), 4))
    transport.checks(rng, site)
    for point in site.points.values():
        point.carry_flags()
        point.derive()
    transport.lose(rng, site, share=rng.uniform(0.005, 0.03))
    transport.outages(rng, site)
    transport.stamp_arrival(rng, site)
    transport.keep_ledger(rng, site)
    if not wish.keeps_keys:
        transport.forget_keys(rng, site)
    return site


def _drawn(rng: np.random.Generator, name: str, wish: Wish) -> Site:
    while True:
        history_d = int(rng.choice([21, 30, 45, 60, 90, 120, 180], p=[0.1, 0.15, 0.2, 0.2, 0.15, 0.1, 0.1]))
        judged_d = int(rng.choice([36, 45, 60, 90], p=[0.4, 0.3, 0.2, 0.1]))
        kind = str(rng.choice([*KINDS, "turbine", "outlet"], p=[0.3, 0.15, 0.15, 0.12, 0.28]))
        if kind == "outlet":
            sampler_s, fast_s = int(rng.choice([7200, 14400])), int(rng.choice([3600, 3600, 900]))
            site = outlet(rng, name, history_d=history_d, judged_d=judged_d, sampler_s=sampler_s, fast_s=fast_s)
        elif kind == "turbine":
            site = turbine(rng, name, history_d=max(history_d, 45), judged_d=judged_d)
        else:
            interval_s = int(rng.choice([60, 900, 3600], p=[0.03, 0.27, 0.7]))
            if interval_s == 60 and wish.is_slow:
                interval_s = 900
            if interval_s == 60:
                history_d, judged_d = 21, 32
            elif interval_s == 900:
                history_d, judged_d = min(history_d, 60), min(judged_d, 45)
            site = stack(rng, name, kind, interval_s=interval_s, history_d=history_d, judged_d=judged_d)
        if wish.only_air and "A1" not in site.points:
            continue
        if wish.has_treatment_meter and not any(f["kind"] == "treatment" for f in site.facilities):
            continue
        return site


def injected(
    seed: int, placements: int, classes: Iterable[str] = INJECTIONS, levels: Iterable[str] = LEVELS
) -> Iterator[Site]:
    """Each class at each level `placements` times, careless and careful in turn, one falsification a site."""
    for injection in classes:
        for level in levels:
            for k in range(placements):
                is_careful = (k + LEVELS.index(level) + int(injection[1:])) % 2 == 0
                yield _falsified(seed, injection, level, k, is_careful=is_careful)


def _falsified(seed: int, injection: str, level: str, k: int, *, is_careful: bool) -> Site:
    wish = Wish(
        only_air=injection in ONLY_AIR, has_treatment_meter=injection == "I17", tells_arrival=injection == "I20",
        keeps_keys=injection in ("I15", "I16", "I19"),
    )  # fmt: skip
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, int(injection[1:]), LEVELS.index(level), k, attempt])
        site = honest_site(rng, f"{injection}-{level}-{k}", wish)
        case = Case(rng, site, next(iter(site.points.values())), injection, level, is_careful)
        try:
            site.truth.append(INJECTIONS[injection](case))
        except CannotPlace:
            continue
        return site
    raise CannotPlace(f"{injection} {level} found no site")


def honest(seed: int, sites: int) -> Iterator[Site]:
    for k in range(sites):
        yield honest_site(np.random.default_rng([seed, 1001, k]), f"H{k}")


def innocent(seed: int, placements: int, names: Iterable[str] = CONTROLS) -> Iterator[Site]:
    for number, name in enumerate(CONTROLS):
        for k in range(placements if name in tuple(names) else 0):
            rng = np.random.default_rng([seed, 2001, number, k])
            stops = name in ("start_stop", "seasonal_shutdown")
            wish = Wish(only_air=stops, tells_arrival=name == "equal_again", keeps_keys=True, is_slow=True)
            site = honest_site(rng, f"{name}-{k}", wish)
            site.truth.append(CONTROLS[name](rng, site))
            yield site


def ranked(seed: int, sites: int, *, share: float = 0.1) -> Iterator[Site]:
    """A fleet of which a few sites are falsified, at mixed classes and levels."""
    rng = np.random.default_rng([seed, 3001])
    chosen = set(rng.choice(sites, max(1, round(share * sites)), replace=False).tolist())
    for k in range(sites):
        if k in chosen:
            injection, level = str(rng.choice(list(INJECTIONS))), str(rng.choice(LEVELS))
            site = _falsified(seed + 7000, injection, level, k, is_careful=bool(rng.random() < 0.5))
            yield site
        else:
            yield honest_site(np.random.default_rng([seed, 3002, k]), f"R{k}", Wish(is_slow=True))
