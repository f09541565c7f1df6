"""Those who empty the queue: the gateway and its peers, behind one interface, each as a process of its own.

Speed is taken from outside, for all in the same way: the whole queue, over the time from the receiver's connection, as
the broker's log has it, to its last commit (`track_commit_timestamp`). Not from the first commit: by then a receiver
that reads ahead has most of a queue in memory.
"""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import psutil

from tests.acceptance.program import GatewayProcess, free_port
from tests.bench import mqtt_peer_node_red as node_red
from tests.bench.mqtt_messages import Load
from tests.bench.mqtt_rig import Rig, connection_to, processor_s

HERE = Path(__file__).parent
PEERS_PYTHON = HERE.parents[1] / ".venv-bench" / "bin" / "python"
STALLED_S = 30.0
SETTLED_S = 10.0  # after a kill: nothing more is coming
POLL_S = 0.02
SLOW = 0.1  # the part of the load that those get who take one message at a time


@dataclass
class Counts:
    """What is in the database, in values."""

    rows: int
    distinct: int


@dataclass
class Speed:
    messages: int
    seconds: float
    receiver_us: float  # processor time a message; of the whole run, the program's start included
    broker_us: float
    database_us: float
    megabytes: float
    unacknowledged: int

    @property
    def messages_per_s(self) -> float:
        return self.messages / self.seconds


class Loss(NamedTuple):
    """Kills, and what they did to how many messages."""

    kills: int
    lost: float
    not_taken: float
    doubled: float


class Receiver(Protocol):
    """A receiver; `account` is its name at the broker, `share` the part of the load that it is given (slow ones)."""

    name: str
    account: str
    share: float

    def prepare(self, rig: Rig, folder: Path) -> None: ...
    async def start(self) -> None: ...
    async def kill(self) -> None: ...
    def pid(self) -> int: ...
    def progress(self) -> int: ...
    def last_commit_s(self) -> float: ...
    def counts(self) -> Counts: ...


class Gateway:
    """`gateway run`, acknowledging after COMMIT."""

    name = "gateway (acknowledges after commit)"
    account = "gateway"
    share = 1.0

    def prepare(self, rig: Rig, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._dsn = rig.database("bench_gateway")
        source = (
            f'[[mqtt]]\nhost = "127.0.0.1"\nport = {rig.field.broker.port}\nclient_id = "{self.account}"\n'
            f'username = "{self.account}"\npassword = "{rig.field.secrets[self.account]}"\n'
            'unknown_device = "accept"\ntopics = ["eg/v1/#"]\n'
        )
        self._process = GatewayProcess(folder, self._dsn, toml=source)

    async def start(self) -> None:
        await self._process.start()

    async def kill(self) -> None:
        await self._process.kill()

    def pid(self) -> int:
        return self._process.pid

    def progress(self) -> int:
        """The running total of its books."""
        with connection_to(self._dsn) as connection:
            return _number(connection.execute("SELECT coalesce(sum(stored), 0) FROM writer").fetchone())

    def last_commit_s(self) -> float:
        return _last_commit_s(self._dsn, "batch")

    def counts(self) -> Counts:
        """Doubled would be a value stored beside the first one: a revision, or one kept out of bounds."""
        with connection_to(self._dsn) as connection:
            held = _number(connection.execute("SELECT count(*) FROM observation").fetchone())
            beside = _number(
                connection.execute(
                    "SELECT (SELECT count(*) FROM observation_revision) "
                    "+ (SELECT count(*) FROM observation_out_of_bounds)"
                ).fetchone()
            )
        return Counts(held + beside, held)


class Peer:
    """A program of others that writes to a table of its own."""

    has_key = True

    def __init__(self, name: str, account: str, share: float) -> None:
        self.name, self.account, self.share = name, account, share
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, rig: Rig, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._dsn = rig.peer_database(f"bench_{self.account.replace('-', '_')}", has_key=self.has_key)
        self._log = folder / "log"
        self._command = self.command(rig, folder)

    def command(self, rig: Rig, folder: Path) -> list[str]:
        raise NotImplementedError

    def settings(self, rig: Rig) -> str:
        secret = rig.field.secrets[self.account]
        return json.dumps({"port": rig.field.broker.port, "account": self.account, "secret": secret, "dsn": self._dsn})

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.to_thread(
                subprocess.Popen, self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pid(self) -> int:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} has ended:\n{self._log.read_text(errors='replace')[-2000:]}")
        return self._process.pid

    def progress(self) -> int:
        with connection_to(self._dsn) as connection:
            return _number(connection.execute("SELECT count(*) FROM data").fetchone())

    def last_commit_s(self) -> float:
        return _last_commit_s(self._dsn, "data")

    def counts(self) -> Counts:
        with connection_to(self._dsn) as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT (device, time, code)) FROM data").fetchone()
        assert row is not None
        return Counts(int(row[0]), int(row[1]))


class Naive(Peer):
    has_key = False

    def command(self, rig: Rig, folder: Path) -> list[str]:
        return [sys.executable, str(HERE / "mqtt_peer_naive.py"), self.settings(rig)]


