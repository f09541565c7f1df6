"""MQTT into PostgreSQL, side by side on one Mosquitto and one TimescaleDB: speed, and what kill -9 loses and doubles.

    python -m tests.bench mqtt_throughput [--messages 20000] [--rounds 3] [--kills 6]

Every receiver empties a queue that was filled before it started (see `mqtt_rig`); rounds are interleaved, figures are
medians with their range. Receivers known to be slow get a fifth of the messages: it is a rate that is measured.
Everything runs on this machine, which limits all of them alike.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from gateway.identity.provisioning import Provisioning
from tests.bench.mqtt_messages import DEVICES, Load
from tests.bench.mqtt_receivers import Receiver, Speed, available, drain, killed
from tests.bench.mqtt_rig import BROKER, Rig
from tests.services.postgres import PostgresServer, timescale_installation
from tests.sources.mqtt_field import Field, field_with

BARE = "gateway-bare"
STREAM_PER_S = 200
SECONDS_A_KILL = 5
BARE_NAME = "paho, receives and acknowledges only"
SIZES = (4, 30)  # values a message
SERVER_SETTINGS = ("max_wal_size=4GB", "shared_buffers=512MB", "track_commit_timestamp=on")
ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000, help="in the queue of a fast receiver")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=6, help="of each receiver")
    chosen = parser.parse_args()
    subprocess.run([str(ROOT / "scripts" / "bench_peers.sh")], check=True)
    receivers = available()
    with field_with(*DEVICES, settings=BROKER) as field, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_accounts(field, [BARE, *(one.account for one in receivers if one.account != "gateway")]))
        server = PostgresServer(timescale_installation(), settings=SERVER_SETTINGS)
        server.start()
        try:
            rig = Rig(field, server)
            for values in SIZES:
                _speeds(rig, receivers, Path(folder) / str(values), chosen.messages, values, chosen.rounds)
            _kills(rig, receivers, Path(folder) / "killed", chosen.kills)
        finally:
            server.remove()


async def _accounts(field: Field, names: list[str]) -> None:
    provisioning = Provisioning(field.store, field.files_untold)
    for name in names:
        field.secrets[name] = (await provisioning.add_gateway(name)).secret
    field.broker.reload()


def _speeds(rig: Rig, receivers: list[Receiver], folder: Path, messages: int, values: int, rounds: int) -> None:
    runs: dict[str, list[Speed]] = {}
    for number in range(rounds):
        runs.setdefault(BARE_NAME, []).append(_bare(rig, Load.ending_now(messages, values)))
        for receiver in receivers:
            load = Load.ending_now(int(messages * receiver.share), values)
            try:
                speed = asyncio.run(drain(receiver, rig, folder / str(number) / receiver.account, load))
            except RuntimeError as error:
                print(f"  left out of round {number + 1}: {error}", flush=True)
                continue
            runs.setdefault(receiver.name, []).append(speed)
    size = Load.ending_now(messages, values).bytes_each
    print(f"{values} values a message of {size:.0f} bytes; queue filled beforehand, {rounds} interleaved rounds:")
    limit = statistics.median(one.messages_per_s for one in runs[BARE_NAME])
    for name, speeds in runs.items():
        rates = sorted(one.messages_per_s for one in speeds)
        rate = statistics.median(rates)
        line = f"  {name}: {rate:,.0f} msg/s ({rates[0]:,.0f} to {rates[-1]:,.0f})"
        if name != BARE_NAME:
            cost = statistics.median(one.processor_us for one in speeds)
            line += f", {rate * values:,.0f} values/s, {rate / limit:.0%} of the bare loop, {cost:,.0f} µs CPU/msg"
            line += f" (start included), {max(one.megabytes for one in speeds):,.0f} MB"
        print(f"{line}; unacknowledged at the end: {max(one.unacknowledged for one in speeds)}", flush=True)


def _bare(rig: Rig, load: Load) -> Speed:
    rig.fill(BARE, load)
    settings = {"port": rig.field.broker.port, "account": BARE, "secret": rig.field.secrets[BARE]}
    command = [sys.executable, str(Path(__file__).with_name("mqtt_peer_bare.py"))]
    done = subprocess.run(
        [*command, json.dumps(settings | {"messages": load.messages})], stdout=subprocess.PIPE, check=True
    )
    found = json.loads(done.stdout)
    left = rig.unacknowledged(BARE)
    return Speed(found["messages"], found["seconds"], 0.0, 0.0, left)


def _kills(rig: Rig, receivers: list[Receiver], folder: Path, kills: int) -> None:
    """Under a steady stream: with a full queue, batches leave as fast as they are read and little is ever held."""
    chance = random.Random(20161122)
    rate = f"{STREAM_PER_S} messages a second"
    print(f"killed with SIGKILL at random moments under {rate}, started again on the same session:")
    for receiver in receivers:
        load = Load.ending_now(kills * SECONDS_A_KILL * STREAM_PER_S, SIZES[0])
        work = killed(
            receiver, rig, folder / receiver.account, load, rate_per_s=STREAM_PER_S, kills=kills, chance=chance
        )
        found = asyncio.run(work)
        print(
            f"  {receiver.name}: {found.lost:,.0f} of {load.messages:,} messages lost, {found.doubled:,.0f} doubled, "
            f"{found.not_taken:,.0f} left with the broker, {found.kills} kills",
            flush=True,
        )


if __name__ == "__main__":
    main()
