"""Devices over MQTT as a process of their own: numbered samples, and a ledger of what the broker has acknowledged.

    python -m tests.acceptance.mqtt_devices PORT LEDGER DEVICES RATE < accounts

`accounts` are lines of device and secret. Every device publishes samples of four values with QoS 1 at its own pace,
one in flight, and sends it again after a reconnect until it is acknowledged; then its line is in the ledger, fsynced.
"""

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import aiomqtt

CODES = ("a21026", "a21002", "a19001", "a01012")
DAY_S = 86_400


@dataclass
class Sample:
    """Sample `number` of a device: its time, its values, its body. Distinct for every device and number."""

    device: str
    number: int

    @property
    def topic(self) -> str:
        """Devices are spread over three tenants."""
        return f"eg/v1/t{int(self.device[1:]) % 3}/sta/{self.device}/obs"

    @property
    def time(self) -> str:
        hours, rest = divmod(self.number % DAY_S, 3600)
        return f"2026-11-{20 + self.number // DAY_S:02}T{hours:02}:{rest // 60:02}:{rest % 60:02}Z"

    @property
    def values(self) -> dict[str, float]:
        return {code: self.number + i / 10 for i, code in enumerate(CODES)}

    @property
    def body(self) -> bytes:
        return json.dumps({"t": self.time, "id": self.device, "v": self.values}, separators=(",", ":")).encode()


class Ledger:
    """Lines that are on disk before `note` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, sample: Sample) -> None:
        os.write(self._file, f"{sample.device} {sample.number}\n".encode())
        os.fdatasync(self._file)


async def device(name: str, secret: str, *, port: int, ledger: Ledger, pause_s: float) -> None:
    number = 0
    while True:
        with contextlib.suppress(aiomqtt.MqttError):
            client = aiomqtt.Client("127.0.0.1", port, identifier=name, username=name, password=secret, timeout=5)
            async with client:
                while True:
                    sample = Sample(name, number)
                    await client.publish(sample.topic, sample.body, qos=1)
                    ledger.note(sample)
                    number += 1
                    await asyncio.sleep(pause_s)
        await asyncio.sleep(0.2)


async def main(port: int, ledger: Path, devices: int, rate: float) -> None:
    accounts = [line.split() for line in sys.stdin.read().splitlines()][:devices]
    book = Ledger(ledger)
    async with asyncio.TaskGroup() as tasks:
        for name, secret in accounts:
            tasks.create_task(device(name, secret, port=port, ledger=book, pause_s=devices / rate))
            await asyncio.sleep(devices / rate / devices)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
