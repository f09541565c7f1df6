"""The driver `mqtt`: a stream of MQTT messages as lines of JSON (see `envelope`), in the order of their arrival.

    {"topic": "eg/v1/demo/sta/s1/obs", "payload": "{\\"t\\":\\"2026-11-22T03:04:05Z\\",\\"v\\":{\\"a21026\\":12.5}}"}\\n

The service does not come this way: it hands topic and payload to `MessageDecoder`. Lines are what it keeps, so that
 the spool, the dead letters and the raw frames can be decoded again, and what `gateway decode mqtt` reads.
"""

from collections.abc import Iterator

from drivers import Driver
from drivers.events import BadFrame, Event, Reason
from drivers.telemetry.envelope import MAX_LINE_BYTES, Message, unwrap, wrap
from drivers.telemetry.limits import Refused
from drivers.telemetry.router import MessageDecoder


class LineDecoder:
    """Lines in, events out. A line ends with a newline; what stands before its first brace is noise."""

    def __init__(self, messages: MessageDecoder | None = None) -> None:
        self._messages = MessageDecoder() if messages is None else messages
        self._buffer = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[Event | BadFrame]:
        found: list[Event | BadFrame] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            found += self._end_of_line(data[start:end])
            start = end + 1
        found += self._rest_of_line(data[start:])
        return found

    def flush(self) -> list[Event | BadFrame]:
        return [*self._end_of_line(b""), *self._messages.hj212.flush()]

    def _end_of_line(self, piece: bytes) -> Iterator[Event | BadFrame]:
        yield from self._rest_of_line(piece)
        line = bytes(self._buffer)
        self._buffer.clear()
        if line.strip():
            yield from self._line(line)
        self._skipping = False

    def _rest_of_line(self, piece: bytes) -> Iterator[Event | BadFrame]:
        """Keep up to the longest line; what exceeds it comes out as bad frames, piece by piece."""
        while piece:
            room = MAX_LINE_BYTES - len(self._buffer)
            if len(piece) <= room:
                self._buffer += piece
                return
            self._buffer += piece[:room]
            piece = piece[room:]
            yield BadFrame(Reason.OVERSIZE, bytes(self._buffer), f"a line of more than {MAX_LINE_BYTES} bytes")
            self._buffer.clear()
            self._skipping = True

    def _line(self, line: bytes) -> Iterator[Event | BadFrame]:
        if self._skipping:
            yield BadFrame(Reason.OVERSIZE, line, f"the rest of a line of more than {MAX_LINE_BYTES} bytes")
            return
        brace = line.find(b"{")
        if brace < 0:
            yield BadFrame(Reason.NOT_A_FRAME, line, "no JSON object in this line")
            return
        if line[:brace].strip():
            yield BadFrame(Reason.NOT_A_FRAME, line[:brace], "noise before a message")
        line = line[brace:].rstrip()
        try:
            message = unwrap(line)
        except Refused as refusal:
            yield BadFrame(refusal.reason, line, refusal.detail)
            return
        yield from self._messages.decode(message, raw=line)


DRIVER = Driver(
    name="mqtt",
    title="MQTT messages: own topics, DJI, ONVIF, Axis, SensorThings, CloudEvents, mapped vendors; as JSON lines",
    decoder=LineDecoder,
    has_own_escapes=True,
    examples=tuple(
        wrap(Message(topic, body)) + b"\n"
        for topic, body in (
            ("eg/v1/demo/sta/s1/obs", b'{"t":"2026-11-22T03:04:05Z","seq":1,"v":{"a21026":12.5,"a21002":88.1}}'),
            ("eg/v1/demo/uav/u7/pose", b'{"t":"2026-11-22T03:04:06Z","pos":{"lat":30.5,"lon":114.3,"alt_msl":87}}'),
            ("eg/v1/demo/sta/s1/status", b'{"t":"2026-11-22T03:00:00Z","state":"online","s":4,"metrics":[]}'),
            ("cam-1/onvif-ej/VideoSource/ImageTooDark/&1", b'{"UtcTime":"2026-11-22T03:04:05Z","Data":{"State":true}}'),
            ("thing/product/1581F6Q8/osd", b'{"timestamp":1763780645250,"data":{"latitude":30.5,"longitude":114.3}}'),
        )
    ),
)  # fmt: skip
