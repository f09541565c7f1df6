"""Whatever is written, in whatever batches: the books balance, and every store agrees with a plain model."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.events import Notice
from gateway.records import Delivery, count_records
from gateway.storage import AnyStore, Counts, MemoryStore, Store
from gateway.storage.sql import query
from tests.conftest import emptied_database
from tests.services.postgres import PostgresServer
from tests.storage.frames import MINUTE_US, NOW_US, bad_frame, delivery, values

numbers = st.sampled_from([1.0, 2.0, math.nan])
good = st.builds(
    values,
    st.sampled_from([NOW_US, NOW_US - MINUTE_US, 5_000_000]),
    numbers,
    numbers,
    device=st.sampled_from(["MN1", "MN2"]),
    flags=st.sampled_from(["NN", "ND"]),
)
poisoned = st.builds(lambda: delivery(Notice("MN1", NOW_US, "log", text="\0")))
infinite = st.builds(lambda: values(NOW_US, math.inf, 1.0))
batches = st.lists(
    st.lists(st.one_of(good, good, good, poisoned, infinite, st.builds(bad_frame)), min_size=1, max_size=6)
)


def model(batch: list[Delivery], first: dict, others: set) -> Counts:
    """The rules of the books, one value after the other."""
    counts = Counts()
    for one in batch:
        contents = [] if not hasattr(one.event, "contents") else list(one.event.contents())
        readings = [content for content in contents if hasattr(content, "values")]
        if not readings or any(math.isinf(value) for value in readings[0].values):
            counts += Counts(received=count_records(one), dead_letter=count_records(one))
            continue
        (reading,) = readings
        is_out = reading.time_us == 5_000_000
        for channel, value, flag in zip(reading.shape.channels, reading.values, reading.flags, strict=True):
            key = (one.device, channel.code, reading.time_us)
            row = (None if math.isnan(value) else value, flag)
            known = (key, row) in others or first.get(key) == row
            is_first = not is_out and key not in first
            if is_first:
                first[key] = row
            elif not known:
                others.add((key, row))
            stored = int(is_first or (is_out and not known))
            counts += Counts(1, stored, int(known), int(not known and not stored), 0, int(is_out and not known))
    return counts


async def check(store: AnyStore, written: list[list[Delivery]]) -> None:
    first: dict = {}
    others: set = set()
    total = Counts()
    for batch in written:
        counts = (await store.write(batch)).counts
        assert counts == model(batch, first, others)
        assert counts.received == sum(map(count_records, batch))
        total += counts
    (books,) = await store.books() if written else [None]
    assert books is None or books.counts == total
    assert total.balance == 0
    assert (await store.verify_chain()).problems == ()


@given(written=batches)
@settings(deadline=None)
def test_the_books_of_the_memory_store_balance(written: list[list[Delivery]]) -> None:
    asyncio.run(check(MemoryStore(writer="w1"), written))


@pytest.mark.database
@given(written=batches)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_books_of_the_database_balance_and_agree_with_its_tables(
    tier_server: PostgresServer, written: list[list[Delivery]]
) -> None:
    dsn = emptied_database(tier_server)

    async def run(then: Callable[[AnyStore, list[list[Delivery]]], Awaitable[None]]) -> None:
        async with Store.open(dsn, writer="w1") as store:
            await then(store, written)

    asyncio.run(run(check))
    with psycopg.connect(dsn) as connection:
        audited = connection.execute(query("audit_rows")).fetchone()
        booked = connection.execute(
            "SELECT coalesce(sum(stored), 0), coalesce(sum(revision), 0), coalesce(sum(dead_letter), 0) FROM batch"
        ).fetchone()
    assert audited == booked
