"""Collections of sites: falsified ones by plan, honest ones for the false-alert rate, innocent events, a ranking fleet.

Every site has its own random generator, seeded by (seed, collection, number): a site is the same whatever is built
beside it, and two seeds share nothing. Tune on one seed, score on others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulators.falsification.aggregates import add_days, add_hours
from simulators.falsification.catalogue import INJECTIONS, LEVELS, inject
from simulators.falsification.condition import back_purge, break_down, calibrate, drift, mark_stops
from simulators.falsification.controls import CONTROLS
from simulators.falsification.meters import equip
from simulators.falsification.noise import autoregressive
from simulators.falsification.operation import Operation, operate
from simulators.falsification.outlet import build_outlet
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Point, Site
from simulators.falsification.stack import INDUSTRIES, build_stack
from simulators.falsification.transport import Outage, region_outages, transmit
from simulators.falsification.turbine import build_turbine, last_year

FIRST_DAY_S = 1_740_758_400 - 8 * HOUR_S  # 2025-03-01T00:00+08:00
MONTH_DAYS = (31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28)  # from March 2025
REGIONS = 8
CODES = {"injected": 1, "honest": 2, "controls": 3, "ranking": 4, "turbine": 5}
KINDS_OF = {
    "I11": ("stack",), "I12": ("stack",), "I13": ("stack",), "I14": ("stack", "stack", "outlet"),
    "I17": ("stack+power", "outlet+power"), "I18": ("stack+power", "outlet+power"),
}  # fmt: skip
KINDS = ("stack", "stack", "stack+power", "stack+power", "outlet", "outlet+power", "stack+outlet+power")
ACCEPTED_DAYS = (14, 30, 30, 45, 60, 90)
DETAILED = 0.3


@dataclass(frozen=True, slots=True)
class Order:
    """One falsification to be placed: `placement` counts repetitions of the same case."""

    injection: str
    level: int
    placement: int


def plan(injections: Sequence[str], levels: Sequence[str], placements: int) -> list[Order]:
    return [Order(i, LEVELS.index(level), k) for k in range(placements) for i in injections for level in levels]


def injected(seed: int, orders: Sequence[Order]) -> Iterator[Site]:
    """One falsification a site; a site that cannot bear it is drawn again."""
    for order in orders:
        number = int(order.injection[1:]) * 10_000 + order.level * 1000 + order.placement
        for attempt in range(12):
            rng = _generator(seed, "injected", number, attempt)
            kind = str(rng.choice(KINDS_OF.get(order.injection, KINDS)))
            brief = INJECTIONS[order.injection].hours[order.level] < 3  # must hold three rows
            interval_s = int(rng.choice([300, 900, 900])) if brief else None
            name = f"{order.injection}-L{order.level + 1}-{order.placement:03d}"
            site = build_site(rng, name, kind, seed=seed, interval_s=interval_s)
            variants = INJECTIONS[order.injection].variants
            variant = variants[order.placement % len(variants)]
            if inject(site, order.injection, order.level, variant, rng):
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
    """Honest sites with one innocent event each; those of a regional outage share it with twenty neighbours."""
    for code, name in enumerate(CONTROLS):
        for placement in range(placements if name in names else 0):
            rng = _generator(seed, "controls", code * 1000 + placement)
            kind = str(rng.choice(("stack", "stack+power", "outlet+power", "outlet")))
            if name == "probe_faults" and rng.random() < 0.6:
                kind = "river"
            if name in ("start_and_stop", "seasonal_shutdown"):
                kind = str(rng.choice(("stack+power", "outlet+power")))
            site = build_site(rng, f"N-{name}-{placement:03d}", kind, seed=seed, control=name)
            site.collection = "controls"
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


def turbine(seed: int, path: Path, orders: Sequence[Order], honest_sites: int) -> Iterator[Site]:
    """Windows of the real series whose judged period lies in its last year; several share rows, which intervals widen."""
    first_scored = last_year(path)
    jobs: list[Order | None] = [*orders, *([None] * honest_sites)]
    for number, order in enumerate(jobs):
        key = (
            900_000 + number
            if order is None
            else int(order.injection[1:]) * 10_000 + order.level * 1000 + order.placement
        )
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
        _recompute_all(site)
        transmit(rng, site, [])
        if order is None:
            site.collection = "turbine"
            yield site
            continue
        variants = INJECTIONS[order.injection].variants
        if inject(site, order.injection, order.level, variants[order.placement % len(variants)], rng):
            site.collection = "turbine"
            yield site


def build_site(
    rng: np.random.Generator, site_id: str, kind: str, *, seed: int, judged_days: int | None = 0,
    interval_s: int | None = None, control: str = "", whole_months: int = 2,
) -> Site:  # fmt: skip
    """An honest site as it arrives on the platform. `judged_days` 0: drawn; None: whole calendar months."""
    interval_s = interval_s or int(rng.choice([3600, 900, 300, 60], p=[0.86, 0.09, 0.035, 0.015]))
    fast = interval_s < 900
    accepted = int(rng.choice(ACCEPTED_DAYS[:3] if fast else ACCEPTED_DAYS))
    month = int(rng.integers(1, 9))
    start_s = FIRST_DAY_S + sum(MONTH_DAYS[:month]) * DAY_S - accepted * DAY_S
    if judged_days is None or whole_months > 2:
        judged_days = sum(MONTH_DAYS[month : month + (1 if fast else whole_months)])
    elif judged_days == 0:
        judged_days = 20 if fast else int(rng.choice([34, 36, 45, 61]))
    days = accepted + judged_days
    op = operate(rng, start_s=start_s, days=days, interval_s=interval_s)
    region = int(rng.integers(REGIONS))
    industry = INDUSTRIES[int(rng.integers(len(INDUSTRIES)))]
    site = Site(
        site_id,
        industry.name,
        f"region-{region}",
        start_s,
        days,
        start_s + accepted * DAY_S,
        [],
        op.running,
        interval_s,
    )
    site.longitude, site.latitude = round(110 + 1.5 * region + rng.normal(0, 0.1), 4), round(28 + rng.normal(0, 0.1), 4)
    for part in kind.split("+"):
        if part == "stack":
            site.points.append(build_stack(rng, op, point_id=f"A{len(site.points) + 1}", industry=industry))
        elif part == "outlet":
            site.points.append(build_outlet(rng, op, point_id=f"W{len(site.points) + 1}"))
        elif part == "river":
            site.points.append(_river(rng, op))
        elif part == "power":
            equip(rng, site, op, detailed=bool(rng.random() < DETAILED))
    _live(rng, site, op)
    if control:
        CONTROLS[control](site, rng)
    transmit(rng, site, _outages(seed, site, control))
    return site


def _live(rng: np.random.Generator, site: Site, op: Operation) -> None:
    """What instruments and operators do in the course of time, then the longer intervals computed from it."""
    marks = bool(rng.random() < 0.7)
    every_days, hour = int(rng.choice([1, 1, 7, 7, 14])), int(rng.integers(0, 24))
    for point in site.points:
        if point.medium in ("air", "water") and point.id != "R1":
            drift(rng, point, every_days=every_days)
            if op.interval_s <= 300 and rng.random() < 0.5:
                back_purge(rng, point, every_hours=int(rng.choice([4, 6, 8])), samples=3)
            if rng.random() < 0.85:
                calibrate(rng, site, point, every_days=every_days, hour=hour, minutes=float(rng.uniform(20, 50)))
            break_down(rng, site, point, op)
            if marks:
                mark_stops(point, op)
    _recompute_all(site)
    for point in site.points:
        if point.medium in ("air", "water") and point.id != "R1":
            if op.interval_s < HOUR_S and rng.random() < 0.85:
                add_hours(rng, point)
            if rng.random() < 0.35:
                add_days(rng, point)


def _recompute_all(site: Site) -> None:
    for point in site.points:
        point.recompute([c.id for c in point.channels if c.formula is None], site.start_s, site.start_s, site.end_s)


def _river(rng: np.random.Generator, op: Operation) -> Point:
    """An ambient water station: a sonde with five probes, no limit, no process behind it."""
    n, day = op.n, np.sin(2 * np.pi * (op.hour_of_day - 15) / 24)
    warmth = 17 + 1.0 * day + autoregressive(rng, n, tau=op.samples(90), sigma=2)
    oxygen = 9.5 + 0.8 * day - 0.15 * (warmth - 17) + autoregressive(rng, n, tau=op.samples(20), sigma=0.3)
    acid = 7.9 + 0.12 * day + autoregressive(rng, n, tau=op.samples(30), sigma=0.08)
    salt = 450 * np.exp(autoregressive(rng, n, tau=op.samples(60), sigma=0.1))
    cloud = 6 * np.exp(autoregressive(rng, n, tau=op.samples(15), sigma=0.6))
    table = (
        ("water_temperature", "Cel", warmth, 0.03, 0.1, 50.0), ("dissolved_oxygen", "mg/L", oxygen, 0.03, 0.01, 20.0),
        ("ph", "1", acid, 0.006, 0.01, 14.0), ("conductivity", "uS/cm", salt, 0.8, 1.0, 5000.0), ("turbidity", "NTU", cloud, 0.2, 0.1, 1000.0),
    )  # fmt: skip
    channels = [
        Channel(
            name,
            name,
            "avg",
            unit,
            op.interval_s,
            np.maximum(course + rng.normal(0, noise, n), 0),
            step,
            None,
            0.0,
            high,
        )
        for name, unit, course, noise, step, high in table
    ]
    channels.append(
        Channel(
            "cod",
            "cod",
            "avg",
            "mg/L",
            op.interval_s,
            12 * np.exp(autoregressive(rng, n, tau=op.samples(50), sigma=0.2)),
            0.1,
            None,
            0.0,
            200.0,
            4.0,
        )
    )
    return Point("R1", "water", channels)


def _outages(seed: int, site: Site, control: str) -> list[Outage]:
    rng = _generator(seed, "honest", 800_000 + int(site.region.rsplit("-", 1)[1]))
    outages = region_outages(rng, start_s=FIRST_DAY_S - 90 * DAY_S, days=500)
    if control == "region_outage":
        lo_s = site.accepted_s + 9 * DAY_S
        outages.append((lo_s, lo_s + 8 * HOUR_S))
    return [(lo, hi) for lo, hi in outages if hi > site.start_s and lo < site.end_s]


def _generator(seed: int, collection: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([seed, CODES[collection], *numbers])
