"""What passes between the stages of the gateway.

A source makes one `Delivery` of every frame that came in, good or bad. The intake puts deliveries together into
batches, the store commits a batch as a whole, and only then calls each delivery's `on_durable`, which lets the source
answer the device. Nothing else may answer a device positively.

The unit of the books is the *record*: one value, one notice, one parameter, one position, or one frame that could not
be used. `received = stored + duplicate + revision + dead_letter + spooled` holds in records at all times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from drivers.events import BadFrame, Event, Readings


class Disposition(StrEnum):
    """What the identity check said of a delivery's device."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"  # unknown device, kept apart until somebody decides
    REFUSED = "refused"  # not taken as data; the frame goes to the dead letters with the reason


@dataclass(slots=True)
class Delivery:
    """One frame on its way to the database."""

    received_us: int  # arrival, microseconds since 1970 UTC
    source: str  # configured name of the source, "hj212"
    driver: str  # decodes `raw` again after the spool or the dead letters, "hj212"
    peer: str  # where it came from, "10.1.2.3:40112"
    device: str  # identity that the source settled on; `event.device` may be empty on a serial line
    raw: bytes
    event: Event | BadFrame
    disposition: Disposition = Disposition.ACCEPTED
    reason: str = ""  # why refused
    on_durable: Callable[[], None] | None = None


def count_records(delivery: Delivery) -> int:
    """How many records a delivery adds to the books.

    A frame that carries nothing (a heartbeat, an answer) counts as none: it is kept as a raw frame only.
    """
    if isinstance(delivery.event, BadFrame) or delivery.disposition is Disposition.REFUSED:
        return 1
    return sum(len(item.values) if isinstance(item, Readings) else 1 for item in delivery.event.contents())
