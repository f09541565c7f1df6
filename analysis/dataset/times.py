"""Times of the dataset as seconds since 1970 UTC; a time without an offset is in the dataset's zone."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.model.arrays import Floats

ISO_FORM = "a time like 2026-03-01T00:00:00+08:00"
_OFFSET = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")


def has_offset(text: str) -> bool:
    """Whether an ISO 8601 time states its offset."""
    return bool(_OFFSET.search(text.strip()))


def parse_time(text: str, *, zone: ZoneInfo) -> float:
    """Seconds since 1970 UTC of one ISO 8601 time; ValueError if it is none."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def format_time(seconds: float, *, zone: ZoneInfo) -> str:
    """ISO 8601 with the offset of the zone, whole seconds unless there are fractions."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone(zone).isoformat()


def to_seconds(column: pa.Array, *, zone: ZoneInfo) -> Floats:
    """A column of timestamps or ISO texts as float64 seconds, NaN where null.

    ArrowInvalid or ValueError on a malformed one.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _parsed(column, zone=zone)
    if not pa.types.is_timestamp(column.type):
        raise ValueError(f"{column.type} is no time")
    if column.type.tz is None:
        column = pc.assume_timezone(column, zone.key, ambiguous="earliest", nonexistent="earliest")
    micros = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
    seconds = np.asarray(pc.fill_null(micros, 0).to_numpy(zero_copy_only=False)) / 1e6
    if micros.null_count:
        seconds[np.asarray(pc.is_null(micros).to_numpy(zero_copy_only=False))] = np.nan
    return seconds


def _parsed(column: pa.Array, *, zone: ZoneInfo) -> pa.Array:
    column = pc.replace_with_mask(column, pc.equal(column, ""), pa.scalar(None, column.type))
    for kind in (pa.timestamp("us", tz="UTC"), pa.timestamp("us")):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    seconds = [None if text is None else parse_time(text, zone=zone) for text in column.to_pylist()]
    micros = [None if second is None else round(second * 1e6) for second in seconds]
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
