"""Deliveries for the storage tests, made from the drivers' own types."""

import itertools
from collections.abc import Iterator
from typing import Any

from drivers.events import BadFrame, Channel, Content, Readings, Reason, Shape
from gateway.records import Delivery, Disposition

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
# A moment of no importance, on a full hour: 2026-03-05 06:00 UTC.
NOW_US = 1_772_690_400_000_000
SO2 = Channel("a21026", "so2", "avg", "mg/m3", 60)
NOX = Channel("a21002", "nox", "avg", "mg/m3", 60)
SO2_HOURLY = Channel("a21026", "so2", "avg", "mg/m3", 3600)
SHAPE = Shape((SO2, NOX))
HOURLY = Shape((SO2_HOURLY,))
_numbers = itertools.count()


class FakeEvent:
    """An `Event` with the contents it was given."""

    def __init__(
        self, contents: tuple[Content, ...], *, device: str, raw: bytes, deviations: tuple[str, ...] = ()
    ) -> None:
        self._contents = contents
        self.device = device
        self.raw = raw
        self.deviations = deviations

    def contents(self) -> Iterator[Content]:
        return iter(self._contents)

    def to_json(self) -> dict[str, Any]:
        return {"event": "fake"}


def delivery(
    *contents: Content,
    device: str = "MN1",
    received_us: int = NOW_US,
    disposition: Disposition = Disposition.ACCEPTED,
    raw: bytes | None = None,
    deviations: tuple[str, ...] = (),
) -> Delivery:
    """A good frame; its bytes are different from those of every other one unless given."""
    frame = f"##{next(_numbers):06}".encode() if raw is None else raw
    event = FakeEvent(contents, device=device, raw=frame, deviations=deviations)
    return Delivery(received_us, "hj212", "hj212", "10.1.2.3:40112", device, frame, event, disposition, "not allowed")


def readings(
    time_us: int | None,
    *values: float,
    device: str = "MN1",
    shape: Shape = SHAPE,
    flags: str | None = None,
) -> Readings:
    return Readings(device, time_us, shape, list(values), "N" * len(values) if flags is None else flags)


def values(time_us: int | None, *numbers: float, device: str = "MN1", flags: str | None = None) -> Delivery:
    """A frame with one SO2 and one NOx value, received at NOW_US."""
    return delivery(readings(time_us, *numbers, device=device, flags=flags), device=device)


def bad_frame(raw: bytes = b"##00", *, reason: Reason = Reason.CHECKSUM) -> Delivery:
    return Delivery(NOW_US, "hj212", "hj212", "10.1.2.3:40112", "", raw, BadFrame(reason, raw, "0 is not 1"))
