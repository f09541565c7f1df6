"""The device registry and the settings ledger, as kept in the database."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from gateway.storage.contents import microseconds, moment
from gateway.storage.contract import Device, LedgerEntry, PendingDevice, StorageSettings
from gateway.storage.link import Link
from gateway.storage.sql import query


class DeviceTable:
    """Devices by their external id, remembered for `device_cache_s`."""

    def __init__(self, link: Link, settings: StorageSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._link = link
        self._settings = settings
        self._clock = clock
        self._remembered: dict[str, tuple[float, Device | None]] = {}
        self._seen_us: dict[str, int] = {}
        self._touched_us = 0

    async def get(self, external_id: str) -> Device | None:
        kept = self._remembered.get(external_id)
        now = self._clock()
        if kept is not None and now - kept[0] < self._settings.device_cache_s:
            return kept[1]
        found = await self._select(external_id)
        # Unknown devices are not remembered: anybody may make up any number of names.
        if found:
            self._remembered[external_id] = (now, found[0])
            return found[0]
        self._remembered.pop(external_id, None)
        return None

    async def all(self) -> list[Device]:
        return await self._select(None)

    async def put(self, device: Device) -> None:
        columns: dict[str, Any] = {
            "external_id": device.external_id,
            "protocol": device.protocol,
            "name": device.name,
            "status": device.status,
            "password_hash": device.password_hash,
            "answer": Jsonb(device.answer),
            "minute_interval_s": device.minute_interval_s,
            "allow_list": list(device.allow_list),
        }
        async with self._link.use() as connection, connection.transaction():
            point_id = None
            if device.site:
                place = {"site": device.site, "point": device.point or "1"}
                row = await (await connection.execute(query("make_place"), place)).fetchone()
                point_id = row["id"] if row else None
            await connection.execute(query("put_device"), {**columns, "point_id": point_id})
            await connection.execute(query("forget_pending"), {"name": device.external_id})
            await connection.execute(query("registry_changed"))
        self._remembered.pop(device.external_id, None)

    async def release(self, external_id: str) -> None:
        async with self._link.use() as connection, connection.transaction():
            await connection.execute(query("release_device"), {"name": external_id})
            await connection.execute(query("registry_changed"))
        self._remembered.pop(external_id, None)

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None:
        columns = {"external_id": external_id, "protocol": protocol, "peer": peer, "at": moment(at_us)}
        async with self._link.use() as connection:
            await connection.execute(query("mark_pending"), columns)

    async def pending(self) -> list[PendingDevice]:
        async with self._link.use() as connection:
            rows = await (await connection.execute(query("pending_devices"))).fetchall()
        return [
            PendingDevice(
                external_id=row["external_id"],
                protocol=row["protocol"],
                peer=row["peer"],
                first_seen_us=microseconds(row["first_seen_at"]),
                last_seen_us=microseconds(row["last_seen_at"]),
                attempts=row["attempts"],
            )
            for row in rows
        ]

    async def parameters(self, external_id: str) -> list[LedgerEntry]:
        async with self._link.use() as connection:
            rows = await (await connection.execute(query("parameters"), {"name": external_id})).fetchall()
        return [
            LedgerEntry(
                device=row["device"],
                channel=row["channel"],
                name=row["name"],
                value=row["value"],
                time_us=microseconds(row["time"]),
                received_us=microseconds(row["received_at"]),
                last_seen_us=microseconds(row["last_seen_at"]),
                changed_from=row["changed_from"],
            )
            for row in rows
        ]

    def saw(self, external_id: str, at_us: int) -> None:
        """Remember that a device was heard; `touch` writes it down."""
        if at_us > self._seen_us.get(external_id, 0):
            self._seen_us[external_id] = at_us

    async def touch(self, now_us: int) -> None:
        """Write `last_seen_at` of all devices heard, at most every `touch_interval_s`: a row a frame would cost more
        than the frame."""
        if now_us - self._touched_us >= self._settings.touch_interval_s * 1_000_000:
            self._touched_us = now_us
            await self.touch_all()

    async def touch_all(self) -> None:
        """Write it now."""
        if not self._seen_us:
            return
        seen, self._seen_us = sorted(self._seen_us.items()), {}
        columns = {"names": [name for name, _ in seen], "times": [moment(at_us) for _, at_us in seen]}
        async with self._link.use() as connection:
            await connection.execute(query("touch_devices"), columns)

    async def _select(self, name: str | None) -> list[Device]:
        async with self._link.use() as connection:
            rows = await (await connection.execute(query("devices"), {"name": name})).fetchall()
        return [
            Device(
                external_id=row["external_id"],
                protocol=row["protocol"],
                status=row["status"],
                password_hash=row["password_hash"],
                answer=row["answer"],
                minute_interval_s=row["minute_interval_s"],
                allow_list=tuple(row["allow_list"]),
                site=row["site"],
                point=row["point"],
                name=row["name"],
                last_seen_us=_us(row["last_seen_at"]),
            )
            for row in rows
        ]


def _us(time: datetime | None) -> int | None:
    return None if time is None else microseconds(time)
