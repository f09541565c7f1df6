"""The intake: takes frames from the sources, makes them durable in batches, and only then lets the sources answer.

Two states. *Direct*: batches go to the database. *Spooling*: the database has failed, batches go to the spool, and a
drain task writes the oldest batch again and again until it succeeds and the spool is empty; then back to direct.
In the spooling state only the drain task uses the database, so the order of batches is kept.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.errors import StorageError
from gateway.intake.spool import Spool, SpoolFull
from gateway.metrics import Metrics
from gateway.records import Delivery, count_records

log = structlog.get_logger("gateway.intake")

OUTCOMES = ("stored", "duplicate", "revision", "dead_letter")


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Bounds of the intake."""

    batch_frames: int = 1_000
    batch_wait_s: float = 0.02  # how long the first frame of a batch may wait for company [s]
    inbox_frames: int = 20_000  # full above this: the sources stop reading
    inbox_bytes: int = 64 * 2**20
    retry_first_s: float = 0.5
    retry_last_s: float = 10.0


class RecordCounts(Protocol):
    """Records by outcome, each of `OUTCOMES`."""

    @property
    def stored(self) -> int: ...
    @property
    def duplicate(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def dead_letter(self) -> int: ...


class WrittenBatch(Protocol):
    """What a store says of a committed batch."""

    @property
    def counts(self) -> RecordCounts: ...


class BatchStore(Protocol):
    """The one thing that the intake asks of the storage."""

    async def write(self, deliveries: Sequence[Delivery]) -> WrittenBatch:
        """Commit a batch as a whole, or raise `StorageError` and leave nothing."""
        ...


class Intake:
    """See the module's text. `run` owns the work; `offer` and `deliver` are called by the sources in the same loop."""

    def __init__(self, store: BatchStore, spool: Spool, settings: IntakeSettings, metrics: Metrics) -> None:
        self._store = store
        self._spool = spool
        self._settings = settings
        self._metrics = metrics
        self._inbox: deque[Delivery] = deque()
        self._inbox_bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._gates: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._spool_lock = asyncio.Lock()
        self._spooling = asyncio.Event()
        if spool.batches:
            self._spooling.set()
        self._is_database_up = True
        self._is_stopping = False
        metrics.spooled.set(spool.records)

    @property
    def is_full(self) -> bool:
        """Whether the sources are asked to wait."""
        return not self._room.is_set()

    @property
    def is_direct(self) -> bool:
        """Whether batches go straight to the database."""
        return not self._spooling.is_set()

    def add_gate(self, close: Callable[[], None], reopen: Callable[[], None]) -> None:
        """Register a source that is told when the inbox is full, and when there is room again."""
        self._gates.append((close, reopen))

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Take frames in. Never refuses: a source that goes on after `close` holds at most what it had read already."""
        self._inbox.extend(deliveries)
        self._inbox_bytes += sum(len(item.raw) for item in deliveries)
        self._arrived.set()
        if self._room.is_set() and self._is_over():
            self._room.clear()
            self._metrics.inbox_full.inc()
            for close, _ in self._gates:
                close()

    async def deliver(self, delivery: Delivery) -> None:
        """Take one frame in, when there is room."""
        await self._room.wait()
        self.offer((delivery,))

    async def run(self) -> None:
        """Work until `stop` was called and the inbox is empty."""
        async with asyncio.TaskGroup() as tasks:
            drain = tasks.create_task(self._drain(), name="drain")
            try:
                while batch := await self._next_batch():
                    await self._make_durable(batch)
            finally:
                drain.cancel()

    def stop(self) -> None:
        """Let `run` finish what is in the inbox and return. The sources must have stopped before."""
        self._is_stopping = True
        self._arrived.set()

    def _is_over(self, share: float = 1.0) -> bool:
        settings = self._settings
        return len(self._inbox) > share * settings.inbox_frames or self._inbox_bytes > share * settings.inbox_bytes

    async def _next_batch(self) -> list[Delivery]:
        """The next frames, in order of arrival; empty when the intake is to stop."""
        while not self._inbox:
            if self._is_stopping:
                return []
            self._arrived.clear()
            await self._arrived.wait()
        if len(self._inbox) < self._settings.batch_frames and not self._is_stopping:
            await asyncio.sleep(self._settings.batch_wait_s)
        batch = [self._inbox.popleft() for _ in range(min(len(self._inbox), self._settings.batch_frames))]
        self._inbox_bytes -= sum(len(item.raw) for item in batch)
        self._metrics.inbox_bytes.set(self._inbox_bytes)
        if not self._room.is_set() and not self._is_over(0.5):
            self._room.set()
            for _, reopen in self._gates:
                reopen()
        return batch

    async def _make_durable(self, batch: list[Delivery]) -> None:
        """Return when the batch is in the database or in the spool, then let the sources answer."""
        started = time.perf_counter()
        pause_s = self._settings.retry_first_s
        while not (await self._write(batch) if self.is_direct else await self._spool_batch(batch)):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._settings.retry_last_s)
        self._metrics.commit_seconds.observe(time.perf_counter() - started)
        self._metrics.lag_seconds.observe(max(0.0, time.time() - batch[0].received_us / 1e6))
        for delivery in batch:
            if delivery.on_durable is not None:
                delivery.on_durable()

    async def _write(self, batch: list[Delivery]) -> bool:
        try:
            written = await self._store.write(batch)
        except StorageError as error:
            self._failed(error)
            self._spooling.set()
            return await self._spool_batch(batch)
        self._metrics.received.inc(self._count(written))
        return True

    async def _spool_batch(self, batch: list[Delivery]) -> bool:
        async with self._spool_lock:
            if self.is_direct:  # the drain has just finished; order is kept by going to the database
                return False
            try:
                await asyncio.to_thread(self._spool.append, batch)
            except SpoolFull as error:
                self._metrics.spool_full.inc()
                log.error("spool_full", error=str(error), waiting_frames=len(batch) + len(self._inbox))
                return False
            self._metrics.spooled.set(self._spool.records)
        self._metrics.received.inc(sum(map(count_records, batch)))
        return True

    async def _drain(self) -> None:
        """Write what is in the spool, oldest first, whenever there is something."""
        pause_s = self._settings.retry_first_s
        while await self._spooling.wait():
            try:
                drained = await self._drain_one()
            except StorageError as error:
                self._failed(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._settings.retry_last_s)
                continue
            pause_s = self._settings.retry_first_s
            if not drained:
                log.info("spool_drained")

    async def _drain_one(self) -> bool:
        """Move the oldest batch to the database; False when the spool was empty and the state is direct again."""
        async with self._spool_lock:
            batch = await asyncio.to_thread(self._spool.oldest)
            if batch is None:
                self._spooling.clear()
                return False
        written = await self._store.write(batch.deliveries)
        async with self._spool_lock:
            await asyncio.to_thread(self._spool.remove, batch)
            self._metrics.spooled.set(self._spool.records)
        self._count(written)
        return True

    def _count(self, written: WrittenBatch) -> int:
        self._is_database_up = True
        self._metrics.database_up.set(1)
        counts = [getattr(written.counts, outcome) for outcome in OUTCOMES]
        for outcome, number in zip(OUTCOMES, counts, strict=True):
            self._metrics.records.labels(outcome).inc(number)
        self._metrics.batch_records.observe(sum(counts))
        return sum(counts)

    def _failed(self, error: StorageError) -> None:
        if self._is_database_up:
            log.error("database_away", error=str(error), transient=error.transient)
        self._is_database_up = False
        self._metrics.database_up.set(0)
        self._metrics.storage_errors.labels(str(error.transient).lower()).inc()
