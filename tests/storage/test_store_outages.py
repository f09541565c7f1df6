"""The database away, hung, read-only, full, or cut off in the middle of COMMIT: nothing lost, nothing doubled."""

import asyncio
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from gateway.errors import StorageError
from gateway.storage import Counts, StorageSettings, Store
from tests.services.postgres import PostgresServer
from tests.services.proxy import Proxy
from tests.storage.frames import NOW_US, values

pytestmark = pytest.mark.database
QUICK = StorageSettings(connect_timeout_s=2, lock_timeout_s=0.5, statement_timeout_s=2.0, deadline_s=2.0)


def count(dsn: str, table: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
async def proxy(tier_server: PostgresServer, database: str) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", tier_server.port).running() as running:
        yield running


def through(proxy: Proxy, dsn: str) -> str:
    return f"{dsn} ".replace(dsn.split("@")[1].split("/")[0], f"127.0.0.1:{proxy.port}").strip()


async def test_a_commit_whose_answer_was_lost_is_found_again(database: str, proxy: Proxy) -> None:
    async with Store.open(through(proxy, database), writer="w1", settings=QUICK) as store:
        await store.write([values(NOW_US - 1, 1.0, 2.0)])  # makes the series, so that the next COMMIT is the batch's
        batch = [values(NOW_US, 1.0, 2.0), values(NOW_US, 1.0, 2.5)]

        def lose_the_answer() -> None:
            proxy.drops_answers = True
            asyncio.get_running_loop().call_later(0.3, proxy.cut)

        proxy.when(b"COMMIT\0", lose_the_answer)
        with pytest.raises(StorageError) as caught:
            await store.write(batch)
        assert caught.value.transient
        proxy.drops_answers = False
        assert count(database, "observation") == 4, "the server has committed"
        again = await store.write(batch)
        assert again.counts == Counts(received=4, stored=2, duplicate=1, revision=1)
        assert again.seq == 2
        (books,) = await store.books()
        assert books.counts == again.counts + Counts(received=2, stored=2)
        assert count(database, "raw_frame") == 3
        assert (await store.verify_chain()).problems == ()
        assert (await store.write([values(NOW_US + 1, 1.0, 2.0)])).seq == 3


async def test_a_commit_that_never_reached_the_server_is_done_again(database: str, proxy: Proxy) -> None:
    async with Store.open(through(proxy, database), writer="w1", settings=QUICK) as store:
        await store.connect()
        # The bytes just before COMMIT: the statement that closes the batch. Cut, and the server rolls back.
        proxy.when(b"INSERT INTO batch", proxy.cut)
        batch = [values(NOW_US, 1.0, 2.0)]
        with pytest.raises(StorageError) as caught:
            await store.write(batch)
        assert caught.value.transient
        written = await store.write(batch)
        assert (written.seq, written.counts) == (1, Counts(received=2, stored=2))
        assert count(database, "batch") == 1


async def test_other_frames_after_an_unknown_commit_are_not_taken_for_it(database: str, proxy: Proxy) -> None:
    async with Store.open(through(proxy, database), writer="w1", settings=QUICK) as store:
        await store.write([values(NOW_US - 1, 1.0, 2.0)])
        proxy.when(b"COMMIT\0", proxy.hang)
        with pytest.raises(StorageError):
            await store.write([values(NOW_US, 1.0, 2.0)])
        proxy.cut()
        proxy.resume()
        written = await store.write([values(NOW_US, 1.0, 2.0), values(NOW_US + 1, 1.0, 2.0)])
        assert written.counts == Counts(received=4, stored=2, duplicate=2)
        assert (await store.verify_chain()).problems == ()


async def test_a_network_that_swallows_everything_is_noticed_in_bounded_time(database: str, proxy: Proxy) -> None:
    async with Store.open(through(proxy, database), writer="w1", settings=QUICK) as store:
        await store.write([values(NOW_US, 1.0, 2.0)])
        proxy.hang()
        start = time.monotonic()
        with pytest.raises(StorageError) as caught:
            await store.write([values(NOW_US + 1, 1.0, 2.0)])
        assert caught.value.transient
        assert time.monotonic() - start < 4 * QUICK.deadline_s
        proxy.cut()
        proxy.resume()
        assert (await store.write([values(NOW_US + 1, 1.0, 2.0)])).counts.stored == 2


async def test_a_slow_network_in_small_pieces_changes_nothing(database: str, proxy: Proxy) -> None:
    proxy.slice_bytes = 7
    async with Store.open(through(proxy, database), writer="w1") as store:
        written = await store.write([values(NOW_US + n, 1.0, 2.0) for n in range(20)])
    assert written.counts.stored == 40


@pytest.fixture
async def private_store(private_server: PostgresServer) -> AsyncIterator[Store]:
    async with Store.open(private_server.dsn(), writer="w1", settings=QUICK) as store:
        await store.write([values(NOW_US, 1.0, 2.0)])
        yield store


async def test_a_killed_server_keeps_what_was_committed(private_server: PostgresServer, private_store: Store) -> None:
    for number in range(1, 20):
        await private_store.write([values(NOW_US + number, 1.0, 2.0)])
    private_server.kill()
    with pytest.raises(StorageError) as caught:
        await private_store.write([values(NOW_US + 20, 1.0, 2.0)])
    assert caught.value.transient
    private_server.start()
    assert (await private_store.write([values(NOW_US + 20, 1.0, 2.0)])).seq == 21
    assert count(private_server.dsn(), "observation") == 42
    assert (await private_store.verify_chain()).problems == ()


async def test_a_hung_server_is_noticed_and_taken_up_again(
    private_server: PostgresServer, private_store: Store
) -> None:
    private_server.pause()
    try:
        start = time.monotonic()
        with pytest.raises(StorageError) as caught:
            await private_store.write([values(NOW_US + 1, 1.0, 2.0)])
        assert caught.value.transient
        assert time.monotonic() - start < 4 * QUICK.deadline_s
    finally:
        private_server.resume()
    assert (await private_store.write([values(NOW_US + 1, 1.0, 2.0)])).counts.stored == 2


async def test_a_server_that_stops_in_order_is_an_outage(private_server: PostgresServer, private_store: Store) -> None:
    private_server.stop()
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            await private_store.write([values(NOW_US + 1, 1.0, 2.0)])
        assert caught.value.transient
    private_server.start()
    assert (await private_store.write([values(NOW_US + 1, 1.0, 2.0)])).counts.stored == 2


async def test_a_read_only_server_is_an_outage_and_no_bad_row(
    private_server: PostgresServer, private_store: Store
) -> None:
    private_server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    private_server.execute("SELECT pg_reload_conf()")
    private_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gateway%'"
    )
    with pytest.raises(StorageError) as caught:
        await private_store.write([values(NOW_US + 1, 1.0, 2.0)])
    assert caught.value.transient
    assert count(private_server.dsn(), "dead_letter") == 0


