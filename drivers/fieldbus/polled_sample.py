"""What one poll of one instrument brought home, in one record that stands by itself.

    {"polled_sample":1,"device":…,"time_us":…,"read_us":…,"profile":…,
     "values":[…],"notices":[…],"parameters":[…],"exchanges":[…]} LF

    device       the name by which the installation knows the instrument; no frame on the line carries it
    time_us      the minute that was asked for, microseconds UTC; read_us is when the last answer came
    values       [code, quantity, statistic, unit, interval_s, value or null, flag], transformer ratios applied
    notices      [kind, channel, text, detail]
    parameters   [channel, name, value]
    exchanges    [request, answer] as hexadecimal: the evidence that the values come from

A reply alone (seven bytes of Modbus) says neither which registers it holds nor what they mean. The serial source
therefore hands out this record, and a store that replays it from its spool needs no configuration to read it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite, nan
from typing import Any

from drivers import Driver
from drivers.events import BadFrame, Channel, Content, Notice, Parameter, Readings, Reason, Shape

START = b'{"polled_sample":1,'
MAX_SAMPLE = 60_000
VALUE_FIELDS = 7


@dataclass(frozen=True, slots=True)
class PolledSample:
    """One poll, decoded; `raw` is its line."""

    raw: bytes
    device: str
    time_us: int
    read_us: int
    profile: str
    channels: tuple[Channel, ...]
    values: tuple[float, ...]
    flags: str
    notices: tuple[Notice, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    exchanges: tuple[tuple[bytes, bytes], ...] = ()
    deviations: tuple[str, ...] = ()

    def contents(self) -> Iterator[Content]:
        if self.channels:
            yield Readings(self.device, self.time_us, _shape(self.channels), list(self.values), self.flags)
        yield from self.notices
        yield from self.parameters

    def to_json(self) -> dict[str, Any]:
        named = zip(self.channels, self.values, self.flags, strict=True)
        return {
            "event": "polled_sample",
            "device": self.device,
            "time_us": self.time_us,
            "read_us": self.read_us,
            "profile": self.profile,
            "values": {c.code: {"value": v if isfinite(v) else None, "unit": c.unit, "flag": f} for c, v, f in named},
            "notices": [[n.kind, n.channel, n.text, n.detail] for n in self.notices],
            "parameters": [[p.channel, p.name, p.value] for p in self.parameters],
            "exchanges": [[request.hex(), answer.hex()] for request, answer in self.exchanges],
            "deviations": list(self.deviations),
        }


@dataclass(slots=True)
class SampleDraft:
    """A sample while it is being read."""

    device: str
    time_us: int
    profile: str
    read_us: int = 0
    values: list[tuple[Channel, float, str]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    exchanges: list[tuple[bytes, bytes]] = field(default_factory=list)

    def finished(self) -> PolledSample:
        """The event as its own decoder would give it."""
        (event,) = PolledSampleDecoder().feed(self.encode())
        if isinstance(event, BadFrame):
            raise AssertionError(f"a sample of {self.device} does not decode: {event.detail}")
        return event

    def encode(self) -> bytes:
        record = {
            "polled_sample": 1,
            "device": self.device,
            "time_us": self.time_us,
            "read_us": self.read_us,
            "profile": self.profile,
            "values": [[*channel, value if isfinite(value) else None, flag] for channel, value, flag in self.values],
            "notices": [[n.kind, n.channel, n.text, n.detail] for n in self.notices],
            "parameters": [[p.channel, p.name, p.value] for p in self.parameters],
            "exchanges": [[request.hex(), answer.hex()] for request, answer in self.exchanges],
        }
        return json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


class PolledSampleDecoder:
    """Lines in, samples out; what stands before a record's beginning is no part of it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[PolledSample | BadFrame]:
        self._buffer += data
        events: list[PolledSample | BadFrame] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[: end + 1])
            del self._buffer[: end + 1]
            events += _read_line(line)
        if len(self._buffer) > MAX_SAMPLE:
            events.append(BadFrame(Reason.OVERSIZE, bytes(self._buffer)))
            self._buffer.clear()
        return events

    def flush(self) -> list[PolledSample | BadFrame]:
        line = bytes(self._buffer)
        self._buffer.clear()
        return _read_line(line)


def _read_line(line: bytes) -> list[PolledSample | BadFrame]:
    at = line.find(START)
    if at < 0:
        return [BadFrame(Reason.NOT_A_FRAME, line, "no polled sample")] if line.strip() else []
    before = [BadFrame(Reason.NOT_A_FRAME, line[:at], "before a polled sample")] if line[:at].strip() else []
    try:
        return [*before, _sample(line[at:])]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return [*before, BadFrame(Reason.SYNTAX, line[at:], f"not a polled sample: {error!r}"[:200])]


def _sample(raw: bytes) -> PolledSample:
    data = json.loads(raw, parse_constant=_refuse)
    rows = data["values"]
    device, time_us = str(data["device"]), int(data["time_us"])
    flags = "".join(_flag(row) for row in rows)
    return PolledSample(
        raw,
        device,
        time_us,
        int(data["read_us"]),
        str(data["profile"]),
        tuple(_channel(row) for row in rows),
        tuple(_number(row[5]) for row in rows),
        flags,
        tuple(Notice(device, time_us, str(k), str(c), str(t), dict(d)) for k, c, t, d in data["notices"]),
        tuple(Parameter(device, time_us, str(c), str(n), str(v)) for c, n, v in data["parameters"]),
        tuple((bytes.fromhex(request), bytes.fromhex(answer)) for request, answer in data["exchanges"]),
    )


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _channel(row: Sequence[Any]) -> Channel:
    if len(row) != VALUE_FIELDS:
        raise ValueError(f"a value has {VALUE_FIELDS} fields, got {len(row)}")
    return Channel(str(row[0]), str(row[1]), str(row[2]), str(row[3]), int(row[4]))


def _number(value: Any) -> float:
    number = nan if value is None else float(value)
    if value is not None and not isfinite(number):
        raise ValueError(f"{value!r} is no measurement")
    return number


def _flag(row: Sequence[Any]) -> str:
    flag = str(row[6])
    if len(flag) != 1:
        raise ValueError(f"flag {flag!r} is not one character")
    return flag


@lru_cache(maxsize=4096)
def _shape(channels: tuple[Channel, ...]) -> Shape:
    return Shape(channels)


_EXAMPLE = SampleDraft(
    "meter-1",
    1_795_339_200_000_000,
    "dust-bolin",
    1_795_339_201_250_000,
    [(Channel("PM10", "pm10", "rtd", "ug/m3", 0), 66.0, "N"), (Channel("TSP", "tsp", "rtd", "ug/m3", 0), nan, "D")],
    exchanges=[(bytes.fromhex("01030002000265cb"), bytes.fromhex("010304000000427a02"))],
)

DRIVER = Driver(
    name="polled-sample",
    title="What a poll of a meter or sonde brought home (our own record)",
    decoder=PolledSampleDecoder,
    examples=(_EXAMPLE.encode(),),
)
