"""Migrations: once, in order, frozen, under a lock, on each tier."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.errors import StorageError
from gateway.storage import StorageSettings, Store, Tier, migrate, schema
from tests.conftest import fresh_database
from tests.services.postgres import PostgresServer
from tests.storage.frames import NOW_US, values

pytestmark = pytest.mark.database
EXPECTED_TIER = {"plain": Tier.PLAIN, "timescaledb": Tier.TIMESCALE_APACHE}


@pytest.fixture
def tier(request: pytest.FixtureRequest) -> Tier:
    return EXPECTED_TIER[request.node.callspec.params["tier_server"]]


def applied(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT name, applied_at FROM schema_migration ORDER BY number").fetchall()


async def test_the_tier_is_probed_and_a_second_run_finds_nothing_to_do(empty_database: str, tier: Tier) -> None:
    assert await migrate(empty_database) is tier
    first = applied(empty_database)
    assert await migrate(empty_database) is tier
    assert applied(empty_database) == first
    assert [name for name, _ in first] == [migration.name for migration in schema.plan(tier)]


async def test_many_processes_may_migrate_at_once(empty_database: str, tier: Tier) -> None:
    assert set(await asyncio.gather(*(migrate(empty_database) for _ in range(6)))) == {tier}


async def test_a_changed_migration_is_an_error_that_names_it(own_database: str) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute("UPDATE schema_migration SET sha256 = 'edited' WHERE number = 4")
    with pytest.raises(StorageError, match=r"0004_evidence\.sql") as caught:
        await migrate(own_database)
    assert not caught.value.transient


async def test_a_newer_schema_is_an_error(own_database: str) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute("INSERT INTO schema_migration VALUES (9999, '9999_from_the_future.sql', 'x')")
    with pytest.raises(StorageError, match="9999_from_the_future"):
        await migrate(own_database)


async def test_a_server_that_offers_less_than_the_schema_needs_is_an_error(own_database: str) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute("UPDATE schema_state SET tier = 'timescale_tsl', views_sha256 = ''")
        connection.execute("UPDATE schema_migration SET sha256 = 'x' WHERE false")
        connection.execute("DELETE FROM schema_migration WHERE number >= 3")
    with pytest.raises(StorageError, match="offers only") as caught:
        await migrate(own_database)
    assert not caught.value.transient


async def test_changed_views_are_made_again(own_database: str) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute("DROP VIEW v_ledger_balance")
        connection.execute("UPDATE schema_state SET views_sha256 = 'old'")
    await migrate(own_database)
    with psycopg.connect(own_database) as connection:
        assert connection.execute("SELECT count(*) FROM v_ledger_balance").fetchone() == (0,)


async def test_a_store_migrates_by_itself_unless_told_not_to(empty_database: str) -> None:
    settings = StorageSettings(migrate=False)
    async with Store.open(empty_database, writer="w1", settings=settings) as store:
        with pytest.raises(StorageError, match="gateway migrate"):
            await store.write([values(NOW_US, 1.0, 2.0)])
    async with Store.open(empty_database, writer="w1") as store:
        assert (await store.write([values(NOW_US, 1.0, 2.0)])).counts.stored == 2


async def test_the_chunk_interval_is_the_configured_one(timescale_server: PostgresServer) -> None:
    with fresh_database(timescale_server, template="template0") as dsn:
        await migrate(dsn, StorageSettings(chunk_interval_s=86_400))
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("SELECT hypertable_name, time_interval FROM timescaledb_information.dimensions")
            assert {name: interval.days for name, interval in rows} == dict.fromkeys(
                ["observation", "track", "raw_frame", "device_event"], 1
            )
            indexes = connection.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'observation'").fetchone()
            assert indexes == (1,)


def test_the_most_specific_variant_of_a_migration_is_run(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0002_b.sql", "0002_b.plain.sql", "0002_b.timescale.sql", "0002_b.timescale_tsl.sql"):
        (tmp_path / name).write_text("SELECT 1")
    names = {tier: [migration.name for migration in schema.plan(tier, tmp_path)] for tier in Tier}
    assert names == {
        Tier.PLAIN: ["0001_a.sql", "0002_b.plain.sql"],
        Tier.TIMESCALE_APACHE: ["0001_a.sql", "0002_b.timescale.sql"],
        Tier.TIMESCALE_TSL: ["0001_a.sql", "0002_b.timescale_tsl.sql"],
    }


@pytest.mark.parametrize("table", ["batch", "alert_action"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_evidence_tables_refuse_to_be_changed(own_database: str, table: str, statement: str) -> None:
    with psycopg.connect(own_database, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO finding (id, site, point, channels, starts_at, ends_at, detected_at, detector,
                   detector_version, class, score, alert, explanation, innocent_if)
               VALUES ('f', 'S', 'A', '{so2}', now(), now(), now(), 'd', '1', 'stuck_value', 0.5, true, '{}', '{}')"""
        )
        connection.execute("INSERT INTO alert (finding_id) VALUES ('f')")
        connection.execute("INSERT INTO alert_action (alert_id, actor, action) SELECT id, 'me', 'open' FROM alert")
        connection.execute("INSERT INTO writer (name) VALUES ('w')")
        connection.execute(
            """INSERT INTO batch SELECT id, 1, hash, hash, 0, 0, 0, 0, 0, 0, 0, now() FROM writer WHERE name = 'w'"""
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute(statement.format(table).encode())


async def test_a_batch_whose_books_do_not_balance_is_refused_by_the_database(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO writer (name) VALUES ('w')")
        with pytest.raises(psycopg.errors.CheckViolation, match="books_balance"):
            connection.execute(
                "INSERT INTO batch SELECT id, 1, hash, hash, 1, 5, 4, 0, 0, 0, 0, now() FROM writer WHERE name = 'w'"
            )
