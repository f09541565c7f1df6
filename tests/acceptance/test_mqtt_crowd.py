"""Many devices at once, rubbish in the middle, a broker that forgets, several gateways on one shared subscription."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from simulators.mqtt_fleet_faults import RUBBISH
from tests.acceptance.mqtt_proof import DEVICES, caught_up, connected, devices, source, verdict_of
from tests.acceptance.program import GatewayProcess
from tests.services.postgres import PostgresServer, wheel_installation
from tests.sources.mqtt_field import Field, field_with

pytestmark = [pytest.mark.slow, pytest.mark.database, pytest.mark.broker, pytest.mark.timeout(600)]

CROWD = tuple(f"s{n}" for n in range(500))
RETURN_LIMIT_S = 60.0


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(wheel_installation())
    server.start()
    yield server
    server.remove()


@pytest.fixture
def field() -> Iterator[Field]:
    with field_with(*DEVICES, "vandal") as found:
        yield found


async def rows(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return await (await connection.execute(sql.encode())).fetchall()


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


async def all_heard(ledger: Path, *, beyond: int, limit_s: float) -> float:
    """Seconds until every device of the crowd has an acknowledgement after the first `beyond` bytes of the ledger."""
    started = time.monotonic()
    while time.monotonic() < started + limit_s:
        heard = {line.split()[0] for line in ledger.read_bytes()[beyond:].decode().splitlines()[1:] if line}
        if len(heard) == len(CROWD):
            return time.monotonic() - started
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{len(heard)} of {len(CROWD)} are back after {limit_s} s")


async def test_five_hundred_devices_that_return_at_once_are_served_within_a_minute(
    tmp_path: Path, field: Field, postgres: PostgresServer
) -> None:
    await field.add(*CROWD[len(DEVICES) :])
    field.broker.reload()
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(field))
    ledger = tmp_path / "ledger"
    ledger.touch()
    await gateway.start()
    await connected(gateway)
    took_s, files = [], []
    try:
        async with devices(field, ledger, names=CROWD, rate=250):
            await all_heard(ledger, beyond=0, limit_s=120)
            for _ in range(3):
                files.append(open_files(gateway.pid))
                field.broker.kill()
                beyond = ledger.stat().st_size
                field.broker.start()
                took_s.append(await all_heard(ledger, beyond=beyond, limit_s=RETURN_LIMIT_S))
                await connected(gateway)
        verdict = await caught_up(ledger, postgres.dsn())
        files.append(open_files(gateway.pid))
    finally:
        await gateway.kill()
    print(f"all back after {took_s} s; {verdict.acknowledged} acknowledged; open files of the gateway {files}")
    assert verdict.acknowledged >= 4 * len(CROWD)
    assert verdict.is_clean, verdict
    assert files[-1] <= files[0] + 2, files  # the database's pool may have grown by a connection


async def test_a_batch_of_poison_in_the_middle_of_the_load_is_kept_as_dead_letters(
    tmp_path: Path, field: Field, postgres: PostgresServer
) -> None:
    poison = [body for body in RUBBISH if b"somebody-else" not in body] * 20
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(field))
    ledger = tmp_path / "ledger"
    await gateway.start()
    await connected(gateway)
    try:
        async with devices(field, ledger):
            await asyncio.sleep(2)
            async with field.device("vandal") as vandal:
                for body in Random(7).sample(poison, len(poison)):
                    await vandal.publish("eg/v1/acme/sta/vandal/obs", body, qos=1)
            await asyncio.sleep(2)
        verdict = await caught_up(ledger, postgres.dsn())
        sql = "SELECT count(*), count(*) FILTER (WHERE reason = '') FROM dead_letter WHERE device = 'vandal'"
        [(kept, unexplained)] = await rows(postgres.dsn(), sql)
    finally:
        await gateway.kill()
    assert (kept, unexplained) == (len(poison), 0)
    assert verdict.acknowledged > 500
    assert verdict.is_clean, verdict


async def test_a_queue_that_the_broker_lost_is_inside_the_gap_that_is_recorded(
    tmp_path: Path, field: Field, postgres: PostgresServer
) -> None:
    before, queued, after = DEVICES[:6], DEVICES[6:12], DEVICES[12:18]
    gateway = GatewayProcess(tmp_path, postgres.dsn(), toml=source(field))
    await gateway.start()
    await connected(gateway)
    try:
        async with devices(field, tmp_path / "before", names=before):
            await asyncio.sleep(3)
        first = await caught_up(tmp_path / "before", postgres.dsn())
        assert await gateway.terminate() == 0
        async with devices(field, tmp_path / "queued", names=queued):
            await asyncio.sleep(3)
        field.broker.stop()
        field.broker.forget()
        field.broker.start()
        await gateway.start()
        await connected(gateway)
        async with devices(field, tmp_path / "after", names=after):
            await asyncio.sleep(3)
        last = await caught_up(tmp_path / "after", postgres.dsn())
        gone = await verdict_of(tmp_path / "queued", postgres.dsn())
        recorded = await rows(postgres.dsn(), "SELECT detail, time FROM v_device_event WHERE kind = 'session_lost'")
    finally:
        await gateway.kill()
    assert first.is_clean, first
    assert last.is_clean, last
    assert gone.acknowledged == len(gone.lost) > 0  # the broker had acknowledged them, and lost them all
    [(detail, noticed)] = recorded
    queued_s = (tmp_path / "queued").stat().st_mtime
    assert detail["last_connected_us"] / 1e6 < queued_s < noticed.timestamp()


async def test_two_gateways_on_a_shared_subscription_store_each_message_once(
    tmp_path: Path, field: Field, postgres: PostgresServer
) -> None:
    gateways = []
    for account in ("gateway-0", "gateway-1"):
        field.secrets[account] = (await field.provisioning.add_gateway(account)).secret
        (tmp_path / account).mkdir()
        toml = source(field, client_id=account, topics='"$share/group/eg/v1/#"')
        gateway = GatewayProcess(tmp_path / account, postgres.dsn(), toml=toml)
        text = gateway.config_path.read_text().replace('name = "test"', f'name = "{account}"')
        gateway.config_path.write_text(text)
        gateways.append(gateway)
    field.broker.reload()
    ledger = tmp_path / "ledger"
    try:
        for gateway in gateways:
            await gateway.start()
            await connected(gateway)
        async with devices(field, ledger):
            await asyncio.sleep(5)
        quiet = await caught_up(ledger, postgres.dsn())
        metrics = [await gateway.metrics() for gateway in gateways]
        [(observations,)] = await rows(postgres.dsn(), "SELECT count(*) FROM observation")
        await killed_and_back(field, gateways[1], tmp_path / "again")
        verdict = await caught_up(tmp_path / "again", postgres.dsn())
    finally:
        for gateway in gateways:
            await gateway.kill()
    stored = [int(metric['gateway_records_total{outcome="stored"}']) for metric in metrics]
    assert sum(stored) == observations
    assert min(stored) > observations / 10  # both have worked
    assert all(metric.get('gateway_records_total{outcome="duplicate"}', 0) == 0 for metric in metrics)
    assert quiet.acknowledged > 500
    assert quiet.is_clean, quiet
    assert verdict.is_clean, verdict


async def killed_and_back(field: Field, gateway: GatewayProcess, ledger: Path) -> None:
    """A member is killed under load and comes back: what its session still held comes to it then."""
    async with devices(field, ledger):
        await asyncio.sleep(3)
        await gateway.kill()
        await asyncio.sleep(3)
        await gateway.start()
        await connected(gateway)
        await asyncio.sleep(1)
