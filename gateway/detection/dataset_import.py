"""A dataset folder into the database: `export_dataset` the other way round, for histories and demonstrations.

All of it in one transaction, in bulk. Its sites must be new: mixing it into what devices have sent would take from both
what they prove. The rows go into the books as one batch without frames of the writer `import`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg.types.json import Jsonb

from analysis.dataset.observations import Notes, observation_files, read_rows
from analysis.dataset.records import read_events, read_ledger
from analysis.dataset.sites import Registry, read_sites
from gateway.detection.connection import Connection, connected
from gateway.errors import GatewayError
from gateway.storage.chain import batch_hash
from gateway.storage.sql import query
from gateway.storage.tier import Tier

WRITER = "import"
DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = {"limit": "limit_value", "range_low": "range_low", "range_high": "range_high",
            "detection_limit": "detection_limit"}  # fmt: skip
_POINT_COLUMNS = ("id", "name", "medium", "channels")
_SERIES_COLUMNS = ("quantity", "statistic", "unit", "interval_s", *_COLUMNS)


@dataclass
class Imported:
    """What went in. `shift_s`: by how much each site was moved in time. [s]"""

    rows: int = 0
    observations: int = 0
    revisions: int = 0
    parameters: int = 0
    events: int = 0
    shift_s: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Places:
    """Ids of the rows made for the registry; `series` in the order of its channels."""

    site: dict[str, int] = field(default_factory=dict)
    point: dict[tuple[str, str], int] = field(default_factory=dict)
    series: list[int] = field(default_factory=list)


def import_dataset(dsn: str, folder: Path, *, ending: datetime | None = None) -> Imported:
    """Read a dataset into the database, whose schema must be up to date.

    Parameters
    ----------
    ending : move each site in time, by whole days, so that its last row came just before this

    Raises
    ------
    DatasetError
        If the folder is malformed; nothing was imported.
    GatewayError
        If the database has one of the sites already.
    StorageError
        From the database.
    """
    notes, done = Notes(), Imported()
    registry = read_sites(folder / "sites.json")
    described = orjson.loads((folder / "sites.json").read_bytes())["sites"]
    if ending is not None:
        done.shift_s = _shifts(folder, registry, ending)
    with connected(dsn, name="gateway import") as connection, connection.transaction():
        places = _make_places(connection, described, registry, done.shift_s)
        connection.execute(query("import_staging"))
        with connection.cursor() as cursor, cursor.copy(query("copy_imported").decode() + " (FORMAT csv)") as copy:
            for block in _blocks(folder, registry, places.series, notes, done):
                copy.write(block)
        done.observations = connection.execute(query("import_observations")).rowcount
        done.revisions = connection.execute(query("import_revisions")).rowcount
        _roll_up(connection, places.series, registry.zone.key)
        _import_ledger(connection, folder, registry, places, notes, done)
        _import_events(connection, folder, registry, places, notes, done)
        _close_books(connection, done)
    if notes.unregistered:
        done.warnings.append(f"{sum(notes.unregistered.values())} rows of unregistered channels were left out")
    return done


def _rows(folder: Path, registry: Registry, notes: Notes) -> Iterator[Any]:
    channels = [channel for site in registry.sites for channel in site.channels]
    numbered = {(channel.path, channel.id): number for number, channel in enumerate(channels)}
    for path in observation_files(folder):
        yield from read_rows(path, series=numbered, zone=registry.zone, notes=notes, progress=lambda rows: None)


def _by_series(registry: Registry, of_site: Callable[[Any], float]) -> Any:
    return np.array([of_site(site) for site in registry.sites for _ in site.channels], dtype=np.float64)


def _intervals(registry: Registry) -> Any:
    return np.array([channel.interval_s for site in registry.sites for channel in site.channels], dtype=np.float64)


def _shifts(folder: Path, registry: Registry, ending: datetime) -> dict[str, int]:
    """Whole days, so that the hours of the day stay what they are."""
    last = np.full(len(_intervals(registry)), -np.inf)
    for rows in _rows(folder, registry, Notes()):
        np.maximum.at(last, rows["series"], _arrivals(rows, registry))
    out, first = {}, 0
    for site in registry.sites:
        own = last[first : first + len(site.channels)].max(initial=-np.inf)
        first += len(site.channels)
        out[site.id] = int((ending.timestamp() - own) // DAY_S) * DAY_S if math.isfinite(own) else 0
    return out


def _arrivals(rows: Any, registry: Registry) -> Any:
    """When rows came: at the end of their interval where not told. [s, UTC]"""
    ends = rows["time"] + _intervals(registry)[rows["series"]]
    return np.where(np.isnan(rows["received"]), ends, rows["received"])


def _blocks(folder: Path, registry: Registry, series: list[int], notes: Notes, done: Imported) -> Iterator[bytes]:
    """CSV for COPY, batch by batch."""
    shift = _by_series(registry, lambda site: done.shift_s.get(site.id, 0))
    ids = np.array(series, dtype=np.int32)
    options = pacsv.WriteOptions(include_header=False)
    for rows in _rows(folder, registry, notes):
        moved = shift[rows["series"]]
        table = pa.table(
            {
                "series_id": ids[rows["series"]],
                "time": _stamps(rows["time"] + moved),
                "received_at": _stamps(_arrivals(rows, registry) + moved),
                "value": pa.array(rows["value"], mask=np.isnan(rows["value"])),
                "flag": pa.DictionaryArray.from_arrays(pa.array(rows["flag"].astype(np.int32)), notes.flags).cast(
                    "string"
                ),
                "number": np.arange(done.rows, done.rows + len(rows)),
            }
        )
        done.rows += len(rows)
        text = io.BytesIO()
        pacsv.write_csv(table, text, options)
        yield text.getvalue()


def _stamps(seconds: Any) -> pa.Array:
    return pa.array(np.round(seconds * 1e6).astype(np.int64), pa.timestamp("us", tz="UTC"))


def _make_places(
    connection: Connection, described: list[dict[str, Any]], registry: Registry, shift_s: Mapping[str, int]
) -> _Places:
    places = _Places()
    for site, known in zip(described, registry.sites, strict=True):
        moved = shift_s.get(known.id, 0)
        accepted = None if known.accepted_until_s is None else _moment(known.accepted_until_s + moved)
        row = {
            "external_id": known.id, "name": known.name, "industry": known.industry or None,
            "longitude": known.longitude, "latitude": known.latitude, "accepted_until": accepted,
            "settings": Jsonb({"facilities": site.get("facilities", [])}),
        }  # fmt: skip
        try:
            places.site[known.id] = _new_id(connection, "import_site", row)
        except psycopg.errors.UniqueViolation as error:
            raise GatewayError(f"the database has a site {known.id} already; nothing was imported") from error
        for point in site["points"]:
            _make_point(connection, known.id, point, places)
    return places


def _make_point(connection: Connection, site: str, point: dict[str, Any], places: _Places) -> None:
    settings = {key: value for key, value in point.items() if key not in _POINT_COLUMNS}
    row = {
        "site_id": places.site[site], "external_id": point["id"], "name": point.get("name", ""),
        "medium": point["medium"], "settings": Jsonb(settings),
    }  # fmt: skip
    point_id = places.point[site, point["id"]] = _new_id(connection, "import_point", row)
    for channel in point["channels"]:
        kept = {key: value for key, value in channel.items() if key not in _SERIES_COLUMNS}
        described = {key: channel[key] for key in ("quantity", "statistic", "unit", "interval_s")}
        limits = {column: channel.get(key) for key, column in _COLUMNS.items()}
        names = {"point_id": point_id, "channel": channel["id"], "settings": Jsonb(kept)}
        places.series.append(_new_id(connection, "import_series", described | limits | names))


def _new_id(connection: Connection, name: str, row: dict[str, Any]) -> int:
    answer = connection.execute(query(name), row).fetchone()
    assert answer is not None
    return int(answer["id"])


def _roll_up(connection: Connection, series: list[int], zone: str) -> None:
    """TimescaleDB's continuous aggregates do this themselves."""
    state = connection.execute(query("schema_state")).fetchone()
    assert state is not None
    if Tier(state["tier"]).has_policies:
        return
    connection.execute(query("import_hours"), {"series": series})
    connection.execute(query("create_touched"))
    connection.execute(query("import_touched"), {"series": series})
    connection.execute(query("rollup_days"), {"zone": zone})


