"""Publish a simulated MQTT fleet to a broker: `python -m simulators mqtt-fleet --accounts accounts.csv`.

The accounts are lines of `device,secret,kind` (kinds: station, drone, camera, meter, logger). Each device has a
connection of its own, with a persistent session and, for stations, a last will; it has one message in flight, and sends
it again after a reconnect until the broker has acknowledged it. With `--ledger` what is acknowledged is noted on disk.
"""

import argparse
import asyncio
import contextlib
import csv
import hashlib
import json
import os
import ssl
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import aiomqtt

from simulators import mqtt_fleet_faults as faults
from simulators.mqtt_fleet import KINDS, Outgoing, messages, will

FAULTS = ("doubled", "reordered", "rubbish", "late", "clock")


class Ledger:
    """Lines that are on the disk when `note` returns: what the broker has acknowledged, as the devices saw it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, message: Outgoing) -> None:
        digest = hashlib.sha256(message.payload).hexdigest()
        line = {"device": message.device, "topic": message.topic, "sha256": digest}
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--ca", type=Path, help="authority of the broker's certificate; without it clear text")
    parser.add_argument("--accounts", type=Path, required=True, help="CSV: device,secret,kind")
    parser.add_argument("--messages", type=int, default=0, help="so many of each device; 0: until stopped")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="how much faster than real time; 0: as fast as it goes"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=datetime.fromisoformat, help="time of the first message; default: now")
    parser.add_argument("--behind", type=float, default=0.0, help="the first message is so many seconds old")
    parser.add_argument("--fault", choices=FAULTS, action="append", default=[], help="may be given more than once")
    parser.add_argument("--ledger", type=Path, help="file that acknowledged messages are noted in")


def main(arguments: argparse.Namespace) -> int:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_fleet(arguments))
    return 0


def disturbed(stream: Iterable[Outgoing], names: Iterable[str], rng: Random) -> Iterator[Outgoing]:
    """The stream with these faults, in the order given."""
    for name in names:
        if name == "doubled":
            stream = faults.doubled(stream, rng=rng)
        elif name == "reordered":
            stream = faults.reordered(stream, rng=rng)
        elif name == "rubbish":
            stream = faults.with_rubbish(stream, rng=rng)
        elif name == "late":
            stream = faults.held_back(stream, from_s=60, until_s=60 + 3 * faults.DAY_S)
        else:
            stream = faults.clock_jumped(stream, years=rng.choice((-56, 73)), from_s=30)
    return iter(stream)


async def _fleet(arguments: argparse.Namespace) -> None:
    with arguments.accounts.open(encoding="utf-8", newline="") as file:
        accounts = [(row["device"], row["secret"], row.get("kind") or "station") for row in csv.DictReader(file)]
    unknown = {kind for _, _, kind in accounts} - set(KINDS)
    if unknown:
        raise SystemExit(f"kind {min(unknown)!r} is none of {', '.join(KINDS)}")
    start = arguments.start or datetime.now(UTC) - timedelta(seconds=arguments.behind)
    with contextlib.ExitStack() as stack:
        ledger = Ledger(arguments.ledger) if arguments.ledger else None
        if ledger is not None:
            stack.callback(ledger.close)
        async with asyncio.TaskGroup() as tasks:
            for device, secret, kind in accounts:
                rng = Random(f"{arguments.seed} faults {device}")
                stream = disturbed(messages(kind, device, start=start, seed=arguments.seed), arguments.fault, rng)
                tasks.create_task(_device(arguments, device, secret, kind, stream, ledger))


async def _device(
    arguments: argparse.Namespace,
    device: str,
    secret: str,
    kind: str,
    stream: Iterator[Outgoing],
    ledger: Ledger | None,
) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    sent = 0
    waiting: Outgoing | None = None
    last = will(device, session="1")
    while True:
        client = aiomqtt.Client(
            arguments.host,
            arguments.port,
            identifier=device,
            username=device,
            password=secret,
            clean_session=False,
            will=aiomqtt.Will(last.topic, last.payload, qos=1, retain=True) if kind == "station" else None,
            tls_context=ssl.create_default_context(cafile=str(arguments.ca)) if arguments.ca else None,
        )
        try:
            async with client:
                while not arguments.messages or sent < arguments.messages:
                    waiting = waiting or next(stream)
                    if arguments.speed:
                        await asyncio.sleep(max(0.0, waiting.at_s / arguments.speed - (loop.time() - started)))
                    await client.publish(waiting.topic, waiting.payload, qos=waiting.qos, retain=waiting.is_retained)
                    if ledger is not None:
                        ledger.note(waiting)
                    waiting, sent = None, sent + 1
                return
        except aiomqtt.MqttError:
            await asyncio.sleep(1.0)
