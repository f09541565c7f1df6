"""Several writers on one database: each value once, each writer's books balanced."""

import asyncio
import random

import psycopg
import pytest

from gateway.storage import Counts, Store
from tests.storage.frames import MINUTE_US, NOW_US, values

pytestmark = pytest.mark.database
FRAMES = 60
WRITERS = 3


async def write_shuffled(dsn: str, writer: str, *, seed: int) -> Counts:
    order = list(range(FRAMES))
    random.Random(seed).shuffle(order)
    counts = Counts()
    async with Store.open(dsn, writer=writer) as store:
        for start in range(0, FRAMES, 10):
            batch = [
                values(NOW_US - number * MINUTE_US, 1.0, float(seed), device=f"MN{number % 4}")
                for number in order[start : start + 10]
            ]
            counts += (await store.write(batch)).counts
        assert (await store.verify_chain()).problems == ()
    return counts


async def test_writers_with_the_same_rows_store_each_once(database: str) -> None:
    results = await asyncio.gather(*(write_shuffled(database, f"w{n}", seed=n) for n in range(WRITERS)))
    total = sum(results, Counts())
    assert all(counts.balance == 0 for counts in results)
    # SO2 is the same everywhere; NOx differs from writer to writer, so all but the first are revisions.
    assert total == Counts(
        received=2 * FRAMES * WRITERS,
        stored=2 * FRAMES,
        duplicate=FRAMES * (WRITERS - 1),
        revision=FRAMES * (WRITERS - 1),
    )
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM observation").fetchone() == (2 * FRAMES,)
        assert connection.execute("SELECT count(*) FROM series").fetchone() == (8,)
        assert connection.execute("SELECT sum(balance), sum(stored) FROM v_ledger_balance").fetchone() == (
            0,
            2 * FRAMES,
        )


async def test_two_processes_of_one_name_take_turns_on_one_chain(database: str) -> None:
    await asyncio.gather(*(write_shuffled(database, "same", seed=n) for n in range(2)))
    async with Store.open(database, writer="same") as store:
        report = await store.verify_chain()
    assert (report.batches, report.verified, report.problems) == (12, 12, ())
