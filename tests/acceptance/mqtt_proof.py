"""The whole program between a real Mosquitto and a real PostgreSQL, devices with a ledger, and the verdict on both."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.acceptance.mqtt_devices import Sample
from tests.acceptance.program import GatewayProcess
from tests.sources.mqtt_field import Field

DEVICES = tuple(f"s{n}" for n in range(20))
RATE = 300  # messages a second, of four values each


def source(field: Field, *, client_id: str = "gateway", topics: str = '"eg/v1/#"') -> str:
    """The configuration of one source."""
    return (
        f'[[mqtt]]\nhost = "127.0.0.1"\nport = {field.broker.port}\nclient_id = "{client_id}"\n'
        f'username = "{client_id}"\npassword = "{field.secrets[client_id]}"\n'
        f'unknown_device = "accept"\ntopics = [{topics}]\nreconnect_max_s = 1.0\n'
    )


@contextlib.asynccontextmanager
async def devices(
    field: Field, ledger: Path, *, names: Sequence[str] = DEVICES, rate: float = RATE
) -> AsyncIterator[None]:
    """Devices at work; stopped at the end between two messages, with no acknowledgement left unnoted."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.acceptance.mqtt_devices",
        str(field.broker.port), str(ledger), str(len(names)), str(rate),
        stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("".join(f"{name} {field.secrets[name]}\n" for name in names).encode())
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


async def connected(gateway: GatewayProcess, *, within_s: float = 30) -> None:
    """Wait until the gateway is subscribed at its broker."""
    async with asyncio.timeout(within_s):
        while (await gateway.metrics()).get('gateway_connections{source="mqtt"}') != 1:
            await asyncio.sleep(0.1)
