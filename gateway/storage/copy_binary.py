r"""Rows in PostgreSQL's binary COPY format, built as arrays where the columns are of fixed width.

PGCOPY\n\377\r\n\0 FFFF EEEE  { nn  llll value  llll value … }  FFFF(-1)

F flags (0), E length of the header's extension (0), n number of fields, l length of a field (-1: NULL),
all big-endian. timestamptz: int64 microseconds since 2000-01-01 UTC; "char": one byte.
PostgreSQL documentation, COPY, "Binary Format".
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH_US = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
_TEXT_OID = 25


@dataclass(slots=True)
class Values:
    """Columns of `observation`, all of one length. A NaN value stands for NULL. Times in [µs since 1970 UTC]."""

    series_ids: NDArray[np.int32]
    times_us: NDArray[np.int64]
    values: NDArray[np.float64]
    flags: NDArray[np.uint8]
    received_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.series_ids)

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Values":
        return Values(
            self.series_ids[chosen],
            self.times_us[chosen],
            self.values[chosen],
            self.flags[chosen],
            self.received_us[chosen],
        )


def _row_type(*, with_value: bool) -> np.dtype[np.void]:
    """One row of (time, received_at, value, series_id, flag), with its length words."""
    fields = [("count", ">i2"), ("l0", ">i4"), ("time", ">i8"), ("l1", ">i4"), ("received", ">i8"), ("l2", ">i4")]
    fields += [("value", ">f8")] if with_value else []
    fields += [("l3", ">i4"), ("series", ">i4"), ("l4", ">i4"), ("flag", "u1")]
    return np.dtype(fields)


_WITH_VALUE = _row_type(with_value=True)
_WITHOUT_VALUE = _row_type(with_value=False)


def encode_values(rows: Values) -> bytes:
    """A whole COPY stream; rows without a value come last, the order is otherwise kept."""
    missing = np.isnan(rows.values)
    if not missing.any():
        return b"".join((HEADER, _encode(rows, _WITH_VALUE), TRAILER))
    return b"".join((HEADER, _encode(rows[~missing], _WITH_VALUE), _encode(rows[missing], _WITHOUT_VALUE), TRAILER))


def _encode(rows: Values, row_type: np.dtype[np.void]) -> bytes:
    table = np.empty(len(rows), dtype=row_type)
    table["count"] = 5
    table["l0"] = table["l1"] = 8
    table["time"] = rows.times_us - EPOCH_US
    table["received"] = rows.received_us - EPOCH_US
    table["l3"] = 4
    table["series"] = rows.series_ids
    table["l4"] = 1
    table["flag"] = rows.flags
    if row_type is _WITH_VALUE:
        table["l2"] = 8
        table["value"] = rows.values
    else:
        table["l2"] = -1
    return table.tobytes()


def encode_raw_frames(rows: Iterable[bytes]) -> bytes:
    """A whole COPY stream of rows made by `raw_frame_row`."""
    return b"".join((HEADER, *rows, TRAILER))


_FRAME_HEAD = struct.Struct(">hiqiqiiii")


def raw_frame_row(
    *,
    received_us: int,
    writer_id: int,
    seq: int,
    position: int,
    texts: tuple[str, str, str, str, str],
    deviations: tuple[str, ...],
    sha256: bytes,
    frame: bytes,
) -> bytes:
    """One row of `raw_frame`; `texts` are source, driver, peer, device, disposition."""
    head = _FRAME_HEAD.pack(12, 8, received_us - EPOCH_US, 8, seq, 4, writer_id, 4, position)
    return b"".join((head, _texts(texts), _array(deviations), _field(sha256), _field(frame)))


def _field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


@lru_cache(maxsize=20_000)
def _texts(texts: tuple[str, ...]) -> bytes:
    """Text fields; what PostgreSQL cannot hold in a text is written out instead."""
    return b"".join(_field(storable(text).encode()) for text in texts)


@lru_cache(maxsize=1_000)
def _array(texts: tuple[str, ...]) -> bytes:
    """A text[] field: dimensions, has-null flag, element type, length, lower bound, elements."""
    if not texts:
        return _field(struct.pack(">iii", 0, 0, _TEXT_OID))
    head = struct.pack(">iiiii", 1, 0, _TEXT_OID, len(texts), 1)
    return _field(head + _texts(texts))


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which PostgreSQL refuses, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
