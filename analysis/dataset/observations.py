"""Observation files as a stream of row batches: CSV, gzip CSV and Parquet alike, bounded memory, strict.

The fast path lets Arrow convert the columns. Only when that fails is the file read again, slowly, to name the line.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from analysis.dataset.errors import DatasetError
from analysis.dataset.times import ISO_FORM, parse_time, to_seconds
from analysis.model.arrays import AnyArray

REQUIRED = ("time", "point", "channel", "value", "flag")
OPTIONAL = ("received_at",)
ROW = np.dtype([("series", "<i4"), ("time", "<f8"), ("value", "<f8"), ("flag", "u1"), ("received", "<f8")])
_BLOCK_BYTES = 1 << 24
_BATCH_ROWS = 1 << 20
NORMAL_FLAG = "N"


@dataclass
class Notes:
    """What was passed over in silence, to be named once."""

    unknown_columns: set[str] = field(default_factory=set)
    unregistered: dict[str, int] = field(default_factory=dict)
    flags: list[str] = field(default_factory=lambda: [NORMAL_FLAG])

    def flag_code(self, flag: str) -> int:
        """Index of a flag in the list of those seen; the empty one is `N`."""
        flag = flag or NORMAL_FLAG
        if flag not in self.flags:
            if len(self.flags) > 255:
                raise ValueError("more than 255 different flags")
            self.flags.append(flag)
        return self.flags.index(flag)


def observation_files(folder: Path) -> list[Path]:
    """All `observations*` files, by name.

    Raises
    ------
    DatasetError
        If there is none.
    """
    files = [
        path for path in sorted(folder.glob("observations*")) if path.name.endswith((".csv", ".csv.gz", ".parquet"))
    ]
    if not files:
        raise DatasetError(folder.name, None, "observations.csv, .csv.gz or .parquet expected")
    return files


def read_rows(
    path: Path, *, series: Mapping[tuple[str, str], int], zone: ZoneInfo, notes: Notes, progress: Callable[[int], None]
) -> Iterator[AnyArray]:
    """Rows of one file as arrays of dtype `ROW`, NaN `received` where empty; `progress` is told how many rows were
    read.

    Raises
    ------
    DatasetError
        If a column is missing or a row malformed; names the line (of Parquet: the row).
    """
    try:
        for batch in _batches(path, notes):
            progress(batch.num_rows)
            yield _rows(batch, series=series, zone=zone, notes=notes)
    except (pa.ArrowException, ValueError, OSError) as error:
        if isinstance(error, DatasetError):
            raise
        if path.name.endswith(".parquet"):
            raise DatasetError(
                path.name, None, f"a readable Parquet file with well-formed columns expected: {error}"
            ) from error
        raise _first_fault(path, zone=zone, fallback=str(error)) from error


def _batches(path: Path, notes: Notes) -> Iterator[pa.RecordBatch]:
    if path.name.endswith(".parquet"):
        file = pa.parquet.ParquetFile(path)
        columns = _columns(path, file.schema_arrow.names, notes)
        yield from file.iter_batches(batch_size=_BATCH_ROWS, columns=columns)
        return
    header = _header(path)
    text = pa.dictionary(pa.int32(), pa.string())
    kinds = {
        "time": pa.string(),
        "point": text,
        "channel": text,
        "value": pa.float64(),
        "flag": text,
        "received_at": pa.string(),
    }
    options = pa.csv.ConvertOptions(
        include_columns=_columns(path, header, notes), column_types=kinds, null_values=[""], strings_can_be_null=False
    )
    stream: pa.NativeFile = pa.input_stream(str(path), compression="gzip" if path.name.endswith(".gz") else None)
    with (
        stream,
        pa.csv.open_csv(
            stream, read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES), convert_options=options
        ) as reader,
    ):
        yield from reader


def _open_text(path: Path) -> Iterator[str]:
    with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as binary:
        yield from io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")


def _header(path: Path) -> list[str]:
    header = next(csv.reader(_open_text(path)), None)
    if header is None:
        raise DatasetError(path.name, 1, f"a header with the columns {', '.join(REQUIRED)} expected")
    return header


def _columns(path: Path, names: list[str], notes: Notes) -> list[str]:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise DatasetError(
            path.name, 1, f"column {', '.join(missing)} is missing; expected: {', '.join(REQUIRED + OPTIONAL)}"
        )
    notes.unknown_columns |= {f"{path.name}: {name}" for name in names if name not in REQUIRED + OPTIONAL}
    return [name for name in REQUIRED + OPTIONAL if name in names]


def _rows(batch: pa.RecordBatch, *, series: Mapping[tuple[str, str], int], zone: ZoneInfo, notes: Notes) -> AnyArray:
    rows = np.empty(batch.num_rows, dtype=ROW)
    rows["time"] = to_seconds(batch.column("time"), zone=zone)
    if np.isnan(rows["time"]).any():
        raise ValueError("a time is empty")
    rows["series"] = _series(batch, series, notes)
    value = pc.fill_null(batch.column("value").cast(pa.float64()), math.nan)
    rows["value"] = value.to_numpy(zero_copy_only=False)
    if np.isinf(rows["value"]).any():
        raise ValueError("a value is infinite")
    flags, codes = _dictionary(batch.column("flag"))
    rows["flag"] = np.array([notes.flag_code(flag) for flag in flags], dtype=np.uint8)[codes]
    arrival = "received_at" in batch.schema.names
    rows["received"] = to_seconds(batch.column("received_at"), zone=zone) if arrival else math.nan
    return rows[rows["series"] >= 0]


def _dictionary(column: pa.Array) -> tuple[list[str], AnyArray]:
    """Distinct texts of a column and the index of each row's; null is the empty text."""
    if not pa.types.is_dictionary(column.type):
        column = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    texts = [text or "" for text in column.dictionary.to_pylist()]
    codes = pc.fill_null(column.indices.cast(pa.int64()), len(texts)).to_numpy(zero_copy_only=False)
    return [*texts, ""], codes


