"""Meters → bus → intake → database → facility states → events; restarts double nothing, outages lose nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from analysis.facility import RULES, facility_states
from drivers import driver
from drivers.events import BadFrame, Event, Reason
from drivers.fieldbus.polled_sample import PolledSample
from gateway.errors import StorageError
from gateway.intake import Intake, IntakeSettings, Spool
from gateway.metrics import Metrics
from gateway.records import Delivery
from gateway.sources.bus_schedule import Bus, Finished, Send
from gateway.sources.bus_timing import LineTiming
from gateway.storage import Store
from simulators.meters_line import SimulatedLine
from tests.sources.virtual_bus import LINE, START_US, VirtualRun, device, meter

STOP_S, BACK_S = 3600.0, 5400.0
"""The fan stands still between these; production goes on."""


def decode(source: str, name: str, identity: str, raw: bytes) -> Event | BadFrame:
    events = driver(name).decoder().feed(raw)
    return events[0] if events else BadFrame(Reason.NOT_A_FRAME, raw)


def delivery(sample: PolledSample) -> Delivery:
    return Delivery(sample.read_us, "line", "polled-sample", "/dev/x", sample.device, sample.raw, sample)


@asynccontextmanager
async def intake(store: Any, folder: Path) -> AsyncIterator[Intake]:
    spool = Spool(folder / "spool.sqlite3", max_bytes=2**24, decode=decode)
    subject = Intake(store, spool, IntakeSettings(batch_wait_s=0.0), Metrics())
    task = asyncio.create_task(subject.run())
    try:
        yield subject
    finally:
        subject.stop()
        await task
        spool.close()


class DeliveredRun(VirtualRun):
    """A virtual run whose finished samples wait until somebody has delivered them."""

    def _act(self, actions: Any) -> None:
        for action in actions:
            if isinstance(action, Finished):
                self.samples.append(action.sample)
                self.held.append(action.device)
            elif isinstance(action, Send):
                self.line.write(action.data, self.now_s)

    async def through(self, subject: Intake, end_s: float, told: list[PolledSample]) -> None:
        """Run to `end_s` a quarter of a minute at a time; what was finished becomes durable in between."""
        while self.now_s < end_s:
            self.until(min(end_s, self.now_s + 15))
            waiting = list(zip(self.samples, self.held, strict=True))
            self.samples, self.held = [], []
            for sample, item in waiting:
                row = delivery(sample)
                row.on_durable = _both(item.became_durable, lambda sample=sample: told.append(sample))
                await subject.deliver(row)
            async with asyncio.timeout(30):
                while any(item.is_held for _, item in waiting):
                    await asyncio.sleep(0.001)


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        first()
        second()

    return call


def line_and_bus() -> tuple[SimulatedLine, Callable[[], Bus]]:
    production = meter(1, lambda t: 60.0 + 5 * np.sin(t / 300))
    fan = meter(2, lambda t: 0.05 if STOP_S <= t < BACK_S else 12.0 + np.sin(t / 200))
    meters = [production, fan]
    return SimulatedLine(meters, LINE.character_s), lambda: Bus([device(m) for m in meters], LineTiming.of(LINE))


async def powers(dsn: str) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    sql = """SELECT extract(epoch FROM time)::float8, value FROM v_observation
             WHERE site = %s AND quantity = 'power' ORDER BY time"""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for name in ("251100000001", "251100000002"):
            rows = await (await connection.execute(sql, (name,))).fetchall()
            found[name] = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return found


async def test_treatment_off_while_production_runs_is_told_within_two_minutes(database: str, tmp_path: Path) -> None:
    line, new_bus = line_and_bus()
    told: list[PolledSample] = []
    async with Store.open(database, writer="w1") as store, intake(store, tmp_path) as subject:
        await DeliveredRun(new_bus(), line).through(subject, 7200, told)
    rows = await powers(database)
    times, production_kw = rows["251100000001"]
    assert np.array_equal(times, rows["251100000002"][0])
    assert len(times) == 119
    assert set(np.diff(times)) == {60.0}
    production = facility_states(production_kw, off_kw=1.0, run_kw=30.0)
    treatment = facility_states(rows["251100000002"][1], off_kw=1.0, run_kw=6.0)
    (event,) = RULES["P1"](times, production, treatment)
    first_off_s = times[np.searchsorted(times, START_US / 1e6 + STOP_S)]
    assert 0 <= event.detected_s - first_off_s <= 120
    assert event.severity == 2


async def test_process_killed_in_the_middle_doubles_no_minute_and_loses_none_that_was_told(
    database: str, tmp_path: Path
) -> None:
    line, new_bus = line_and_bus()
    told: list[PolledSample] = []
    async with Store.open(database, writer="w1") as store:
        now_s = 0.0
        for number in range(8):  # each life ends somewhere in an exchange; the next one knows nothing
            async with intake(store, tmp_path) as subject:
                life = DeliveredRun(new_bus(), line, now_s=now_s)
                await life.through(subject, now_s + 200 + 0.37 * number, told)
                now_s = life.now_s
    rows = await powers(database)
    for name, (times, _) in rows.items():
        assert sorted(s.time_us / 1e6 for s in told if s.device == name and s.values) == times.tolist()
        assert len(set(times)) == len(times)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        row = await (await connection.execute("SELECT count(*) FROM observation_revision")).fetchone()
    assert row == (0,)


class OutageStore:
    """The real store behind a switch: off, it is away as a stopped database is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_away = False

    async def write(self, deliveries: Any) -> Any:
        if self.is_away:
            raise StorageError("away", transient=True)
        return await self._store.write(deliveries)


async def test_database_that_is_away_costs_no_minute(database: str, tmp_path: Path) -> None:
    line, new_bus = line_and_bus()
    told: list[PolledSample] = []
    async with Store.open(database, writer="w1") as store:
        outage = OutageStore(store)
        async with intake(outage, tmp_path) as subject:
            run = DeliveredRun(new_bus(), line)
            await run.through(subject, 600, told)
            outage.is_away = True
            await run.through(subject, 1200, told)
            outage.is_away = False
            await run.through(subject, 1800, told)
            async with asyncio.timeout(30):
                while not subject.is_direct:
                    await asyncio.sleep(0.05)
    times, _ = (await powers(database))["251100000001"]
    assert times.tolist() == [s.time_us / 1e6 for s in told if s.device == "251100000001" and s.values]
    assert len(times) == 29


@pytest.mark.parametrize("kind", ["Notice", "Parameter"])
async def test_settings_and_notices_of_a_meter_reach_the_ledger(kind: str, database: str, tmp_path: Path) -> None:
    line, new_bus = line_and_bus()
    line.devices[0].settings["04000306"] = bytes.fromhex("400000")  # type: ignore[attr-defined]
    table = {"Notice": "device_event", "Parameter": "parameter_ledger"}[kind]
    told: list[PolledSample] = []
    async with Store.open(database, writer="w1") as store, intake(store, tmp_path) as subject:
        await DeliveredRun(new_bus(), line).through(subject, 900, told)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        rows = await (await connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t")).fetchall()
    wanted = {"Notice": "ratio_mismatch", "Parameter": "ct_ratio"}[kind]
    assert any(wanted in row[0] for row in rows)
