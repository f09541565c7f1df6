"""The store on PostgreSQL, whatever the tier: two connections, one for batches, one for everything else."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gateway.errors import StorageError
from gateway.records import Delivery, Disposition
from gateway.storage import chain, schema
from gateway.storage.command_queue import CommandQueue
from gateway.storage.contents import microseconds, moment
from gateway.storage.contract import (
    Books,
    ChainReport,
    Counts,
    DeadLetter,
    Decode,
    Device,
    LedgerEntry,
    PendingDevice,
    Replayed,
    StorageSettings,
    Written,
)
from gateway.storage.dead_letters import letter_of, replay_letters
from gateway.storage.gaps import find_gaps
from gateway.storage.link import Connection, Link
from gateway.storage.registry import DeviceTable
from gateway.storage.sql import query
from gateway.storage.tier import Tier
from gateway.storage.writer import BatchWriter


class Store:
    """One writer's way into the database; see `contract.AnyStore` for what the methods promise."""

    def __init__(
        self, dsn: str, *, writer: str, settings: StorageSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.writer = writer
        self.settings = settings
        self.tier: Tier | None = None  # known after the first connection
        self._batches = Link(dsn, settings, name=f"gateway {writer} writer", prepare=self._prepare_for_batches)
        self._others = Link(dsn, settings, name=f"gateway {writer}", prepare=self._prepare)
        self.commands = CommandQueue(self._others, writer)
        self._devices = DeviceTable(self._others, settings, clock=clock)
        self._batch_writer = BatchWriter(writer, self._batches, self._others, settings)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        writer: str,
        settings: StorageSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> AsyncIterator["Store"]:
        """A store that connects when it is first used, and again after any trouble.

        `writer` names the hash chain: one name a process at a time. Two processes of one name are safe but take turns.
        """
        store = cls(dsn, writer=writer, settings=settings or StorageSettings(), clock=clock)
        try:
            yield store
        finally:
            with contextlib.suppress(StorageError):
                await store._devices.touch_all()
            await store._batches.close()
            await store._others.close()

    async def connect(self) -> Tier:
        """Connect now, bring the schema up to date and say which tier this is."""
        async with self._batches.use():
            pass
        assert self.tier is not None
        return self.tier

    async def _prepare(self, connection: Connection) -> None:
        tier = await schema.current_tier(connection)
        if tier is None and not self.settings.migrate:
            raise StorageError("the schema is not up to date: run `gateway migrate`", transient=False)
        if tier is None:
            # On a connection of its own, which takes its generous limits with it.
            tier = await schema.migrate_like(connection, self.settings)
        self.tier = tier
        self._batch_writer.keeps_dirty_hours = not tier.has_policies
        await connection.execute(query("make_writer"), {"writer": self.writer})

    async def _prepare_for_batches(self, connection: Connection) -> None:
        await self._prepare(connection)
        await connection.execute(query("create_staging"))

    async def write(self, deliveries: Sequence[Delivery]) -> Written:
        written = await self._batch_writer.write(deliveries)
        for delivery in deliveries:
            if delivery.device and delivery.disposition is not Disposition.REFUSED:
                self._devices.saw(delivery.device, delivery.received_us)
        # The batch is committed; when a device was last seen is not worth an error.
        with contextlib.suppress(StorageError):
            await self._devices.touch(deliveries[-1].received_us)
        return written

    async def device(self, external_id: str) -> Device | None:
        return await self._devices.get(external_id)

    async def devices(self) -> list[Device]:
        return await self._devices.all()

    async def put_device(self, device: Device) -> None:
        await self._devices.put(device)

    async def release_device(self, external_id: str) -> None:
        await self._devices.release(external_id)

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None:
        await self._devices.mark_pending(external_id, protocol=protocol, peer=peer, at_us=at_us)

    async def pending_devices(self) -> list[PendingDevice]:
        return await self._devices.pending()

    async def parameters(self, external_id: str) -> list[LedgerEntry]:
        return await self._devices.parameters(external_id)

    async def last_times(self, external_id: str) -> dict[int, int]:
        rows = await self._rows("last_times", {"name": external_id})
        return {row["interval_s"]: microseconds(row["time"]) for row in rows}

    async def gaps(
        self, external_id: str, *, interval_s: int, since_us: int, until_us: int, offset_us: int = 0
    ) -> list[tuple[int, int]]:
        span = {
            "name": external_id,
            "interval_s": interval_s,
            "since": moment(since_us),
            "until": moment(until_us),
        }
        times = (microseconds(row["time"]) for row in await self._rows("times_of_interval", span))
        return find_gaps(times, interval_s=interval_s, since_us=since_us, until_us=until_us, offset_us=offset_us)

    async def channels(self, external_id: str) -> list[str]:
        return [row["channel"] for row in await self._rows("channels", {"name": external_id})]

    async def dead_letters(
        self,
        *,
        source: str | None = None,
        device: str | None = None,
        reason: str | None = None,
        replayed: bool | None = False,
        limit: int = 100,
        after_id: int = 0,
    ) -> list[DeadLetter]:
        chosen = {
            "source": source,
            "device": device,
            "reason": reason,
            "replayed": replayed,
            "limit": limit,
            "after_id": after_id,
        }
        rows = await self._rows("dead_letters", chosen)
        return [letter_of(row, microseconds=microseconds) for row in rows]

    async def replay(self, ids: Sequence[int], *, decode: Decode) -> Replayed:
        rows = await self._rows("dead_letters_by_id", {"ids": list(ids)})
        letters = [letter_of(row, microseconds=microseconds) for row in rows]
        missing = dict.fromkeys(set(ids) - {letter.id for letter in letters}, "not there, or replayed already")
        return await replay_letters(letters, decode=decode, write=self.write, mark=self._mark_replayed, missing=missing)

    async def _mark_replayed(self, ids: Sequence[int]) -> None:
        async with self._others.use() as connection:
            await connection.execute(query("mark_replayed"), {"ids": list(ids)})

    async def report_spool(self, records: int) -> None:
        async with self._others.use() as connection:
            await connection.execute(query("report_spool"), {"writer": self.writer, "records": records})

    async def books(self) -> list[Books]:
        return [
            Books(row.pop("name"), spooled=row.pop("spooled"), counts=Counts(**row))
            for row in await self._rows("books", {})
        ]

    async def verify_chain(self, writer: str | None = None) -> ChainReport:
        return await chain.verify(self._others, writer or self.writer)

    async def _rows(self, name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._others.use() as connection:
            return await (await connection.execute(query(name), parameters)).fetchall()
