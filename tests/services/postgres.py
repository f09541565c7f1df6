"""Real PostgreSQL servers for the tests: the wheel's, and TimescaleDB from a Debian 13 folder.

A server is a child process on a free port of 127.0.0.1, with durability on, in a data folder of its own; it can be
stopped, killed, paused (SIGSTOP) and started again on the same port.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from gateway.storage.embedded import make_passable, programs, server_user

SCRIPT = Path(__file__).parents[2] / "scripts" / "timescaledb.sh"
START_LIMIT_S = 60
# Durability stays on: what is tested must be what runs. The rest keeps many servers small.
SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=64MB",
    "fsync=on",
    "synchronous_commit=on",
    "autovacuum_naptime=60",
    "timezone=UTC",
)


@dataclass(frozen=True)
class Installation:
    """Where the programs of a PostgreSQL are; `root` other than "/" means: run in that folder by chroot."""

    name: str
    bin: str
    user: str
    root: str = "/"
    settings: tuple[str, ...] = ()

    def command(self, program: str, *arguments: str) -> list[str]:
        inner = [f"{self.bin}/{program}", *arguments]
        if self.root != "/":
            return ["chroot", f"--userspec={self.user}:{self.user}", self.root, *inner]
        return inner

    def ids(self) -> tuple[int, int] | None:
        """User and group id to run as, as the system that the server sees has them; None: as we are."""
        if os.geteuid() != 0:
            return None
        for line in Path(self.root, "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == self.user:
                return int(uid), int(gid)
        raise LookupError(f"no user {self.user} in {self.root}/etc/passwd")


def wheel_installation() -> Installation:
    """The PostgreSQL of the wheel, the one that the embedded default runs."""
    folder = programs()
    user = server_user()
    if user is not None:
        make_passable(folder / "postgres")
    return Installation("plain", str(folder), user.pw_name if user else "")


def timescale_installation() -> Installation:
    """PostgreSQL 17 with TimescaleDB (Apache edition), made by scripts/timescaledb.sh if it is not there yet."""
    done = subprocess.run([str(SCRIPT), "--where"], check=True, stdout=subprocess.PIPE, text=True)
    return Installation(
        "timescaledb",
        "/usr/lib/postgresql/17/bin",
        "postgres",
        root=done.stdout.split()[-1],
        settings=(
            "shared_preload_libraries=timescaledb",
            "timescaledb.telemetry_level=off",
            "timescaledb.max_background_workers=2",
            # The folder has no /dev/shm of its own.
            "dynamic_shared_memory_type=mmap",
        ),
    )


class PostgresServer:
    """One server. `start` returns when it answers; `dsn()` names a database on it."""

    def __init__(self, installation: Installation, *, settings: tuple[str, ...] = ()) -> None:
        self.installation = installation
        self.settings = settings
        parent = Path(installation.root) / "tmp"
        self._outside = Path(tempfile.mkdtemp(prefix="offsite-pg-", dir=parent))
        self._inside = "/" + str(self._outside.relative_to(installation.root))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        ids = installation.ids()
        if ids is not None:
            os.chown(self._outside, *ids)
            make_passable(self._outside)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        data = f"{self._inside}/data"
        if not (self._outside / "data" / "PG_VERSION").exists():
            arguments = ("-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
            done = self._run(self.installation.command("initdb", *arguments))
            if done.returncode:
                raise RuntimeError(f"initdb failed:\n{done.stdout.decode(errors='replace')}")
        options = [f"--{setting}" for setting in (*SETTINGS, *self.installation.settings, *self.settings)]
        command = self.installation.command("postgres", "-D", data, "-p", str(self.port), *options)
        with open(self._outside / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._identity()
            )
        self._wait_until_ready()

    def stop(self, *, mode: str = "fast") -> None:
        """An orderly stop: "smart", "fast" or "immediate"."""
        if self._process is None:
            return
        self.resume()
        sent = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        self._process.send_signal(sent)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill -9 of the server and all its backends, as a power cut would (the disk's cache aside)."""
        family = self._family()
        for process in family:
            _signal(process, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)
        psutil.wait_procs(family, timeout=30)
        self._process = None

    def pause(self) -> None:
        """SIGSTOP for all: the sockets stay open and nothing answers."""
        for process in self._family():
            _signal(process, signal.SIGSTOP)

    def resume(self) -> None:
        for process in self._family():
            _signal(process, signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def log(self) -> str:
        return (self._outside / "log").read_text(errors="replace")

    def remove(self) -> None:
        """Stop and delete the data."""
        self.stop(mode="immediate")
        shutil.rmtree(self._outside, ignore_errors=True)

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def end_sessions(self, database: str) -> None:
        """End all sessions in a database and wait until they are gone."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = %s AND pid <> pg_backend_pid()",
                [database],
            )

    def _family(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _identity(self) -> dict[str, int | list[int]]:
        """Arguments for subprocess to drop root; chroot does it by itself."""
        ids = self.installation.ids()
        if ids is None or self.installation.root != "/":
            return {}
        return {"user": ids[0], "group": ids[1], "extra_groups": []}

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        identity = self._identity()
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", **identity)

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + START_LIMIT_S
        while True:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{self.installation.name} server did not start:\n{self.log()[-4000:]}")
            try:
                psycopg.connect(self.dsn(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
