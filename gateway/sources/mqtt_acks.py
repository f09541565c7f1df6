"""Acknowledgements of one MQTT connection: given when durable, in the order of arrival, never to another connection.

MQTT 5, 4.6 and MQTT 3.1.1, 4.6: PUBACKs are sent in the order in which the PUBLISHes were received. A packet id is
worth nothing after a reconnect: the broker uses it for another message. So each connection has its own queue, and what
becomes durable after the connection has gone is left to the redelivery and the idempotent store.
"""

from collections import deque
from collections.abc import Callable, Sequence

MID_ZERO = 0  # QoS 0 has no packet id and gets no answer


class Slot:
    """One message: acknowledged when all that was made of it is durable."""

    __slots__ = ("_queue", "mid", "waiting")

    def __init__(self, queue: "AckQueue", mid: int, waiting: int) -> None:
        self._queue = queue
        self.mid = mid
        self.waiting = waiting

    def after(self, answer: Callable[[], None] | None) -> Callable[[], None]:
        """The device's answer and this message's acknowledgement in one: the answer first, a device waits for it."""
        if answer is None:
            return self.durable

        def both() -> None:
            answer()
            self.durable()

        return both

    def durable(self) -> None:
        """One of its deliveries is durable."""
        self.waiting -= 1
        if self.waiting == 0:
            self._queue.settle()


class AckQueue:
    """The messages of a connection that are not acknowledged yet, oldest first.

    `send` gets the packet ids that may be acknowledged now; it is called at most once a turn of the event loop
    (`soon` says how), with the ids of a whole batch.
    """

    def __init__(self, send: Callable[[Sequence[int]], None], soon: Callable[[Callable[[], None]], object]) -> None:
        self._send = send
        self._soon = soon
        self._slots: deque[Slot] = deque()
        self._is_scheduled = False
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, mid: int, deliveries: int) -> Slot:
        """A message has arrived, of which so many deliveries are made (none: it is durable as it is)."""
        slot = Slot(self, mid, deliveries)
        self._slots.append(slot)
        if deliveries == 0:
            self.settle()
        return slot

    def settle(self) -> None:
        """Something has become durable; look soon how far that reaches."""
        if not self._is_scheduled and not self._is_closed:
            self._is_scheduled = True
            self._soon(self.flush)

    def flush(self) -> None:
        """Acknowledge what is durable up to the first that is not."""
        self._is_scheduled = False
        if self._is_closed:
            return
        ready: list[int] = []
        slots = self._slots
        while slots and slots[0].waiting == 0:
            mid = slots.popleft().mid
            if mid != MID_ZERO:
                ready.append(mid)
        if ready:
            self._send(ready)

    def close(self) -> None:
        """The connection has gone: nothing may be acknowledged any more."""
        self._is_closed = True
        self._slots.clear()
