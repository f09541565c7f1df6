"""A document in the form of `sites.json` against what the database knows: what it changes, and what it does not know.

A key that is absent leaves what is there; `null` (or an empty list) removes it, as in JSON Merge Patch (RFC 7396). What
the devices themselves have settled is not changed by a document: quantity, statistic, unit and interval must be those
of the values that are kept. Pure: rows are read and written elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from analysis.dataset.errors import DatasetError
from analysis.dataset.located_json import line_of, parse
from analysis.dataset.times import format_time, parse_time
from gateway.detection.registry import OPTIONAL, SERIES_SETTINGS, PointEntry, SeriesEntry, SiteEntry

Kind = Literal["site", "point", "channel", "facility"]
SITE_KEYS = ("name", "longitude", "latitude", "industry", "accepted_until")
POINT_KEYS = ("name", "medium", "reference_oxygen_pct")
CHANNEL_KEYS = (*OPTIONAL, *SERIES_SETTINGS)
FACILITY_KEYS = ("id", "name", "kind", "channel", "run_kw", "treats", "serves")
SETTLED = ("quantity", "statistic", "unit")
_BOUNDS = {"longitude": 180.0, "latitude": 90.0}


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a document changes; `place` as in the table `site_change`, None where there was or is nothing."""

    site: str
    site_id: int
    kind: Kind
    place: str
    row_id: int
    key: str
    old: Any
    new: Any


@dataclass(slots=True)
class Comparison:
    """What a document comes to."""

    changes: list[Change] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    not_described: int = 0
    """Channels of the document's sites that it does not mention: they stay as they are."""


def compare_document(text: str, entries: Iterable[SiteEntry], *, file: str, zone: ZoneInfo, now_s: float) -> Comparison:
    """Compare a document that the reader has accepted with the sites of the database.

    Parameters
    ----------
    zone : of times without an offset, the document's own

    Raises
    ------
    DatasetError
        If it contradicts what the devices have settled, or itself; names the line and the form expected.
    """
    known = {entry.id: entry for entry in entries}
    try:
        return _Comparing(file, zone, now_s).sites(orjson.loads(text)["sites"], known)
    except DatasetError:
        return _Comparing(file, zone, now_s).sites(parse(text)["sites"], known)  # raises the same, now with the line


