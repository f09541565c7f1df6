"""Devices on real sockets: one TCP connection a site, kept up with a growing pause between attempts."""

import asyncio
import contextlib
import hashlib
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.fleet.device import Device
from simulators.ledger import Ledger

RECONNECT_S = (0.5, 15.0)  # first and longest pause between attempts
SYNC_S = 0.2
DRAIN_S = 20.0
STAGGER_S = 0.005  # between the first connections of two devices: a thousand first samples take their time


@dataclass(frozen=True, slots=True)
class World:
    """The simulated time: it starts at `start_s` and runs `speed` times as fast as ours, until `end_s` if given."""

    start_s: float
    speed: float
    zero_s: float  # monotonic time of the start
    end_s: float | None = None

    def now_s(self) -> float:
        return time.monotonic()

    def time_s(self) -> float:
        at = self.start_s + (self.now_s() - self.zero_s) * self.speed
        return at if self.end_s is None else min(at, self.end_s)

    def left_s(self) -> float:
        """Seconds of ours until the end."""
        return math.inf if self.end_s is None else (self.end_s - self.time_s()) / self.speed

    def is_over(self) -> bool:
        return self.end_s is not None and self.time_s() >= self.end_s


async def run_fleet(devices: Sequence[Device], *, host: str, port: int, world: World, ledger: Ledger) -> None:
    """Run all devices until the world ends and every frame has its answer, `DRAIN_S` after the end at the longest."""
    syncing = asyncio.create_task(_keep_synced(ledger))
    try:
        async with asyncio.timeout(world.left_s() + DRAIN_S), asyncio.TaskGroup() as group:
            for place, device in enumerate(devices):
                wait_s = place * STAGGER_S
                group.create_task(_run_device(device, host=host, port=port, world=world, ledger=ledger, wait_s=wait_s))
    except TimeoutError:
        pass  # what is unsettled shows in the summary
    finally:
        syncing.cancel()


async def _keep_synced(ledger: Ledger) -> None:
    while True:
        await asyncio.sleep(SYNC_S)
        ledger.sync()


async def _run_device(device: Device, *, host: str, port: int, world: World, ledger: Ledger, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    jitter = random.Random(device.site.seed)
    pause_s = RECONNECT_S[0]
    while not _is_done(device, world):
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            device.step(now_s=world.now_s(), time_s=world.time_s())
        else:
            settled = device.counts.acknowledged
            try:
                await _converse(device, reader, writer, world=world, ledger=ledger)
            finally:
                device.disconnected()
                writer.close()
            if device.counts.acknowledged > settled:  # the line was of use: no need to be shy
                pause_s = RECONNECT_S[0]
        await asyncio.sleep(pause_s * jitter.uniform(0.5, 1.0))
        pause_s = min(2.0 * pause_s, RECONNECT_S[1])


def _is_done(device: Device, world: World) -> bool:
    """The world is over, nothing is due any more, and everything sent has its answer."""
    is_due = device.wait_s(now_s=world.now_s(), time_s=world.time_s(), speed=world.speed) <= 0.0
    return world.is_over() and not is_due and device.is_settled


async def _converse(
    device: Device, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, world: World, ledger: Ledger
) -> None:
    """Serve one connection until the other side closes it, or the world is over and everything has its answer."""
    with contextlib.suppress(ConnectionError):
        writer.write(device.connected(now_s=world.now_s(), time_s=world.time_s()))
        while not _is_done(device, world):
            wait_s = device.wait_s(now_s=world.now_s(), time_s=world.time_s(), speed=world.speed)
            if world.is_over():
                wait_s = max(wait_s, 0.1)  # time stands still: only answers and repeats are left
            try:
                async with asyncio.timeout(wait_s):
                    data = await reader.read(65536)
            except TimeoutError:
                writer.write(device.step(now_s=world.now_s(), time_s=world.time_s()))
            else:
                if not data:
                    return
                writer.write(device.receive(data, now_s=world.now_s(), time_s=world.time_s()))
                _book(device, ledger)
            await writer.drain()


def _book(device: Device, ledger: Ledger) -> None:
    while device.acknowledged:
        packet = device.acknowledged.popleft()
        ledger.add(
            mn=device.site.mn,
            qn=packet.qn,
            cn=packet.cn,
            data_time=packet.data_time,
            sha256=hashlib.sha256(packet.raw.rstrip(b"\r\n")).hexdigest(),
            values=packet.values,
            acknowledged_s=time.time(),
        )
