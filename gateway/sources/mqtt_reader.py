"""Packets off the socket of an MQTT connection, as many as there are (MQTT 5.0, 2.1 and 3.3; 3.1.1 has no properties).

    3 DQQR │ length │ topic │ packet id │ properties │ payload          a PUBLISH
      ││ └ RETAIN     │       └ with QoS 1  └ MQTT 5: their length, then as many bytes
      │└ QoS          └ two bytes of length, then UTF-8
      └ DUP

    length: seven bits a byte, the lowest first, bit 8 says that another follows, four bytes at most

paho reads a packet with three system calls and makes a dozen objects of a PUBLISH. Here one system call takes what is
there, PUBLISH is taken apart on the spot, and every other packet is left to paho, which finds it as if on the socket;
so is whatever is malformed, and the end of the connection: paho then closes, as it does by itself.
"""

import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

READ_BYTES = 64 * 1024
"""At a time: some hundred messages, then everybody else has a turn of the event loop."""

MAX_LENGTH_BYTES = 4


class Incoming(NamedTuple):
    """One message as it came."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool
    is_repeated: bool  # DUP
    mid: int  # 0 with QoS 0


class PacketReader:
    """Stands between a socket and paho. `take` gets messages, `leave` is called when paho has something to read."""

    def __init__(
        self, sock: Any, *, is_version_5: bool, take: Callable[[Incoming], None], leave: Callable[[], object]
    ) -> None:
        self._sock = sock
        self._is_version_5 = is_version_5
        self._take = take
        self._leave = leave
        self._pieces: list[bytes] = []  # of a packet that has not come whole
        self._held = 0  # bytes in them
        self._needed = 0  # bytes that the packet has
        self._for_paho = b""
        self._end: OSError | None = None

    def readable(self) -> None:
        """The socket has something: read once, and deal with all whole packets."""
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self._end = error
            data = b""
        if not data:
            self._end = self._end or ConnectionResetError("closed by the broker")
            self._leave()
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= self._needed:
            self._packets(b"".join(self._pieces))

    def recv(self, size: int) -> bytes:
        """What paho reads."""
        if not self._for_paho:
            raise self._end or BlockingIOError
        piece, self._for_paho = self._for_paho[:size], self._for_paho[size:]
        return piece

    def _packets(self, data: bytes) -> None:
        at, self._needed = 0, 0
        while (length := _length(data, at + 1)) is not None:
            number, body = length
            end = body + number
            if end > len(data):
                self._needed = end - at
                break
            message = self._publish(data, at, body, end) if data[at] >> 4 == 3 else None
            if message is not None:
                self._take(message)
            else:
                self._for_paho = data[at:end]
                self._leave()
            at = end
        self._pieces = [data[at:]]
        self._held = len(data) - at

    def _publish(self, data: bytes, at: int, body: int, end: int) -> Incoming | None:
        """The message of a PUBLISH with QoS 0 or 1; None if it is another, or malformed."""
        flags = data[at]
        qos = flags >> 1 & 3
        topic_end = body + 2 + int.from_bytes(data[body : body + 2], "big")
        after = topic_end + 2 if qos else topic_end
        if self._is_version_5:
            properties = _length(data, after)
            after = end + 1 if properties is None else sum(properties)
        if qos > 1 or after > end:
            return None
        mid = int.from_bytes(data[topic_end : topic_end + 2], "big") if qos else 0
        topic = data[body + 2 : topic_end].decode("utf-8", "replace")
        return Incoming(topic, data[after:end], qos, bool(flags & 1), bool(flags & 8), mid)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """The number at `at`, and where it ends; None if it has not come whole. One too long is cut: paho refuses it."""
    number = 0
    for place in range(MAX_LENGTH_BYTES):
        if at + place >= len(data):
            return None
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    return 0, at + MAX_LENGTH_BYTES
