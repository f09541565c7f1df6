"""What the database says about detection, as figures for Prometheus.

One of many processes detects, and any of them delivers; so every process asks the database and all show the same. The
labels come from enumerations: classes of findings and states of alerts.
"""

import asyncio
import math

import structlog

from gateway.errors import StorageError
from gateway.metrics import Metrics
from gateway.storage import StorageSettings
from gateway.storage.link import Link
from gateway.storage.sql import query

log = structlog.get_logger("gateway.detection")

LOOK_EVERY_S = 30.0


async def keep_figures(
    dsn: str, storage: StorageSettings, metrics: Metrics, *, name: str, every_s: float = LOOK_EVERY_S
) -> None:
    """Bring the figures up to date again and again, until cancelled; they stand still while the database is away."""
    link = Link(dsn, storage, name=f"gateway {name} figures")
    try:
        while True:
            try:
                await read_figures(link, metrics)
            except StorageError as error:
                log.debug("figures_not_read", error=str(error))
            await asyncio.sleep(every_s)
    finally:
        await link.close()


async def read_figures(link: Link, metrics: Metrics) -> None:
    """Set all gauges of detection once.

    Raises
    ------
    StorageError
        If the database fails; the figures are those of before.
    """
    async with link.use() as connection:
        row = await (await connection.execute(query("detection_figures"))).fetchone()
        findings = await (await connection.execute(query("findings_by_class"))).fetchall()
        alerts = await (await connection.execute(query("alerts_by_class"))).fetchall()
    assert row is not None
    metrics.detection_success.set(row["success_s"])
    metrics.detection_lag.set(math.nan if row["lag_s"] is None else row["lag_s"])
    metrics.detection_locked.set(row["is_locked"])
    metrics.outbox_pending.set(row["pending"])
    metrics.outbox_age.set(row["oldest_s"])
    metrics.facilities_looked.set(row["looked_s"])
    metrics.findings.clear()  # what is no longer there is not shown
    for found in findings:
        metrics.findings.labels(found["class"]).set(found["number"])
    metrics.alerts.clear()
    for found in alerts:
        metrics.alerts.labels(found["class"], found["state"]).set(found["number"])
