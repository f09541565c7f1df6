"""Two-way: commands from the command line, history fetched by itself, parameters, identity."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.program import GatewayProcess, gateway_process
from tests.services.postgres import PostgresServer, wheel_installation

pytestmark = [pytest.mark.slow, pytest.mark.database]

SPEED = 720.0
HOUR_S = 3_600


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(wheel_installation())
    server.start()
    yield server
    server.remove()


@contextlib.asynccontextmanager
async def fleet(port: int, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "fleet", "--port", str(port), *arguments,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def rows(postgres: PostgresServer, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.dsn()) as connection:
        return connection.execute(sql.encode()).fetchall()


async def gateway_command(gateway: GatewayProcess, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "command", *arguments, "-c", str(gateway.config_path), "--within", "40",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert output, errors.decode()
    return dict(json.loads(output))


async def some_device(postgres: PostgresServer, condition: str) -> str:
    """A device that has sent something, once there is one."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(psycopg.errors.UndefinedTable):
                if found := rows(postgres, f"SELECT external_id FROM device WHERE {condition} ORDER BY 1"):
                    return str(found[0][0])
            await asyncio.sleep(0.3)


async def test_commands_reach_the_device_and_what_comes_back_is_printed_and_kept(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with gateway_process(tmp_path, postgres.dsn()) as gateway, fleet(gateway.port, "--sites", "5"):
        mn = await some_device(postgres, "length(external_id) = 24")
        clock = await gateway_command(gateway, mn, "get_clock")
        assert clock["outcome"] == "done"
        assert clock["replies"][0]["items"]["SystemTime"].startswith("20")
        interval = await gateway_command(gateway, mn, "set_real_time_interval", "seconds=60")
        assert interval["outcome"] == "done"
        wrong = await gateway_command(gateway, mn, "set_real_time_interval", "seconds=5")
        assert wrong["outcome"] == "not_sent"
        assert "30 to 3600" in wrong["reason"]
        events = rows(postgres, "SELECT detail->>'cn', detail->>'result' FROM v_device_event WHERE kind = 'exchange'")
        assert ("1062", "done: ExeRtn=1 (ok)") in events
        kept = rows(postgres, "SELECT request->>'kind', result->>'outcome' FROM command ORDER BY id")
        assert [outcome for _, outcome in kept] == ["done", "done", "not_sent"]


async def test_a_command_to_a_device_that_nobody_has_is_an_error_that_says_so(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with gateway_process(tmp_path, postgres.dsn()) as gateway:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "command", "NOBODY", "get_clock",
            "-c", str(gateway.config_path), "--within", "2", stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"no running gateway has this device" in errors


async def test_history_that_is_missing_is_asked_for_by_itself_when_the_device_returns(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    start_s = int(time.time()) // HOUR_S * HOUR_S - 8 * HOUR_S
    missing = (
        f"series_id IN (SELECT id FROM series WHERE interval_s = {HOUR_S})"
        f" AND time IN (to_timestamp({start_s + 2 * HOUR_S}), to_timestamp({start_s + 3 * HOUR_S}))"
    )
    hours = "SELECT series_id, time, value FROM observation WHERE " + missing + " ORDER BY 1, 2"

    def iso(moment_s: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(moment_s))

    async with gateway_process(tmp_path, postgres.dsn(), toml="fetch_gaps = true\n") as gateway:
        first = ("--sites", "4", "--speed", str(SPEED), "--start", iso(start_s), "--seconds", "30")
        async with fleet(gateway.port, *first) as devices:
            await asyncio.wait_for(devices.wait(), 90)
        before = rows(postgres, hours)
        assert len(before) > 20
        with psycopg.connect(postgres.dsn()) as connection:
            connection.execute(f"DELETE FROM observation WHERE {missing}".encode())
        again = ("--sites", "4", "--start", iso(start_s + 6 * HOUR_S))
        async with fleet(gateway.port, *again), asyncio.timeout(60):
            while rows(postgres, hours) != before:
                await asyncio.sleep(0.5)
        asked = rows(postgres, "SELECT DISTINCT detail->>'cn' FROM v_device_event WHERE kind = 'exchange'")
        assert ("2061",) in asked


async def test_unknown_devices_are_refused_and_listed_or_kept_apart(tmp_path: Path, postgres: PostgresServer) -> None:
    for policy in ("refuse", "quarantine"):
        (tmp_path / policy).mkdir()
        database = f"db_{policy}"
        postgres.execute(f"CREATE DATABASE {database}")
        async with gateway_process(
            tmp_path / policy, postgres.dsn(database), toml=f"# {policy}\n", unknown_device=policy
        ) as gateway:
            arguments = (
                "--connections",
                "2",
                "--values-per-frame",
                "4",
                "--seconds",
                "3",
                "--over-time",
                "1",
                "--patience",
                "1",
            )
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators", "load", "--port", str(gateway.port), *arguments,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            output, _ = await process.communicate()
            summary = json.loads(output)
            await asyncio.sleep(1)
            with psycopg.connect(postgres.dsn(database)) as connection:
                pending = connection.execute("SELECT count(*) FROM pending_device").fetchone()
                seen = connection.execute("SELECT count(*) FROM v_observation").fetchone()
                apart = connection.execute("SELECT count(*) FROM v_quarantine").fetchone()
                dead = connection.execute("SELECT DISTINCT reason, detail FROM dead_letter").fetchall()
            assert seen == (0,)
            assert pending == (2,)
            if policy == "refuse":
                assert summary["frames_acknowledged"] == 0
                assert len(dead) == 1
                assert "unknown_device" in dead[0]
                await replay_after_registration(gateway, postgres.dsn(database))
            else:
                assert summary["frames_acknowledged"] > 0
                assert apart is not None
                assert apart[0] >= summary["values_acknowledged"]


async def gateway_tool(gateway: GatewayProcess, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, "-c", str(gateway.config_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def replay_after_registration(gateway: GatewayProcess, dsn: str) -> None:
    """Frames that were refused are data once their device is registered; those of others stay refused."""
    with psycopg.connect(dsn) as connection:
        [(mn, letters)] = connection.execute(
            "SELECT device, count(*) FROM dead_letter GROUP BY 1 ORDER BY 1 LIMIT 1"
        ).fetchall()
    assert mn in await gateway_tool(gateway, "dead-letter", "list")
    await gateway_tool(gateway, "registry", "add", mn, "--password", "123456")
    replayed = await gateway_tool(gateway, "dead-letter", "replay")
    assert f"replayed {letters}:" in replayed
    assert "still dead" in replayed
    with psycopg.connect(dsn) as connection:
        sites = connection.execute("SELECT DISTINCT site FROM v_observation").fetchall()
    assert sites == [(mn,)]


async def test_a_wrong_password_is_refused_counted_and_noticed(tmp_path: Path, postgres: PostgresServer) -> None:
    async with gateway_process(tmp_path, postgres.dsn()) as gateway:
        arguments = ("--connections", "1", "--values-per-frame", "4")
        load = [sys.executable, "-m", "simulators", "load", "--port", str(gateway.port), *arguments]
        process = await asyncio.create_subprocess_exec(*load, "--frames", "3", stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0
        with psycopg.connect(postgres.dsn()) as connection:
            connection.execute("UPDATE device SET password_hash = 'sha256$' || repeat('0', 64)")
            connection.execute("UPDATE registry_state SET version = version + 1")
        await gateway.kill()
        await gateway.start()
        process = await asyncio.create_subprocess_exec(
            *load, "--seconds", "3", "--over-time", "1", "--patience", "1", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert json.loads(output)["frames_acknowledged"] == 0
        metrics = await gateway.metrics()
        assert metrics['gateway_identity_total{source="hj212",verdict="wrong_password"}'] >= 3
    assert rows(postgres, "SELECT count(*) FROM v_device_event WHERE kind = 'wrong_password'") == [(1,)]
