"""One connection that comes back: made when it is needed, dropped when anything about it is in doubt.

Foreign exceptions are translated here, once. What another try can help is transient: a server that is away, stopping,
read-only, out of space, locked or too slow. Two clocks bound every use: the server's statement timeout, and a
deadline of our own for a server that hangs and cannot enforce anything.
"""

import asyncio
import contextlib
import os
import select
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import psycopg
from psycopg.rows import dict_row

from gateway.errors import StorageError
from gateway.storage.contract import StorageSettings
from gateway.storage.sql import query

Connection = psycopg.AsyncConnection[dict[str, Any]]

# Read-only transaction; idle-in-transaction and transaction time-outs: psycopg files them under InternalError.
_TRANSIENT_STATES = {"25006", "25P02", "25P03", "25P04"}
# Program limits exceeded (an index entry too long, …) come from a value, though psycopg calls them operational.
_DATA_CLASS = "54"


class Link:
    """A reconnecting connection, used by one task at a time."""

    def __init__(
        self,
        dsn: str,
        settings: StorageSettings,
        *,
        name: str,
        prepare: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._dsn = dsn
        self._settings = settings
        self._name = name
        self._prepare = prepare
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """The connection, in autocommit mode and alone.

        An error that leaves it in any doubt drops it; the database's and the system's come out as `StorageError`.
        """
        async with self._lock:
            deadline: asyncio.TimerHandle | None = None
            try:
                async with asyncio.timeout(self._settings.deadline_s):
                    connection = await self._connected()
                deadline = asyncio.get_running_loop().call_later(self._settings.deadline_s, _sever, connection)
                yield connection
            except BaseException as error:
                if not self._is_sound_after(error):
                    await self._drop()
                translated = translate(error)
                if translated is None:
                    raise
                raise translated from error
            finally:
                if deadline is not None:
                    deadline.cancel()

    async def close(self) -> None:
        async with self._lock:
            await self._drop()

    async def _connected(self) -> Connection:
        if self._connection is not None and not _has_ended(self._connection):
            return self._connection
        await self._drop()
        connection = await connect(self._dsn, self._settings, name=self._name)
        self._connection = connection
        if self._prepare is not None:
            await self._prepare(connection)
        return connection

    def _is_sound_after(self, error: BaseException) -> bool:
        if self._connection is None or not isinstance(error, Exception):
            return False
        return self._connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def connect(dsn: str, settings: StorageSettings, *, name: str) -> Connection:
    """A connection in autocommit mode with all limits set.

    Keepalives and `tcp_user_timeout` make a vanished network noticed within about half a minute.
    """
    connection = await psycopg.AsyncConnection.connect(
        dsn,
        autocommit=True,
        row_factory=dict_row,
        application_name=name,
        connect_timeout=settings.connect_timeout_s,
        keepalives=1,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=20_000,
    )
    limits = {
        "statement_ms": str(int(settings.statement_timeout_s * 1000)),
        "lock_ms": str(int(settings.lock_timeout_s * 1000)),
        "idle_ms": str(int(settings.deadline_s * 1000)),
    }
    try:
        await connection.execute(query("set_limits"), limits)
    except BaseException:
        await connection.close()
        raise
    return connection


def _sever(connection: Connection) -> None:
    """End the connection under its user's feet: a hung server answers no request to cancel either.

    Shutting the socket down makes libpq see the end of it at once, as if the network had gone.
    """
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as twin, contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)


def _has_ended(connection: Connection) -> bool:
    """Whether an idle connection is of no more use: the server was restarted, the network reset it.

    An idle connection has nothing to read; if there is something, it is the end (or a notice, not worth a difference).
    """
    if connection.closed:
        return True
    poll = select.poll()  # select() takes no descriptor above 1023, and a gateway has thousands
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_data_error(error: Exception) -> bool:
    """Whether a value is to blame: the record is bad, the database is well."""
    if isinstance(error, psycopg.Error):
        state = error.sqlstate or ""
        return isinstance(error, psycopg.DataError | psycopg.IntegrityError) or state.startswith(_DATA_CLASS)
    # Raised on this side, while values are put into their binary form.
    return isinstance(error, UnicodeError | OverflowError | struct.error | orjson.JSONEncodeError)


def translate(error: BaseException) -> StorageError | None:
    """The `StorageError` for a foreign error, or None if it is not the database's."""
    if isinstance(error, TimeoutError):
        return StorageError("the database did not answer in time", transient=True)
    if isinstance(error, psycopg.Error):
        transient = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        transient |= error.sqlstate in _TRANSIENT_STATES
        return StorageError(f"{type(error).__name__}: {error}".strip(), transient=transient)
    if isinstance(error, OSError):
        return StorageError(f"{type(error).__name__}: {error}", transient=True)
    return None
