"""The register of sites: a document in the form of `sites.json` into the database, out of it, and its history.

    FILE ── reader (analysis.dataset.sites) ─► comparison ── one transaction ─► site, point, series, facility
                                                                                site_document, site_change

The tables that the analysis is fed from hold the values in force; `site_document` keeps each document that changed
something, byte for byte, and `site_change` what it changed, who said so and when. Both refuse every change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from analysis.dataset.sites import read_sites
from gateway.detection.connection import Connection, connected
from gateway.detection.registry import OPTIONAL, SiteEntry, read_registry
from gateway.detection.site_comparison import Change, Comparison, compare_document
from gateway.detection.sites_sql import query
from gateway.detection.window import scheduled_window
from gateway.errors import GatewayError

CADENCE_DAYS = 60
"""How far back the distance of instants is looked for. [d]"""
_COLUMNS = {
    "site": {key: key for key in ("name", "longitude", "latitude", "industry", "accepted_until")},
    "point": {key: key for key in ("name", "medium")},
    "channel": dict(OPTIONAL),
    "facility": {"serves": "serves"},
}
_EMPTY = {("site", "name"): "", ("point", "name"): "", ("facility", "serves"): []}
"""Columns that are never NULL."""


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who answers for a document, and what it rests on."""

    by: str
    note: str = ""


def import_document(
    dsn: str, path: Path, authorship: Authorship, *, now: datetime, time_zone: str, is_trial: bool = False
) -> Comparison:
    """Take a document into the database, whose schema must be up to date; all that it says, or nothing.

    What the database does not know (sites, points, channels that nobody has registered or heard of) is told in
    `unknown` and not stored: import the document again when it is there. Only names that a known channel or facility
    refers to are kept although nothing has them yet.

    Parameters
    ----------
    is_trial : compare only

    Raises
    ------
    DatasetError
        If the document is malformed or contradicts itself or what is stored; nothing was changed.
    GatewayError
        If nobody answers for it.
    StorageError
        From the database.
    """
    if not authorship.by.strip():
        raise GatewayError("a document is imported on somebody's word: give a name")
    registry = read_sites(path)
    raw = path.read_bytes()
    with connected(dsn, name="gateway sites") as connection, connection.transaction():
        connection.execute(query("register_lock"))
        entries = _entries(connection, now, time_zone)
        found = compare_document(raw.decode(), entries, file=path.name, zone=registry.zone, now_s=now.timestamp())
        if found.changes and not is_trial:
            _store(connection, found.changes, path.name, raw, authorship)
    if registry.unknown_keys:
        found.warnings.append(f"{path.name}: unknown keys ignored: {', '.join(registry.unknown_keys)}")
    return found


def export_document(
    dsn: str, *, now: datetime, time_zone: str, sites: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """All that is registered of some sites, or of all, in the form of `sites.json`; and what that form cannot hold.

    Raises
    ------
    GatewayError
        If one of the sites is not known.
    StorageError
        From the database.
    """
    with connected(dsn, name="gateway sites") as connection:
        entries = [entry for entry in _entries(connection, now, time_zone) if not sites or entry.id in sites]
    missing = sorted(set(sites) - {entry.id for entry in entries})
    if missing:
        raise GatewayError(f"{missing[0]}: no such site has been registered or heard of")
    left_out = [text for entry in entries for text in entry.left_out]
    return {"time_zone": time_zone, "sites": [entry.document for entry in entries]}, left_out


def site_history(dsn: str, site: str, *, most: int = 100) -> list[dict[str, Any]]:
    """The latest changes of a site first: imported_at, imported_by, name, note, sha256, kind, place, key, old_value,
    new_value."""
    with connected(dsn, name="gateway sites") as connection:
        return connection.execute(query("site_history"), {"site": site, "most": most}).fetchall()


def document_text(document: dict[str, Any]) -> str:
    """The document as the file that `import_document` takes."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _entries(connection: Connection, now: datetime, time_zone: str) -> list[SiteEntry]:
    return read_registry(
        connection, scheduled_window(now, days=CADENCE_DAYS), ZoneInfo(time_zone), shortest_interval_s=1
    )


def _store(connection: Connection, changes: list[Change], name: str, raw: bytes, authorship: Authorship) -> None:
    row = {"by": authorship.by.strip(), "note": authorship.note, "name": name, "document": raw}
    answer = connection.execute(query("put_document"), row | {"sha256": hashlib.sha256(raw).digest()}).fetchone()
    assert answer is not None
    for change in changes:
        noted = {"document_id": answer["id"], "site_id": change.site_id, "kind": change.kind, "place": change.place}
        values = {"key": change.key, "old": Jsonb(change.old), "new": Jsonb(change.new)}
        connection.execute(query("put_change"), noted | values)
        _apply(connection, change)


def _apply(connection: Connection, change: Change) -> None:
    column = _COLUMNS[change.kind].get(change.key)
    if column is None:
        setting = {"id": change.row_id, "key": change.key, "value": Jsonb(change.new)}
        connection.execute(query(f"set_{change.kind}_setting"), setting)
        return
    value = _EMPTY.get((change.kind, change.key)) if change.new is None else change.new
    statement = sql.SQL(query(f"set_{change.kind}").decode()).format(column=sql.Identifier(column))
    connection.execute(statement, {"id": change.row_id, "value": value})
