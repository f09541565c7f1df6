"""`events.csv` and `parameters.csv`: small tables, read row by row so that every fault has its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from analysis.dataset.errors import DatasetError
from analysis.dataset.observations import Notes
from analysis.dataset.times import ISO_FORM, parse_time
from analysis.model.metadata import Event, LedgerEntry

EVENT_COLUMNS = ("start", "end", "site", "point", "kind", "note")
LEDGER_COLUMNS = ("time", "point", "channel", "parameter", "value", "reported_at")
EVENT_KINDS = (
    "maintenance", "calibration", "inspection", "door", "power_outage", "network_outage", "shutdown", "startup",
)  # fmt: skip


def read_events(path: Path, *, zone: ZoneInfo, notes: Notes) -> list[Event]:
    """Events in the order of the file; none if there is no file. DatasetError if malformed."""
    events = []
    for line, row in _rows(path, EVENT_COLUMNS, notes):
        if row["kind"] not in EVENT_KINDS:
            raise DatasetError(path.name, line, f"kind must be one of {', '.join(EVENT_KINDS)}, not {row['kind']!r}")
        start_s = _time(path, line, row, "start", zone)
        end_s = _time(path, line, row, "end", zone) if row["end"] else math.inf
        if end_s < start_s:
            raise DatasetError(path.name, line, "end must not be before start")
        point = row["point"].split("/")[-1] or None
        events.append(Event(start_s, end_s, row["site"], point, row["kind"], row["note"]))
    return events


def read_ledger(path: Path, *, zone: ZoneInfo, notes: Notes) -> dict[str, list[LedgerEntry]]:
    """Ledger rows by site, in the order of the file; none if there is no file. DatasetError if malformed."""
    ledger: dict[str, list[LedgerEntry]] = {}
    for line, row in _rows(path, LEDGER_COLUMNS, notes):
        site, slash, point = row["point"].partition("/")
        if not slash:
            raise DatasetError(path.name, line, f"point must be site/point, not {row['point']!r}")
        try:
            value = float(row["value"])
        except ValueError as error:
            raise DatasetError(path.name, line, f"value must be a number, not {row['value']!r}") from error
        time_s = _time(path, line, row, "time", zone)
        reported_s = _time(path, line, row, "reported_at", zone) if row["reported_at"] else time_s
        entry = LedgerEntry(time_s, point, row["channel"], row["parameter"], value, reported_s)
        ledger.setdefault(site, []).append(entry)
    return ledger


def _time(path: Path, line: int, row: dict[str, str], name: str, zone: ZoneInfo) -> float:
    try:
        return parse_time(row[name], zone=zone)
    except ValueError as error:
        raise DatasetError(path.name, line, f"{name} must be {ISO_FORM}, not {row[name]!r}") from error


def _rows(path: Path, columns: tuple[str, ...], notes: Notes) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            missing = [name for name in columns if name not in names]
            if missing:
                raise DatasetError(
                    path.name, 1, f"column {', '.join(missing)} is missing; expected: {', '.join(columns)}"
                )
            notes.unknown_columns |= {f"{path.name}: {name}" for name in names if name not in columns}
            for row in reader:
                if any(row[name] is None for name in columns) or None in row:
                    raise DatasetError(path.name, reader.line_num, f"{len(names)} columns expected")
                yield reader.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(path.name, None, f"UTF-8 CSV expected: {error}") from error
