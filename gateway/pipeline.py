"""The service put together: the only module that knows all stages.

     sources                       intake                                    storage
    ┌────────────┐  offer()   ┌──────────────────┐  batch   ┌───────┐ write ┌──────────────────────┐
    │ hj212 tcp  │───────────►│ inbox, bounded   │─────────►│ store │──────►│ TimescaleDB, plain   │
    │ mqtt serial│◄───────────│ by frames, bytes │◄─────────│       │COMMIT │ PostgreSQL, embedded │
    └────────────┘ on_durable └───────┬──────────┘ Written  └───▲───┘       └──────────────────────┘
          ▲                           │ database away           │ drained in order
          │ check                     ▼                         │
    ┌─────┴──────┐            ┌──────────────────┐──────────────┘
    │ registry   │            │ spool (SQLite)   │
    └────────────┘            └──────────────────┘
                              detection, on a schedule, in a process of its own: values ─► findings, alerts, outbox
                              facilities: power of meters ─► contradictions, each once ─► back into the inbox
                              alerts: outbox ─► MQTT broker, marked after its PUBACK

Queues: the inbox is the only one; full means that the sources stop reading. The spool is bounded; full means that
nothing is acknowledged. On SIGTERM the sources stop reading first, what was read becomes durable and is answered, and
then the connections are closed.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from gateway import chores
from gateway.admin import admin_app, serve_admin
from gateway.alerts.mqtt_feed import publish_alerts
from gateway.command_service import serve_commands
from gateway.config import Config
from gateway.detection.figures import keep_figures
from gateway.detection.schedule import keep_detecting
from gateway.facilities.supervision import keep_supervising
from gateway.intake import Intake, Spool
from gateway.metrics import Metrics
from gateway.opening import (
    decoder_of,
    detection_order,
    intake_settings,
    opened_database,
    storage_settings,
    supervision_settings,
)
from gateway.registry import Registry
from gateway.service import notify
from gateway.sources.hj212_server import Hj212Server
from gateway.sources.mqtt import MqttSource
from gateway.sources.serial_line import SerialLine
from gateway.storage import Store

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Running:
    """What the caller may want to know of a gateway that has started."""

    dsn: str
    admin_port: int
    ports: dict[str, int]  # by source name
    metrics: Metrics
    store: Store
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of a gateway, built and connected."""

    config: Config
    dsn: str
    metrics: Metrics
    registry: Registry
    store: Store
    spool: Spool
    intake: Intake
    servers: list[Hj212Server]
    brokers: list[MqttSource]
    lines: list[SerialLine]

    @property
    def sources(self) -> list[Hj212Server | MqttSource | SerialLine]:
        return [*self.servers, *self.brokers, *self.lines]

    def stations(self) -> dict[str, dict[str, Any]]:
        """What was learned of how each HJ 212 station writes."""
        return {mn: shown for server in self.servers for mn, shown in server.stations().items()}


@contextlib.asynccontextmanager
async def _stages(config: Config) -> AsyncIterator[Stages]:
    """Build the stages from the database outwards; take them down in the other order."""
    state_dir = config.gateway.state_dir
    state_dir.mkdir(parents=True, exist_ok=True)
    metrics = Metrics()
    registry = Registry.load(state_dir / chores.SNAPSHOT)
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
        servers = [Hj212Server(settings, registry, intake, metrics, store) for settings in config.hj212]
        brokers = [
            MqttSource(settings, registry, intake, metrics, state_dir=state_dir, register=store)
            for settings in config.mqtt
        ]
        lines = [SerialLine(settings, intake.deliver) for settings in config.serial]
        yield Stages(config, dsn, metrics, registry, store, spool, intake, servers, brokers, lines)


async def run(config: Config, *, on_ready: Callable[[Running], Coroutine[Any, Any, None]] | None = None) -> None:
    """Run until SIGTERM, SIGINT or `Running.stop`; returns when everything that was read is durable."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with _stages(config) as stages, contextlib.AsyncExitStack() as stack:
        await chores.refresh_registry(stages.store, stages.registry, config.gateway.state_dir)
        working = asyncio.create_task(stages.intake.run(), name="intake")
        for server in stages.servers:
            await stack.enter_async_context(server.listening())
        app = admin_app(stages.metrics, chores.readiness(stages.intake, stages.spool, working), stages.stations)
        port = await stack.enter_async_context(serve_admin(app, host=config.admin.host, port=config.admin.port))
        ports = {server.name: server.port for server in stages.servers}
        running = Running(stages.dsn, port, ports, stages.metrics, stages.store, stopping.set)
        async with asyncio.TaskGroup() as tasks:
            started = [tasks.create_task(work, name=name) for name, work in _work(stages, working)]
            log.info("ready", admin_port=port, ports=ports)
            notify("READY=1")
            if on_ready is not None:
                started.append(tasks.create_task(on_ready(running), name="on_ready"))
            await _first(stopping.wait(), working)
            notify("STOPPING=1")
            await _drain(stages, working)
            for task in started:
                task.cancel()
        log.info("stopped", spooled_records=stages.spool.records)


def _work(stages: Stages, working: "asyncio.Task[None]") -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    """What goes on beside the intake, by name."""
    config, store = stages.config, stages.store
    yield "registry", chores.keep_registry(store, stages.registry, config.gateway.state_dir)
    yield "books", chores.keep_books(store, stages.spool)
    yield "maintenance", chores.keep_house(stages.dsn, config)
    yield "detection", keep_detecting(detection_order(config, stages.dsn), storage_settings(config), stages.metrics)
    yield "figures", keep_figures(stages.dsn, storage_settings(config), stages.metrics, name=config.gateway.name)
    yield "alerts", publish_alerts(stages.dsn, storage_settings(config), config.alerts)
    supervision = supervision_settings(config)
    yield (
        "facilities",
        keep_supervising(
            stages.dsn, storage_settings(config), stages.intake.deliver, supervision, name=config.gateway.name
        ),
    )
    yield "watchdog", chores.watchdog(working)
    yield "commands", serve_commands(store.commands, list(stages.servers))
    for source in stages.sources:
        yield source.name, source.run()


async def _drain(stages: Stages, working: "asyncio.Task[None]") -> None:
    """Stop reading, and give what was read time to become durable and answered."""
    for source in stages.sources:
        source.stop_reading()
    stages.intake.stop()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(working), stages.config.gateway.drain_s)
    if not working.done():
        log.error("drain_timeout", note="frames that were not durable were not acknowledged")
        working.cancel()


async def _first(waiting: Awaitable[object], working: "asyncio.Task[None]") -> None:
    """Wait for the signal to stop, or for the intake to end by an error, which is raised."""
    task = asyncio.ensure_future(waiting)
    await asyncio.wait((task, working), return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    if working.done():
        working.result()
