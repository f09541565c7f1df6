"""Simulated lines on real file descriptors: a pseudo-terminal, which can be unplugged, and a TCP serial server.

A pseudo-terminal shows bytes, time-outs and unplugging; it does not show parity or baud (a terminal without wires).
`SimulatedPty.path` is a link that stays the same when the terminal behind it changes, as /dev/serial/by-id does.
"""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from simulators.meters_line import SimulatedLine

CHUNK = 4096


class _Feeder:
    """Moves bytes between a simulated line and a sink, in the time of the event loop."""

    def __init__(self, line: SimulatedLine, sink: Callable[[bytes], None]) -> None:
        self._line = line
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    def heard(self, data: bytes) -> None:
        self._line.write(data, self._loop.time())
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.stop()
        due_s = self._line.next_s(self._loop.time())
        if due_s is not None:
            self._timer = self._loop.call_at(due_s, self._speak)

    def _speak(self) -> None:
        data = self._line.take(self._loop.time())
        if data:
            self._sink(data)
        self._arm()


class SimulatedPty:
    """A line behind a path that can be unplugged and plugged in again."""

    def __init__(self, line: SimulatedLine, path: Path) -> None:
        self.line = line
        self.path = path
        self._master: int | None = None
        self._slave: int | None = None
        self._feeder: _Feeder | None = None

    def plug_in(self) -> None:
        """Make a new terminal and let the path lead to it."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._feeder = _Feeder(self.line, self._write)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """The adapter is pulled: the path is gone, what was on the wire is lost."""
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self._feeder is not None:
            self._feeder.stop()
        self.path.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None

    def _read(self) -> None:
        assert self._master is not None
        assert self._feeder is not None
        with contextlib.suppress(OSError):
            self._feeder.heard(os.read(self._master, CHUNK))

    def _write(self, data: bytes) -> None:
        if self._master is not None:
            with contextlib.suppress(BlockingIOError):  # nobody reads: a real line would not keep it either
                os.write(self._master, data)


@contextlib.asynccontextmanager
async def pty_line(line: SimulatedLine, path: Path) -> AsyncIterator[SimulatedPty]:
    """A plugged-in terminal at `path` for as long as the context lasts."""
    pty = SimulatedPty(line, path)
    pty.plug_in()
    try:
        yield pty
    finally:
        pty.unplug()


@contextlib.asynccontextmanager
async def tcp_line(line: SimulatedLine, *, port: int = 0) -> AsyncIterator[int]:
    """A serial server (RTU over TCP) on this machine, on a free port if none is given; yields the port."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        feeder = _Feeder(line, writer.write)
        try:
            while data := await reader.read(CHUNK):
                feeder.heard(data)
        except ConnectionError:
            pass
        finally:
            feeder.stop()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
