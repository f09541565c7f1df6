"""The figures of detection for Prometheus, from a real database."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from gateway.detection.connection import connected
from gateway.detection.figures import keep_figures, read_figures
from gateway.detection.results import keep
from gateway.detection.run import run_detection
from gateway.metrics import Metrics
from gateway.storage import StorageSettings, Store
from gateway.storage.link import Link
from tests.detection.made_findings import STUCK, WEAK, ZONE, result
from tests.detection.test_detection_schedule import order
from tests.storage.frames import NOW_US, values

pytestmark = pytest.mark.database


@pytest.fixture
async def link(database: str) -> AsyncIterator[Link]:
    opened = Link(database, StorageSettings(), name="test figures")
    yield opened
    await opened.close()


async def figures(link: Link) -> dict[str, float]:
    """Samples by name, and by their labels' values where they have some."""
    metrics = Metrics()
    await read_figures(link, metrics)
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    return {"/".join([one.name.removeprefix("gateway_"), *one.labels.values()]): one.value for one in samples}


async def test_before_any_run_there_is_no_success_and_no_lag(link: Link) -> None:
    found = await figures(link)
    assert found["detection_last_success_timestamp_seconds"] == 0
    assert math.isnan(found["detection_lag_seconds"])
    assert found["detection_lock_held"] == found["alert_outbox_pending"] == found["alert_outbox_oldest_seconds"] == 0
    assert not [name for name in found if name.startswith(("findings/", "alerts/"))]


async def test_success_and_lag_follow_the_runs_and_the_data(database: str, link: Link, tmp_path: Path) -> None:
    begun_s = time.time()
    assert (await asyncio.to_thread(run_detection, order(database, tmp_path, every_s=0.0))).outcome == "empty"
    found = await figures(link)
    assert begun_s - 1 <= found["detection_last_success_timestamp_seconds"] <= time.time() + 1
    assert found["detection_lag_seconds"] == 0  # nothing has come in yet
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE detection_run SET until = now() - interval '2 hours'")
    async with Store.open(database, writer="w1") as store:
        await store.write([values(NOW_US, 1.0, 2.0)])
    assert (await figures(link))["detection_lag_seconds"] == pytest.approx(7200, abs=60)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE detection_run SET error = 'disk full'")
    assert (await figures(link))["detection_last_success_timestamp_seconds"] == 0


async def test_findings_alerts_and_what_waits_are_counted(database: str, link: Link) -> None:
    other = replace(STUCK, point="A2", detector="capped", fault="capped")
    with connected(database, name="test") as connection:
        with connection.transaction():
            keep(connection, result(STUCK, WEAK, other), zone=ZONE, feeds=("mqtt",), tenant="acme")
        connection.execute("UPDATE alert_outbox SET created_at = now() - interval '90 seconds'")
        connection.execute(
            "UPDATE alert SET state = 'closed' FROM finding WHERE finding.id = finding_id AND class = 'capped'"
        )
    found = await figures(link)
    assert found["findings/stuck_value"] == found["findings/smoothed"] == found["findings/capped"] == 1
    assert found["alerts/stuck_value/open"] == found["alerts/capped/closed"] == 1
    assert "alerts/smoothed/open" not in found
    assert found["alert_outbox_pending"] == 2
    assert found["alert_outbox_oldest_seconds"] == pytest.approx(90, abs=30)
    with connected(database, name="test") as connection:
        connection.execute("UPDATE alert_outbox SET delivered_at = now()")
    found = await figures(link)
    assert found["alert_outbox_pending"] == found["alert_outbox_oldest_seconds"] == 0


async def test_the_lock_of_a_run_is_seen_from_every_process(database: str, link: Link) -> None:
    with connected(database, name="another") as other:
        other.execute("SELECT pg_advisory_lock(7241001, 3)")
        assert (await figures(link))["detection_lock_held"] == 1
        other.execute("SELECT pg_advisory_unlock(7241001, 3)")
        assert (await figures(link))["detection_lock_held"] == 0


async def test_a_process_shows_them_all_the_time(database: str) -> None:
    metrics = Metrics()
    task = asyncio.create_task(keep_figures(database, StorageSettings(), metrics, name="test", every_s=0.05))
    try:
        with connected(database, name="test") as connection, connection.transaction():
            keep(connection, result(STUCK), zone=ZONE, feeds=("mqtt",), tenant="acme")
        async with asyncio.timeout(20):
            while metrics.registry.get_sample_value("gateway_alert_outbox_pending") != 1:
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
