"""When the analysis runs: every so many minutes on a database, however many gateways are connected to it.

Every process looks now and then whether a run is due and if so starts a child; the database's advisory lock and its
table of runs decide which child works. Each run reads its whole window again. That is how late data re-open what they
touch: nothing has to know which windows those are, and a finding's id depends on nothing that could have changed.
"""

import asyncio
import contextlib
import json
import sys
from dataclasses import asdict

import structlog

from gateway.detection.order import Order, Report
from gateway.errors import StorageError
from gateway.metrics import Metrics
from gateway.storage import StorageSettings
from gateway.storage.link import Link
from gateway.storage.sql import query

log = structlog.get_logger("gateway.detection")

LOOK_EVERY_S = 15.0
COMPLAINT_LENGTH = 500


async def keep_detecting(
    order: Order, storage: StorageSettings, metrics: Metrics, *, look_every_s: float = LOOK_EVERY_S
) -> None:
    """Start runs when they are due, until cancelled; with `every_s` 0 never."""
    metrics.detection_every.set(order.every_s)
    if not order.every_s:
        return
    link = Link(order.dsn, storage, name=f"gateway {order.runner} schedule")
    try:
        while True:
            try:
                if await _is_due(link, order):
                    report = await run_in_child(order)
                    metrics.detection_runs.labels(report.outcome).inc()
                    if report.outcome in ("done", "empty"):
                        metrics.detection_seconds.observe(report.seconds)
                        log.info("detection_ran", **report.line())
            except StorageError as error:
                metrics.detection_runs.labels("failed").inc()
                log.warning("detection_failed", error=str(error))
            await asyncio.sleep(min(look_every_s, order.every_s))
    finally:
        await link.close()


async def run_in_child(order: Order) -> Report:
    """One run in a process of its own, which is ended if this is cancelled.

    Raises
    ------
    StorageError
        Transient, with what the child said: the next run tries again.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.detection", stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as error:  # no process or memory to be had now
        raise StorageError(f"detection: {error}", transient=True) from error
    try:
        given = json.dumps(asdict(order) | {"folder": str(order.folder)}).encode()
        said, complaint = await child.communicate(given)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            await child.wait()
    if child.returncode != 0:
        reason = " ".join(complaint.decode(errors="replace").split())[-COMPLAINT_LENGTH:]
        raise StorageError(f"detection: {reason or f'exit code {child.returncode}'}", transient=True)
    return Report(**json.loads(said.splitlines()[-1]))


async def _is_due(link: Link, order: Order) -> bool:
    async with link.use() as connection:
        row = await (await connection.execute(query("detection_is_due"), {"every_s": order.every_s})).fetchone()
    return row is not None and bool(row["due"])
