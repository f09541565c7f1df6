"""What is in the tables after writing: views, revisions, quarantine, evidence."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from drivers.events import Notice, Position
from gateway.records import Disposition
from gateway.storage import Counts, Store
from gateway.storage.sql import query
from tests.storage.frames import HOUR_US, MINUTE_US, NOW_US, bad_frame, delivery, readings, values

pytestmark = pytest.mark.database
VIEWS = [
    "v_observation",
    "v_quarantine",
    "v_power",
    "v_out_of_bounds",
    "v_revision",
    "v_track",
    "v_ledger_balance",
    "v_alert",
    "v_device",
    "v_parameter",
    "v_device_event",
    "v_deviation",
    "v_dead_letter",
    "v_facility",
    "v_facility_event",
]


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


async def test_v_observation_shows_the_first_values_and_v_revision_the_others(store: Store, database: str) -> None:
    first = values(NOW_US, 1.0, 2.0)
    late = values(NOW_US, 1.0, 3.0)
    late.received_us += HOUR_US
    await store.write([first])
    await store.write([late])
    shown = rows(
        database,
        "SELECT site, point, quantity, statistic, interval_s, value, unit, flag, channel FROM v_observation ORDER BY 3",
    )
    assert shown == [
        ("MN1", "1", "nox", "avg", 60, 2.0, "mg/m3", "N", "a21002"),
        ("MN1", "1", "so2", "avg", 60, 1.0, "mg/m3", "N", "a21026"),
    ]
    (revision,) = rows(
        database,
        "SELECT first_value, value, extract(epoch FROM received_at - first_received_at)::int FROM v_revision",
    )
    assert revision == (2.0, 3.0, 3600)


async def test_quarantine_has_a_view_of_its_own(store: Store, database: str) -> None:
    suspect = values(NOW_US, 9.0, 9.0)
    suspect.disposition = Disposition.QUARANTINED
    await store.write([suspect])
    assert rows(database, "SELECT count(*) FROM v_observation") == [(0,)]
    assert rows(database, "SELECT count(*) FROM v_quarantine") == [(2,)]
    await store.release_device("MN1")
    assert rows(database, "SELECT count(*) FROM v_observation") == [(2,)]
    assert rows(database, "SELECT count(*) FROM v_quarantine") == [(0,)]


async def test_quarantined_data_of_a_device_with_a_point_stays_apart_when_released(store: Store, database: str) -> None:
    suspect = values(NOW_US, 9.0, 9.0)
    suspect.disposition = Disposition.QUARANTINED
    await store.write([values(NOW_US, 1.0, 2.0), suspect])
    await store.release_device("MN1")
    assert rows(database, "SELECT value FROM v_observation ORDER BY value") == [(1.0,), (2.0,)]


async def test_out_of_bounds_values_are_seen_and_make_no_chunk(store: Store, database: str) -> None:
    await store.write([values(5_000_000, 1.0, 2.0), values(2**63 - 1, 1.0, 2.0)])
    assert rows(database, "SELECT count(*) FROM observation") == [(0,)]
    found = rows(database, "SELECT extract(epoch FROM time)::int, time_us FROM v_out_of_bounds ORDER BY time_us, value")
    assert found == [(5, 5_000_000), (5, 5_000_000), (None, 2**63 - 1), (None, 2**63 - 1)]


async def test_raw_frames_keep_bytes_origin_and_deviations(store: Store, database: str) -> None:
    frame = b"##0101QN=\xff\x00"
    await store.write([delivery(raw=frame, deviations=("missing_crlf",)), bad_frame(b"xx")])
    found = rows(
        database,
        "SELECT position, source, peer, device, disposition, deviations, bytes FROM raw_frame ORDER BY position",
    )
    assert found == [
        (0, "hj212", "10.1.2.3:40112", "MN1", "accepted", ["missing_crlf"], frame),
        (1, "hj212", "10.1.2.3:40112", "", "accepted", [], b"xx"),
    ]


async def test_a_changed_raw_frame_breaks_the_chain_and_is_named(store: Store, database: str) -> None:
    for number in range(3):
        await store.write([values(NOW_US + number, 1.0, 2.0)])
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE raw_frame SET bytes = 'forged' WHERE seq = 2")
    report = await store.verify_chain()
    assert report.problems == ("batch 2 does not have the hash of its frames",)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM raw_frame WHERE seq = 2")
    report = await store.verify_chain()
    assert (report.verified, report.linked, report.problems) == (2, 1, ())


async def test_the_ledger_view_balances_with_the_tables(store: Store, database: str) -> None:
    position = Position("UAV1", NOW_US, 28.7, 115.9)
    await store.write([values(NOW_US, 1.0, 2.0), delivery(Notice("MN1", NOW_US, "log")), bad_frame()])
    await store.write([values(NOW_US, 1.0, 3.0), delivery(position, position, device="UAV1")])
    await store.report_spool(5)
    (balance,) = rows(
        database,
        "SELECT received, stored, duplicate, revision, dead_letter, spooled, balance FROM v_ledger_balance",
    )
    assert balance == (13, 4, 2, 1, 1, 5, 0)
    with psycopg.connect(database) as connection:
        assert connection.execute(query("audit_rows")).fetchone() == (4, 1, 1)


@pytest.mark.parametrize("view", VIEWS)
async def test_every_view_can_be_read(database: str, view: str) -> None:
    assert len(rows(database, f"SELECT * FROM {view}")) == 0


async def test_a_release_by_another_process_is_noticed_by_the_next_batch(store: Store, database: str) -> None:
    suspect = values(NOW_US, 9.0, 9.0)
    suspect.disposition = Disposition.QUARANTINED
    await store.write([suspect])
    async with Store.open(database, writer="w2") as other:
        await other.release_device("MN1")
    again = values(NOW_US + MINUTE_US, 9.0, 9.0)
    again.disposition = Disposition.QUARANTINED
    await store.write([again])
    assert rows(database, "SELECT count(*) FROM v_observation") == [(2,)]
    assert rows(database, "SELECT count(*) FROM v_quarantine") == [(2,)]


async def test_a_big_batch_with_one_bad_delivery_loses_only_that(store: Store) -> None:
    batch = [values(NOW_US - minute * MINUTE_US, 1.0, 2.0) for minute in range(300)]
    batch[217] = delivery(Notice("MN1", NOW_US, "log", text="\0"))
    written = await store.write(batch)
    assert written.counts == Counts(received=599, stored=598, dead_letter=1)


async def test_when_a_device_was_last_seen_is_written_at_the_end_at_the_latest(database: str) -> None:
    async with Store.open(database, writer="w1") as store:
        await store.write([values(NOW_US, 1.0, 2.0)])
        late = values(NOW_US, 1.0, 2.0)
        late.received_us += 5_000_000
        await store.write([late])
    async with Store.open(database, writer="w1") as store:
        device = await store.device("MN1")
    assert device is not None
    assert device.last_seen_us == NOW_US + 5_000_000


async def test_a_change_of_a_device_elsewhere_shows_when_the_cache_is_old(database: str) -> None:
    now = [0.0]
    opened = Store.open(database, writer="w1", clock=lambda: now[0])
    async with opened as store, Store.open(database, writer="w2") as other:
        await store.write([delivery(readings(NOW_US, 1.0, 2.0))])
        device = await store.device("MN1")
        assert device is not None
        await other.put_device(replace(device, status="revoked"))
        known = await store.device("MN1")
        now[0] += store.settings.device_cache_s
        changed = await store.device("MN1")
    assert known is not None
    assert changed is not None
    assert (known.status, changed.status) == ("accepted", "revoked")
