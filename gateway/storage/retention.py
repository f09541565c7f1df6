"""What the database has to have done to it now and then: partitions ahead, old data dropped, roll-ups refreshed.

TimescaleDB under the TSL does this by policies of its own, which are only set here. Elsewhere it is our schedule: any
number of processes may call `maintain` as often as they like (a few minutes apart is right); one at a time does the
work, under an advisory lock, the others return at once.

Roll-ups go hour by hour. The last hours are computed anew each time; an older hour only if the writer has marked it,
because late data (a history fetched, a spool drained) went into it. A row of `observation` never changes, so an hour
whose count is as before has not changed either.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.storage.contents import moment
from gateway.storage.contract import RetentionSettings, StorageSettings
from gateway.storage.link import Connection, Link
from gateway.storage.schema import MONTHS_AHEAD, current_tier
from gateway.storage.sql import query
from gateway.storage.tier import Tier

# The writer marks hours that ended an hour ago or longer; twice that and one for the slowest batch is computed anew.
RECENT = timedelta(hours=3)
DIRTY_AT_ONCE = 2_000
MAINTENANCE_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done; `is_mine` is false if another process is at it."""

    is_mine: bool
    partitions: int = 0
    dropped: tuple[str, ...] = ()
    late_hours: int = 0


async def maintain(
    dsn: str, *, retention: RetentionSettings, settings: StorageSettings | None = None, now_us: int | None = None
) -> Maintained:
    """Do what is due. `now_us` stands in for the server's clock. [µs UTC]

    Raises
    ------
    StorageError
        As the store does; calling again is safe.
    """
    settings = settings or StorageSettings()
    generous = StorageSettings(
        connect_timeout_s=settings.connect_timeout_s,
        lock_timeout_s=settings.lock_timeout_s,
        statement_timeout_s=MAINTENANCE_LIMIT_S,
        deadline_s=2 * MAINTENANCE_LIMIT_S,
    )
    link = Link(dsn, generous, name="gateway maintenance")
    try:
        async with link.use() as connection:
            tier = await current_tier(connection)
            row = await (await connection.execute(query("try_maintenance_lock"))).fetchone()
            if tier is None or row is None or not row["mine"]:
                return Maintained(is_mine=False)
            try:
                return await _maintain(connection, tier, retention, await _now(connection, now_us))
            finally:
                await connection.execute(query("maintenance_unlock"))
    finally:
        await link.close()


async def _now(connection: Connection, now_us: int | None) -> datetime:
    if now_us is not None:
        return moment(now_us)
    row = await (await connection.execute(query("server_time"))).fetchone()
    assert row is not None
    now: datetime = row["now"]
    return now


async def _maintain(connection: Connection, tier: Tier, retention: RetentionSettings, now: datetime) -> Maintained:
    if tier.has_policies:
        await _set_policies(connection, retention)
        return Maintained(is_mine=True)
    partitions = 0
    if tier is Tier.PLAIN:
        ahead = {"now": now, "ahead": MONTHS_AHEAD}
        rows = await (await connection.execute(query("make_partitions"), ahead)).fetchall()
        partitions = sum(row["made"] for row in rows)
    # First the roll-ups: what is about to be dropped is summed up before.
    late_hours = await _roll_up(connection, retention, now)
    dropped = await _drop_old(connection, tier, retention, now)
    return Maintained(True, partitions, tuple(dropped), late_hours)


def _kept(retention: RetentionSettings) -> list[tuple[str, str, int]]:
    """(table, column of time, days) of what is not kept for ever."""
    limits = [
        ("observation", "time", retention.observation_days),
        ("raw_frame", "received_at", retention.raw_frame_days),
        ("track", "time", retention.track_days),
        ("device_event", "time", retention.device_event_days),
    ]
    return [(table, column, days) for table, column, days in limits if days is not None]


async def _set_policies(connection: Connection, retention: RetentionSettings) -> None:
    for table, _, days in _kept(retention):
        async with connection.transaction():
            await connection.execute(query("remove_retention_policy"), {"table": table})
            await connection.execute(query("add_retention_policy"), {"table": table, "days": days})


async def _drop_old(connection: Connection, tier: Tier, retention: RetentionSettings, now: datetime) -> list[str]:
    name = "drop_partitions" if tier is Tier.PLAIN else "drop_chunks"
    dropped: list[str] = []
    for table, column, days in _kept(retention):
        chosen = {"table": table, "column": column, "older_than": now - timedelta(days=days)}
        rows = await (await connection.execute(query(name), chosen)).fetchall()
        dropped += [row["dropped"] for row in rows]
    if retention.hourly_days is not None:
        older_than = now - timedelta(days=retention.hourly_days)
        await connection.execute(query("drop_rollup_hours"), {"older_than": older_than})
    return dropped


async def _roll_up(connection: Connection, retention: RetentionSettings, now: datetime) -> int:
    """Refresh the recent hours, then the late ones a portion at a time; how many of those there were."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    async with connection.transaction():
        row = await (await connection.execute(query("rollup_state"))).fetchone()
        assert row is not None
        since = min(row["refreshed_until"], hour) - RECENT
        await connection.execute(query("create_touched"))
        await connection.execute(query("rollup_recent"), {"since": since, "until": hour + timedelta(hours=1)})
        await connection.execute(query("rollup_days"), {"zone": retention.day_time_zone})
        await connection.execute(query("rollup_advance"), {"until": hour})
    late_hours = 0
    while portion := await _roll_up_late(connection, retention):
        late_hours += portion
    return late_hours


async def _roll_up_late(connection: Connection, retention: RetentionSettings) -> int:
    async with connection.transaction():
        rows = await (await connection.execute(query("take_dirty"), {"limit": DIRTY_AT_ONCE})).fetchall()
        if rows:
            late = {"hours": [row["hour"] for row in rows], "point_ids": [row["point_id"] for row in rows]}
            await connection.execute(query("create_touched"))
            await connection.execute(query("rollup_dirty"), late)
            await connection.execute(query("rollup_days"), {"zone": retention.day_time_zone})
        return len(rows)
