"""Acknowledged by the broker means in the database, once: gateway, database and broker are killed under load."""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.mqtt_devices import Sample
from tests.acceptance.program import GatewayProcess
from tests.services.postgres import PostgresServer, wheel_installation
from tests.sources.mqtt_field import Field, field_with

pytestmark = [pytest.mark.slow, pytest.mark.database, pytest.mark.broker, pytest.mark.timeout(900)]

DEVICES = tuple(f"s{n}" for n in range(20))
RATE = 300  # messages a second, of four values each


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


def source(field: Field, *, client_id: str = "gateway", topics: str = '"eg/v1/#"') -> str:
    """The configuration of one source."""
    return (
        f'[[mqtt]]\nhost = "127.0.0.1"\nport = {field.broker.port}\nclient_id = "{client_id}"\n'
        f'username = "{client_id}"\npassword = "{field.secrets[client_id]}"\n'
        f'unknown_device = "accept"\ntopics = [{topics}]\nreconnect_max_s = 1.0\n'
    )


@contextlib.asynccontextmanager
async def devices(field: Field, ledger: Path, *, rate: float = RATE) -> AsyncIterator[None]:
    """Devices at work; stopped at the end between two messages, with no acknowledgement left unnoted."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.acceptance.mqtt_devices",
        str(field.broker.port), str(ledger), str(len(DEVICES)), str(rate),
        stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("".join(f"{name} {field.secrets[name]}\n" for name in DEVICES).encode())
    process.stdin.close()
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@dataclass
class Verdict:
    acknowledged: int
    lost: list[str]
    wrong: list[str]
    revisions: int
    unbalanced: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.wrong or self.revisions or self.unbalanced)


async def verdict_of(ledger: Path, dsn: str) -> Verdict:
    """Every sample of the ledger against the database: all of its values, none else at its time.

    That nothing is there twice is the primary key's work; a sample stored twice with other values shows as a revision.
    """
    samples = [Sample(name, int(number)) for name, number in map(str.split, ledger.read_text().splitlines())]
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "SELECT site, channel, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), value "
            "FROM v_observation"
        )
        stored: dict[tuple[str, str], dict[str, float]] = {}
        for site, channel, time, value in await cursor.fetchall():
            stored.setdefault((site, time), {})[channel] = value
        [(revisions,)] = await (await connection.execute("SELECT count(*) FROM observation_revision")).fetchall()
        [(unbalanced,)] = await (
            await connection.execute("SELECT count(*) FROM v_ledger_balance WHERE balance <> 0")
        ).fetchall()
    verdict = Verdict(len(samples), [], [], revisions, unbalanced)
    for sample in samples:
        found = stored.get((sample.device, sample.time))
        if found is None:
            verdict.lost.append(f"{sample.device} {sample.number}")
        elif found != sample.values:
            verdict.wrong.append(f"{sample.device} {sample.number}: {found}")
    return verdict


async def caught_up(ledger: Path, dsn: str, *, within_s: float = 120) -> Verdict:
    """The verdict when all is stored, or when waiting is over."""
    limit = asyncio.get_running_loop().time() + within_s
    while True:
        verdict = await verdict_of(ledger, dsn)
        if verdict.is_clean or asyncio.get_running_loop().time() > limit:
            return verdict
        await asyncio.sleep(1)


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


async def test_the_database_killed_for_half_a_minute_under_load(
    tmp_path: Path, mqtt_field: Field, postgres: PostgresServer
) -> None:
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(mqtt_field))
    ledger = tmp_path / "ledger"
    await gateway.start()
    try:
        async with devices(mqtt_field, ledger):
            await asyncio.sleep(3)
            postgres.kill()
            await asyncio.sleep(30)
            spooled = (await gateway.metrics())["gateway_records_spooled"]
            postgres.start()
            await asyncio.sleep(5)
        verdict = await caught_up(ledger, postgres.dsn())
    finally:
        await gateway.kill()
    assert spooled > 5_000
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
