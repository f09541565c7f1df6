"""How fast the writer is, beside a bare binary COPY of the same rows into the same table. A benchmark, not a test.

    python tests/bench/bench_store.py [--tier plain|timescaledb] [--batches 30]

Batches of 500 deliveries with 20 values each, every value new; medians of three, values per second. The bare COPY sends
the same observation rows, encoded beforehand, one transaction a batch, with nothing else in it: no raw frames, no
duplicates looked for, no books.
"""

import argparse
import asyncio
import hashlib
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from drivers.events import Channel, Content, Readings, Shape
from gateway.records import Delivery
from gateway.storage import Store
from gateway.storage.copy_binary import Values, encode_values
from gateway.storage.sql import query
from tests.services.postgres import PostgresServer, timescale_installation, wheel_installation

DEVICES = 500
CHANNELS = 20
ROUNDS = 3
MINUTE_US = 60_000_000
START_US = int(time.time() / 60 - 60) * MINUTE_US  # fresh data: an old hour would be marked for the roll-ups
SHAPE = Shape(tuple(Channel(f"a{n:05}", "so2", "avg", "mg/m3", 60) for n in range(CHANNELS)))


class Frame:
    """An event with one set of readings, as long as a usual HJ 212 frame."""

    deviations: tuple[str, ...] = ()

    def __init__(self, device: str, reading: Readings) -> None:
        self.device = device
        self.raw = hashlib.sha256(f"{device}{reading.time_us}".encode()).digest() * 20
        self._reading = reading

    def contents(self) -> Iterator[Content]:
        yield self._reading

    def to_json(self) -> dict[str, Any]:
        return {"event": "frame"}


def make_batch(minute: int) -> list[Delivery]:
    """One minute of all devices."""
    time_us = START_US + minute * MINUTE_US
    batch = []
    for device in range(DEVICES):
        name = f"D{device:04}"
        values = [float(minute + device + channel) for channel in range(CHANNELS)]
        frame = Frame(name, Readings(name, time_us, SHAPE, values, "N" * CHANNELS))
        batch.append(
            Delivery(
                START_US + minute * 200_000 + 60 * MINUTE_US, "bench", "hj212", "127.0.0.1:1", name, frame.raw, frame
            )
        )
    return batch


async def write_all(dsn: str, batches: list[list[Delivery]]) -> float:
    """Seconds for all batches through the store, the first one (which makes devices and series) not counted."""
    async with Store.open(dsn, writer="bench") as store:
        await store.write(batches[0])
        start = time.perf_counter()
        for batch in batches[1:]:
            written = await store.write(batch)
            assert written.counts.stored == DEVICES * CHANNELS
        return time.perf_counter() - start


def copy_all(dsn: str, batches: int) -> float:
    """Seconds for the same rows by bare COPY into an empty `observation`."""
    series = np.repeat(np.arange(1, DEVICES + 1, dtype=np.int32) * CHANNELS, CHANNELS)
    series = series + np.tile(np.arange(CHANNELS, dtype=np.int32), DEVICES)
    total = len(series)
    payloads = []
    for minute in range(1, batches):
        times = np.full(total, START_US + minute * MINUTE_US, dtype=np.int64)
        flags = np.full(total, ord("N"), dtype=np.uint8)
        payloads.append(encode_values(Values(series, times, series * 0.5 + minute, flags, times + MINUTE_US)))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE observation")
        start = time.perf_counter()
        for payload in payloads:
            with connection.cursor().copy(query("copy_observations")) as copy:
                copy.write(payload)
        return time.perf_counter() - start


async def measure(server: PostgresServer, batches: int) -> tuple[float, float]:
    """Values per second of the store and of bare COPY, on a fresh database."""
    server.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    server.execute("CREATE DATABASE bench")
    dsn = server.dsn("bench")
    made = [make_batch(minute) for minute in range(batches)]
    values = (batches - 1) * DEVICES * CHANNELS
    store_s = await write_all(dsn, made)
    copy_s = await asyncio.to_thread(copy_all, dsn, batches)
    return values / store_s, values / copy_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=["plain", "timescaledb"], default="plain")
    parser.add_argument("--batches", type=int, default=30)
    chosen = parser.parse_args()
    installation = wheel_installation() if chosen.tier == "plain" else timescale_installation()
    server = PostgresServer(installation)
    server.start()
    try:
        rounds = [asyncio.run(measure(server, chosen.batches)) for _ in range(ROUNDS)]
    finally:
        server.remove()
    store, copy = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{chosen.tier}: store {store:,.0f} values/s, bare COPY {copy:,.0f} values/s, {store / copy:.0%}")


if __name__ == "__main__":
    main()
