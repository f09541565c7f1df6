"""Which of the three tiers a database is: probed, never configured.

TIMESCALE_TSL     TimescaleDB under the Timescale licence: policies, columnstore, continuous aggregates
TIMESCALE_APACHE  TimescaleDB's Apache-2 edition (Debian's package): hypertables, and our own schedule for the rest
PLAIN             PostgreSQL alone: range partitions, and our own schedule for the rest

The tier is settled when the schema is made and written down there: a schema does not change its layout because the
server was upgraded later. A server that can do *less* than the schema needs is an error.
"""

import re
from enum import StrEnum
from typing import Any

import psycopg

from gateway.storage.sql import query

OLDEST_TIMESCALE = (2, 13)  # `by_range` of create_hypertable
OLDEST_COLUMNSTORE = (2, 18)  # `enable_columnstore`, add_columnstore_policy


class Tier(StrEnum):
    """What the database can do for us, most capable last."""

    PLAIN = "plain"
    TIMESCALE_APACHE = "timescale_apache"
    TIMESCALE_TSL = "timescale_tsl"

    @property
    def has_hypertables(self) -> bool:
        return self is not Tier.PLAIN

    @property
    def has_policies(self) -> bool:
        return self is Tier.TIMESCALE_TSL


async def probe(connection: psycopg.AsyncConnection[Any]) -> Tier:
    """Find out what the server offers, creating the extension if that is possible and was not done yet.

    The connection must be in autocommit mode.
    """
    facts = await _facts(connection)
    if not facts["installed"] and facts["available"] and facts["preloaded"]:
        # Only where the library is preloaded: without it CREATE EXTENSION ends the session (FATAL).
        try:
            await connection.execute(query("create_timescaledb"))
        except psycopg.errors.InsufficientPrivilege:
            return Tier.PLAIN
        facts = await _facts(connection)
    return tier_of(installed=facts["installed"], licence=facts["licence"])


def tier_of(*, installed: str | None, licence: str | None) -> Tier:
    """The tier of an extension version ("2.19.3") under a licence ("apache", "timescale")."""
    version = _version(installed or "0")
    if version < OLDEST_TIMESCALE:
        return Tier.PLAIN
    is_full = licence == "timescale" and version >= OLDEST_COLUMNSTORE
    return Tier.TIMESCALE_TSL if is_full else Tier.TIMESCALE_APACHE


async def _facts(connection: psycopg.AsyncConnection[Any]) -> dict[str, Any]:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    await cursor.execute(query("probe_timescaledb"))
    row = await cursor.fetchone()
    assert row is not None
    return row


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
