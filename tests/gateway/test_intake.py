import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.intake import Intake, IntakeSettings, Spool
from gateway.metrics import Metrics
from gateway.records import Delivery, count_records
from tests.gateway.lines import decode, delivery

SETTINGS = IntakeSettings(batch_frames=10, batch_wait_s=0.0, inbox_frames=50, retry_first_s=0.01, retry_last_s=0.02)


@dataclass
class Counts:
    stored: int
    duplicate: int = 0
    revision: int = 0
    dead_letter: int = 0


@dataclass
class Written:
    counts: Counts


class SwitchedStore:
    """A store with a switch: on, it keeps what it is given; off, it fails as a database that is away does."""

    def __init__(self) -> None:
        self.is_on = True
        self.frames: list[bytes] = []
        self.batches: list[int] = []

    async def write(self, deliveries: Sequence[Delivery]) -> Written:
        await asyncio.sleep(0)
        if not self.is_on:
            raise StorageError("switched off", transient=True)
        self.frames += [item.raw for item in deliveries]
        self.batches.append(len(deliveries))
        return Written(Counts(stored=sum(map(count_records, deliveries))))


class Bench:
    def __init__(self, path: Path, *, spool_bytes: int = 2**22) -> None:
        self.store = SwitchedStore()
        self.metrics = Metrics()
        self.spool = Spool(path / "spool.sqlite3", max_bytes=spool_bytes, decode=decode)
        self.intake = Intake(self.store, self.spool, SETTINGS, self.metrics)
        self.acknowledged: list[bytes] = []

    def send(self, texts: Sequence[str]) -> None:
        sent = [delivery(text) for text in texts]
        for item in sent:
            item.on_durable = lambda raw=item.raw: self.acknowledged.append(raw)  # type: ignore[misc]
        self.intake.offer(sent)

    async def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.002)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"gateway_{name}", labels) or 0.0

    def balance(self) -> float:
        outcomes = ("stored", "duplicate", "revision", "dead_letter")
        done = sum(self.value("records_total", outcome=outcome) for outcome in outcomes)
        return self.value("records_received_total") - done - self.value("records_spooled")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running(Bench(tmp_path)) as made:
        yield made


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.intake.run())
    try:
        yield bench
    finally:
        bench.store.is_on = True
        bench.intake.stop()
        await asyncio.wait_for(task, 10)
        bench.spool.close()


def lines(start: int, stop: int) -> list[str]:
    return [f"A{i};{i};{i}" for i in range(start, stop)]


def as_bytes(texts: Sequence[str]) -> list[bytes]:
    return [text.encode() for text in texts]


async def test_frames_are_acknowledged_after_the_write_in_order_and_in_bounded_batches(bench: Bench) -> None:
    bench.send(lines(0, 35))
    await bench.until(lambda: len(bench.acknowledged) == 35)
    assert bench.acknowledged == bench.store.frames == as_bytes(lines(0, 35))
    assert max(bench.store.batches) == 10
    assert bench.balance() == 0


async def test_while_the_database_is_away_frames_are_spooled_acknowledged_and_drained_in_order(bench: Bench) -> None:
    bench.store.is_on = False
    bench.send(lines(0, 25))
    await bench.until(lambda: len(bench.acknowledged) == 25)
    assert bench.store.frames == []
    assert bench.value("records_spooled") == 50
    assert bench.value("database_up") == 0
    assert bench.balance() == 0
    bench.store.is_on = True
    bench.send(lines(25, 40))
    await bench.until(lambda: len(bench.store.frames) == 40 and bench.intake.is_direct)
    assert bench.store.frames == as_bytes(lines(0, 40))
    assert bench.value("records_spooled") == 0
    assert bench.balance() == 0
    bench.send(lines(40, 41))
    await bench.until(lambda: len(bench.store.frames) == 41)
    assert bench.spool.batches == 0


async def test_a_full_spool_means_no_acknowledgement_and_closed_gates_until_the_database_is_back(
    tmp_path: Path,
) -> None:
    gate: list[str] = []
    async with running(Bench(tmp_path, spool_bytes=1)) as bench:
        bench.intake.add_gate(lambda: gate.append("close"), lambda: gate.append("reopen"))
        bench.store.is_on = False
        texts = [f"A{i};1" + "0" * 9_000 for i in range(100)]
        bench.send(texts)
        await bench.until(lambda: bench.value("spool_full_total") > 3)
        assert bench.intake.is_full
        assert gate == ["close"]
        acknowledged = len(bench.acknowledged)
        assert acknowledged < 100
        assert bench.balance() == 0
        bench.store.is_on = True
        await bench.until(lambda: len(bench.acknowledged) == len(bench.store.frames) == 100)
        assert bench.store.frames == as_bytes(texts)
        assert gate == ["close", "reopen"]
        assert bench.balance() == 0


async def test_stopping_makes_durable_what_was_taken_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with running(bench):
        bench.send(lines(0, 45))
    assert bench.acknowledged == as_bytes(lines(0, 45))


async def test_a_spool_left_by_an_earlier_run_is_drained_first(tmp_path: Path) -> None:
    before = Bench(tmp_path)
    before.spool.append([delivery(text) for text in lines(0, 5)])
    before.spool.close()
    async with running(Bench(tmp_path)) as bench:
        bench.send(lines(5, 10))
        await bench.until(lambda: len(bench.store.frames) == 10)
        assert bench.store.frames == as_bytes(lines(0, 10))
