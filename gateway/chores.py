"""What goes on beside the stream of data: registry, books, maintenance, signs of life."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.config import Config
from gateway.errors import StorageError
from gateway.intake import Intake, Spool
from gateway.opening import registered, retention_settings, storage_settings
from gateway.registry import Registry
from gateway.service import notify, watchdog_period_s
from gateway.storage import Store
from gateway.storage.retention import maintain

log = structlog.get_logger("gateway")

REFRESH_S = 10.0
MAINTAIN_EVERY_S = 300.0
SPOOL_ALARM_SHARE = 0.8
SNAPSHOT = "registry.json"


async def refresh_registry(store: Store, registry: Registry, state_dir: Path) -> None:
    """Take over the devices that the database knows, and keep a snapshot; what was known holds if it is away."""
    try:
        registry.replace(map(registered, await store.devices()))
    except StorageError as error:
        log.warning("registry_not_refreshed", error=str(error), known_devices=len(registry))
        return
    await asyncio.to_thread(registry.save, state_dir / SNAPSHOT)


async def keep_registry(store: Store, registry: Registry, state_dir: Path) -> None:
    """Refresh the registry again and again."""
    while True:
        await asyncio.sleep(REFRESH_S)
        await refresh_registry(store, registry, state_dir)


async def keep_house(dsn: str, config: Config) -> None:
    """Partitions ahead, roll-ups, retention; any number of processes may do this."""
    while True:
        try:
            await maintain(dsn, retention=retention_settings(config), settings=storage_settings(config))
        except StorageError as error:
            log.warning("maintenance_failed", error=str(error))
        await asyncio.sleep(MAINTAIN_EVERY_S)


async def keep_books(store: Store, spool: Spool) -> None:
    """Let the database's books know what waits in the spool."""
    while True:
        with contextlib.suppress(StorageError):
            await store.report_spool(spool.records)
        await asyncio.sleep(REFRESH_S)


def readiness(intake: Intake, spool: Spool, working: "asyncio.Task[None]") -> Callable[[], dict[str, str]]:
    """What `/readyz` says: parts that are not as they should be."""

    def problems() -> dict[str, str]:
        found = {}
        if working.done():
            found["intake"] = "stopped"
        if intake.is_full:
            found["inbox"] = "full"
        if spool.fill > SPOOL_ALARM_SHARE:
            found["spool"] = f"{spool.fill:.0%} full"
        return found

    return problems


async def watchdog(working: "asyncio.Task[None]") -> None:
    """Tell systemd that the event loop turns and the intake works."""
    period_s = watchdog_period_s()
    while period_s is not None and not working.done():
        notify("WATCHDOG=1")
        await asyncio.sleep(period_s)