async def test_a_full_disk_is_an_outage_and_no_bad_row(private_server: PostgresServer, private_store: Store) -> None:
    # What PostgreSQL raises when its disk is full (53100), by a trigger: filling a real disk would take root's rights.
    private_server.execute(
        "CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$"
    )
    private_server.execute(
        "CREATE TRIGGER disk_is_full BEFORE INSERT ON observation_default FOR EACH ROW EXECUTE FUNCTION disk_is_full()"
    )
    with pytest.raises(StorageError) as caught:
        await private_store.write([values(NOW_US + 1, 1.0, 2.0)])
    assert caught.value.transient
    private_server.execute("DROP FUNCTION disk_is_full CASCADE")
    assert (await private_store.write([values(NOW_US + 1, 1.0, 2.0)])).counts.stored == 2
    assert count(private_server.dsn(), "dead_letter") == 0


async def test_a_locked_table_is_an_outage_and_no_bad_row(database: str) -> None:
    async with Store.open(database, writer="w1", settings=QUICK) as store:
        await store.connect()
        with psycopg.connect(database) as blocker:
            blocker.execute("LOCK TABLE observation IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StorageError) as caught:
                await store.write([values(NOW_US, 1.0, 2.0)])
            assert caught.value.transient
        assert (await store.write([values(NOW_US, 1.0, 2.0)])).counts.stored == 2


async def test_a_cancelled_write_can_be_repeated(database: str, proxy: Proxy) -> None:
    async with Store.open(through(proxy, database), writer="w1", settings=QUICK) as store:
        await store.connect()
        proxy.delay_s = 0.02
        batch = [values(NOW_US, 1.0, 2.0)]
        task = asyncio.create_task(store.write(batch))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        proxy.delay_s = 0.0
        await store.write(batch)
        assert count(database, "observation") == 2


async def test_a_database_that_is_not_there_at_the_start_is_waited_for(private_server: PostgresServer) -> None:
    private_server.stop()
    async with Store.open(private_server.dsn(), writer="w1", settings=QUICK) as store:
        with pytest.raises(StorageError) as caught:
            await store.write([values(NOW_US, 1.0, 2.0)])
        assert caught.value.transient
        private_server.start()
        assert (await store.write([values(NOW_US, 1.0, 2.0)])).counts.stored == 2
