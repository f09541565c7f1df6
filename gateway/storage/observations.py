"""Values into the database: straight by COPY where nothing is there yet, sorted out where something is.

    values ─► first of each (series, time) in the batch ─► COPY ─► observation
                 │                                          │ something was there: back to the savepoint, then
                 │                                          └► staging ─► INSERT … ON CONFLICT DO NOTHING ─┐
                 └► later ones that differ ─► staging ─────────────────────────────────────────────────────┤
                                                                  compared with the first rows: equal or revision

Counted twice, from both ends: what the database inserted, and what it found when every staged row was looked up again.
TimescaleDB up to 2.17.2 left rows out silently on ON CONFLICT over compressed chunks (timescale/timescaledb #7672).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
import psycopg
from numpy.typing import NDArray

from drivers.events import Readings
from gateway.errors import StorageError
from gateway.storage.catalogue import SeriesIds
from gateway.storage.contract import Counts
from gateway.storage.copy_binary import Values, encode_values
from gateway.storage.link import Connection
from gateway.storage.sql import query

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def assemble(readings: Sequence[tuple[SeriesIds, Readings, int]]) -> Values:
    """Columns from (series ids, readings, arrival time) of many frames, in their order."""
    lengths = np.fromiter((len(ids) for ids, _, _ in readings), dtype=np.int64, count=len(readings))
    received = np.fromiter((at for _, _, at in readings), dtype=np.int64, count=len(readings))
    times = np.fromiter(
        (at if reading.time_us is None else reading.time_us for _, reading, at in readings),
        dtype=np.int64,
        count=len(readings),
    )
    total = int(lengths.sum())
    return Values(
        series_ids=np.concatenate([ids for ids, _, _ in readings]) if readings else np.empty(0, dtype=np.int32),
        times_us=np.repeat(times, lengths),
        values=np.fromiter(
            chain.from_iterable(reading.values for _, reading, _ in readings), dtype=np.float64, count=total
        ),
        flags=np.frombuffer("".join(reading.flags for _, reading, _ in readings).encode("ascii"), dtype=np.uint8),
        received_us=np.repeat(received, lengths),
    )


def split_repeats(rows: Values) -> tuple[Values, Values, int]:
    """The first row of each (series, time), sorted; later rows that differ from it; how many later rows are equal.

    Of several equal later rows that differ from the first, one is kept and the others are counted as equal.
    """
    order = np.lexsort((rows.times_us, rows.series_ids))  # stable: arrival order within a key
    rows = rows[order]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = (rows.series_ids[1:] != rows.series_ids[:-1]) | (rows.times_us[1:] != rows.times_us[:-1])
    if is_first.all():
        return rows, rows[~is_first], 0
    of_first = np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
    differs = ~_same(rows, rows[of_first])
    later = _distinct(rows[differs])
    return rows[is_first], later, len(rows) - int(is_first.sum()) - len(later)


def _same(one: Values, other: Values) -> NDArray[np.bool_]:
    both_missing = np.isnan(one.values) & np.isnan(other.values)
    same: NDArray[np.bool_] = ((one.values == other.values) | both_missing) & (one.flags == other.flags)
    return same


def _distinct(rows: Values) -> Values:
    keys = zip(
        rows.series_ids.tolist(),
        rows.times_us.tolist(),
        (None if value != value else value for value in rows.values.tolist()),
        rows.flags.tolist(),
        strict=True,
    )
    seen: dict[tuple[int, int, float | None, int], int] = {}
    for index, key in enumerate(keys):
        seen.setdefault(key, index)
    return rows[np.fromiter(seen.values(), dtype=np.intp, count=len(seen))]


class DuplicatesFound(Exception):
    """The straight way is closed: a row is there already. The savepoint must be rolled back."""


async def copy_straight(connection: Connection, rows: Values) -> Counts:
    """COPY into the hypertable, all or nothing.

    Raises
    ------
    DuplicatesFound
        If any (series, time) is taken.
    """
    try:
        stored = await _copy(connection, "copy_observations", rows)
    except psycopg.errors.UniqueViolation as error:
        raise DuplicatesFound from error
    return Counts(received=len(rows), stored=stored)


async def insert_staged(connection: Connection, rows: Values) -> Counts:
    """Insert what is new; sort the rest into equal (duplicate) and different (revision)."""
    await _stage(connection, rows)
    stored = (await connection.execute(query("settle_observations"))).rowcount
    compared = await _compare(connection, rows)
    return Counts(len(rows), stored, len(rows) - stored - compared.revision, compared.revision)


async def compare_staged(connection: Connection, rows: Values) -> Counts:
    """The same for rows whose first row is known to be there: nothing is inserted but revisions."""
    await _stage(connection, rows)
    return await _compare(connection, rows)


async def _compare(connection: Connection, rows: Values) -> Counts:
    earliest, latest = _moment(int(rows.times_us.min())), _moment(int(rows.times_us.max()))
    cursor = await connection.execute(query("compare_staging"), {"earliest": earliest, "latest": latest})
    row = await cursor.fetchone()
    assert row is not None
    if row["matched"] != len(rows):
        raise StorageError(f"{len(rows)} rows staged, {row['matched']} found afterwards", transient=False)
    return Counts(received=len(rows), duplicate=len(rows) - row["revised"], revision=row["revised"])


async def _stage(connection: Connection, rows: Values) -> None:
    await connection.execute(query("empty_staging"))
    await _copy(connection, "copy_staging", rows)


async def _copy(connection: Connection, name: str, rows: Values) -> int:
    async with connection.cursor() as cursor:
        async with cursor.copy(query(name)) as copy:
            await copy.write(encode_values(rows))
        return cursor.rowcount


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
