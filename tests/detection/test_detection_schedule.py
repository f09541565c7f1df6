"""The scheduled run: one of many processes does it, on what is in the database, late or not."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from gateway.detection.connection import connected
from gateway.detection.dataset_import import import_dataset
from gateway.detection.order import Order
from gateway.detection.run import run_detection
from gateway.detection.schedule import keep_detecting, run_in_child
from gateway.detection.window import Window, scheduled_window
from gateway.errors import StorageError
from gateway.metrics import Metrics
from gateway.storage import StorageSettings
from tests.detection.datasets import falsified

TIME_LIMIT_S = 120.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return falsified(tmp_path_factory.mktemp("made") / "dataset", "I1")


@pytest.fixture
def history(dataset: Path, database: str) -> str:
    """A database with a falsified site whose values end now."""
    import_dataset(database, dataset, ending=datetime.now(UTC))
    return database


def order(dsn: str, folder: Path, **changes: Any) -> Order:
    given: dict[str, Any] = {
        "runner": "test", "every_s": 3600.0, "days": 30, "alerts_per_site_month": 1.0, "shortest_interval_s": 60,
        "time_zone": "Asia/Shanghai", "tenant": "acme", "feeds": ("mqtt",), **changes,
    }  # fmt: skip
    return Order(dsn=dsn, folder=folder / "work", **given)


def rows(dsn: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()


async def test_of_two_schedulers_one_runs(history: str, tmp_path: Path) -> None:
    def runs() -> list[dict[str, Any]]:
        return rows(history, "SELECT runner, finished_at, error, findings, new_alerts FROM detection_run")

    metrics = Metrics()
    tasks = [
        asyncio.create_task(
            keep_detecting(order(history, tmp_path / name, runner=name), StorageSettings(), metrics, look_every_s=0.2)
        )
        for name in ("one", "two")
    ]
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            while not any(run["finished_at"] for run in await asyncio.to_thread(runs)):
                await asyncio.sleep(0.2)
        await asyncio.sleep(3)  # long enough for the other to have looked, and started a child of its own
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    [run] = runs()
    assert run["error"] is None
    counted = metrics.registry.get_sample_value
    assert (
        counted("gateway_detection_runs_total", {"outcome": "done"}) == counted("gateway_detection_seconds_count") == 1
    )
    assert counted("gateway_detection_every_seconds") == 3600
    found = rows(history, "SELECT class, alert FROM finding")
    assert len(found) == run["findings"]
    assert {"class": "stuck_value", "alert": True} in found
    assert len(rows(history, "SELECT FROM alert_outbox")) == run["new_alerts"] == sum(row["alert"] for row in found)
    assert not (tmp_path / "one" / "work").exists()


def test_a_run_under_way_elsewhere_is_left_alone(database: str, tmp_path: Path) -> None:
    with connected(database, name="another") as other:
        other.execute("SELECT pg_advisory_lock(7241001, 3)")
        assert run_detection(order(database, tmp_path, every_s=0.0)).outcome == "busy"
        assert rows(database, "SELECT FROM detection_run") == []
    assert run_detection(order(database, tmp_path, every_s=0.0)).outcome == "empty"


def test_a_run_that_is_not_due_is_not_done(database: str, tmp_path: Path) -> None:
    assert run_detection(order(database, tmp_path)).outcome == "empty"
    assert run_detection(order(database, tmp_path)).outcome == "not_due"
    assert len(rows(database, "SELECT FROM detection_run")) == 1


def test_late_data_reopen_what_they_touch(history: str, tmp_path: Path) -> None:
    """The stuck hours come only after a first run, as from a device's memory after an outage; old findings stay."""
    at_once = order(history, tmp_path, every_s=0.0)
    with psycopg.connect(history) as connection:
        connection.execute(
            """CREATE TABLE held AS SELECT observation.* FROM observation JOIN series ON series.id = series_id
               WHERE channel LIKE '%so2%' AND time > now() - interval '60 days'"""
        )
        connection.execute("DELETE FROM observation WHERE (series_id, time) IN (SELECT series_id, time FROM held)")
    try:
        run_detection(at_once)
        stuck = "SELECT id, alert FROM finding WHERE class = 'stuck_value'"
        everything = "SELECT id FROM finding"
        before = {row["id"] for row in rows(history, everything)}
        assert rows(history, stuck) == []
        with psycopg.connect(history) as connection:
            connection.execute("INSERT INTO observation SELECT * FROM held")
        run_detection(at_once)
        assert any(row["alert"] for row in rows(history, stuck))
        assert before <= {row["id"] for row in rows(history, everything)}
    finally:
        with psycopg.connect(history) as connection:
            connection.execute("DROP TABLE held")


async def test_what_a_child_complains_of_is_told(tmp_path: Path) -> None:
    nowhere = order("host=127.0.0.1 port=1 dbname=none connect_timeout=2", tmp_path)
    with pytest.raises(StorageError, match="refused"):
        await run_in_child(nowhere)


def test_a_scheduled_window_begins_at_midnight_and_with_the_accepted_period() -> None:
    now = datetime(2026, 5, 4, 13, 30, tzinfo=UTC)
    window = scheduled_window(now, days=60)
    assert window == Window(datetime(2026, 3, 5, tzinfo=UTC), now, reference_days=60)
    accepted = datetime(2026, 1, 1, tzinfo=UTC)
    assert window.since_of(accepted) == accepted - timedelta(days=60)
    assert window.since_of(None) == window.since
