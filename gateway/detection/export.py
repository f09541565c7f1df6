"""The database as a dataset folder: `sites.json`, `observations.parquet`, `parameters.csv`, `events.csv`.

One series at a time, by the primary key, through COPY in its binary format with columns of fixed width: rows become
arrays without a Python object each, and no more than `CHUNK_BYTES` and `GROUP_ROWS` of them are in memory. All is
read in one REPEATABLE READ transaction: the folder is the database at one moment, whatever is written meanwhile.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from gateway.detection.connection import Connection, connected
from gateway.detection.registry import PointEntry, SeriesEntry, SiteEntry, read_registry
from gateway.detection.window import Window
from gateway.errors import StorageError
from gateway.storage.copy_binary import EPOCH_US, HEADER
from gateway.storage.sql import query

CHUNK_BYTES = 1 << 22
GROUP_ROWS = 1 << 18  # of Parquet: a group for each of many short series would be more footer than rows
DEFAULT_ZONE = "Asia/Shanghai"
EVENT_COLUMNS = ("start", "end", "site", "point", "kind", "note")
LEDGER_COLUMNS = ("time", "point", "channel", "parameter", "value", "reported_at")
SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        ("point", pa.dictionary(pa.int32(), pa.string())),
        ("channel", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("flag", pa.dictionary(pa.int32(), pa.string())),
        ("received_at", pa.timestamp("us", tz="UTC")),
    ]
)
Rows = np.ndarray[Any, np.dtype[np.void]]
_ROW = np.dtype(
    [
        ("fields", ">i2"), ("l0", ">i4"), ("series", ">i4"), ("l1", ">i4"), ("time", ">i8"),
        ("l2", ">i4"), ("received", ">i8"), ("l3", ">i4"), ("value", ">f8"),
        ("l4", ">i4"), ("is_null", "u1"), ("l5", ">i4"), ("flag", "u1"),
    ]
)  # fmt: skip


@dataclass
class Exported:
    """What was written; `left_out` names what the format cannot hold."""

    sites: int = 0
    series: int = 0
    rows: int = 0
    left_out: list[str] = field(default_factory=list)


def export_dataset(
    dsn: str,
    folder: Path,
    window: Window,
    *,
    time_zone: str = DEFAULT_ZONE,
    shortest_interval_s: int = 1,
    progress: Callable[[int], None] = lambda rows: None,
) -> Exported:
    """Write the folder; files of an earlier export in it are replaced, other observation files removed.

    Parameters
    ----------
    time_zone : of the days, an IANA name
    shortest_interval_s : series of values closer to each other than this are left out. [s]
    progress : told how many rows were written

    Raises
    ------
    StorageError
        From the database.
    """
    zone = ZoneInfo(time_zone)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("observations*"):
        old.unlink()
    done = Exported()
    with connected(dsn, name="gateway export") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sites = read_registry(connection, window, zone, shortest_interval_s=shortest_interval_s)
        done.left_out = [text for site in sites for text in site.left_out]
        document = {"time_zone": zone.key, "sites": [site.document for site in sites]}
        (folder / "sites.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        _write_observations(connection, folder / "observations.parquet", sites, window, done, progress)
        _write_rows(folder / "parameters.csv", LEDGER_COLUMNS, _parameters(connection, sites, window, zone, done))
        _write_rows(folder / "events.csv", EVENT_COLUMNS, _events(connection, sites, window, zone))
    return done


def _write_observations(
    connection: Connection,
    path: Path,
    sites: list[SiteEntry],
    window: Window,
    done: Exported,
    progress: Callable[[int], None],
) -> None:
    waiting: list[pa.Table] = []
    waiting_rows = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as sink:
        for site, point, series in _all_series(sites):
            for rows in _rows_of(connection, series.id, window.since_of(site.accepted_until), window.until):
                waiting.append(_table(site, point, series, rows))
                waiting_rows += len(rows)
                done.rows += len(rows)
                progress(len(rows))
                if waiting_rows >= GROUP_ROWS:
                    sink.write_table(pa.concat_tables(waiting).unify_dictionaries())
                    waiting, waiting_rows = [], 0
            done.series += 1
        if waiting:
            sink.write_table(pa.concat_tables(waiting).unify_dictionaries())
    done.sites = len(sites)


def _all_series(sites: list[SiteEntry]) -> Iterator[tuple[SiteEntry, PointEntry, SeriesEntry]]:
    for site in sites:
        for point in site.points:
            for series in point.series:
                yield site, point, series


def _rows_of(connection: Connection, series_id: int, since: datetime, until: datetime) -> Iterator[Rows]:
    """First values, then what came later for the same times."""
    yield from _copied(connection, "export_observations", series_id, since, until)
    yield from _copied(connection, "export_revisions", series_id, since, until)


def _copied(connection: Connection, name: str, series_id: int, since: datetime, until: datetime) -> Iterator[Rows]:
    """The rows of a COPY, in portions."""
    chosen = sql.SQL(query(name).decode()).format(  # the text is from a file of ours, not from outside
        series_id=sql.Literal(series_id), since=sql.Literal(since), until=sql.Literal(until)
    )
    pending = bytearray()
    skip = len(HEADER)
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(chosen)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            pending += block
            if len(pending) >= CHUNK_BYTES:
                yield _decoded(pending, skip)
                del pending[: skip + (len(pending) - skip) // _ROW.itemsize * _ROW.itemsize]
                skip = 0
    rows = _decoded(pending, skip)
    if len(pending) != skip + len(rows) * _ROW.itemsize + 2:  # the end marker is two bytes
        raise StorageError(f"{name}: rows of an unexpected width", transient=False)
    if len(rows):
        yield rows


def _decoded(pending: bytearray, skip: int) -> Rows:
    return np.frombuffer(bytes(pending), _ROW, count=(len(pending) - skip) // _ROW.itemsize, offset=skip)


def _table(site: SiteEntry, point: PointEntry, series: SeriesEntry, rows: Rows) -> pa.Table:
    zeros = np.zeros(len(rows), np.int32)
    flags, codes = np.unique(rows["flag"], return_inverse=True)
    columns = [
        pa.array(rows["time"].astype(np.int64) + EPOCH_US, SCHEMA.field("time").type),
        pa.DictionaryArray.from_arrays(pa.array(zeros), pa.array([f"{site.id}/{point.id}"])),
        pa.DictionaryArray.from_arrays(pa.array(zeros), pa.array([series.channel])),
        pa.array(rows["value"].astype(np.float64), mask=rows["is_null"].astype(bool)),
        pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array([chr(flag) for flag in flags])),
        pa.array(rows["received"].astype(np.int64) + EPOCH_US, SCHEMA.field("received_at").type),
    ]
    return pa.table(columns, schema=SCHEMA)


def _parameters(
    connection: Connection, sites: list[SiteEntry], window: Window, zone: ZoneInfo, done: Exported
) -> Iterator[list[str]]:
    """A setting of the device's channel is one of every series made of it."""
    for site in sites:
        for point in site.points:
            chosen = {"point_id": point.row_id, "until": window.until}
            for row in connection.execute(query("export_parameters"), chosen):
                if not _is_number(row["value"]):
                    continue  # a serial number, a software version: not what the format's ledger holds
                named = [series.channel for series in point.series if series.code == row["channel"]]
                for channel in named or [row["channel"]]:
                    yield [
                        _iso(row["time"], zone), f"{site.id}/{point.id}", channel, row["name"], row["value"],
                        _iso(row["received_at"], zone),
                    ]  # fmt: skip


def _events(connection: Connection, sites: list[SiteEntry], window: Window, zone: ZoneInfo) -> Iterator[list[str]]:
    for site in sites:
        chosen = {"site_id": site.row_id, "since": window.since_of(site.accepted_until), "until": window.until}
        for row in connection.execute(query("export_events"), chosen):
            end = "" if row["ends_at"] is None else _iso(row["ends_at"], zone)
            point = "" if row["point"] is None else f"{site.id}/{row['point']}"
            yield [_iso(row["starts_at"], zone), end, site.id, point, row["kind"], row["note"]]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _iso(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).isoformat()


def _write_rows(path: Path, header: tuple[str, ...], rows: Iterator[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
