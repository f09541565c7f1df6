"""A TCP proxy that misbehaves on request: the network between the gateway and a server.

    client ──► Proxy ──► server        cut, hang, delay, slice; `when(b"COMMIT")` acts at the moment bytes go by

Bytes are forwarded as they come until told otherwise. `cut` resets both sides; `hang` keeps them open and forwards
nothing, as a network that swallows packets does.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Proxy:
    """Listens on a free port of 127.0.0.1 and forwards to (`host`, `port`)."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._rules: list[tuple[bytes, Callable[[], None]]] = []
        self.port = 0
        self.connections = 0
        self.delay_s = 0.0  # before each piece
        self.slice_bytes = 65_536  # pieces are no longer than this
        self.refuses = False  # new connections are closed at once
        self.drops_answers = False  # what the server says no longer comes through

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.resume()
            while self._serving:
                self.cut()
                await asyncio.wait(self._serving, timeout=1)

    def cut(self) -> None:
        """Reset every connection; new ones are served."""
        for writer in self._writers:
            writer.transport.abort()

    def hang(self) -> None:
        """Forward nothing more, in either direction, on old and new connections."""
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def when(self, pattern: bytes, act: Callable[[], None]) -> None:
        """Call `act` once, when the client sends a piece with `pattern` in it; the piece is forwarded first."""
        self._rules.append((pattern, act))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, server_writer}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forward(reader, server_writer, is_answer=False))
                tasks.create_task(self._forward(server_reader, writer, is_answer=True))
        finally:
            self._writers -= pair
            for end in pair:
                end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(self.slice_bytes):
                await self._flowing.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if is_answer and self.drops_answers:
                    continue
                writer.write(data)
                await writer.drain()
                if not is_answer:
                    self._apply_rules(data)
            if writer.can_write_eof():
                writer.write_eof()

    def _apply_rules(self, data: bytes) -> None:
        for rule in [rule for rule in self._rules if rule[0] in data]:
            self._rules.remove(rule)
            rule[1]()
