"""Devices that knocked and were not let in: noted on the path of the messages, listed in the register beside it."""

import asyncio
from collections import OrderedDict
from typing import Protocol

import structlog

from gateway.errors import StorageError

log = structlog.get_logger("gateway.mqtt")

LIST_EVERY_S = 5.0
MOST = 1_000  # names that wait to be listed; a flood of invented names pushes out the oldest


class PendingRegister(Protocol):
    """What is needed of the storage."""

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None: ...


class Strangers:
    """Names that wait to be listed."""

    def __init__(self, register: PendingRegister | None) -> None:
        self._register = register
        self._waiting: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def note(self, device: str, *, peer: str, at_us: int) -> None:
        """A device that is not registered was refused."""
        if self._register is None:
            return
        self._waiting[device] = (peer, at_us)
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)

    async def run(self) -> None:
        """List them now and then, until cancelled."""
        while True:
            await asyncio.sleep(LIST_EVERY_S)
            await self.list_now()

    async def list_now(self) -> None:
        """Write down who is waiting; a database that is away is tried again later, with those who knock then."""
        while self._waiting and self._register is not None:
            device, (peer, at_us) = self._waiting.popitem(last=False)
            try:
                await self._register.mark_pending(device, protocol="mqtt", peer=peer, at_us=at_us)
            except StorageError as error:
                log.info("stranger_not_listed", device=device, error=str(error))
                return
