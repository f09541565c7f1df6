"""One broker, one database server, and the queue that every receiver of the MQTT benchmark has to work off.

Each receiver has an account and a persistent session of its own. The session is made, the publisher (`mosquitto_pub
-l`, a C program) fills it while nobody reads, and only then does the receiver start: the publisher takes no processor
time from it, and all find the same. The broker has the shipped configuration but for `BROKER`.
"""

import contextlib
import math
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import paho.mqtt.client as paho
import psutil
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.bench.mqtt_messages import DEVICES, Load
from tests.services.postgres import PostgresServer
from tests.sources.mqtt_field import Field

FILTER = "eg/v1/#"
SESSION_S = 86_400
BROKER = {"max_inflight_messages": "1000"}
"""FastStream's subscription holds a thousand messages (zmqtt 0.2, `receive_buffer_size`, which FastStream does not pass
on). When the broker sends more at once to a session that it resumes, the subscription is full before the SUBACK is
read, and nothing is taken from it before: FastStream stands still for good. So the window is a thousand for all."""
QUIET_S = 2.0  # nothing more came for so long: it was all
PEER_TABLE = "CREATE TABLE data (device text, time timestamptz, code text, value float8"


@dataclass
class Rig:
    """What all receivers share."""

    field: Field
    server: PostgresServer

    def database(self, name: str) -> str:
        """A fresh, empty database; its address."""
        self.server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.server.execute(f'CREATE DATABASE "{name}"')
        return self.server.dsn(name)

    def peer_database(self, name: str, *, has_key: bool) -> str:
        """One with the table that peers write to; with the key, a message that comes again can be absorbed."""
        dsn = self.database(name)
        key = ", PRIMARY KEY (device, time, code)" if has_key else ""
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"{PEER_TABLE}{key})".encode())
        return dsn

    def fill(self, account: str, load: Load) -> None:
        """Queue the whole load in the session of an account; whatever was in it is gone."""
        self.open_session(account)
        with self.stream(load, rate_per_s=math.inf):
            pass

    def open_session(self, account: str) -> None:
        """A session, subscribed and empty."""
        self._connect(account, is_clean=True, expiry_s=0)
        self._connect(account, is_clean=False, expiry_s=SESSION_S, subscribes=True)

    @contextlib.contextmanager
    def stream(self, load: Load, *, rate_per_s: float) -> Iterator[None]:
        """Publish the load at a pace, all devices together; on leaving, wait until the broker has all of it."""
        publishers = []
        for device in DEVICES:
            command = [
                "mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.field.broker.port), "-u", device,
                "-P", self.field.secrets[device], "-t", f"eg/v1/acme/sta/{device}/obs", "-q", "1", "-M", "500", "-l",
            ]  # fmt: skip
            process = subprocess.Popen(command, stdin=subprocess.PIPE)
            pause_s = len(DEVICES) / rate_per_s
            feeder = threading.Thread(target=_feed, args=(process, load.lines(device), pause_s))
            feeder.start()
            publishers.append((process, feeder))
        yield
        for process, feeder in publishers:
            feeder.join()
            if process.wait(300):
                raise RuntimeError("mosquitto_pub has failed; its message is above")

    def connections(self, account: str) -> int:
        """How often an account has connected so far, says the broker's log."""
        return self.field.broker.log().count(f" as {account} (")

    def processor_s(self) -> tuple[float, float]:
        """Processor time that the broker and the database server have taken so far."""
        return processor_s(int(self.field.broker.pid_file.read_text())), processor_s(self.server.pid)

    def unacknowledged(self, account: str) -> int:
        """Messages that the broker still holds for an account: read, acknowledged and counted."""
        return self._connect(account, is_clean=False, expiry_s=SESSION_S, reads=True)

    def forget(self, account: str) -> None:
        """End the session."""
        self._connect(account, is_clean=True, expiry_s=0)

    def _connect(
        self, account: str, *, is_clean: bool, expiry_s: int, subscribes: bool = False, reads: bool = False
    ) -> int:
        client = paho.Client(CallbackAPIVersion.VERSION2, account, protocol=paho.MQTTv5)
        client.username_pw_set(account, self.field.secrets[account])
        ready, seen, last = threading.Event(), [0], [time.monotonic()]

        def count(*_: object) -> None:
            seen[0] += 1
            last[0] = time.monotonic()

        client.on_message = count
        client.on_subscribe = lambda *_: ready.set()
        client.on_connect = lambda *_: client.subscribe(FILTER, qos=1) if subscribes else ready.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = expiry_s
        client.connect("127.0.0.1", self.field.broker.port, clean_start=is_clean, properties=properties)
        client.loop_start()
        if not ready.wait(20):
            raise RuntimeError(f"the broker does not answer {account}")
        last[0] = time.monotonic()
        while reads and time.monotonic() - last[0] < QUIET_S:
            time.sleep(0.05)
        client.disconnect()
        client.loop_stop()
        return seen[0]


def processor_s(pid: int) -> float:
    """Processor time of a process, its children, and those that have ended."""
    parent = psutil.Process(pid)
    times = parent.cpu_times()
    taken = sum(times[:4])
    for child in parent.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            taken += sum(child.cpu_times()[:2])
    return float(taken)


def _feed(process: subprocess.Popen[bytes], lines: bytes, pause_s: float) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        for line in lines.splitlines(keepends=True) if pause_s else [lines]:
            process.stdin.write(line)
            process.stdin.flush()
            time.sleep(pause_s)
        process.stdin.close()


@contextlib.contextmanager
def connection_to(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
