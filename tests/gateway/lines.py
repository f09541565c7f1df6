"""A tiny protocol for tests of the intake: `device;value;value`, decoded anew as often as wanted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drivers.events import BadFrame, Channel, Content, Event, Readings, Reason, Shape
from gateway.records import Delivery

_SHAPES: dict[int, Shape] = {}


def shape(values: int) -> Shape:
    channels = (Channel(f"c{i}", f"c{i}", "rtd", "1", 0) for i in range(values))
    return _SHAPES.setdefault(values, Shape(tuple(channels)))


@dataclass(slots=True)
class Line:
    raw: bytes
    device: str
    values: list[float]
    deviations: tuple[str, ...] = ()

    def contents(self) -> Iterator[Content]:
        if self.values:
            yield Readings(self.device, 0, shape(len(self.values)), self.values, "N" * len(self.values))

    def to_json(self) -> dict[str, Any]:
        return {"event": "line"}


def decode(source: str, driver: str, device: str, raw: bytes) -> Event | BadFrame:
    try:
        name, *values = raw.decode().split(";")
        return Line(raw, name, [float(value) for value in values])
    except ValueError as error:
        return BadFrame(Reason.SYNTAX, raw, str(error))


def delivery(text: str, *, received_us: int = 1) -> Delivery:
    raw = text.encode()
    return Delivery(received_us, "lines", "lines", "127.0.0.1:1", "A", raw, decode("", "", "", raw))
