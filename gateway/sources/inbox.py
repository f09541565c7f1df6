"""What a source needs of the intake."""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.records import Delivery


class Inbox(Protocol):
    """Where deliveries go. Never refuses; a full inbox asks its gates to close."""

    def offer(self, deliveries: Sequence[Delivery]) -> None: ...

    def add_gate(self, close: Callable[[], None], reopen: Callable[[], None]) -> None: ...
