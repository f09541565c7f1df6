"""One honest site as it arrives on the platform: drawn at random, lived through, summed up and sent."""

from __future__ import annotations

import numpy as np

from simulators.falsification.aggregates import add_days, add_hours
from simulators.falsification.condition import back_purge, break_down, calibrate, drift, mark_stops
from simulators.falsification.controls import CONTROLS
from simulators.falsification.meters import equip
from simulators.falsification.operation import Operation, operate
from simulators.falsification.outlet import build_outlet
from simulators.falsification.river import build_river
from simulators.falsification.site import DAY_S, HOUR_S, Site
from simulators.falsification.stack import INDUSTRIES, build_stack
from simulators.falsification.transport import Outage, region_outages, transmit

FIRST_DAY_S = 1_740_758_400  # 2025-03-01T00:00+08:00
MONTH_DAYS = (31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28)  # from March 2025
REGIONS = 8
ACCEPTED_DAYS = (14, 30, 30, 45, 60, 90)
DETAILED_SHARE = 0.3  # of power sites: voltage, current, energy, reactive energy and power factor beside the power


def build_site(
    rng: np.random.Generator, site_id: str, kind: str, *, seed: int, judged_days: int | None = 0,
    interval_s: int | None = None, control: str = "", whole_months: int = 2,
) -> Site:  # fmt: skip
    """An honest site as it arrives on the platform. `judged_days` 0: drawn; None: whole calendar months."""
    interval_s = interval_s or int(rng.choice([3600, 900, 300, 60], p=[0.86, 0.09, 0.035, 0.015]))
    fast = interval_s < 900
    accepted = int(rng.choice(ACCEPTED_DAYS[:3] if fast else ACCEPTED_DAYS))
    # A ranked fleet is judged over the same months; those whom an outage of their region hits are judged together too.
    together = whole_months > 2 or control == "region_outage"
    month = 3 if together else int(rng.integers(1, 9))
    start_s = FIRST_DAY_S + sum(MONTH_DAYS[:month]) * DAY_S - accepted * DAY_S
    if judged_days is None or whole_months > 2:
        judged_days = sum(MONTH_DAYS[month : month + (1 if fast else whole_months)])
    elif judged_days == 0:
        judged_days = 20 if fast else int(rng.choice([34, 36, 45, 61]))
    days = accepted + judged_days
    op = operate(rng, start_s=start_s, days=days, interval_s=interval_s)
    region = 0 if control == "region_outage" else int(rng.integers(REGIONS))
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
            site.points.append(build_river(rng, op, point_id="R1"))
        elif part == "power":
            equip(rng, site, op, detailed=bool(rng.random() < DETAILED_SHARE))
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
    recompute_all(site)
    for point in site.points:
        if point.medium in ("air", "water") and point.id != "R1":
            if op.interval_s < HOUR_S and rng.random() < 0.85:
                add_hours(rng, point)
            if rng.random() < 0.35:
                add_days(rng, point)


def recompute_all(site: Site) -> None:
    for point in site.points:
        point.recompute([c.id for c in point.channels if c.formula is None], site.start_s, site.start_s, site.end_s)


def _outages(seed: int, site: Site, control: str) -> list[Outage]:
    rng = np.random.default_rng([seed, 0, int(site.region.rsplit("-", 1)[1])])
    outages = region_outages(rng, start_s=FIRST_DAY_S - 90 * DAY_S, days=500)
    if control == "region_outage":
        lo_s = site.accepted_s + 9 * DAY_S
        outages.append((lo_s, lo_s + 8 * HOUR_S))
    return [(lo, hi) for lo, hi in outages if hi > site.start_s and lo < site.end_s]
