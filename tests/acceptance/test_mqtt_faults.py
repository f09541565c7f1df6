"""Acknowledged by the broker means in the database, once: gateway, database and broker are killed under load."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.mqtt_proof import DEVICES, caught_up, devices, source
from tests.acceptance.program import GatewayProcess
from tests.services.postgres import PostgresServer, wheel_installation
from tests.sources.mqtt_field import Field, field_with

pytestmark = [pytest.mark.slow, pytest.mark.database, pytest.mark.broker, pytest.mark.timeout(900)]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(wheel_installation())
    server.start()
    yield server
    server.remove()


@pytest.fixture
def mqtt_field() -> Iterator[Field]:
    with field_with(*DEVICES) as found:
        yield found


async def test_kill_9_of_the_gateway_at_fifty_random_moments_loses_and_doubles_nothing(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(mqtt_field))
    ledger = tmp_path / "ledger"
    chance = random.Random(20161122)
    await gateway.start()
    try:
        async with devices(mqtt_field, ledger):
            for _ in range(50):
                await asyncio.sleep(chance.uniform(0.05, 1.2))
                await gateway.kill()
                await gateway.start()
            await asyncio.sleep(3)
        verdict = await caught_up(ledger, postgres.dsn())
    finally:
        await gateway.kill()
    assert verdict.acknowledged > 5_000
    assert verdict.is_clean, verdict


async def test_kill_9_between_commit_and_puback_is_absorbed_as_duplicates(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(mqtt_field))
    gateway.module = "tests.acceptance.killed_after_commit"
    ledger = tmp_path / "ledger"
    await gateway.start()
    async with devices(mqtt_field, ledger):
        assert await gateway.wait_exit(within_s=60) == -9
        gateway.module = "gateway"
        await gateway.start()
        await asyncio.sleep(3)
    verdict = await caught_up(ledger, postgres.dsn())
    metrics = await gateway.metrics()
    await gateway.kill()
    assert metrics['gateway_records_total{outcome="duplicate"}'] > 0
    assert verdict.acknowledged > 200
    assert verdict.is_clean, verdict


async def test_the_database_killed_for_a_minute_under_load(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(mqtt_field))
    ledger = tmp_path / "ledger"
    await gateway.start()
    try:
        async with devices(mqtt_field, ledger):
            await asyncio.sleep(3)
            postgres.kill()
            await asyncio.sleep(60)
            spooled = (await gateway.metrics())["gateway_records_spooled"]
            postgres.start()
            await asyncio.sleep(5)
        verdict = await caught_up(ledger, postgres.dsn())
    finally:
        await gateway.kill()
    assert spooled > 10_000
    assert verdict.is_clean, verdict


async def test_kill_9_of_the_broker_three_times_under_load(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(mqtt_field))
    ledger = tmp_path / "ledger"
    await gateway.start()
    try:
        async with devices(mqtt_field, ledger):
            for _ in range(3):
                await asyncio.sleep(5)
                mqtt_field.broker.kill()
                await asyncio.sleep(1)
                mqtt_field.broker.start()
            await asyncio.sleep(5)
        verdict = await caught_up(ledger, postgres.dsn())
    finally:
        await gateway.kill()
    assert verdict.acknowledged > 1_000
    assert verdict.is_clean, verdict


async def test_three_processes_share_the_devices_and_one_is_killed_under_load(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateways = []
    for shard in range(3):
        account = f"gateway-{shard}"
        mqtt_field.secrets[account] = (await mqtt_field.provisioning.add_gateway(account)).secret
        (tmp_path / account).mkdir()
        toml = source(mqtt_field, client_id=account, topics=f'"eg/v1/t{shard}/#"')
        gateway = GatewayProcess(tmp_path / account, postgres.dsn(), toml=toml)
        own_name = gateway.config_path.read_text().replace('name = "test"', f'name = "{account}"')
        gateway.config_path.write_text(own_name)
        gateways.append(gateway)
    mqtt_field.broker.reload()
    ledger = tmp_path / "ledger"
    try:
        for gateway in gateways:
            await gateway.start()
        async with devices(mqtt_field, ledger):
            for _ in range(5):
                await asyncio.sleep(2)
                await gateways[1].kill()
                await gateways[1].start()
            await asyncio.sleep(2)
        verdict = await caught_up(ledger, postgres.dsn())
        metrics = [await gateway.metrics() for gateway in gateways]
    finally:
        for gateway in gateways:
            await gateway.kill()
    assert all(m['gateway_records_total{outcome="stored"}'] > 100 for m in metrics)
    assert verdict.acknowledged > 1_000
    assert verdict.is_clean, verdict


async def test_sigterm_under_load_drains_and_loses_nothing(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(mqtt_field))
    ledger = tmp_path / "ledger"
    await gateway.start()
    async with devices(mqtt_field, ledger):
        for _ in range(3):
            await asyncio.sleep(3)
            assert await gateway.terminate(within_s=30) == 0
            await gateway.start()
        await asyncio.sleep(2)
    verdict = await caught_up(ledger, postgres.dsn())
    await gateway.kill()
    assert verdict.acknowledged > 1_000
    assert verdict.is_clean, verdict
