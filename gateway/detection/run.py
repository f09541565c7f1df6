"""One scheduled run: take the lock, export, analyse, keep. It blocks and computes: it has a process of its own.

    parent (event loop)            child: python -m gateway.detection
    ───────────────────            ──────────────────────────────────
    order as JSON on stdin ──────► advisory lock, is a run due? ── no ─► report "busy" or "not_due"
                                   dataset folder ─► analysis ─► one transaction: findings, alerts, outbox
    report ◄─────────────────────  one line of JSON on stdout

The lock is held by the child's own connection, so it ends with the child, however that ends; a parent that was killed
leaves a run behind that finishes and is counted.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from analysis.dataset import read_dataset
from analysis.run import Result, analyse_dataset
from gateway.detection.connection import Connection, connected
from gateway.detection.export import export_dataset
from gateway.detection.order import Order, Report
from gateway.detection.results import Kept, keep
from gateway.detection.window import Window, scheduled_window
from gateway.storage.sql import query


def run_detection(order: Order) -> Report:
    """Do one run, if no other process is at it and one is due.

    Raises
    ------
    StorageError
        From the database. What the run had not committed is not there; the next one does it.
    """
    started_s = time.monotonic()
    with connected(order.dsn, name=f"gateway {order.runner} detection") as connection:
        if not _answer(connection, "try_detection_lock", "mine"):
            return Report("busy")
        if not _answer(connection, "detection_is_due", "due", every_s=order.every_s):
            return Report("not_due")
        window = scheduled_window(datetime.now(UTC), days=order.days)
        begun = {"runner": order.runner, "since": window.since, "until": window.until}
        run_id = _answer(connection, "begin_detection", "id", **begun)
        try:
            result, kept = _run(connection, order, window, started_s)
        except Exception as error:  # noted for whoever looks at the table, and raised
            _note_failure(connection, run_id, error)
            raise
        summary = result.summary
        ended = {"points_read": summary["points_read"], "findings": kept.findings, "new_alerts": len(kept.opened)}
        connection.execute(query("end_detection"), {"id": run_id, "versions": Jsonb(summary["versions"]), **ended})
        seconds = round(time.monotonic() - started_s, 3)
        return Report("done" if summary["points_read"] else "empty", seconds=seconds, **ended)


def _run(connection: Connection, order: Order, window: Window, started_s: float) -> tuple[Result, Kept]:
    zone = ZoneInfo(order.time_zone)
    shutil.rmtree(order.folder, ignore_errors=True)  # what a run that was killed left behind; ours is the lock
    order.folder.mkdir(parents=True)
    try:
        exported = order.folder / "dataset"
        tempfile.tempdir = str(order.folder)  # the rows that the analysis spools are as large again
        export_dataset(
            order.dsn, exported, window, time_zone=order.time_zone, shortest_interval_s=order.shortest_interval_s
        )
        with read_dataset(exported, until_s=window.until.timestamp()) as dataset:
            result = analyse_dataset(
                dataset,
                alerts_per_site_month=order.alerts_per_site_month,
                mapper=map,
                done=lambda sites: None,
                started_s=started_s,
            )
        # The windows of sites with an accepted period do not move on, see `Window`.
        moving = [site.id for site in dataset.registry.sites if site.accepted_until_s is None]
        complete_from = dict.fromkeys(moving, _next_month(window.since.astimezone(zone)))
        with connection.transaction():
            kept = keep(
                connection, result, zone=zone, feeds=order.feeds, tenant=order.tenant, complete_from=complete_from
            )
        return result, kept
    finally:
        tempfile.tempdir = None
        shutil.rmtree(order.folder, ignore_errors=True)


def _next_month(time: datetime) -> str:
    year, month = (time.year + 1, 1) if time.month == 12 else (time.year, time.month + 1)
    return f"{year:04d}-{month:02d}"


def _note_failure(connection: Connection, run_id: object, error: Exception) -> None:
    try:
        connection.execute(query("fail_detection"), {"id": run_id, "error": f"{type(error).__name__}: {error}"})
    except psycopg.Error:
        return  # the database is what failed; a run without an end says that too


def _answer(connection: Connection, name: str, column: str, **parameters: object) -> object:
    row = connection.execute(query(name), parameters).fetchone()
    assert row is not None
    return row[column]
