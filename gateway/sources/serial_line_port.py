"""A serial port kept open by a thread: pyserial blocks, the event loop must not.

    thread:      open ─► read ─► call_soon_threadsafe(on_data) ─► … ─► lost ─► wait ─► open …
    event loop:  on_open, on_data, on_lost; write (in a worker thread)

pyserial reports an unplugged port in three ways: SerialException from `read`, a bare OSError from `in_waiting`, and
`termios.error`, which is neither, from opening. All are the same here: the port is lost and is opened again. A port
under /dev/serial/by-id comes back under the same name, whatever ttyUSB number it gets.

A parity error is never reported by pyserial; the damaged bytes arrive and the checksum catches them.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import serial

from drivers.profiles.profile import SerialSettings
from gateway.errors import SourceError

try:
    from termios import error as termios_error
except ImportError:  # no POSIX terminals here
    termios_error = OSError  # type: ignore[misc,assignment]

LOST = (serial.SerialException, OSError, termios_error, TypeError, AttributeError)
"""A port that is closed in another thread fails with TypeError or AttributeError inside pyserial."""
READ_S = 0.05
WRITE_S = 3.0
CHUNK = 4096
MOST_UNREAD = 64 * 1024
"""Bytes that may wait for the event loop; above it the thread stops reading and the system's buffer fills. [B]"""
REOPEN_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Listener(Protocol):
    """What is told of a port; all calls come in the event loop."""

    def on_open(self) -> None: ...
    def on_data(self, data: bytes) -> None: ...
    def on_lost(self, reason: str) -> None: ...


@dataclass(slots=True)
class PortCounters:
    """What happened to a port."""

    opened: int = 0
    lost: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


def open_port(url: str, settings: SerialSettings) -> serial.Serial:
    """Open a device path or pyserial URL.

    Raises
    ------
    SourceError
        If it cannot be opened, for any of pyserial's reasons.
    """
    exclusive = {"exclusive": True} if "://" not in url else {}
    write_timeout_s = None if url.startswith("rfc2217://") else WRITE_S  # which pyserial's client does not implement
    try:
        return serial.serial_for_url(
            url,
            baudrate=settings.baud,
            bytesize=settings.data_bits,
            parity=settings.parity,
            stopbits=settings.stop_bits,
            timeout=READ_S,
            write_timeout=write_timeout_s,
            **exclusive,
        )
    except (*LOST, ValueError, NotImplementedError) as error:
        raise SourceError(f"{url}: {error}") from error


class SerialPort:
    """Keeps one port open until it is closed."""

    def __init__(self, url: str, settings: SerialSettings, listener: Listener) -> None:
        self.url = url
        self.settings = settings
        self.counters = PortCounters()
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._unread = 0
        self._has_room = threading.Condition()
        self._port: serial.Serial | None = None
        self._thread = threading.Thread(target=self._run, name=f"serial {url}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def close(self) -> None:
        self._closing.set()
        with self._has_room:
            self._has_room.notify_all()
        await asyncio.to_thread(self._thread.join)

    async def write(self, data: bytes) -> bool:
        """Write; False if the port is away (its loss is told by `on_lost`)."""
        port = self._port
        if port is None:
            return False
        try:
            await asyncio.to_thread(port.write, data)
        except LOST:
            return False
        self.counters.bytes_written += len(data)
        return True

    def consumed(self, count: int) -> None:
        """The event loop has dealt with bytes it was given."""
        with self._has_room:
            self._unread -= count
            self._has_room.notify_all()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                port = open_port(self.url, self.settings)
            except SourceError as error:
                self._call(self._listener.on_lost, str(error)) if not failures else None
                self._closing.wait(REOPEN_S[min(failures, len(REOPEN_S) - 1)])
                failures += 1
                continue
            failures = 0
            self.counters.opened += 1
            self._port = port
            self._call(self._listener.on_open)
            reason = self._read_until_lost(port)
            self._port = None
            with contextlib.suppress(*LOST):
                port.close()
            if not self._closing.is_set():
                self.counters.lost += 1
                self._call(self._listener.on_lost, reason)
                self._closing.wait(REOPEN_S[0])

    def _read_until_lost(self, port: serial.Serial) -> str:
        try:
            while not self._closing.is_set():
                data = port.read(1)
                if data and port.in_waiting:
                    data += port.read(min(port.in_waiting, CHUNK))
                if data:
                    self.counters.bytes_read += len(data)
                    self._hand_over(bytes(data))
        except LOST as error:
            return str(error) or type(error).__name__
        return "closed"

    def _hand_over(self, data: bytes) -> None:
        with self._has_room:
            self._has_room.wait_for(lambda: self._unread < MOST_UNREAD or self._closing.is_set())
            self._unread += len(data)
        self._call(self._listener.on_data, data)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(function, *arguments)
