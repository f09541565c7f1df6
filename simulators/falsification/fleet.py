"""Collections of sites: falsified ones by plan, honest ones for the false-alert rate, innocent events, a ranking fleet.

Every site has its own random generator, seeded by (seed, collection, number): a site is the same whatever is built
beside it, and two seeds share nothing. Tune on one seed, score on others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulators.falsification.assembly import FIRST_DAY_S, build_site, recompute_all
from simulators.falsification.catalogue import INJECTIONS, LEVELS, inject
from simulators.falsification.condition import calibrate
from simulators.falsification.controls import CONTROLS
from simulators.falsification.site import DAY_S, Site, grid_window
from simulators.falsification.transport import transmit
from simulators.falsification.turbine import build_turbine, last_year

CODES = {"injected": 1, "honest": 2, "controls": 3, "ranking": 4, "turbine": 5, "month": 6}
KINDS_OF = {
    "I11": ("stack",), "I12": ("stack",), "I13": ("stack",), "I14": ("stack", "stack", "outlet"),
    "I17": ("stack+power", "outlet+power"), "I18": ("stack+power", "outlet+power"),
}  # fmt: skip
KINDS = ("stack", "stack", "stack+power", "stack+power", "outlet", "outlet+power", "stack+outlet+power")


@dataclass(frozen=True, slots=True)
class Order:
    """One falsification to be placed: `placement` counts repetitions of the same case."""

    injection: str
    level: int
    placement: int

    @property
    def number(self) -> int:
        return int(self.injection[1:]) * 10_000 + self.level * 1000 + self.placement

    @property
    def variant(self) -> str:
        variants = INJECTIONS[self.injection].variants
        return variants[(self.placement + self.level) % len(variants)]


def plan(injections: Sequence[str], levels: Sequence[str], placements: int) -> list[Order]:
    return [Order(i, LEVELS.index(level), k) for k in range(placements) for i in injections for level in levels]


def injected(seed: int, orders: Sequence[Order]) -> Iterator[Site]:
    """One falsification a site; a site that cannot bear it is drawn again."""
    for order in orders:
        for attempt in range(12):
            rng = _generator(seed, "injected", order.number, attempt)
            kind = str(rng.choice(KINDS_OF.get(order.injection, KINDS)))
            brief = INJECTIONS[order.injection].hours[order.level] < 3  # must hold three rows
            interval_s = int(rng.choice([300, 900, 900])) if brief else None
            name = f"{order.injection}-L{order.level + 1}-{order.placement:03d}"
            site = build_site(rng, name, kind, seed=seed, interval_s=interval_s)
            if inject(site, order.injection, order.level, order.variant, rng):
                site.collection = "injected"
                yield site
                break


def honest(seed: int, count: int) -> Iterator[Site]:
    """Sites on which every alert is false, two whole months judged each."""
    for number in range(count):
        rng = _generator(seed, "honest", number)
        site = build_site(rng, f"H-{number:04d}", str(rng.choice((*KINDS, "power"))), seed=seed, judged_days=None)
        site.collection = "honest"
        yield site


def controls(seed: int, placements: int, names: Sequence[str] = tuple(CONTROLS)) -> Iterator[Site]:
    """Honest sites with one innocent event each; a regional outage hits at least five sites at once."""
    for code, name in enumerate(CONTROLS):
        count = max(placements, 5) if name == "region_outage" else placements
        for placement in range(count if name in names else 0):
            rng = _generator(seed, "controls", code * 1000 + placement)
            kind = str(rng.choice(("stack", "stack+power", "outlet+power", "outlet")))
            if name == "probe_faults" and rng.random() < 0.6:
                kind = "river"
            if name in ("start_and_stop", "seasonal_shutdown"):
                kind = str(rng.choice(("stack+power", "outlet+power")))
            site = build_site(rng, f"N-{name}-{placement:03d}", kind, seed=seed, control=name)
            site.collection = "controls"
            if name == "region_outage" and _shows_no_gap(site):
                site.truth[0].class_name = ""  # sent afterwards: nothing is missing that one could name
            yield site


def ranking(seed: int, sites: int = 250, falsified_share: float = 0.03) -> Iterator[Site]:
    """Four whole months a site: 1,000 site-months of 250, of which a share is falsified at mixed classes and levels."""
    rng = _generator(seed, "ranking", 999_999)
    months = 4
    chosen = rng.choice(sites, max(1, round(sites * months * falsified_share)), replace=False)
    names = [name for name in INJECTIONS if name != "I21"]
    for number in range(sites):
        own = _generator(seed, "ranking", number)
        cases = [(str(own.choice(names)), int(own.integers(0, 4))) for _ in range(8)]
        kind = str(own.choice(KINDS_OF.get(cases[0][0], KINDS) if number in chosen else KINDS))
        site = build_site(
            own, f"R-{number:04d}", kind, seed=seed, judged_days=months * 30 + 2, interval_s=3600, whole_months=months
        )
        site.collection = "ranking"
        if number in chosen:
            for name, level in cases:
                if inject(site, name, level, str(own.choice(INJECTIONS[name].variants)), own):
                    break
        yield site


def month(seed: int, sites: int = 20, falsified: int = 8) -> Iterator[Site]:
    """Thirty judged days a site, hour by hour; some of the sites falsify, each in a way of its own, at levels 1 to 3.

    The site ids say nothing of the case.
    """
    rng = _generator(seed, "month", 999_999)
    names = [str(name) for name in rng.permutation([name for name in INJECTIONS if name != "I21"])]
    turns = {int(number): turn for turn, number in enumerate(rng.permutation(sites)[:falsified])}
    for number in range(sites):
        own = _generator(seed, "month", number)
        turn = turns.get(number)
        # A case that a site cannot bear is left to those after the last turn.
        cases = [] if turn is None else [names[turn], *names[falsified:]]
        kind = str(own.choice(KINDS_OF.get(cases[0], KINDS) if cases else KINDS))
        site = build_site(own, f"M-{number:04d}", kind, seed=seed, judged_days=30, interval_s=3600)
        site.collection = "month"
        for name in cases:
            if inject(site, name, int(own.integers(0, 3)), str(own.choice(INJECTIONS[name].variants)), own):
                break
        yield site


def turbine(seed: int, path: Path, orders: Sequence[Order], honest_sites: int) -> Iterator[Site]:
    """Windows of the real series whose judged period lies in its last year; windows share rows."""
    first_scored = last_year(path)
    jobs: list[Order | None] = [*orders, *([None] * honest_sites)]
    for number, order in enumerate(jobs):
        key = 900_000 + number if order is None else order.number
        rng = _generator(seed, "turbine", key)
        accepted, judged = int(rng.choice([30, 60, 90])), 62 if order is None else int(rng.choice([36, 45]))
        last = 22_191 - judged * 24
        row = int(rng.integers(first_scored, last)) // 24 * 24 - accepted * 24
        start_s = FIRST_DAY_S + int(rng.integers(0, 9)) * 30 * DAY_S
        name = f"T-{number:04d}" if order is None else f"T-{order.injection}-L{order.level + 1}-{order.placement:02d}"
        site = build_turbine(
            rng, path, site_id=name, first_row=row, start_s=start_s, accepted_days=accepted, days=accepted + judged
        )
        calibrate(rng, site, site.points[0], every_days=7, hour=10, minutes=40)
        recompute_all(site)
        transmit(rng, site, [])
        if order is None:
            site.collection = "turbine"
            yield site
            continue
        if inject(site, order.injection, order.level, order.variant, rng):
            site.collection = "turbine"
            yield site


def _shows_no_gap(site: Site) -> bool:
    label, channel = site.truth[0], site.points[0].channels[0]
    return bool(channel.present[grid_window(channel, site.start_s, label.start_s, label.end_s)].all())


def _generator(seed: int, collection: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([seed, CODES[collection], *numbers])
