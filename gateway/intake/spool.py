"""The local spool: batches that the database could not take, on disk until it can.

SQLite in WAL mode with `synchronous=FULL`: a batch that `append` has returned from survives the loss of the process
and of the power. Its size is bounded by SQLite's own page limit, so that a full spool and a full disk look alike.
A spool that is damaged at start is set aside whole, what can still be read of it is taken over, and the gateway
starts; a crash loop would lose what is yet to come.

Batches are kept as they were built, because the hash chain of the database covers a batch as a unit.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.events import BadFrame, Event, Reason
from gateway.records import Delivery, Disposition, count_records

PAGE_BYTES = 4096
SMALLEST_PAGES = 64  # the schema and the first batch must fit

Decode = Callable[[str, str, str, bytes], Event | BadFrame]
"""(source, driver, device, raw) → the event again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    records INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS delivery (
    batch_id    INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    source      TEXT NOT NULL,
    driver      TEXT NOT NULL,
    peer        TEXT NOT NULL,
    device      TEXT NOT NULL,
    disposition TEXT NOT NULL,
    reason      TEXT NOT NULL,
    bad_reason  TEXT,
    bad_detail  TEXT,
    raw         BLOB NOT NULL,
    crc32       INTEGER NOT NULL,
    PRIMARY KEY (batch_id, position)
) WITHOUT ROWID;
"""
_COLUMNS = "received_us, source, driver, peer, device, disposition, reason, bad_reason, bad_detail, raw, crc32"
_INSERT = f"INSERT INTO delivery (batch_id, position, {_COLUMNS}) VALUES ({', '.join('?' * 13)})"


class SpoolFull(Exception):
    """The spool has reached its bound, or its disk is full: nothing was stored, nothing may be acknowledged."""


@dataclass(frozen=True, slots=True)
class SpooledBatch:
    """A batch read back from the spool."""

    id: int
    deliveries: list[Delivery]


class Spool:
    """Batches on disk, first in, first out. Not thread-safe: one call at a time."""

    def __init__(self, path: Path, *, max_bytes: int, decode: Decode) -> None:
        """Open or create the spool; a damaged one is set aside (`set_aside` names it) and read as far as it goes."""
        self._path = path
        self._max_pages = max(SMALLEST_PAGES, max_bytes // PAGE_BYTES)
        self._decode = decode
        self.set_aside: Path | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not _is_sound(path):
            self._connection = self._replace_damaged()
        else:
            self._connection = self._connect()
        self._batches: int
        self._records: int
        totals = self._connection.execute("SELECT count(*), coalesce(sum(records), 0) FROM batch")
        self._batches, self._records = totals.fetchone()

    @property
    def batches(self) -> int:
        """Batches that wait."""
        return self._batches

    @property
    def records(self) -> int:
        """Records that wait."""
        return self._records

    @property
    def fill(self) -> float:
        """Used share of the size bound, 0 to 1."""
        pages, free = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
        )
        return float(min(1.0, (pages - free) / self._max_pages))

    def append(self, deliveries: Sequence[Delivery]) -> None:
        """Store a batch; it is on the disk when this returns.

        Raises
        ------
        SpoolFull
            If there is no room; the spool is as it was.
        """
        records = sum(map(count_records, deliveries))
        with _full_as_spool_full(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            batch = self._connection.execute("INSERT INTO batch (records) VALUES (?)", (records,)).lastrowid
            rows = ((batch, position, *_row(item)) for position, item in enumerate(deliveries))
            self._connection.executemany(_INSERT, rows)
        self._batches += 1
        self._records += records

    def oldest(self) -> SpooledBatch | None:
        """The batch that is to be written next, or None if the spool is empty."""
        row = self._connection.execute("SELECT min(id) FROM batch").fetchone()
        if row[0] is None:
            return None
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM delivery WHERE batch_id = ? ORDER BY position", (row[0],)
        )
        return SpooledBatch(row[0], [self._delivery(item) for item in rows])

    def remove(self, batch: SpooledBatch) -> None:
        """Forget a batch that the database has committed."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            (records,) = self._connection.execute("SELECT records FROM batch WHERE id = ?", (batch.id,)).fetchone()
            self._connection.execute("DELETE FROM delivery WHERE batch_id = ?", (batch.id,))
            self._connection.execute("DELETE FROM batch WHERE id = ?", (batch.id,))
        self._batches -= 1
        self._records -= records

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
        connection.executescript(_SCHEMA)
        _sync_directory(self._path.parent)
        return connection

    def _replace_damaged(self) -> sqlite3.Connection:
        number = 1
        while (aside := self._path.with_suffix(f".damaged-{number}")).exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            part = Path(f"{self._path}{suffix}")
            if part.exists():
                part.rename(f"{aside}{suffix}")
        self.set_aside = aside
        connection = self._connect()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for batch, rows in _readable(aside):
                records = sum(count_records(self._delivery(row[1:])) for row in rows)
                connection.execute("INSERT INTO batch (id, records) VALUES (?, ?)", (batch, records))
                connection.executemany(_INSERT, ((batch, *row) for row in rows))
        return connection

    def _delivery(self, row: tuple[object, ...]) -> Delivery:
        received_us, source, driver, peer, device, disposition, reason, bad_reason, bad_detail, raw, crc32 = row
        assert isinstance(received_us, int)
        assert isinstance(raw, bytes)
        event: Event | BadFrame
        if zlib.crc32(raw) != crc32:  # SQLite checks its own structure, not what is stored in it
            event = BadFrame(Reason.CHECKSUM, raw, "damaged in the spool")
        elif bad_reason is not None:
            event = BadFrame(Reason(str(bad_reason)), raw, str(bad_detail))
        else:
            event = self._decode(str(source), str(driver), str(device), raw)
        return Delivery(
            received_us, str(source), str(driver), str(peer), str(device), raw, event,
            Disposition(str(disposition)), str(reason),
        )  # fmt: skip


def _row(item: Delivery) -> tuple[object, ...]:
    bad = item.event if isinstance(item.event, BadFrame) else None
    return (
        item.received_us, item.source, item.driver, item.peer, item.device, item.disposition.value, item.reason,
        bad.reason.value if bad else None, bad.detail if bad else None, item.raw, zlib.crc32(item.raw),
    )  # fmt: skip


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
            return bool(verdict[0] == "ok")
    except sqlite3.DatabaseError:
        return False


def _readable(path: Path) -> Iterator[tuple[int, list[tuple[object, ...]]]]:
    """Batches that can still be read of a damaged spool, in order."""
    select = f"SELECT position, {_COLUMNS} FROM delivery WHERE batch_id = ? ORDER BY position"
    with closing(sqlite3.connect(path)) as connection:
        try:
            batches = connection.execute("SELECT id FROM batch ORDER BY id").fetchall()
        except sqlite3.DatabaseError:
            return
        for (batch,) in batches:
            with suppress(sqlite3.DatabaseError):
                yield batch, connection.execute(select, (batch,)).fetchall()


@contextmanager
def _full_as_spool_full() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
            raise SpoolFull(str(error)) from error
        raise


def _sync_directory(path: Path) -> None:
    """A new file is only safe when the directory that names it is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
