"""What every driver hands out: one event object per frame, and what an event contains.

    bytes ─► Decoder.feed() ─► [Event | BadFrame]          Event.contents() ─► Readings, Notice, Parameter, Position

An event keeps its frame (`raw`), the names of what was odd about it (`deviations`) and knows how to print itself
(`to_json`). Its contents are what the gateway stores; a frame may have none (a heartbeat, an answer).

Invariants: a decoder never raises on input, never reads a clock, and holds a bounded buffer. Times are integers,
microseconds since 1970-01-01 UTC, as the device claims them; `None` means that the device gave none and the source
stamps the arrival.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


class Reason(StrEnum):
    """Why bytes were refused."""

    NOT_A_FRAME = "not_a_frame"  # nothing that looks like this protocol
    LENGTH = "length"  # a length field that does not agree with what came
    CHECKSUM = "checksum"  # length right, check value wrong
    SYNTAX = "syntax"  # framed and intact, but not parseable
    SANITY = "sanity"  # parsed, but it cannot mean what it says
    OVERSIZE = "oversize"  # longer than the protocol or we allow
    TRUNCATED = "truncated"  # the input ended inside the frame
    REFUSED = "refused"  # intact, but not allowed (identity, rights)


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Bytes that did not make an event; kept whole, because damage and forgery are evidence."""

    reason: Reason
    raw: bytes
    detail: str = ""
    deviations: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "bad_frame",
            "reason": self.reason.value,
            "detail": self.detail,
            "deviations": list(self.deviations),
            "raw": self.raw.decode("ascii", "backslashreplace"),
        }


class Channel(NamedTuple):
    """One stream of values of a device: what, how condensed, in which unit.

    `code` is the device's own name ("a21026", "02030000", "totalP"); `quantity` and `unit` are the vocabulary's
    (`drivers.channels`); `statistic` is one of `drivers.channels.STATISTICS`; `interval_s` is the averaging
    interval, 0 for an instantaneous value. [s]
    """

    code: str
    quantity: str
    statistic: str
    unit: str
    interval_s: int


class Shape:
    """The ordered channels of a frame, made once by a driver for all frames alike, compared by identity.

    Receivers may use it as a dictionary key: (device, shape) → the database's series, resolved once.
    """

    __slots__ = ("channels",)

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        self.channels = channels

    def __repr__(self) -> str:
        return f"Shape({self.channels!r})"


@dataclass(slots=True)
class Readings:
    """Values of one device at one time; `values` and `flags` run parallel to `shape.channels`.

    A NaN value means that the device said it has none. `flags` has one character a value, the HJ 212 data flag,
    "N" where the device gave none. `time_us` is the start of the interval for averages, the instant otherwise.
    """

    device: str
    time_us: int | None
    shape: Shape
    values: list[float]
    flags: str


@dataclass(slots=True)
class Notice:
    """Something that a device reports about itself: status, log line, power-up, alarm, door."""

    device: str
    time_us: int | None
    kind: str  # snake_case: "analyser_status", "restart", "log", "alarm", …
    channel: str = ""  # the device's code of what it is about, "" for the device itself
    text: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Parameter:
    """A setting that a device reports: range, slope, intercept, CT ratio, serial number. One ledger row."""

    device: str
    time_us: int | None
    channel: str
    name: str  # snake_case: "range_high", "slope", "intercept", "serial_number", …
    value: str


@dataclass(slots=True)
class Position:
    """Where a platform was. WGS-84; the three altitudes are different things and never filled from each other."""

    device: str
    time_us: int | None
    latitude_deg: float
    longitude_deg: float
    altitude_ellipsoid_m: float | None = None
    altitude_msl_m: float | None = None
    altitude_takeoff_m: float | None = None
    speed_m_s: float | None = None
    heading_deg: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)


Content = Readings | Notice | Parameter | Position


class Event(Protocol):
    """What a decoder makes of one good frame."""

    @property
    def device(self) -> str:
        """The identity that the frame claims ("" if it claims none)."""
        ...

    @property
    def raw(self) -> bytes: ...

    @property
    def deviations(self) -> tuple[str, ...]:
        """Names of what differs from the standard, in snake_case; empty for a frame by the book."""
        ...

    def contents(self) -> Iterator[Content]: ...

    def to_json(self) -> dict[str, Any]:
        """What `gateway decode` prints: a JSON object with "event" as its first key."""
        ...


class Decoder(Protocol):
    """Bytes in, events out; sans-IO, no clock, bounded buffer, never raises on input."""

    def feed(self, data: bytes) -> list[Any]:
        """Events and `BadFrame`s completed by `data`, in order."""
        ...

    def flush(self) -> list[Any]:
        """The input has ended: what is still buffered comes out, whole or as `BadFrame(TRUNCATED)`."""
        ...
