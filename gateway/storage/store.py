"""The store on PostgreSQL, whatever the tier."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.records import Delivery
from gateway.storage.contract import StorageSettings, Written


class Store:
    """One writer's way into the database; see `contract.AnyStore` for the methods. Opening does not connect."""

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, writer: str, settings: StorageSettings | None = None) -> AsyncIterator["Store"]:
        yield cls()

    async def write(self, deliveries: Sequence[Delivery]) -> Written:
        raise NotImplementedError
