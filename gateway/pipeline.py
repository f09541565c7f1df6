"""The service put together: the only module that knows all stages.

     sources                       intake                                    storage
    ┌────────────┐  offer()   ┌──────────────────┐  batch   ┌───────┐ write ┌──────────────────────┐
    │ hj212 tcp  │───────────►│ inbox, bounded   │─────────►│ store │──────►│ TimescaleDB, plain   │
    │ mqtt …     │◄───────────│ by frames, bytes │◄─────────│       │COMMIT │ PostgreSQL, embedded │
    └────────────┘ on_durable └───────┬──────────┘ Written  └───▲───┘       └──────────────────────┘
          ▲                           │ database away           │ drained in order
          │ check                     ▼                         │
    ┌─────┴──────┐            ┌──────────────────┐──────────────┘
    │ registry   │            │ spool (SQLite)   │
    └────────────┘            └──────────────────┘

Queues: the inbox is the only one; full means that the sources stop reading. The spool is bounded; full means that
nothing is acknowledged. On SIGTERM the sources stop reading first, what was read becomes durable and is answered, and
then the connections are closed.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gateway.admin import admin_app, serve_admin
from gateway.command_service import serve_commands
from gateway.config import Config
from gateway.errors import StorageError
from gateway.intake import Intake, Spool
from gateway.metrics import Metrics
from gateway.opening import (
    decoder_of,
    intake_settings,
    opened_database,
    registered,
    retention_settings,
    storage_settings,
)
from gateway.registry import Registry
from gateway.service import notify, watchdog_period_s
from gateway.sources.hj212_server import Hj212Server
from gateway.sources.mqtt import MqttSource
from gateway.storage import Store
from gateway.storage.retention import maintain

log = structlog.get_logger("gateway")

REFRESH_S = 10.0
MAINTAIN_EVERY_S = 300.0
SPOOL_ALARM_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Running:
    """What the caller may want to know of a gateway that has started."""

    dsn: str
    admin_port: int
    ports: dict[str, int]  # by source name
    metrics: Metrics
    store: Store
    stop: Callable[[], None]


async def run(config: Config, *, on_ready: Callable[[Running], Coroutine[Any, Any, None]] | None = None) -> None:
    """Run until SIGTERM, SIGINT or `Running.stop`; returns when everything that was read is durable."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    state_dir = config.gateway.state_dir
    state_dir.mkdir(parents=True, exist_ok=True)
    metrics = Metrics()
    registry = Registry.load(state_dir / "registry.json")
    async with contextlib.AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(opened_database(config))
        store = await stack.enter_async_context(
            Store.open(dsn, writer=config.gateway.name, settings=storage_settings(config))
        )
        spool = Spool(state_dir / "spool.sqlite3", max_bytes=config.spool.max_mib * 2**20, decode=decoder_of(config))
        stack.callback(spool.close)
        if spool.set_aside:
            log.error("spool_damaged", set_aside=str(spool.set_aside), taken_over_records=spool.records)
        intake = Intake(store, spool, intake_settings(config), metrics)
        await _refresh_registry(store, registry, state_dir)
        working = asyncio.create_task(intake.run(), name="intake")
        servers = [Hj212Server(settings, registry, intake, metrics, store) for settings in config.hj212]
        for server in servers:
            await stack.enter_async_context(server.listening())
        brokers = [MqttSource(settings, registry, intake, metrics, state_dir=state_dir) for settings in config.mqtt]
        sources: list[Hj212Server | MqttSource] = [*servers, *brokers]
        readiness = _readiness(intake, spool, working)
        app = admin_app(metrics, readiness)
        port = await stack.enter_async_context(serve_admin(app, host=config.admin.host, port=config.admin.port))
        running = Running(dsn, port, {item.name: item.port for item in servers}, metrics, store, stopping.set)
        async with asyncio.TaskGroup() as tasks:
            chores = [
                tasks.create_task(_keep_registry(store, registry, state_dir), name="registry"),
                tasks.create_task(_keep_books(store, spool), name="books"),
                tasks.create_task(_keep_house(dsn, config), name="maintenance"),
                tasks.create_task(_watchdog(working), name="watchdog"),
                tasks.create_task(serve_commands(store.commands, list(servers)), name="commands"),
                *(tasks.create_task(source.run(), name=source.name) for source in sources),
            ]
            log.info("ready", admin_port=port, ports=running.ports)
            notify("READY=1")
            if on_ready is not None:
                chores.append(tasks.create_task(on_ready(running), name="on_ready"))
            await _first(stopping.wait(), working)
            notify("STOPPING=1")
            for source in sources:
                source.stop_reading()
            intake.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(working), config.gateway.drain_s)
            for chore in chores:
                chore.cancel()
        if not working.done():
            log.error("drain_timeout", note="frames that were not durable were not acknowledged")
            working.cancel()
        log.info("stopped", spooled_records=spool.records)


async def _refresh_registry(store: Store, registry: Registry, state_dir: Path) -> None:
    try:
        registry.replace(map(registered, await store.devices()))
    except StorageError as error:
        log.warning("registry_not_refreshed", error=str(error), known_devices=len(registry))
        return
    await asyncio.to_thread(registry.save, state_dir / "registry.json")


async def _keep_registry(store: Store, registry: Registry, state_dir: Path) -> None:
    while True:
        await asyncio.sleep(REFRESH_S)
        await _refresh_registry(store, registry, state_dir)


async def _keep_house(dsn: str, config: Config) -> None:
    """Partitions ahead, roll-ups, retention; any number of processes may do this."""
    while True:
        try:
            await maintain(dsn, retention=retention_settings(config), settings=storage_settings(config))
        except StorageError as error:
            log.warning("maintenance_failed", error=str(error))
        await asyncio.sleep(MAINTAIN_EVERY_S)


async def _keep_books(store: Store, spool: Spool) -> None:
    """Let the database's books know what waits in the spool."""
    while True:
        with contextlib.suppress(StorageError):
            await store.report_spool(spool.records)
        await asyncio.sleep(REFRESH_S)


def _readiness(intake: Intake, spool: Spool, working: "asyncio.Task[None]") -> Callable[[], dict[str, str]]:
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


async def _watchdog(working: "asyncio.Task[None]") -> None:
    period_s = watchdog_period_s()
    while period_s is not None and not working.done():
        notify("WATCHDOG=1")
        await asyncio.sleep(period_s)


async def _first(waiting: Awaitable[object], working: "asyncio.Task[None]") -> None:
    """Wait for the signal to stop, or for the intake to end by an error, which is raised."""
    task = asyncio.ensure_future(waiting)
    await asyncio.wait((task, working), return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    if working.done():
        working.result()
