"""The chore that looks at the power of all signed facilities every few seconds and tells each contradiction once.

    for each site, in a transaction under its advisory lock:
        powers of the window ─► judgement ─► known already? ─ yes ─► its end, severity and figures go on
                                                  └ no ─► facility_event, with the notice that is to be told
            both ─► its finding, and an alert if it accuses and nobody has told of the deed (`alerting`)
    untold events ─► claimed ─► intake ─► durable ─► marked as told

Told once, across restarts and any number of processes: an event is identified by link or facility, rule and beginning,
and its notice is frozen in the row before anybody tells it. Whoever dies between telling and marking leaves a notice
that is told again word for word, which the store counts as a duplicate.

The window reaches `look_back_s` behind what was looked through last, so that late values count, and at most
`longest_s` back after the gateway was away. It begins on a full hour: the hourly rule counts the same hours each time.
A day of a facility with a permitted shift is judged once, an hour after the night is over.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from analysis.facility_states import DWELL_SAMPLES
from gateway.errors import StorageError
from gateway.facilities.alerting import Feeds, keep_finding
from gateway.facilities.judgement import KINDS, contradictions, night_contradictions
from gateway.facilities.plant import Contradiction, Plant
from gateway.facilities.query import query
from gateway.facilities.table import FacilityTable, moment, read_plant, read_powers
from gateway.gateway_notice import GatewayNotice
from gateway.records import Delivery
from gateway.storage import StorageSettings
from gateway.storage.link import Connection, Link

log = structlog.get_logger("gateway.facilities")

SOURCE = "facilities"
HOUR_S = 3600.0
DAY_S = 86_400.0
NIGHT_GRACE_S = HOUR_S
"""So long after a night its values are waited for. [s]"""
JOIN_STEPS = 5
"""A contradiction that comes back within so many steps is the same one: a missing minute costs the dwell besides."""

Deliver = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SupervisionSettings:
    """How supervision looks at power."""

    every_s: float = 20.0  # 0: this process does not take part
    step_s: float = 60.0  # values are put together into steps of this length
    look_back_s: float = 3 * HOUR_S
    longest_s: float = 24 * HOUR_S
    tell_again_s: float = 60.0  # a notice that was claimed and not told by then is told by whoever sees it
    feeds: Feeds = field(default_factory=Feeds)  # who is told of alerts


class Supervision:
    """One process's share in supervision; see the module's text."""

    def __init__(self, link: Link, deliver: Deliver, settings: SupervisionSettings | None = None) -> None:
        self._link = link
        self._deliver = deliver
        self._settings = settings or SupervisionSettings()
        self._durable: list[int] = []

    async def look(self, now_s: float) -> int:
        """Look at all sites once and tell what is new; how many contradictions were new.

        Raises
        ------
        StorageError
            If the database fails; the next look makes up for it.
        """
        await self._mark_told()
        new = 0
        for site_id, site in await FacilityTable(self._link).sites():
            new += await self._look_at(site_id, site, now_s)
        await self._tell(now_s)
        return new

    async def _look_at(self, site_id: int, site: str, now_s: float) -> int:
        settings = self._settings
        async with self._link.use() as connection, connection.transaction():
            lock = await (await connection.execute(query("take_watch"), {"site_id": site_id})).fetchone()
            watch = await (await connection.execute(query("watch"), {"site_id": site_id})).fetchone()
            if not lock or not lock["mine"] or (watch and watch["looked_ago_s"] < settings.every_s / 2):
                return 0
            until_s = now_s if watch is None else min(watch["until_s"], now_s)
            since_s = max(until_s - settings.look_back_s, now_s - settings.longest_s) // HOUR_S * HOUR_S
            plant = await read_plant(connection, site_id, site, since_s=since_s, until_s=now_s)
            powers = await read_powers(connection, site_id, since_s=since_s, until_s=now_s, step_s=settings.step_s)
            found = await asyncio.to_thread(contradictions, plant, powers)
            # What begins at the edge of the window began before it, or only seems to, because the states have no past
            # there: it was told at its time. The first look ever has no such time.
            first_s = powers.times_s[0] if len(powers.times_s) else 0.0
            edge_s = -math.inf if watch is None else first_s + DWELL_SAMPLES * settings.step_s
            new = await self._keep(connection, plant, found, edge_s=edge_s)
            nights = await self._nights(connection, plant, watch["until_s"] if watch else None, now_s)
            new += await self._keep(connection, plant, nights, edge_s=-math.inf)
            await connection.execute(query("note_watch"), {"site_id": site_id, "until": moment(now_s)})
        return new

    async def _nights(
        self, connection: Connection, plant: Plant, before_s: float | None, now_s: float
    ) -> list[Contradiction]:
        """What days that ended since the last look show; the last one only, if there are more."""
        found = []
        for facility in plant.facilities:
            if facility.shift_from_s is None or not facility.is_signed:
                continue
            end_s = facility.shift_from_s + (now_s - NIGHT_GRACE_S - facility.shift_from_s) // DAY_S * DAY_S
            if before_s is not None and before_s - NIGHT_GRACE_S >= end_s:
                continue
            stretch = {"since_s": end_s - DAY_S, "until_s": end_s}
            of_day = await read_plant(connection, plant.site_id, plant.site, **stretch)
            powers = await read_powers(connection, plant.site_id, step_s=self._settings.step_s, **stretch)
            found += night_contradictions(of_day, facility, powers)
        return found

    async def _keep(
        self, connection: Connection, plant: Plant, found: Sequence[Contradiction], *, edge_s: float
    ) -> int:
        """Enter what is new and begins after the edge, go on with what is known; how many are new."""
        new = 0
        for item in found:
            row = event_row(plant, item, join_s=JOIN_STEPS * self._settings.step_s)
            event = await (await connection.execute(query("continue_event"), row)).fetchone()
            if event is None and item.start_s > edge_s:
                event = await (await connection.execute(query("put_event"), row)).fetchone()
                new += event is not None
            if event is not None:
                kind, feeds = KINDS[item.rule], self._settings.feeds
                await keep_finding(connection, plant, item, event, kind=kind, feeds=feeds)
        return new

    async def _tell(self, now_s: float) -> None:
        async with self._link.use() as connection:
            rows = await connection.execute(query("claim_untold"), {"again_s": self._settings.tell_again_s})
            untold = await rows.fetchall()
        for row in untold:
            notice = GatewayNotice(**row["notice"])
            delivery = notice.delivery(source=SOURCE, peer="")
            mark = self._marker(row["id"])
            await self._deliver(replace(delivery, received_us=round(now_s * 1e6), on_durable=mark))
            log.info("facility_contradiction", kind=notice.kind, device=notice.device, rule=notice.detail["rule"])

    def _marker(self, event_id: int) -> Callable[[], None]:
        return lambda: self._durable.append(event_id)

    async def _mark_told(self) -> None:
        """Note what has become durable since the last look."""
        ids = list(self._durable)
        if ids:
            async with self._link.use() as connection:
                await connection.execute(query("mark_told"), {"ids": ids})
            del self._durable[: len(ids)]


def event_row(plant: Plant, item: Contradiction, *, join_s: float) -> dict[str, Any]:
    """A contradiction as the columns of its row, with the notice that is told of it."""
    scope = {"link": item.link.name} if item.link else {}
    detail = {
        "rule": item.rule,
        "site": plant.site,
        **scope,
        "facilities": list(item.concerned),
        "start_us": round(item.start_s * 1e6),
        "detected_us": round(item.detected_s * 1e6),
        "severity": item.severity,
        "figures": item.figures,
        **item.texts,
    }
    notice = {
        "device": item.device,
        "kind": KINDS[item.rule],
        "time_us": round(item.start_s * 1e6),
        "detail": detail,
    }
    return {
        "site_id": plant.site_id,
        "link_id": item.link.id if item.link else None,
        "facility_id": item.facility.id if item.facility else None,
        "rule": item.rule,
        "starts_at": moment(item.start_s),
        "ends_at": moment(item.end_s),
        "detected_at": moment(item.detected_s),
        "severity": item.severity,
        "figures": Jsonb(item.figures),
        "notice": Jsonb(notice),
        "join_s": join_s,
    }


async def keep_supervising(
    dsn: str, storage: StorageSettings, deliver: Deliver, settings: SupervisionSettings, *, name: str
) -> None:
    """Look again and again, until cancelled."""
    if not settings.every_s:
        return
    link = Link(dsn, storage, name=f"gateway {name} facilities")
    supervision = Supervision(link, deliver, settings)
    try:
        while True:
            await asyncio.sleep(settings.every_s)
            try:
                await supervision.look(time.time())
            except StorageError as error:
                log.warning("facilities_not_supervised", error=str(error))
            except Exception:
                # A rule that cannot cope with some site's figures must not end the intake; the next look tries again.
                log.exception("facilities_not_supervised")
    finally:
        await link.close()
