"""`sites.json`: read strictly, unknown keys gathered for one warning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from analysis.dataset.errors import DatasetError
from analysis.dataset.located_json import line_of, parse
from analysis.dataset.times import ISO_FORM, parse_time
from analysis.model.metadata import Channel, Facility, Site

MEDIA = ("air", "water", "power", "ambient", "mobile", "process")
STATISTICS = ("rtd", "avg", "min", "max", "cou", "total", "zs_rtd", "zs_avg", "zs_min", "zs_max")
FORMULAS = (
    "oxygen_conversion", "mass", "mean", "sum", "flow_weighted_mean", "dry_standard_flow", "rate", "power_factor",
    "no_to_nox", "affine",
)  # fmt: skip
_KNOWN = {
    "dataset": {"time_zone", "sites"},
    "site": {"id", "name", "longitude", "latitude", "industry", "accepted_until", "points", "facilities"},
    "point": {"id", "medium", "reference_oxygen_pct", "channels", "name"},
    "channel": {
        "id", "quantity", "statistic", "unit", "interval_s", "limit", "range_low", "range_high", "detection_limit",
        "derived_from", "formula", "reference_oxygen_pct", "name",
    },
    "facility": {"id", "kind", "channel", "run_kw", "treats", "serves", "name"},
}  # fmt: skip


@dataclass(frozen=True)
class Registry:
    """The registered part of a dataset."""

    zone: ZoneInfo
    sites: tuple[Site, ...]
    unknown_keys: tuple[str, ...]


def read_sites(path: Path) -> Registry:
    """Read `sites.json`.

    Raises
    ------
    DatasetError
        If it is missing or malformed; names the line and the form expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(path.name, None, f"cannot be read ({error.strerror}); every dataset has one") from error
    try:
        return _Reading(path.name).registry(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise DatasetError(path.name, error.lineno, f"JSON expected: {error.msg}") from error
    except DatasetError:
        return _Reading(path.name).registry(parse(text))  # raises the same, now with the line


class _Reading:
    """One pass over the parsed file; collects the keys that it does not know."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.unknown: set[str] = set()

    def fail(self, thing: Any, expected: str) -> DatasetError:
        return DatasetError(self.file, line_of(thing), expected)

    def object(self, thing: Any, kind: str, *, within: Any = None) -> dict[str, Any]:
        if not isinstance(thing, dict):
            raise self.fail(within, f"each {kind} must be a JSON object")
        self.unknown |= {f"{kind}.{key}" for key in thing.keys() - _KNOWN[kind]}
        return thing

    def text(self, thing: dict[str, Any], key: str, *, default: str | None = None, allowed: Iterable[str] = ()) -> str:
        value = thing.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise self.fail(thing, f"`{key}` must be a text that is not empty")
        if allowed and value not in allowed:
            raise self.fail(thing, f"`{key}` must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def number(self, thing: dict[str, Any], key: str) -> float | None:
        value = thing.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.fail(thing, f"`{key}` must be a number")
        return None if value is None else float(value)

    def items(self, thing: dict[str, Any], key: str, *, required: bool) -> list[Any]:
        value = thing.get(key, None if required else [])
        if value is None and not required:
            return []
        if not isinstance(value, list):
            raise self.fail(thing, f"`{key}` must be a list")
        return value

    def texts(self, thing: dict[str, Any], key: str) -> tuple[str, ...]:
        values = self.items(thing, key, required=False)
        if not all(isinstance(value, str) for value in values):
            raise self.fail(thing, f"`{key}` must be a list of texts")
        return tuple(values)

    def registry(self, thing: Any) -> Registry:
        dataset = self.object(thing, "dataset")
        name = self.text(dataset, "time_zone")
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise self.fail(dataset, "`time_zone` must be an IANA name like Asia/Shanghai") from error
        sites = tuple(self.site(item, zone, within=dataset) for item in self.items(dataset, "sites", required=True))
        self.unique([site.id for site in sites], "site", dataset)
        return Registry(zone, sites, tuple(sorted(self.unknown)))

    def unique(self, ids: list[str], kind: str, within: Any) -> None:
        twice = {one for one in ids if ids.count(one) > 1} if len(ids) != len(set(ids)) else set()
        if twice:
            raise self.fail(within, f"each {kind} needs an `id` of its own; {sorted(twice)[0]!r} occurs twice")

    def site(self, item: Any, zone: ZoneInfo, *, within: Any) -> Site:
        thing = self.object(item, "site", within=within)
        site_id = self.text(thing, "id")
        if "/" in site_id:
            raise self.fail(thing, "`id` of a site must not contain /")
        points = [self.object(point, "point", within=thing) for point in self.items(thing, "points", required=True)]
        self.unique([str(point.get("id")) for point in points], "point of a site", thing)
        return Site(
            id=site_id,
            name=self.text(thing, "name", default=site_id),
            industry=self.text(thing, "industry", default=""),
            channels=tuple(channel for point in points for channel in self.channels(site_id, point)),
            facilities=tuple(
                self.facility(facility, within=thing) for facility in self.items(thing, "facilities", required=False)
            ),
            accepted_until_s=self.accepted_until(thing, zone),
            longitude=self.number(thing, "longitude"),
            latitude=self.number(thing, "latitude"),
        )

    def accepted_until(self, thing: dict[str, Any], zone: ZoneInfo) -> float | None:
        if thing.get("accepted_until") is None:
            return None
        try:
            return parse_time(self.text(thing, "accepted_until"), zone=zone)
        except ValueError as error:
            raise self.fail(thing, f"`accepted_until` must be {ISO_FORM}") from error

    def channels(self, site_id: str, point: dict[str, Any]) -> list[Channel]:
        point_id, medium = self.text(point, "id"), self.text(point, "medium", allowed=MEDIA)
        things = [self.object(item, "channel", within=point) for item in self.items(point, "channels", required=True)]
        self.unique([str(thing.get("id")) for thing in things], "channel of a point", point)
        oxygen = self.number(point, "reference_oxygen_pct")
        return [self.channel(site_id, point_id, medium, oxygen, thing) for thing in things]

    def channel(self, site_id: str, point_id: str, medium: str, oxygen: float | None, thing: dict[str, Any]) -> Channel:
        interval_s = self.number(thing, "interval_s")
        if interval_s is None or interval_s < 1 or interval_s != int(interval_s):
            raise self.fail(thing, "`interval_s` must be a whole number of seconds, 1 or more")
        own_oxygen = self.number(thing, "reference_oxygen_pct")
        return Channel(
            site=site_id,
            point=point_id,
            id=self.text(thing, "id"),
            medium=medium,
            quantity=self.text(thing, "quantity"),
            statistic=self.text(thing, "statistic", allowed=STATISTICS),
            unit=self.text(thing, "unit"),
            interval_s=int(interval_s),
            limit=self.number(thing, "limit"),
            range_low=self.number(thing, "range_low"),
            range_high=self.number(thing, "range_high"),
            detection_limit=self.number(thing, "detection_limit"),
            derived_from=self.texts(thing, "derived_from"),
            formula=self.text(thing, "formula", allowed=FORMULAS) if thing.get("formula") is not None else None,
            reference_oxygen_pct=oxygen if own_oxygen is None else own_oxygen,
        )

    def facility(self, item: Any, *, within: Any) -> Facility:
        thing = self.object(item, "facility", within=within)
        return Facility(
            id=self.text(thing, "id"),
            kind=self.text(thing, "kind"),
            channel=self.text(thing, "channel"),
            run_kw=self.number(thing, "run_kw"),
            treats=self.texts(thing, "treats"),
            serves=self.texts(thing, "serves"),
        )
