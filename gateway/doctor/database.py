"""The database against the promise: durability switched on, tier, clock."""

import time

import psycopg

from gateway.doctor.finding import Finding, Grade
from gateway.storage.tier import Tier, tier_of

MAX_CLOCK_S = 2.0

SETTINGS = {
    "fsync": ("on", "fsync = on: with off, a power cut corrupts what was committed"),
    "synchronous_commit": ("on", "synchronous_commit = on: with off, a crash loses acknowledged commits"),
    "full_page_writes": ("on", "full_page_writes = on: with off, a torn page is beyond repair"),
}
OLDEST_VERSION = 140_000  # date_bin, which the roll-ups use


async def check_database(dsn: str) -> list[Finding]:
    """Look at a running PostgreSQL."""
    try:
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        return [
            Finding(
                Grade.BAD, "database", f"cannot be reached: {str(error).strip()}", "start it, or correct [database] dsn"
            )
        ]
    async with connection:
        found = [await _setting(connection, name) for name in SETTINGS]
        found.append(await _version(connection))
        found.append(await _tier(connection))
        found.append(await _clock(connection))
    return found


async def _setting(connection: psycopg.AsyncConnection, name: str) -> Finding:
    [(value,)] = await (await connection.execute("SELECT current_setting(%s)", (name,))).fetchall()
    wanted, change = SETTINGS[name]
    # remote_write, remote_apply and local are stricter or equal for what this machine loses
    is_good = value == wanted or (name == "synchronous_commit" and value in ("remote_write", "remote_apply", "local"))
    return Finding(Grade.GOOD if is_good else Grade.BAD, f"database {name}", value, "" if is_good else change)


async def _version(connection: psycopg.AsyncConnection) -> Finding:
    number = connection.info.server_version
    text = f"{number // 10_000}.{number % 10_000}"
    if number < OLDEST_VERSION:
        return Finding(Grade.BAD, "database version", text, "PostgreSQL 14 or later")
    return Finding(Grade.GOOD, "database version", text)


async def _tier(connection: psycopg.AsyncConnection) -> Finding:
    row = await (
        await connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    ).fetchone()
    if row is None:
        return Finding(
            Grade.GOOD, "database tier", f"{Tier.PLAIN.value}: partitions, roll-ups and retention by the gateway"
        )
    [(licence,)] = await (await connection.execute("SELECT current_setting('timescaledb.license')")).fetchall()
    tier = tier_of(installed=row[0], licence=licence)
    return Finding(Grade.GOOD, "database tier", f"{tier.value} (TimescaleDB {row[0]}, licence {licence})")


async def _clock(connection: psycopg.AsyncConnection) -> Finding:
    before = time.time()
    [(theirs,)] = await (await connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8")).fetchall()
    away_s = max(before - theirs, theirs - time.time(), 0.0)
    if away_s > MAX_CLOCK_S:
        return Finding(
            Grade.WARNING, "clocks", f"database and gateway differ by {away_s:.1f} s", "synchronise both (NTP)"
        )
    return Finding(Grade.GOOD, "clocks", f"database and gateway agree within {max(away_s, 0.1):.1f} s")
