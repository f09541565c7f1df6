"""End to end with the real gateway process: a simulated line, a fan that stops, a contradiction in the database."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.cli.demo_meters import FACILITIES, MeterField
from gateway.storage import Store

pytestmark = [pytest.mark.slow, pytest.mark.database]
LIMIT_S = 150.0
CONFIGURATION = """\
[gateway]
name = "g1"
state_dir = "{folder}/state"
[database]
dsn = "{dsn}"
[admin]
port = 0
"""


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


def start_gateway(config: Path, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as file:
        return subprocess.Popen([sys.executable, "-m", "gateway", "run", "-c", str(config)], stdout=file, stderr=file)


async def until(dsn: str, statement: str, limit_s: float = LIMIT_S) -> list[tuple[Any, ...]]:
    """Ask again and again until there is an answer."""
    end_s = time.monotonic() + limit_s
    while not (found := await asyncio.to_thread(rows, dsn, statement)):
        assert time.monotonic() < end_s, statement
        await asyncio.sleep(0.5)
    return found


OFF = "SELECT detail FROM v_device_event WHERE kind = 'treatment_off_while_production_runs'"


async def test_a_fan_that_stops_becomes_one_event_also_when_the_gateway_is_killed(
    postgres_dsn: str, tmp_path: Path
) -> None:
    field = MeterField(tmp_path / "meters")
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIGURATION.format(folder=tmp_path, dsn=postgres_dsn) + field.configuration, encoding="utf-8")
    log = tmp_path / "gateway.log"
    async with Store.open(postgres_dsn, writer="setup") as store:
        await store.connect()
        gateway = start_gateway(config, log)
        try:
            async with field.devices(store, postgres_dsn):
                ((detail,), *_) = await until(postgres_dsn, OFF)
                gateway.send_signal(signal.SIGKILL)
                gateway.wait(30)
                gateway = start_gateway(config, log)
                await until(postgres_dsn, "SELECT 1 FROM v_facility_event HAVING bool_and(told_at IS NOT NULL)")
        finally:
            gateway.terminate()
            assert gateway.wait(60) == 0, log.read_text()
        report = await field.report(postgres_dsn)
    assert detail["facilities"] == ["line-1", "fan-1"]
    assert detail["figures"]["treatment_kw"] == pytest.approx(0.05, abs=0.01)
    assert detail["figures"]["production_kw"] > 40
    told = [row[0]["start_us"] for row in rows(postgres_dsn, OFF)]
    assert len(told) == len(set(told)) == len(rows(postgres_dsn, "SELECT 1 FROM v_facility_event WHERE rule = 'P1'"))
    assert {row[0] for row in rows(postgres_dsn, "SELECT DISTINCT link FROM v_facility_event WHERE rule = 'P1'")} == {
        "exhaust-1"
    }
    assert rows(postgres_dsn, "SELECT DISTINCT balance FROM v_ledger_balance") == [(0,)]
    meters, events = report.renderables
    assert meters.row_count == len(FACILITIES)  # type: ignore[union-attr]
    assert events.row_count >= 1  # type: ignore[union-attr]
