"""A batch in one transaction.

    learn series (own connection) · BEGIN · lock the writer's head · contents, in a savepoint · raw frames · dead
    letters · close the batch · COMMIT

Contents are tried whole; what the database refuses because of a value is halved until the delivery to blame is alone,
which becomes a dead letter, and its neighbours stay. An outage is never taken for a bad value.

The outcome of a COMMIT whose answer was lost is unknown. The batch row (writer, seq, hash) settles it: when the same
frames are written again, it is looked up first, and if it is there, its counts are the answer.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from drivers.events import Readings
from gateway.errors import StorageError
from gateway.records import Delivery
from gateway.storage import contents, observations
from gateway.storage.catalogue import Catalogue, SeriesIds, ShapeOf, Wanted
from gateway.storage.chain import batch_hash, frame_hash
from gateway.storage.contents import Placed, microseconds, moment
from gateway.storage.contract import Counts, StorageSettings, Written
from gateway.storage.copy_binary import encode_raw_frames, raw_frame_row, storable
from gateway.storage.link import Connection, Link, is_data_error
from gateway.storage.observations import DuplicatesFound
from gateway.storage.sql import query
from gateway.storage.unpack import Unpacked, unpack

HOUR_US = 3_600_000_000
# Hours that ended longer ago than this are rolled up already and must be marked when they get late data. The
# schedule rolls up twice as much again each time, so a batch that commits slowly falls between no two stools.
LATE_US = HOUR_US
# After a batch that met duplicates, the next ones go the sorting way at once: a history comes in many batches.
SORTED_BATCHES = 8
DEADLOCK_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the writer's chain stands, under lock."""

    writer_id: int
    seq: int
    hash: bytes
    version: int
    now_us: int