def _import_ledger(
    connection: Connection, folder: Path, registry: Registry, places: _Places, notes: Notes, done: Imported
) -> None:
    devices: dict[tuple[str, str], int] = {}
    for site, entries in read_ledger(folder / "parameters.csv", zone=registry.zone, notes=notes).items():
        moved = done.shift_s.get(site, 0)
        for entry in entries:
            place = (site, entry.point)
            if place not in places.point:
                done.warnings.append(f"parameters.csv: {site}/{entry.point} is not registered")
                continue
            if place not in devices:
                named = {"external_id": f"{site}/{entry.point}", "point_id": places.point[place]}
                devices[place] = _new_id(connection, "import_device", named)
            row = {
                "device_id": devices[place], "channel": entry.channel, "name": entry.parameter,
                "value": repr(entry.value), "time": _moment(entry.time_s + moved),
                "received_at": _moment(entry.reported_s + moved),
            }  # fmt: skip
            done.parameters += connection.execute(query("import_parameter"), row).rowcount


def _import_events(
    connection: Connection, folder: Path, registry: Registry, places: _Places, notes: Notes, done: Imported
) -> None:
    for event in read_events(folder / "events.csv", zone=registry.zone, notes=notes):
        if event.site not in places.site:
            done.warnings.append(f"events.csv: {event.site} is not registered")
            continue
        moved = done.shift_s.get(event.site, 0)
        point_id = None if event.point is None else places.point.get((event.site, event.point))
        row = {
            "site_id": places.site[event.site], "point_id": point_id, "kind": event.kind,
            "starts_at": _moment(event.start_s + moved), "note": event.note,
            "ends_at": _moment(event.end_s + moved) if math.isfinite(event.end_s) else None,
        }  # fmt: skip
        done.events += connection.execute(query("import_event"), row).rowcount


def _close_books(connection: Connection, done: Imported) -> None:
    connection.execute(query("make_writer"), {"writer": WRITER})
    head = connection.execute(query("lock_head"), {"writer": WRITER}).fetchone()
    assert head is not None
    counts = {"received": done.rows + done.parameters, "stored": done.observations + done.parameters}
    counts |= {"duplicate": done.rows - done.observations - done.revisions, "revision": done.revisions}
    chained = {"seq": head["seq"] + 1, "previous_hash": head["hash"], "hash": batch_hash(head["hash"], []), "frames": 0}
    rest = {"writer_id": head["id"], "dead_letter": 0, "out_of_bounds": 0}
    connection.execute(query("close_batch"), counts | chained | rest)


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(seconds * 1e6))
