"""Messages that hold pieces of a frame: acknowledged when every frame that they are part of is durable.

    message 1   ##01…            kept, not acknowledged
    message 2   …&&A1B2##02…     the first frame is whole; when it is durable, message 1 is acknowledged
    message 3   …&&C3D4          likewise, and then messages 2 and 3

What waits is in memory only, so the broker must keep it too: after a kill or a lost connection it comes again from the
beginning. Acknowledgements go out in the order of arrival (MQTT 5, 4.6), so a piece without a rest holds up those of
all other messages behind it; hence it is given up after `PATIENCE_S`.
"""

from collections.abc import Callable, Sequence

from gateway.records import Delivery
from gateway.sources.mqtt_acks import Slot

PATIENCE_S = 5.0
"""A DTU sends a full buffer of 1,024 bytes and then what is left: at 9,600 baud the next piece is a second away."""


class Pieces:
    """What waits on one connection, by topic. `later` is `loop.call_later`; `give_up` gets a topic whose time is up."""

    def __init__(self, later: Callable[..., object], give_up: Callable[[str], None]) -> None:
        self._later = later
        self._give_up = give_up
        self._slots: dict[str, list[tuple[Slot, int]]] = {}  # with the bytes of its message, oldest first
        self._is_closed = False

    def __contains__(self, topic: str) -> bool:
        return topic in self._slots

    def add(self, topic: str, slot: Slot, size: int) -> None:
        """A message of `size` bytes; `slot` is one that waits for one thing more than its deliveries, `settle`."""
        if topic not in self._slots:
            self._slots[topic] = []
            self._later(PATIENCE_S, self._overdue, topic, slot)
        self._slots[topic].append((slot, size))

    def settle(self, topic: str, made: Sequence[Delivery], *, pending: int) -> None:
        """These deliveries have come of the messages so far, and so many of their last bytes wait for more."""
        slots = self._slots.pop(topic, [])
        for slot, _ in slots:
            slot.waiting += len(made)
            for delivery in made:
                delivery.on_durable = slot.after(delivery.on_durable)
        waiting: list[tuple[Slot, int]] = []
        while slots and pending > 0:
            slot, size = slots.pop()
            pending -= size
            waiting.insert(0, (slot, size))
        for slot, _ in slots:
            slot.durable()
        if waiting:
            self._slots[topic] = waiting
            if slots:  # another is the oldest now
                self._later(PATIENCE_S, self._overdue, topic, waiting[0][0])

    def close(self) -> None:
        """The connection has gone; all of it comes again."""
        self._is_closed = True
        self._slots.clear()

    def _overdue(self, topic: str, oldest: Slot) -> None:
        slots = self._slots.get(topic)
        if slots and slots[0][0] is oldest and not self._is_closed:
            self._give_up(topic)