class BatchWriter:
    """Writes batches one after the other on a connection of its own."""

    def __init__(self, writer: str, link: Link, registry: Link, settings: StorageSettings) -> None:
        self._writer = writer
        self._link = link
        self._registry = registry
        self._settings = settings
        self._catalogue = Catalogue()
        self._lock = asyncio.Lock()
        self._unsettled: int | None = None  # the seq of a batch whose COMMIT got no answer
        self._sorted_batches = 0
        self.keeps_dirty_hours = False  # set when the tier is known

    async def write(self, deliveries: Sequence[Delivery]) -> Written:
        if not deliveries:
            raise ValueError("an empty batch")
        async with self._lock:
            for _ in range(DEADLOCK_ATTEMPTS - 1):
                try:
                    return await self._write(deliveries)
                except StorageError as error:
                    # Two writers with the same rows in different order: the server has undone one, it may go again.
                    if not isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
                        raise
            return await self._write(deliveries)

    async def _write(self, deliveries: Sequence[Delivery]) -> Written:
        batch = [unpack(position, delivery) for position, delivery in enumerate(deliveries)]
        await self._learn(batch)
        hashes = [frame_hash(delivery.raw) for delivery in deliveries]
        async with self._link.use() as connection:
            await connection.execute("BEGIN")
            head = await self._lock_head(connection)
            written = await self._look_up(connection, head, hashes)
            if written is not None:
                await connection.execute("ROLLBACK")
                return written
            if head.version != self._catalogue.version:
                self._catalogue.forget()
                await self._learn(batch)
                self._catalogue.version = head.version
            counts = await self._write_batch(connection, head, batch, hashes)
            written = await self._close(connection, head, counts, hashes)
            self._unsettled = written.seq
            await connection.execute("COMMIT")
            self._unsettled = None
        return written

    async def _lock_head(self, connection: Connection) -> _Head:
        row = await (await connection.execute(query("lock_head"), {"writer": self._writer})).fetchone()
        if row is None:
            raise StorageError(f"writer {self._writer!r} has vanished from the database", transient=False)
        return _Head(row["id"], row["seq"], row["hash"], row["version"], microseconds(row["now"]))

    async def _look_up(self, connection: Connection, head: _Head, hashes: list[bytes]) -> Written | None:
        """The batch whose outcome was unknown, if it is these frames and it was committed."""
        if self._unsettled is None or head.seq < self._unsettled:
            return None
        key = {"writer_id": head.writer_id, "seq": self._unsettled}
        row = await (await connection.execute(query("batch"), key)).fetchone()
        if row is None or batch_hash(row.pop("previous_hash"), hashes) != row["hash"]:
            return None
        written = Written(self._unsettled, row.pop("hash"), Counts(**row))
        self._unsettled = None
        return written

    async def _learn(self, batch: Sequence[Unpacked]) -> None:
        """Make sure of all places and series; a delivery that needs one that cannot be had becomes a dead letter."""
        memory = self._catalogue
        memory.make_room()
        if memory.version is None:
            memory.version = await self._registry_version()
        await memory.learn_places(self._registry, _wanted(batch))
        shapes: dict[ShapeOf, list[Unpacked]] = {}
        for one in batch:
            names = map(one.device_of, one.contents())
            unknown = next((name for name in names if (name, one.quarantined) not in memory.places), None)
            if unknown is not None:
                one.refuse("unusable_identity", f"the database takes no device named {unknown!r}")
            for reading in one.readings:
                key = (one.device_of(reading), one.quarantined, reading.shape)
                if memory.series(*key) is None:
                    shapes.setdefault(key, []).append(one)
        if shapes:
            for key, problem in (await memory.learn_series(self._registry, shapes)).items():
                for one in shapes[key]:
                    one.refuse("unusable_channel", storable(problem))

    async def _registry_version(self) -> int:
        async with self._registry.use() as connection:
            row = await (await connection.execute(query("registry_version"))).fetchone()
            assert row is not None
            return int(row["version"])

    async def _write_batch(
        self, connection: Connection, head: _Head, batch: list[Unpacked], hashes: list[bytes]
    ) -> Counts:
        counts = await self._write_contents(connection, [one for one in batch if not one.reason])
        await _copy_raw_frames(connection, head, batch, hashes)
        dead = [one for one in batch if one.reason]
        if dead:
            await _insert_dead_letters(connection, head, dead)
        if self.keeps_dirty_hours:
            await self._mark_dirty(connection, head, batch)
        records = sum(one.records for one in dead)
        return counts + Counts(received=records, dead_letter=records)

    async def _write_contents(self, connection: Connection, batch: list[Unpacked]) -> Counts:
        """All contents of these deliveries; the bad ones among them end with a reason and count for nothing."""
        if not batch:
            return Counts()
        try:
            if self._sorted_batches == 0:
                try:
                    return await self._attempt(connection, batch, straight=True)
                except DuplicatesFound:
                    self._sorted_batches = SORTED_BATCHES
            return await self._attempt(connection, batch, straight=False)
        except Exception as error:
            if not is_data_error(error):
                raise
            if len(batch) == 1:
                batch[0].refuse("refused_by_database", storable(f"{type(error).__name__}: {error}"))
                return Counts()
        middle = len(batch) // 2
        first = await self._write_contents(connection, batch[:middle])
        return first + await self._write_contents(connection, batch[middle:])

    async def _attempt(self, connection: Connection, batch: list[Unpacked], *, straight: bool) -> Counts:
        await connection.execute("SAVEPOINT contents")
        try:
            counts = await self._write_kinds(connection, batch, straight=straight)
        except Exception as error:
            if is_data_error(error) or isinstance(error, DuplicatesFound):
                await connection.execute("ROLLBACK TO SAVEPOINT contents; RELEASE SAVEPOINT contents")
            raise
        await connection.execute("RELEASE SAVEPOINT contents")
        received = sum(one.records for one in batch)
        if counts.received != received:
            raise StorageError(f"{received} records in a batch, {counts.received} written", transient=False)
        return counts

    async def _write_kinds(self, connection: Connection, batch: list[Unpacked], *, straight: bool) -> Counts:
        inside, outside = self._readings(batch)
        counts = Counts()
        if inside:
            counts += await self._write_values(connection, inside, straight=straight)
        if outside:
            counts += await contents.write_out_of_bounds(connection, observations.assemble(outside))
        if notices := list(self._placed(batch, "notices")):
            counts += await contents.write_notices(connection, notices)
        if positions := list(self._placed(batch, "positions")):
            counts += await contents.write_positions(connection, positions)
        if parameters := list(self._placed(batch, "parameters")):
            counts += await contents.write_parameters(connection, parameters)
        return counts

    async def _write_values(
        self, connection: Connection, readings: list[tuple[SeriesIds, Readings, int]], *, straight: bool
    ) -> Counts:
        first, later, equal = observations.split_repeats(observations.assemble(readings))
        counts = Counts(received=equal, duplicate=equal)
        if len(first):
            if straight:
                counts += await observations.copy_straight(connection, first)
            else:
                self._sorted_batches = max(self._sorted_batches - 1, 0)
                counts += await observations.insert_staged(connection, first)
        if len(later):
            counts += await observations.compare_staged(connection, later)
        return counts

    def _readings(
        self, batch: list[Unpacked]
    ) -> tuple[list[tuple[SeriesIds, Readings, int]], list[tuple[SeriesIds, Readings, int]]]:
        """Readings in bounds and out of bounds, with their series and arrival."""
        inside: list[tuple[SeriesIds, Readings, int]] = []
        outside: list[tuple[SeriesIds, Readings, int]] = []
        for one in batch:
            received_us = one.delivery.received_us
            for reading in one.readings:
                ids = self._catalogue.series(one.device_of(reading), one.quarantined, reading.shape)
                assert ids is not None, "series are learned before the batch is written"
                row = (ids, reading, received_us)
                (outside if self._is_out_of_bounds(reading.time_us, received_us) else inside).append(row)
        return inside, outside

    def _placed(self, batch: list[Unpacked], kind: str) -> Iterator[Placed]:
        for one in batch:
            for content in getattr(one, kind):
                place = self._catalogue.places[one.device_of(content), one.quarantined]
                received_us = one.delivery.received_us
                is_out = self._is_out_of_bounds(content.time_us, received_us)
                yield Placed(content, place.device_id, place.point_id, one.quarantined, received_us, is_out)

    def _is_out_of_bounds(self, time_us: int | None, received_us: int) -> bool:
        if time_us is None:
            return False
        early = received_us - self._settings.past_limit_s * 1_000_000
        return not early <= time_us <= received_us + self._settings.future_limit_s * 1_000_000

    async def _mark_dirty(self, connection: Connection, head: _Head, batch: list[Unpacked]) -> None:
        """Note hours that the roll-ups have passed already, by point."""
        passed_us = head.now_us - LATE_US - HOUR_US
        touched: set[tuple[int, int]] = set()
        for one in batch:
            for reading in one.readings:
                time_us = one.delivery.received_us if reading.time_us is None else reading.time_us
                if time_us < passed_us and not self._is_out_of_bounds(reading.time_us, one.delivery.received_us):
                    point_id = self._catalogue.places[one.device_of(reading), one.quarantined].point_id
                    touched.add((time_us // HOUR_US, point_id))
        if touched:
            hours = [moment(hour * HOUR_US) for hour, _ in touched]
            point_ids = [point_id for _, point_id in touched]
            await connection.execute(query("insert_dirty"), {"hours": hours, "point_ids": point_ids})

    async def _close(self, connection: Connection, head: _Head, counts: Counts, hashes: list[bytes]) -> Written:
        if counts.balance:
            raise StorageError(f"the books of a batch do not balance: {counts}", transient=False)
        written = Written(head.seq + 1, batch_hash(head.hash, hashes), counts)
        row: dict[str, Any] = {
            "writer_id": head.writer_id,
            "seq": written.seq,
            "previous_hash": head.hash,
            "hash": written.hash,
            "frames": len(hashes),
            "received": counts.received,
            "stored": counts.stored,
            "duplicate": counts.duplicate,
            "revision": counts.revision,
            "dead_letter": counts.dead_letter,
            "out_of_bounds": counts.out_of_bounds,
        }
        await connection.execute(query("close_batch"), row)
        return written


def _wanted(batch: Sequence[Unpacked]) -> Iterator[Wanted]:
    for one in batch:
        for content in one.contents():
            yield Wanted(one.device_of(content), one.delivery.driver, one.quarantined)


async def _copy_raw_frames(connection: Connection, head: _Head, batch: list[Unpacked], hashes: list[bytes]) -> None:
    rows = (
        raw_frame_row(
            received_us=one.delivery.received_us,
            writer_id=head.writer_id,
            seq=head.seq + 1,
            position=one.position,
            texts=_origin(one.delivery),
            deviations=one.delivery.event.deviations,
            sha256=hash_,
            frame=one.delivery.raw,
        )
        for one, hash_ in zip(batch, hashes, strict=True)
    )
    async with connection.cursor() as cursor, cursor.copy(query("copy_raw_frames")) as copy:
        await copy.write(encode_raw_frames(rows))


def _origin(delivery: Delivery) -> tuple[str, str, str, str, str]:
    device = delivery.device or getattr(delivery.event, "device", "")
    return delivery.source, delivery.driver, delivery.peer, device, delivery.disposition.value


async def _insert_dead_letters(connection: Connection, head: _Head, dead: list[Unpacked]) -> None:
    origins = [[storable(text) for text in _origin(one.delivery)] for one in dead]
    columns: dict[str, Any] = {
        "writer_id": head.writer_id,
        "seq": head.seq + 1,
        "positions": [one.position for one in dead],
        "received": [moment(one.delivery.received_us) for one in dead],
        "sources": [origin[0] for origin in origins],
        "drivers": [origin[1] for origin in origins],
        "peers": [origin[2] for origin in origins],
        "devices": [origin[3] for origin in origins],
        "reasons": [storable(one.reason) for one in dead],
        "details": [storable(one.detail) for one in dead],
        "records": [one.records for one in dead],
        "frames": [one.delivery.raw for one in dead],
    }
    await connection.execute(query("insert_dead_letters"), columns)
