"""Brings a database's schema up to date: numbered migrations, each run once, then the views.

`migrations/NNNN_name.sql` runs on every tier; `NNNN_name.TIER.sql` replaces it on that tier, the most specific name
winning: `.timescale_tsl.sql`, `.timescale.sql` (both editions), `.plain.sql`, none. A migration that has been merged
is frozen: its SHA-256 is in the database, and a file that no longer has it is an error that names it. Views are
re-runnable and are run again whenever their text changes. Any number of processes may migrate at once: one does it
under an advisory lock, the others wait and find it done.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from psycopg.conninfo import make_conninfo

from gateway.errors import StorageError
from gateway.storage.contract import StorageSettings
from gateway.storage.link import Connection, connect
from gateway.storage.sql import folder, query
from gateway.storage.tier import Tier, probe

_SUFFIXES = {
    Tier.PLAIN: ("plain", ""),
    Tier.TIMESCALE_APACHE: ("timescale_apache", "timescale", ""),
    Tier.TIMESCALE_TSL: ("timescale_tsl", "timescale", ""),
}
MONTHS_AHEAD = 2  # partitions that exist before they are needed
_HYPERTABLES = ("observation", "track", "raw_frame", "device_event")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql).hexdigest()


def plan(tier: Tier, place: Traversable | None = None) -> list[Migration]:
    """The migrations of a tier, in order; `place` is the folder they are in."""
    found: dict[int, dict[str, Migration]] = {}
    for file in (place or folder().joinpath("migrations")).iterdir():
        if not file.name.endswith(".sql"):
            continue
        stem, _, suffix = file.name.removesuffix(".sql").partition(".")
        migration = Migration(int(stem.partition("_")[0]), file.name, file.read_bytes())
        found.setdefault(migration.number, {})[suffix] = migration
    chosen = []
    for number in sorted(found):
        variants = found[number]
        chosen.append(next(variants[suffix] for suffix in _SUFFIXES[tier] if suffix in variants))
    return chosen


async def migrate(dsn: str, settings: StorageSettings | None = None) -> Tier:
    """Bring the database up to date and say which tier it is.

    Raises
    ------
    StorageError
        Not transient: a merged migration was changed, the schema is newer than this program, or the server offers
        less than the schema was made for. Transient: the database is away, or another process holds the lock too long.
    """
    settings = settings or StorageSettings()
    connection = await connect(dsn, settings, name="gateway migrate")
    try:
        return await migrate_on(connection, settings)
    finally:
        await connection.close()


async def migrate_on(connection: Connection, settings: StorageSettings) -> Tier:
    """The same on an open connection in autocommit mode."""
    tier = await current_tier(connection)
    if tier is not None:
        return tier
    # Making an index or an aggregate may take long; the limits are for batches.
    await connection.execute("SELECT set_config('statement_timeout', '0', false)")
    await connection.execute("SELECT set_config('lock_timeout', '120s', false)")
    await connection.execute(query("migration_lock"))
    try:
        await connection.execute(query("create_migration_tables"))
        tier = await _settle_tier(connection)
        await _apply(connection, plan(tier))
        await _apply_views(connection)
        if tier.has_hypertables:
            for table in _HYPERTABLES:
                chosen = {"table": table, "interval_s": settings.chunk_interval_s}
                await connection.execute(query("set_chunk_interval"), chosen)
        else:
            now = await (await connection.execute(query("server_time"))).fetchone()
            await connection.execute(query("make_partitions"), {**(now or {}), "ahead": MONTHS_AHEAD})
    finally:
        await connection.execute(query("migration_unlock"))
    return tier


async def migrate_like(connection: Connection, settings: StorageSettings) -> Tier:
    """The same by another connection to where this one goes."""
    parameters = connection.info.get_parameters()
    return await migrate(make_conninfo(**parameters, password=connection.info.password), settings)


async def current_tier(connection: Connection) -> Tier | None:
    """The tier of a schema that is up to date; None if there is something to do. One check at each connection."""
    if not await _is_true(connection, query("has_migration_tables")):
        return None
    state = await (await connection.execute(query("schema_state"))).fetchone()
    if state is None:
        return None
    tier = Tier(state["tier"])
    pending = _pending(plan(tier), await _applied(connection))
    return None if pending or state["views_sha256"] != _views_sha256() else tier


async def _settle_tier(connection: Connection) -> Tier:
    offered = await probe(connection)
    state = await (await connection.execute(query("schema_state"))).fetchone()
    if state is None:
        await connection.execute(query("settle_tier"), {"tier": offered.value})
        return offered
    needed = Tier(state["tier"])
    ranks = list(Tier)
    if ranks.index(offered) < ranks.index(needed):
        raise StorageError(f"the schema was made for {needed}, the server offers only {offered}", transient=False)
    return needed


async def _apply(connection: Connection, migrations: list[Migration]) -> None:
    for migration in _pending(migrations, await _applied(connection)):
        async with connection.transaction():
            await connection.execute(migration.sql, prepare=False)
            noted = {"number": migration.number, "name": migration.name, "sha256": migration.sha256}
            await connection.execute(query("note_migration"), noted)


def _pending(migrations: list[Migration], applied: dict[int, dict[str, Any]]) -> list[Migration]:
    """What is still to run, after checking what has run."""
    newer = sorted(set(applied) - {migration.number for migration in migrations})
    if newer:
        names = ", ".join(applied[number]["name"] for number in newer)
        raise StorageError(f"the database was made by a newer version of this program: {names}", transient=False)
    for migration in migrations:
        row = applied.get(migration.number)
        if row is not None and row["sha256"] != migration.sha256:
            raise StorageError(f"{migration.name} was changed after it had been run; restore it", transient=False)
    return [migration for migration in migrations if migration.number not in applied]


async def _applied(connection: Connection) -> dict[int, dict[str, Any]]:
    rows = await (await connection.execute(query("migrations_applied"))).fetchall()
    return {row["number"]: row for row in rows}


def _views() -> list[bytes]:
    place = folder().joinpath("views")
    return [file.read_bytes() for file in sorted(place.iterdir(), key=lambda file: file.name)]


def _views_sha256() -> str:
    return hashlib.sha256(b"\0".join(_views())).hexdigest()


async def _apply_views(connection: Connection) -> None:
    async with connection.transaction():
        for text in _views():
            await connection.execute(text, prepare=False)
        await connection.execute(query("note_views"), {"sha256": _views_sha256()})


async def _is_true(connection: Connection, statement: bytes) -> bool:
    row = await (await connection.execute(statement)).fetchone()
    return row is not None and bool(next(iter(row.values())))
