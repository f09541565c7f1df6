"""The queries of `facilities.sql`."""

from functools import cache
from importlib.resources import files

from gateway.storage.sql import read_queries


@cache
def _queries() -> dict[str, bytes]:
    return read_queries(files("gateway.facilities") / "facilities.sql")


def query(name: str) -> bytes:
    """One named query of this package."""
    return _queries()[name]
