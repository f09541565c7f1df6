"""Roll-ups that follow late data, partitions ahead, old data dropped: on both tiers, by a clock that is handed in."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from gateway.storage import RetentionSettings, Store, maintain
from tests.conftest import TEMPLATE, fresh_database
from tests.services.postgres import PostgresServer
from tests.storage.frames import HOUR_US, MINUTE_US, delivery, readings

pytestmark = pytest.mark.database
DAY_US = 24 * HOUR_US
KEEP = RetentionSettings()


def this_hour_us() -> int:
    """The server's clock decides what is late, so these tests live in the present."""
    return int(time.time() * 1_000_000) // HOUR_US * HOUR_US


def sample(time_us: int, value: float, *, flag: str = "N"):
    return delivery(readings(time_us, value, value, flags=flag * 2), received_us=int(time.time() * 1_000_000))


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(statement.encode()).fetchall()


HOURLY = """SELECT extract(epoch FROM h.time)::bigint * 1000000, h.count, h.normal_count, h.mean, h.minimum, h.maximum
    FROM observation_hourly h JOIN series ON series.id = h.series_id WHERE quantity = 'so2' ORDER BY 1"""


async def test_recent_hours_are_rolled_up_and_only_normal_values_count(database: str) -> None:
    hour = this_hour_us() - HOUR_US
    async with Store.open(database, writer="w1") as store:
        excluded = sample(hour + 2 * MINUTE_US, 99.0, flag="D")
        await store.write([sample(hour, 1.0), sample(hour + MINUTE_US, 3.0), excluded])
        assert (await maintain(database, retention=KEEP)).is_mine
        assert rows(database, HOURLY) == [(hour, 3, 2, 2.0, 1.0, 3.0)]
        await store.write([sample(hour + 3 * MINUTE_US, 5.0)])
    await maintain(database, retention=KEEP)
    assert rows(database, HOURLY) == [(hour, 4, 3, 3.0, 1.0, 5.0)]


async def test_late_data_open_their_hour_again(database: str) -> None:
    hour = this_hour_us() - 50 * HOUR_US
    async with Store.open(database, writer="w1") as store:
        await store.write([sample(hour, 1.0)])
        assert (await maintain(database, retention=KEEP)).late_hours == 1
        assert rows(database, HOURLY) == [(hour, 1, 1, 1.0, 1.0, 1.0)]
        await store.write([sample(hour + MINUTE_US, 3.0)])
    assert (await maintain(database, retention=KEEP)).late_hours == 1
    assert rows(database, HOURLY) == [(hour, 2, 2, 2.0, 1.0, 3.0)]
    assert (await maintain(database, retention=KEEP)).late_hours == 0


async def test_days_begin_at_local_midnight_and_weigh_their_hours(database: str) -> None:
    noon = this_hour_us() // DAY_US * DAY_US - 3 * DAY_US + 12 * HOUR_US
    midnight = noon + 4 * HOUR_US  # 16:00 UTC is 00:00 in Shanghai
    async with Store.open(database, writer="w1") as store:
        await store.write(
            [
                sample(midnight - MINUTE_US, 100.0),
                sample(midnight, 1.0),
                sample(midnight + MINUTE_US, 1.0),
                sample(midnight + HOUR_US, 4.0),
            ]
        )
    await maintain(database, retention=KEEP)
    daily = rows(database, HOURLY.replace("observation_hourly", "observation_daily"))
    assert daily == [(midnight - DAY_US, 1, 1, 100.0, 100.0, 100.0), (midnight, 3, 3, 2.0, 1.0, 4.0)]


async def test_one_process_at_a_time_does_the_maintenance(database: str) -> None:
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_lock(7241001, 2)")
        assert not (await maintain(database, retention=KEEP)).is_mine
    assert (await maintain(database, retention=KEEP)).is_mine


async def test_old_data_are_dropped_and_the_chain_still_links(own_database: str) -> None:
    now_us = this_hour_us()
    async with Store.open(own_database, writer="w1") as store:
        await store.write([sample(now_us - 200 * DAY_US, 1.0), sample(now_us, 1.0)])
        kept = RetentionSettings(observation_days=90, raw_frame_days=90)
        await maintain(own_database, retention=kept)
        assert rows(own_database, "SELECT count(*) FROM observation") == [(2,)]
        assert rows(own_database, "SELECT count(*) FROM raw_frame") == [(2,)]
        future = now_us + 200 * DAY_US
        dropped = (await maintain(own_database, retention=kept, now_us=future)).dropped
        assert dropped
        assert rows(own_database, "SELECT count(*) FROM observation") == [(0,)]
        assert rows(own_database, "SELECT count(*) FROM raw_frame") == [(0,)]
        report = await store.verify_chain()
    assert (report.linked, report.problems) == (1, ())
    # What was summed up before it was dropped stays.
    assert len(rows(own_database, "SELECT * FROM observation_hourly")) == 4


async def test_partitions_are_made_ahead_and_take_over_what_lies_in_default(plain_server: PostgresServer) -> None:
    with fresh_database(plain_server, template=TEMPLATE) as dsn:
        later = datetime.now(UTC) + timedelta(days=300)
        later_us = int(later.timestamp()) * 1_000_000
        early = delivery(readings(later_us, 1.0, 2.0), received_us=later_us)
        async with Store.open(dsn, writer="w1") as store:
            await store.write([early])
        assert rows(dsn, "SELECT count(*) FROM observation_default") == [(2,)]
        done = await maintain(dsn, retention=KEEP, now_us=later_us)
        assert done.partitions == 4 * 4
        assert rows(dsn, "SELECT count(*) FROM observation_default") == [(0,)]
        assert rows(dsn, f"SELECT count(*) FROM observation_y{later:%Y}m{later:%m}") == [(2,)]
        assert (await maintain(dsn, retention=KEEP, now_us=later_us)).partitions == 0
