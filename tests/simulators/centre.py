"""A small centre for the simulators' tests: answers uploads by the book, and misbehaves as asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from simulators.fleet.frames import Packet, PacketReader, frame


def answer(packet: Packet) -> bytes:
    """9014 or 9013 for a packet that wants one, nothing for others."""
    if not int(packet.fields.get("Flag") or 0) & 1:
        return b""
    command = "9013" if packet.cn in ("1013", "9015") else "9014"
    mn = packet.fields["MN"]
    return frame(f"QN={packet.qn};ST=91;CN={command};PW=123456;MN={mn};Flag=4;CP=&&&&".encode())


class Centre:
    """Listens on a free port; `react` turns a packet into bytes, None cuts the connection without an answer."""

    def __init__(self, react: Callable[[Packet], bytes | None] = answer) -> None:
        self.react = react
        self.received: Counter[tuple[str, str]] = Counter()  # (MN, QN)
        self.bytes_by_connection: list[bytearray] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packets, everything = PacketReader(), bytearray()
        self.bytes_by_connection.append(everything)
        try:
            while data := await reader.read(65536):
                everything += data
                for packet in packets.feed(data):
                    self.received[packet.fields.get("MN", ""), packet.qn] += 1
                    reaction = self.react(packet)
                    if reaction is None:
                        return
                    writer.write(reaction)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Centre"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