class FastStream(Peer):
    def command(self, rig: Rig, folder: Path) -> list[str]:
        return [str(PEERS_PYTHON), str(HERE / "mqtt_peer_faststream.py"), self.settings(rig)]


class NodeRed(Peer):
    def command(self, rig: Rig, folder: Path) -> list[str]:
        secret, port = rig.field.secrets[self.account], rig.field.broker.port
        return node_red.prepare(
            folder, port=port, account=self.account, secret=secret, dsn=self._dsn, http_port=free_port()
        )


def available() -> list[Receiver]:
    """The gateway, and the peers that are installed; says which are left out."""
    found: list[Receiver] = [Gateway(), Naive("naive script, an INSERT a message", "gateway-naive", SLOW)]
    if PEERS_PYTHON.exists() and (PEERS_PYTHON.parents[1] / ".installed").exists():
        found.append(FastStream("FastStream, 16 workers and a pool", "gateway-faststream", SLOW))
    else:
        print("FastStream is left out: scripts/bench_peers.sh could not install it")
    if node_red.is_installed():
        found.append(NodeRed("Node-RED 4 + pg, batches of 100 ms", "gateway-nodered", 1.0))
    else:
        print("Node-RED is left out: scripts/bench_peers.sh could not install it")
    return found


async def drain(receiver: Receiver, rig: Rig, folder: Path, load: Load) -> Speed:
    """How fast a receiver works off a full queue, started with it."""
    receiver.prepare(rig, folder)
    rig.fill(receiver.account, load)
    before, connections = rig.processor_s(), rig.connections(receiver.account)
    await receiver.start()
    try:
        connected_s = await _connected(receiver, rig, connections)
        if not await _until(receiver, load.rows, patience_s=STALLED_S):
            raise RuntimeError(f"{receiver.name} stopped at {receiver.progress()} of {load.rows} values")
        taken = processor_s(receiver.pid())
        megabytes = sum(process.memory_info().rss for process in _family(receiver.pid())) / 1e6
        await asyncio.sleep(0.2)  # the last acknowledgements are on their way
    finally:
        await receiver.kill()
    broker, database = (now - then for now, then in zip(rig.processor_s(), before, strict=True))
    each = [1e6 * seconds / load.messages for seconds in (taken, broker, database)]
    seconds = receiver.last_commit_s() - connected_s
    return Speed(load.messages, seconds, *each, megabytes, rig.unacknowledged(receiver.account))


async def _connected(receiver: Receiver, rig: Rig, before: int) -> float:
    """When it has connected. [s, epoch]"""
    async with asyncio.timeout(STALLED_S):
        while rig.connections(receiver.account) == before:
            receiver.pid()  # raises if it has ended
            await asyncio.sleep(POLL_S)
    return time.time()


async def killed(
    receiver: Receiver, rig: Rig, folder: Path, load: Load, *, rate_per_s: float, kills: int, chance: random.Random
) -> Loss:
    """What kills at random moments under a steady stream do, each followed by a restart."""
    done = 0
    receiver.prepare(rig, folder)
    rig.open_session(receiver.account)
    await receiver.start()
    try:
        with rig.stream(load, rate_per_s=rate_per_s):
            while done < kills and receiver.progress() < load.rows:
                if not await _until(receiver, receiver.progress() + load.values, patience_s=STALLED_S):
                    break  # what it has lost was the end of the stream
                await asyncio.sleep(chance.uniform(0, 1))
                await receiver.kill()
                await receiver.start()
                done += 1
        await _until(receiver, load.rows, patience_s=SETTLED_S)
        await asyncio.sleep(1)  # what would be doubled has time to come
        found = receiver.counts()
    finally:
        await receiver.kill()
    missing = (load.rows - found.distinct) / load.values
    # What the broker still holds is not lost, only not taken: a receiver that hangs. Repeated ones are in both.
    held = min(missing, rig.unacknowledged(receiver.account))
    rig.forget(receiver.account)
    return Loss(done, missing - held, held, (found.rows - found.distinct) / load.values)


async def _until(receiver: Receiver, rows: int, *, patience_s: float) -> bool:
    """Wait for so many rows; False if nothing has come for `patience_s`."""
    seen, changed = 0, time.monotonic()
    while True:
        started = time.monotonic()
        now = receiver.progress()
        if now >= rows:
            return True
        if now != seen:
            seen, changed = now, time.monotonic()
        if time.monotonic() - changed > patience_s:
            return False
        # A tenth of a core at most is spent on looking.
        await asyncio.sleep(max(POLL_S, 9 * (time.monotonic() - started)))


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _last_commit_s(dsn: str, table: str) -> float:
    """When the last transaction that wrote to a table was committed. [s, epoch]"""
    statement = f"SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM {table}"
    with connection_to(dsn) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return float(row[0])


def _number(row: tuple[object, ...] | None) -> int:
    assert row is not None
    return int(str(row[0]))
