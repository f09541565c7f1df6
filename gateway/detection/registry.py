"""The registered part of the database as `sites.json` has it.

Ids of channels must stay what they are when further series of the same code appear, since findings carry them: they
are `code-statistic-interval`, "a21026-avg-3600", unless `series.settings` gives an `id`. What the tables have no column
for is in the `settings` of site (`facilities`), point (`reference_oxygen_pct`) and series (`id`, `derived_from`,
`formula`, `reference_oxygen_pct`).
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from drivers.channels import STATISTICS, quantity
from gateway.detection.connection import Connection
from gateway.detection.window import Window
from gateway.storage.sql import query

FALLBACK_CADENCE_S = 60
"""Interval of a series of instants with fewer than two values."""

_OPTIONAL = {"limit": "limit_value", "range_low": "range_low", "range_high": "range_high",
             "detection_limit": "detection_limit"}  # fmt: skip
_SERIES_SETTINGS = ("derived_from", "formula", "reference_oxygen_pct")


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series and the channel it is in the dataset."""

    id: int
    code: str
    channel: str


@dataclass(frozen=True, slots=True)
class PointEntry:
    row_id: int
    id: str
    series: tuple[SeriesEntry, ...]


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """A site, where its rows are, and its object in `sites.json`."""

    row_id: int
    id: str
    accepted_until: datetime | None
    points: tuple[PointEntry, ...]
    document: dict[str, Any]
    left_out: list[str] = field(default_factory=list)


def read_registry(
    connection: Connection, window: Window, zone: ZoneInfo, *, shortest_interval_s: int
) -> list[SiteEntry]:
    """All sites that are not in quarantine, in the order in which they were registered."""
    found = connection.execute(query("export_sites")).fetchall()
    return [_site(connection, row, window, zone, shortest_interval_s) for row in found]


def _site(connection: Connection, row: dict[str, Any], window: Window, zone: ZoneInfo, shortest_s: int) -> SiteEntry:
    document: dict[str, Any] = {"id": row["external_id"], "name": row["name"] or row["external_id"]}
    document |= {key: row[key] for key in ("longitude", "latitude", "industry") if row[key] is not None}
    if row["accepted_until"] is not None:
        document["accepted_until"] = row["accepted_until"].astimezone(zone).isoformat()
    left_out: list[str] = []
    span = {"since": window.since_of(row["accepted_until"]), "until": window.until}
    points, documents = [], []
    for point in connection.execute(query("export_points"), {"site_id": row["id"]}).fetchall():
        entry, described = _point(connection, row["external_id"], point, span, shortest_s, left_out)
        points.append(entry)
        documents.append(described)
    document["points"] = documents
    document["facilities"] = row["settings"].get("facilities", [])
    return SiteEntry(row["id"], row["external_id"], row["accepted_until"], tuple(points), document, left_out)


def _point(
    connection: Connection,
    site: str,
    row: dict[str, Any],
    span: dict[str, datetime],
    shortest_s: int,
    left_out: list[str],
) -> tuple[PointEntry, dict[str, Any]]:
    series, channels = [], []
    for one in connection.execute(query("export_series"), {"point_id": row["id"]}).fetchall():
        if one["statistic"] not in STATISTICS:
            left_out.append(f"{site}/{row['external_id']}/{one['channel']}: statistic {one['statistic']}")
            continue
        interval_s = one["interval_s"] or _cadence_s(connection, one["id"], span)
        if interval_s < shortest_s:
            continue
        channel = one["settings"].get("id") or f"{one['channel']}-{one['statistic']}-{one['interval_s']}"
        series.append(SeriesEntry(one["id"], one["channel"], channel))
        channels.append(_channel(one, channel, interval_s))
    document = {"id": row["external_id"], "medium": row["medium"] or _medium(channels), "channels": channels}
    if "reference_oxygen_pct" in row["settings"]:
        document["reference_oxygen_pct"] = row["settings"]["reference_oxygen_pct"]
    return PointEntry(row["id"], row["external_id"], tuple(series)), document


def _channel(row: dict[str, Any], channel: str, interval_s: int) -> dict[str, Any]:
    document = {
        "id": channel, "quantity": row["quantity"], "statistic": row["statistic"], "unit": row["unit"],
        "interval_s": interval_s,
    }  # fmt: skip
    document |= {key: row[column] for key, column in _OPTIONAL.items() if row[column] is not None}
    return document | {key: row["settings"][key] for key in _SERIES_SETTINGS if key in row["settings"]}


def _cadence_s(connection: Connection, series_id: int, span: dict[str, datetime]) -> int:
    """How far apart the values of a series of instants are. [s]"""
    row = connection.execute(query("export_cadence"), {"series_id": series_id, **span}).fetchone()
    assert row is not None
    return int(row["gap"] or FALLBACK_CADENCE_S)


def _medium(channels: list[dict[str, Any]]) -> str:
    """What a point that nobody has described measures: what most of its quantities belong to."""
    media = Counter(medium for channel in channels if (medium := quantity(channel["quantity"]).medium))
    return media.most_common(1)[0][0] if media else "process"
