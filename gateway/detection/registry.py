"""The registered part of the database as `sites.json` has it.

Ids of channels must stay what they are when further series of the same code appear, since findings carry them: they
are `code-statistic-interval`, "a21026-avg-3600", unless `series.settings` gives an `id`. What the tables have no column
for is in the `settings` of site (`facilities`), point (`reference_oxygen_pct`) and series (`id`, `derived_from`,
`formula`, `reference_oxygen_pct`, `name`). Facilities under power-use supervision come from tables of their own and go
before those of the same id in the settings.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from drivers.channels import STATISTICS, quantity
from gateway.detection.connection import Connection
from gateway.detection.facility_entries import FacilityEntry, Meter, read_facilities
from gateway.detection.window import Window
from gateway.storage.sql import query

FALLBACK_CADENCE_S = 60
"""Interval of a series of instants with fewer than two values."""

OPTIONAL = {"limit": "limit_value", "range_low": "range_low", "range_high": "range_high",
            "detection_limit": "detection_limit"}  # fmt: skip
"""Key of a channel → column of its series."""
SERIES_SETTINGS = ("derived_from", "formula", "reference_oxygen_pct", "name")


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series and the channel it is in the dataset."""

    id: int
    code: str
    channel: str
    interval_s: int  # as registered; 0: instants
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PointEntry:
    row_id: int
    id: str
    series: tuple[SeriesEntry, ...]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """A site, where its rows are, and its object in `sites.json`.

    `facilities` are those under power-use supervision; `described` those that a document or an import has named.
    """

    row_id: int
    id: str
    accepted_until: datetime | None
    points: tuple[PointEntry, ...]
    facilities: tuple[FacilityEntry, ...]
    described: list[dict[str, Any]]
    document: dict[str, Any]
    left_out: list[str] = field(default_factory=list)


def read_registry(
    connection: Connection, window: Window, zone: ZoneInfo, *, shortest_interval_s: int
) -> list[SiteEntry]:
    """All sites that are not in quarantine, in the order in which they were registered.

    Series faster than `shortest_interval_s` are left out, unless they show whether a facility runs. [s]
    """
    found = connection.execute(query("export_sites")).fetchall()
    return [_site(connection, row, window, zone, shortest_interval_s) for row in found]


def _site(connection: Connection, row: dict[str, Any], window: Window, zone: ZoneInfo, shortest_s: int) -> SiteEntry:
    document: dict[str, Any] = {"id": row["external_id"], "name": row["name"] or row["external_id"]}
    document |= {key: row[key] for key in ("longitude", "latitude", "industry") if row[key] is not None}
    if row["accepted_until"] is not None:
        document["accepted_until"] = row["accepted_until"].astimezone(zone).isoformat()
    left_out: list[str] = []
    span = {"since": window.since_of(row["accepted_until"]), "until": window.until}
    found = [
        _point(connection, row["external_id"], point, span, left_out)
        for point in _with_own_ids(connection.execute(query("export_points"), {"site_id": row["id"]}).fetchall())
    ]
    meters = [meter for point in found for meter in _meters(point, shortest_s)]
    facilities = read_facilities(connection, row["id"], meters, left_out, site=row["external_id"])
    described = row["settings"].get("facilities", [])
    supervised = {one.document["id"] for one in facilities}
    others = [facility for facility in described if facility["id"] not in supervised]
    all_facilities = [*others, *(one.document for one in facilities)]
    needed = {facility["channel"] for facility in all_facilities}
    points = tuple(_without_fast(point, shortest_s, needed) for point in found)
    document["points"] = [point.document for point in points]
    document["facilities"] = all_facilities
    return SiteEntry(
        row["id"], row["external_id"], row["accepted_until"], points, tuple(facilities), described, document, left_out
    )


def _with_own_ids(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A meter that is moved to its facility's site may have the name of a point there."""
    seen: Counter[str] = Counter()
    for point in points:
        seen[point["external_id"]] += 1
        if seen[point["external_id"]] > 1:
            point["external_id"] += f"-{point['id']}"
    return points


def _point(
    connection: Connection, site: str, row: dict[str, Any], span: dict[str, datetime], left_out: list[str]
) -> PointEntry:
    series = []
    for one in connection.execute(query("export_series"), {"point_id": row["id"]}).fetchall():
        if one["statistic"] not in STATISTICS:
            left_out.append(f"{site}/{row['external_id']}/{one['channel']}: statistic {one['statistic']}")
            continue
        interval_s = one["interval_s"] or _cadence_s(connection, one["id"], span)
        channel = one["settings"].get("id") or f"{one['channel']}-{one['statistic']}-{one['interval_s']}"
        described = _channel(one, channel, interval_s)
        series.append(SeriesEntry(one["id"], one["channel"], channel, one["interval_s"], described))
    document = {"id": row["external_id"]}
    document |= {"name": row["name"]} if row["name"] else {}
    document["medium"] = row["medium"] or _medium([one.document for one in series])
    if "reference_oxygen_pct" in row["settings"]:
        document["reference_oxygen_pct"] = row["settings"]["reference_oxygen_pct"]
    return PointEntry(row["id"], row["external_id"], tuple(series), document)


def _meters(point: PointEntry, shortest_s: int) -> Iterator[Meter]:
    for one in point.series:
        facts = {key: one.document[key] for key in ("quantity", "statistic", "interval_s")}
        is_fast = facts["interval_s"] < shortest_s
        yield Meter(point.row_id, one.code, f"{point.id}/{one.channel}", is_fast=is_fast, **facts)


def _without_fast(point: PointEntry, shortest_s: int, needed: set[str]) -> PointEntry:
    kept = tuple(
        one for one in point.series if one.document["interval_s"] >= shortest_s or f"{point.id}/{one.channel}" in needed
    )
    return replace(point, series=kept, document={**point.document, "channels": [one.document for one in kept]})


def _channel(row: dict[str, Any], channel: str, interval_s: int) -> dict[str, Any]:
    document = {
        "id": channel, "quantity": row["quantity"], "statistic": row["statistic"], "unit": row["unit"],
        "interval_s": interval_s,
    }  # fmt: skip
    document |= {key: row[column] for key, column in OPTIONAL.items() if row[column] is not None}
    return document | {key: row["settings"][key] for key in SERIES_SETTINGS if key in row["settings"]}


def _cadence_s(connection: Connection, series_id: int, span: dict[str, datetime]) -> int:
    """How far apart the values of a series of instants are. [s]"""
    row = connection.execute(query("export_cadence"), {"series_id": series_id, **span}).fetchone()
    assert row is not None
    return int(row["gap"] or FALLBACK_CADENCE_S)


def _medium(channels: list[dict[str, Any]]) -> str:
    """What a point that nobody has described measures: what most of its quantities belong to."""
    media = Counter(medium for channel in channels if (medium := quantity(channel["quantity"]).medium))
    return media.most_common(1)[0][0] if media else "process"