class _Comparing:
    """One pass over the parsed document."""

    def __init__(self, file: str, zone: ZoneInfo, now_s: float) -> None:
        self.file = file
        self.zone = zone
        self.now_s = now_s
        self.found = Comparison()

    def fail(self, thing: Any, expected: str) -> DatasetError:
        return DatasetError(self.file, line_of(thing), expected)

    def sites(self, described: list[dict[str, Any]], known: Mapping[str, SiteEntry]) -> Comparison:
        for thing in described:
            entry = known.get(thing["id"])
            if entry is None:
                self.found.unknown.append(f"{thing['id']}: no such site has been registered or heard of")
            else:
                self.site(thing, entry)
        return self.found

    def site(self, thing: dict[str, Any], entry: SiteEntry) -> None:
        for key, bound in _BOUNDS.items():
            if thing.get(key) is not None and abs(thing[key]) > bound:
                raise self.fail(thing, f"`{key}` must lie between -{bound:g} and {bound:g} degrees")
        given = {**thing, "accepted_until": self.accepted_until(thing.get("accepted_until"), entry.id)}
        old = {**entry.document, "accepted_until": self.accepted_until(entry.document.get("accepted_until"), "")}
        self.keys({key: given[key] for key in SITE_KEYS if key in thing}, old, entry, "site", "", entry.row_id)
        points = {point.id: point for point in entry.points}
        for point in thing["points"]:
            if point["id"] in points:
                self.point(point, points[point["id"]], entry)
            else:
                self.found.unknown.append(f"{entry.id}/{point['id']}: no such point; {_there_are(points)}")
        mentioned = {point["id"] for point in thing["points"]}
        self.found.not_described += sum(len(point.series) for point in entry.points if point.id not in mentioned)
        if "facilities" in thing:
            self.facilities(thing["facilities"] or [], entry)

    def accepted_until(self, text: str | None, site: str) -> str | None:
        """As it is kept in the history; `site` is warned about, if given."""
        if text is None:
            return None
        time_s = parse_time(text, zone=self.zone)
        if site and time_s > self.now_s:
            self.found.warnings.append(
                f"{site}: `accepted_until` {text} lies ahead: all data until then count as honest"
            )
        return format_time(time_s, zone=self.zone)

    def point(self, thing: dict[str, Any], entry: PointEntry, site: SiteEntry) -> None:
        if not isinstance(thing.get("name", ""), str | None):
            raise self.fail(thing, "`name` must be a text")
        given = {key: thing[key] for key in POINT_KEYS if key in thing}
        self.keys(given, entry.document, site, "point", entry.id, entry.row_id)
        series = {one.channel: one for one in entry.series}
        for channel in thing["channels"]:
            if channel["id"] in series:
                self.channel(channel, series, entry, site)
            else:
                path = f"{site.id}/{entry.id}/{channel['id']}"
                self.found.unknown.append(f"{path}: no such channel; {_there_are(series)}")
        self.found.not_described += len(series.keys() - {channel["id"] for channel in thing["channels"]})

    def channel(
        self, thing: dict[str, Any], series: Mapping[str, SeriesEntry], point: PointEntry, site: SiteEntry
    ) -> None:
        entry = series[thing["id"]]
        path = f"{point.id}/{entry.channel}"
        for key in (*SETTLED, "interval_s") if entry.interval_s else SETTLED:
            if thing[key] != entry.document[key]:
                as_kept = f"must be {entry.document[key]!r}, as its values are kept, not {thing[key]!r}"
                raise self.fail(thing, f"`{key}` of {site.id}/{path} {as_kept}")
        merged = {**entry.document, **thing}
        low, high = merged.get("range_low"), merged.get("range_high")
        if low is not None and high is not None and low >= high:
            raise self.fail(
                thing, f"`range_low` of {site.id}/{path} must be below `range_high`, not {low:g} and {high:g}"
            )
        if not isinstance(thing.get("name", ""), str | None):
            raise self.fail(thing, "`name` must be a text")
        for source in thing.get("derived_from") or []:
            if source not in series:
                self.found.unknown.append(
                    f"{site.id}/{path}: `derived_from` {source}, which is no channel of its point"
                )
        given = {key: thing[key] for key in CHANNEL_KEYS if key in thing}
        self.keys(given, entry.document, site, "channel", path, entry.id)

    def facilities(self, described: list[dict[str, Any]], site: SiteEntry) -> None:
        """The list takes the place of what was described before; supervised facilities are changed in their table."""
        supervised = {entry.document["id"]: entry for entry in site.facilities}
        others = []
        for thing in described:
            self.references(thing, {one["id"] for one in described} | supervised.keys(), site)
            entry = supervised.get(thing["id"])
            if entry is None:
                others.append(_facility(thing))
                continue
            for key in ("kind", "channel", "run_kw", "treats"):
                if key in thing and _plain(thing[key]) != _plain(entry.document.get(key)):
                    stays = (
                        f"stays {entry.document.get(key)}: it is under power-use supervision, see `gateway facility`"
                    )
                    self.found.warnings.append(f"{site.id}, facility {thing['id']}: `{key}` {stays}")
            given = {"serves": thing["serves"]} if "serves" in thing else {}
            self.keys(given, entry.document, site, "facility", thing["id"], entry.row_id)
        old = [_facility(one) for one in site.described if one["id"] not in supervised]
        self.keys({"facilities": others}, {"facilities": old}, site, "site", "", site.row_id)

    def references(self, thing: dict[str, Any], facilities: set[str], site: SiteEntry) -> None:
        points = {point.id for point in site.points}
        channels = {f"{point.id}/{one.channel}" for point in site.points for one in point.series}
        for key, named, known in (
            ("channel", [thing["channel"]], channels),
            ("treats", thing.get("treats") or [], facilities),
            ("serves", thing.get("serves") or [], points),
        ):
            for name in named:
                if name not in known:
                    self.found.unknown.append(f"{site.id}, facility {thing['id']}: `{key}` {name}, which is not there")

    def keys(
        self, given: Mapping[str, Any], old: Mapping[str, Any], site: SiteEntry, kind: Kind, place: str, row_id: int
    ) -> None:
        for key, value in given.items():
            before, after = _plain(old.get(key)), _plain(value)
            if before != after:
                self.found.changes.append(Change(site.id, site.row_id, kind, place, row_id, key, before, after))


def _plain(value: Any) -> Any:
    """Nothing, however it is written, is None."""
    return None if value in ("", []) else value


def _facility(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {key: thing[key] for key in FACILITY_KEYS if _plain(thing.get(key)) is not None}


def _there_are(known: Iterable[str]) -> str:
    names = sorted(known)
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"there are: {shown}" if names else "there is none yet"
