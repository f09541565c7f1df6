"""What a source needs of the intake."""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.records import Delivery


class Inbox(Protocol):
    """Takes frames in; tells its sources when to stop reading and when to go on."""

    def offer(self, deliveries: Sequence[Delivery]) -> None: ...
    def add_gate(self, close: Callable[[], None], reopen: Callable[[], None]) -> None: ...
