"""What is in a delivery, taken out once: the values, notices, positions and settings, or the reason why there are none.

Everything that can be told to be wrong without asking the database is told here, one delivery at a time, so that a bad
one never reaches the batch.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivers.events import BadFrame, Content, Notice, Parameter, Position, Readings
from gateway.records import Delivery, Disposition

_INT64 = range(-(2**63), 2**63)


@dataclass(slots=True)
class Unpacked:
    """One delivery of a batch; `position` is its place in it."""

    position: int
    delivery: Delivery
    records: int = 0
    readings: list[Readings] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    reason: str = ""  # why it is dead; empty: it is not
    detail: str = ""

    @property
    def quarantined(self) -> bool:
        return self.delivery.disposition is Disposition.QUARANTINED

    def contents(self) -> Iterator[Content]:
        yield from self.readings
        yield from self.notices
        yield from self.positions
        yield from self.parameters

    def device_of(self, content: Content) -> str:
        """The device that content belongs to: the identity the source settled on, else the one in the frame."""
        return self.delivery.device or content.device

    def refuse(self, reason: str, detail: str = "") -> None:
        """Make it a dead letter."""
        self.reason = reason
        self.detail = detail
        self.readings, self.notices, self.positions, self.parameters = [], [], [], []


def unpack(position: int, delivery: Delivery) -> Unpacked:
    """Take a delivery apart; never raises."""
    unpacked = Unpacked(position, delivery)
    event = delivery.event
    if isinstance(event, BadFrame):
        unpacked.records = 1
        unpacked.refuse(event.reason.value, event.detail)
    elif delivery.disposition is Disposition.REFUSED:
        unpacked.records = 1
        unpacked.refuse(delivery.reason or "refused")
    else:
        _take_contents(unpacked)
    return unpacked


def _take_contents(unpacked: Unpacked) -> None:
    records = 0
    try:
        for content in unpacked.delivery.event.contents():  # type: ignore[union-attr]
            records += _TAKE[type(content)](unpacked, content)
        complaint = _complaint(unpacked)
    except Exception as error:
        # A driver that breaks its contract costs this delivery, never its neighbours or the feed.
        unpacked.records = max(records, 1)
        unpacked.refuse("unusable_contents", f"{type(error).__name__}: {error}")
        return
    unpacked.records = records
    if complaint:
        unpacked.refuse("unusable_contents", complaint)


def _complaint(unpacked: Unpacked) -> str:
    """What is wrong with the contents, "" if nothing is."""
    for reading in unpacked.readings:
        count = len(reading.shape.channels)
        if len(reading.values) != count or len(reading.flags) != count:
            return f"{count} channels, {len(reading.values)} values, {len(reading.flags)} flags"
        if not reading.flags.isascii() or "\0" in reading.flags:
            return f"a flag is not an ASCII character: {reading.flags!r}"
        if any(map(math.isinf, reading.values)):
            return "a value is infinite"
    for content in unpacked.contents():
        if content.time_us is not None and content.time_us not in _INT64:
            return f"the time {content.time_us} µs does not fit in 64 bits"
        if not unpacked.device_of(content):
            return "no device is named"
    return ""


def _take_readings(unpacked: Unpacked, content: Any) -> int:
    unpacked.readings.append(content)
    return len(content.values)


def _take_notice(unpacked: Unpacked, content: Any) -> int:
    unpacked.notices.append(content)
    return 1


def _take_position(unpacked: Unpacked, content: Any) -> int:
    unpacked.positions.append(content)
    return 1


def _take_parameter(unpacked: Unpacked, content: Any) -> int:
    unpacked.parameters.append(content)
    return 1


_TAKE = {
    Readings: _take_readings,
    Notice: _take_notice,
    Position: _take_position,
    Parameter: _take_parameter,
}
