"""MQTT into PostgreSQL, side by side on one Mosquitto and one TimescaleDB: speed, and what kill -9 loses and doubles.

    python -m tests.bench mqtt_throughput [--messages 30000] [--rounds 3] [--kills 6]

Every receiver empties a queue that was filled before it started (see `mqtt_rig`); rounds are interleaved, figures are
medians with their range. Receivers known to be slow get a tenth of the messages, and large messages are half as many:
it is a rate that is measured. Everything runs on this machine, which limits all of them alike. About ten minutes on two
quiet cores.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from gateway.identity.provisioning import Provisioning
from tests.bench.mqtt_messages import DEVICES, Load
from tests.bench.mqtt_receivers import Loss, Receiver, Speed, available, drain, killed
from tests.bench.mqtt_rig import BROKER, Rig
from tests.bench.mqtt_table import loss_table, speed_table
from tests.services.postgres import PostgresServer, timescale_installation
from tests.sources.mqtt_field import Field, field_with

BARE = "gateway-bare"
STREAM_PER_S = 200
SECONDS_A_KILL = 5
BARE_NAME = "paho, receives and acknowledges only"
SIZES = ((4, 1.0), (30, 0.5))  # values a message, and the part of the messages
SERVER_SETTINGS = ("max_wal_size=4GB", "shared_buffers=512MB", "track_commit_timestamp=on")
ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=30_000, help="in the queue of a fast receiver")
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
            for values, share in SIZES:
                messages = int(chosen.messages * share)
                _speeds(rig, receivers, Path(folder) / str(values), messages, values, chosen.rounds)
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
            except (RuntimeError, TimeoutError) as error:
                print(f"  left out of round {number + 1}: {receiver.name}: {error!r}", flush=True)
                continue
            runs.setdefault(receiver.name, []).append(speed)
    size = Load.ending_now(messages, values).bytes_each
    print(f"\n{values} values a message of {size:.0f} bytes; queue of {messages:,}, {rounds} interleaved rounds:\n")
    print(speed_table(runs, values=values, bare=BARE_NAME), flush=True)


def _bare(rig: Rig, load: Load) -> Speed:
    rig.fill(BARE, load)
    settings = {"port": rig.field.broker.port, "account": BARE, "secret": rig.field.secrets[BARE]}
    command = [sys.executable, str(Path(__file__).with_name("mqtt_peer_bare.py"))]
    before, _ = rig.processor_s()
    done = subprocess.run(
        [*command, json.dumps(settings | {"messages": load.messages})], stdout=subprocess.PIPE, check=True
    )
    found, broker_s = json.loads(done.stdout), rig.processor_s()[0] - before
    left = rig.unacknowledged(BARE)
    receiver_us, broker_us = (1e6 * seconds / load.messages for seconds in (found["processor_s"], broker_s))
    return Speed(found["messages"], found["seconds"], receiver_us, broker_us, 0.0, 0.0, left)


def _kills(rig: Rig, receivers: list[Receiver], folder: Path, kills: int) -> None:
    """Under a steady stream: with a full queue, batches leave as fast as they are read and little is ever held."""
    chance = random.Random(20161122)
    found: dict[str, tuple[int, Loss]] = {}
    for receiver in receivers:
        load = Load.ending_now(kills * SECONDS_A_KILL * STREAM_PER_S, SIZES[0][0])
        work = killed(
            receiver, rig, folder / receiver.account, load, rate_per_s=STREAM_PER_S, kills=kills, chance=chance
        )
        found[receiver.name] = load.messages, asyncio.run(work)
    print(
        f"\nkilled with SIGKILL at random moments of a stream of {STREAM_PER_S} messages a second, and started again:\n"
    )
    print(loss_table(found), flush=True)


if __name__ == "__main__":
    main()
