"""A dataset folder written: the exact counterpart of the reader, for exports."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.parquet

from analysis.dataset.records import EVENT_COLUMNS, LEDGER_COLUMNS
from analysis.dataset.times import format_time
from analysis.model.metadata import Event, LedgerEntry

TEXT = pa.dictionary(pa.int32(), pa.string())
MOMENT = pa.timestamp("us", tz="UTC")
OBSERVATIONS = pa.schema(
    [
        ("time", MOMENT),
        ("point", TEXT),
        ("channel", TEXT),
        ("value", pa.float64()),
        ("flag", TEXT),
        ("received_at", MOMENT),
    ]
)


def write_dataset(
    folder: Path,
    *,
    zone: ZoneInfo,
    sites: Sequence[dict[str, Any]],
    observations: Iterable[pa.RecordBatch],
    events: Iterable[Event] = (),
    ledger: Iterable[tuple[str, LedgerEntry]] = (),
) -> None:
    """Write `sites.json`, `observations.parquet` and the side tables that are not empty.

    Parameters
    ----------
    sites : entries of `sites.json` as the format has them
    observations : batches of schema `OBSERVATIONS`, written one by one: memory holds one
    ledger : (site, entry)
    """
    folder.mkdir(parents=True, exist_ok=True)
    registry = {"time_zone": zone.key, "sites": list(sites)}
    (folder / "sites.json").write_bytes(orjson.dumps(registry, option=orjson.OPT_INDENT_2) + b"\n")
    with pa.parquet.ParquetWriter(folder / "observations.parquet", OBSERVATIONS, compression="zstd") as file:
        for batch in observations:
            file.write_batch(batch)
    _write_table(folder / "events.csv", EVENT_COLUMNS, (_event(event, zone) for event in events))
    _write_table(folder / "parameters.csv", LEDGER_COLUMNS, (_entry(site, entry, zone) for site, entry in ledger))


def _event(event: Event, zone: ZoneInfo) -> list[str]:
    end = format_time(event.end_s, zone=zone) if math.isfinite(event.end_s) else ""
    point = f"{event.site}/{event.point}" if event.point else ""
    return [format_time(event.start_s, zone=zone), end, event.site, point, event.kind, event.note]


def _entry(site: str, entry: LedgerEntry, zone: ZoneInfo) -> list[str]:
    time, reported = format_time(entry.time_s, zone=zone), format_time(entry.reported_s, zone=zone)
    return [time, f"{site}/{entry.point}", entry.channel, entry.parameter, repr(entry.value), reported]


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[list[str]]) -> None:
    held = list(rows)
    if held:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(held)