def _series(batch: pa.RecordBatch, series: Mapping[tuple[str, str], int], notes: Notes) -> AnyArray:
    points, point_codes = _dictionary(batch.column("point"))
    channels, channel_codes = _dictionary(batch.column("channel"))
    pairs = point_codes * len(channels) + channel_codes
    distinct, inverse = np.unique(pairs, return_inverse=True)
    found = np.empty(len(distinct), dtype=np.int32)
    for index, pair in enumerate(distinct):  # as many as series, not as rows
        point, channel = points[pair // len(channels)], channels[pair % len(channels)]
        if "/" not in point or not channel:
            raise ValueError("a point is not site/point, or a channel is empty")
        found[index] = series.get((point, channel), -1)
        if found[index] < 0:
            count = int((inverse == index).sum())
            notes.unregistered[f"{point}/{channel}"] = notes.unregistered.get(f"{point}/{channel}", 0) + count
    return found[inverse]


def _first_fault(path: Path, *, zone: ZoneInfo, fallback: str) -> DatasetError:
    reader = csv.reader(_open_text(path))
    header = next(reader)
    try:
        for cells in reader:
            expected = _fault(cells, header, zone)
            if expected:
                return DatasetError(path.name, reader.line_num, expected)
    except (csv.Error, UnicodeDecodeError) as error:
        return DatasetError(path.name, reader.line_num + 1, f"UTF-8 CSV expected: {error}")
    return DatasetError(path.name, None, f"well-formed CSV expected: {fallback}")


def _fault(cells: list[str], header: list[str], zone: ZoneInfo) -> str | None:
    if len(cells) != len(header):
        return f"{len(header)} columns expected, {len(cells)} found"
    row = dict(zip(header, cells, strict=True))
    for name in ("time", "received_at"):
        if name == "received_at" and not row.get(name):
            continue
        try:
            parse_time(row[name], zone=zone)
        except ValueError:
            return f"{name} must be {ISO_FORM}, not {row[name]!r}"
    try:
        if row["value"] and math.isinf(float(row["value"])):
            return f"value must be a finite number or empty, not {row['value']!r}"
    except ValueError:
        return f"value must be a number or empty, not {row['value']!r}"
    if "/" not in row["point"]:
        return f"point must be site/point, not {row['point']!r}"
    return None if row["channel"] else "channel must not be empty"
