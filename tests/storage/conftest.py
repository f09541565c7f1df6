"""Stores under test: the one in memory and the real one on each tier."""

from collections.abc import AsyncIterator

import pytest

from gateway.storage import AnyStore, MemoryStore, Store
from tests.conftest import SERVER_FIXTURES, TIERS, emptied_database


@pytest.fixture(params=["memory", *TIERS])
def any_dsn(request: pytest.FixtureRequest) -> str | None:
    """An empty database, or None for the store in memory."""
    if request.param == "memory":
        return None
    return emptied_database(request.getfixturevalue(SERVER_FIXTURES[request.param]))


@pytest.fixture
async def any_store(any_dsn: str | None) -> AsyncIterator[AnyStore]:
    opening = MemoryStore.open(writer="w1") if any_dsn is None else Store.open(any_dsn, writer="w1")
    async with opening as store:
        yield store


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with Store.open(database, writer="w1") as opened:
        yield opened
