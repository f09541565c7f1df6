"""`make soak`: twenty minutes of load with random faults, then the ledger against the database.

    python -m tests.soak [--minutes 20] [--seed 1]

Faults: the gateway killed or told to stop, the database stopped, killed or hung for up to half a minute. Between
them memory and open files of the gateway are looked at: they may not grow from one quiet moment to the next.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from tests.acceptance.ledger_check import check_ledger
from tests.acceptance.load import load
from tests.acceptance.program import GatewayProcess, gateway_process
from tests.services.postgres import PostgresServer, timescale_installation

LOAD = ("--connections", "50", "--values-per-frame", "12", "--over-time", "5", "--rate", "300", "--seconds", "1000000")
QUIET_S = 15.0
LONGEST_FAULT_S = 30.0
MOST_GROWTH_MB = 64.0


async def kill_gateway(gateway: GatewayProcess, _: PostgresServer, chance: random.Random) -> None:
    await gateway.kill()
    await gateway.start()


async def stop_gateway(gateway: GatewayProcess, _: PostgresServer, chance: random.Random) -> None:
    await gateway.terminate(within_s=60)
    await gateway.start()


async def stop_database(_: GatewayProcess, postgres: PostgresServer, chance: random.Random) -> None:
    await asyncio.to_thread(postgres.stop)
    await asyncio.sleep(chance.uniform(1, LONGEST_FAULT_S))
    await asyncio.to_thread(postgres.start)


async def kill_database(_: GatewayProcess, postgres: PostgresServer, chance: random.Random) -> None:
    await asyncio.to_thread(postgres.kill)
    await asyncio.sleep(chance.uniform(1, LONGEST_FAULT_S))
    await asyncio.to_thread(postgres.start)


async def hang_database(_: GatewayProcess, postgres: PostgresServer, chance: random.Random) -> None:
    postgres.pause()
    await asyncio.sleep(chance.uniform(1, LONGEST_FAULT_S))
    postgres.resume()


FAULTS = (kill_gateway, stop_gateway, stop_database, kill_database, hang_database)


async def soak(minutes: float, seed: int) -> int:
    """Run; the exit code is 0 if nothing was lost, nothing doubled, and nothing grew."""
    chance = random.Random(seed)
    done: Counter[str] = Counter()
    memory_mb: list[float] = []
    postgres = PostgresServer(timescale_installation())
    postgres.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            ledger = Path(folder) / "ledger"
            async with gateway_process(Path(folder), postgres.dsn()) as gateway:
                async with load(gateway.port, ledger, *LOAD):
                    end_s = time.monotonic() + minutes * 60
                    while time.monotonic() < end_s:
                        fault = chance.choice(FAULTS)
                        await fault(gateway, postgres, chance)
                        done[fault.__name__] += 1
                        await asyncio.sleep(QUIET_S)
                        process = psutil.Process(gateway.pid)
                        memory_mb.append(process.memory_info().rss / 1e6)
                        print(f"{fault.__name__}: {memory_mb[-1]:.0f} MB, {process.num_fds()} files", flush=True)
                async with asyncio.timeout(120):
                    while (await gateway.metrics())["gateway_records_spooled"] > 0:
                        await asyncio.sleep(1)
            verdict = await check_ledger(ledger, postgres.dsn())
    finally:
        postgres.remove()
    growth_mb = max(memory_mb[len(memory_mb) // 2 :]) - max(memory_mb[: len(memory_mb) // 2 + 1])
    print(f"{minutes:g} minutes, seed {seed}: {dict(done)}")
    print(f"{verdict.acknowledged:,} frames acknowledged, {len(verdict.lost_frames)} lost, ", end="")
    print(f"{len(verdict.wrong_values)} wrong, {verdict.revisions} revisions; memory grew by {growth_mb:.0f} MB")
    return 0 if verdict.is_clean and growth_mb < MOST_GROWTH_MB else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(asyncio.run(soak(arguments.minutes, arguments.seed)))
