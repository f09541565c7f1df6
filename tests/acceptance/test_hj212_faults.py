"""Acknowledged means durable: every fault here ends with the ledger of acknowledged frames against the database."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.acceptance.ledger_check import check_ledger
from tests.acceptance.load import load
from tests.acceptance.program import GatewayProcess, gateway_process
from tests.services.postgres import PostgresServer, wheel_installation

pytestmark = [pytest.mark.slow, pytest.mark.database, pytest.mark.timeout(600)]

FEW = ("--connections", "20", "--values-per-frame", "12", "--over-time", "2")


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(wheel_installation())
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def gateway(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[GatewayProcess]:
    async with gateway_process(tmp_path, postgres.dsn()) as program:
        yield program


async def drained(gateway: GatewayProcess, *, within_s: float = 60.0) -> None:
    """Wait until nothing is in the spool."""
    async with asyncio.timeout(within_s):
        while (await gateway.metrics())["gateway_records_spooled"] > 0:
            await asyncio.sleep(0.2)


async def test_kill_9_of_the_gateway_at_fifty_random_moments_loses_and_doubles_nothing(
    tmp_path: Path, gateway: GatewayProcess, postgres: PostgresServer
) -> None:
    ledger = tmp_path / "ledger"
    chance = random.Random(20160824)
    async with load(gateway.port, ledger, *FEW, "--rate", "400", "--seconds", "100000") as devices:
        for _ in range(50):
            await asyncio.sleep(chance.uniform(0.05, 1.2))
            await gateway.kill()
            await gateway.start()
        await asyncio.sleep(3)
        del devices
    verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.acknowledged > 2_000
    assert verdict.is_clean, verdict


async def test_kill_9_between_commit_and_answer_is_absorbed_as_duplicates(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn())
    gateway.module = "tests.acceptance.killed_after_commit"
    ledger = tmp_path / "ledger"
    await gateway.start()
    async with load(gateway.port, ledger, *FEW, "--frames", "20") as devices:
        assert await gateway.wait_exit() == -9
        gateway.module = "gateway"
        await gateway.start()
        summary = await devices.summary(within_s=60)
    metrics = await gateway.metrics()
    await gateway.kill()
    assert summary["frames_acknowledged"] == 400
    assert metrics['gateway_records_total{outcome="duplicate"}'] > 0
    verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.acknowledged == 400
    assert verdict.is_clean, verdict


@pytest.mark.parametrize("fault", ["stop", "kill", "pause"])
async def test_the_database_stopped_killed_or_hung_for_a_minute_under_load(
    tmp_path: Path, gateway: GatewayProcess, postgres: PostgresServer, fault: str
) -> None:
    ledger = tmp_path / "ledger"
    async with load(gateway.port, ledger, *FEW, "--over-time", "15", "--rate", "200", "--seconds", "80") as devices:
        await asyncio.sleep(5)
        getattr(postgres, fault)()
        await asyncio.sleep(60)
        spooled = (await gateway.metrics())["gateway_records_spooled"]
        postgres.resume() if fault == "pause" else postgres.start()
        summary = await devices.summary(within_s=120)
    assert spooled > 200 * 12 * 30  # most of the minute's values were taken in and acknowledged meanwhile
    assert summary["frames_acknowledged"] > 200 * 60
    await drained(gateway)
    verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.acknowledged == summary["frames_acknowledged"]
    assert verdict.is_clean, verdict


async def test_sigterm_under_load_drains_within_thirty_seconds_and_loses_nothing(
    tmp_path: Path, gateway: GatewayProcess, postgres: PostgresServer
) -> None:
    ledger = tmp_path / "ledger"
    async with load(gateway.port, ledger, *FEW, "--rate", "800", "--seconds", "100000"):
        for _ in range(3):
            await asyncio.sleep(3)
            assert await gateway.terminate(within_s=30) == 0
            await gateway.start()
        await asyncio.sleep(2)
    verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.acknowledged > 2_000
    assert verdict.is_clean, verdict


async def test_a_full_spool_means_no_acknowledgement_and_recovers_by_itself(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    ledger = tmp_path / "ledger"
    async with gateway_process(
        tmp_path, postgres.dsn(), toml="[spool]\nmax_mib = 1\n[intake]\ninbox_frames = 500\n"
    ) as gateway:
        async with load(gateway.port, ledger, *FEW, "--seconds", "40") as devices:
            await asyncio.sleep(3)
            postgres.kill()
            async with asyncio.timeout(30):
                while (await gateway.metrics())["gateway_spool_full_total"] < 2:
                    await asyncio.sleep(0.2)
            before = len(ledger.read_text().splitlines())
            await asyncio.sleep(3)
            assert len(ledger.read_text().splitlines()) == before  # nothing is acknowledged that is not kept
            assert any(event["event"] == "spool_full" for event in gateway.events())
            postgres.start()
            summary = await devices.summary(within_s=90)
        await drained(gateway)
        verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.acknowledged == summary["frames_acknowledged"] > before
    assert verdict.is_clean, verdict


async def test_the_spool_survives_kill_9_while_the_database_is_away(
    tmp_path: Path, gateway: GatewayProcess, postgres: PostgresServer
) -> None:
    ledger = tmp_path / "ledger"
    async with load(gateway.port, ledger, *FEW, "--rate", "300", "--seconds", "100000"):
        await asyncio.sleep(2)
        postgres.kill()
        for _ in range(3):
            await asyncio.sleep(4)
            await gateway.kill()
            await gateway.start()
        await asyncio.sleep(4)
        assert (await gateway.metrics())["gateway_records_spooled"] > 0
        postgres.start()
        await asyncio.sleep(2)
    await drained(gateway)
    verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.acknowledged > 1_000
    assert verdict.is_clean, verdict


async def test_two_thousand_connections_returning_at_once_are_all_served(
    tmp_path: Path, gateway: GatewayProcess, postgres: PostgresServer
) -> None:
    ledger = tmp_path / "ledger"
    arguments = ("--connections", "2000", "--values-per-frame", "12", "--frames", "3", "--over-time", "20")
    async with load(gateway.port, ledger, *arguments) as devices:
        summary = await devices.summary(within_s=60)
    assert summary["frames_acknowledged"] == 6_000
    verdict = await check_ledger(ledger, postgres.dsn())
    assert verdict.is_clean, verdict
    async with asyncio.timeout(20):
        while (await gateway.metrics())['gateway_connections{source="hj212"}'] > 0:
            await asyncio.sleep(0.2)
    assert len(list(Path(f"/proc/{gateway.pid}/fd").iterdir())) < 100  # no descriptor is left behind
