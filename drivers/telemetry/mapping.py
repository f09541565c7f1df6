"""A vendor's JSON by a table instead of code: topic patterns, paths, quantities, units, time.

    [[mapping]]
    name    = "wudun-ems"
    topics  = ["v1/+/+/+/data"]             # MQTT filters that it applies to
    require = ["$.data.total_active_power"]  # paths that must exist; also how it is recognised without a topic
    device  = "$.device_uid"                 # or "topic.3", or several: the first that is there
    records = "$.list[*]"                    # one sample each; default: the message is one
    time    = { path = "$.timestamp", format = "epoch_ms" }   # epoch_s, epoch_us, rfc3339 or a strptime pattern
    values  = [{ path = "$.data.voltage_phase_a", quantity = "voltage_a", unit = "V", factor = 1, show = "ua_v" }]

    position = { latitude = "$.lat", longitude = "$.lon", altitude_msl_m = "$.alt" }
    event    = { kind = "ai_alarm", kind_path = "$.type", kinds = { "10" = "smoke" }, text = "$.name" }  # , channel
    fields   = { event_id = "$.id" }         # printed and kept with the event, under these names
    objects  = { path = "$.boxes[*]", label = "label", confidence = "score", box = ["x1", "y1", "x2", "y2"] }
    count    = { images = "$.images[*]" }    # how many there are
    deviations = ["no_units"]                # what is always odd about this sender

`quantity` and `unit` are the vocabulary's: the value read is multiplied by `factor` to be in `unit`. A field that the
table does not name is not lost: the whole message is kept as it came.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from drivers.channels import QUANTITIES, STATISTICS
from drivers.errors import DriverError
from drivers.events import Channel, Content, Notice, Position, Readings, Reason, Shape
from drivers.telemetry import times
from drivers.telemetry.json_path import Path, parse_path
from drivers.telemetry.limits import Refused
from drivers.telemetry.message import Telemetry
from drivers.telemetry.positions import as_number, position
from drivers.telemetry.topics import matches

_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}


class MappingError(DriverError):
    """A mapping that cannot be used; the message names the mapping and the entry."""


class Value(NamedTuple):
    path: Path
    channel: Channel
    factor: float
    show: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """One vendor's dialect, checked. Made by `mapping_from`."""

    name: str
    topics: tuple[str, ...]
    require: tuple[Path, ...]
    device: tuple[Path, ...]
    records: Path | None
    time: Path | None
    time_format: str
    utc_offset_h: float
    values: tuple[Value, ...]
    shape: Shape
    position: dict[str, Path] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Path] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    count: dict[str, Path] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()

    def applies(self, topic: str, value: Any) -> bool:
        """Whether this table is for this message."""
        if topic and not any(matches(topic, pattern) for pattern in self.topics):
            return False
        if not topic and not self.require:
            return False
        return all(path.exists(value) for path in self.require)

    def decode(self, topic: str, value: Any) -> Telemetry:
        """One message.

        Raises
        ------
        Refused
            SANITY, if there is no device, or a time or position is given but cannot be.
        """
        names = (path.first(value, topic) for path in self.device)
        given = next(
            (name for name in names if isinstance(name, str | int) and not isinstance(name, bool) and name != ""), None
        )
        if given is None:
            raise Refused(Reason.SANITY, f"{self.name}: no device at {self.device[0].text}")
        device = str(given)
        odd: dict[str, None] = dict.fromkeys(self.deviations)
        shown: dict[str, Any] = {}
        held: list[Content] = []
        records = list(self.records.all(value)) if self.records else [value]
        for record in records:
            held += self._record(device, record, value, topic, shown, odd)
        shown |= {name: path.first(value, topic) for name, path in self.fields.items()}
        shown |= {name: sum(1 for _ in path.all(value)) for name, path in self.count.items()}
        if self.objects:
            shown["objects"] = [_object(item, self.objects) for item in self.objects["path"].all(value)]
        if self.event:
            held.append(self._event(device, value, topic, shown, held))
        return Telemetry(self.name.replace("-", "_"), device, topic, shown, held, tuple(odd))

    def _record(
        self, device: str, record: Any, value: Any, topic: str, shown: dict[str, Any], odd: dict[str, None]
    ) -> Iterator[Content]:
        time_us = self._time(record, value, odd)
        shown.setdefault("time_utc", times.text_utc(time_us))
        if self.values:
            values = [self._number(item, record, odd) for item in self.values]
            shown |= {item.show: x for item, x in zip(self.values, values, strict=True) if not math.isnan(x)}
            if not all(math.isnan(x) for x in values):
                yield Readings(device, time_us, self.shape, values, "N" * len(values))
        if self.position:
            yield from self._position(device, time_us, record, shown, odd)

    def _time(self, record: Any, value: Any, odd: dict[str, None]) -> int | None:
        given = self.time.first(record) if self.time else None
        if given is None and self.time and record is not value:
            given = self.time.first(value)
        if given is None:
            odd["no_device_time"] = None
            return None
        if self.time_format in _EPOCHS:
            time_us = times.from_epoch(given, unit_us=_EPOCHS[self.time_format])
        elif self.time_format == "rfc3339":
            time_us = times.from_rfc3339(given)
        else:
            time_us = times.from_local(given, self.time_format, utc_offset_h=self.utc_offset_h)
        if time_us is None:
            raise Refused(Reason.SANITY, f"{self.name}: time {str(given)[:40]!r} is not {self.time_format}")
        if not times.is_plausible(time_us):
            odd["timestamp_implausible"] = None
            return None
        return time_us

    def _number(self, item: Value, record: Any, odd: dict[str, None]) -> float:
        given = item.path.first(record)
        if isinstance(given, str):
            try:
                given = float(given)
            except ValueError:
                given = None
        number = as_number(given)
        if number is None and item.path.first(record) is not None:
            odd["value_not_a_number"] = None
        return math.nan if number is None else number * item.factor

    def _position(
        self, device: str, time_us: int | None, record: Any, shown: dict[str, Any], odd: dict[str, None]
    ) -> Iterator[Content]:
        given = {name: path.first(record) for name, path in self.position.items()}
        if given["latitude"] is None and given["longitude"] is None:
            return
        where = position(device, time_us, given.pop("latitude"), given.pop("longitude"), **given)
        if isinstance(where, Position):
            shown |= {"lat_deg": where.latitude_deg, "lon_deg": where.longitude_deg}
            yield where
        else:
            odd[where] = None

    def _event(self, device: str, value: Any, topic: str, shown: dict[str, Any], held: list[Content]) -> Notice:
        kind_path, text, channel = (self.event.get(key) for key in ("kind_path", "text", "channel"))
        kind = self.event["kind"]
        if kind_path is not None:
            kind = self.event.get("kinds", {}).get(str(kind_path.first(value, topic)), kind)
        time_us = self._time(value, value, {})
        return Notice(
            device,
            time_us,
            kind,
            channel=_text(channel.first(value, topic)) if channel else "",
            text=_text(text.first(value, topic)) if text else "",
            detail=dict(shown),
        )


def mapping_from(table: dict[str, Any]) -> Mapping:
    """A mapping from its configuration.

    Raises
    ------
    MappingError
        If an entry is missing, unknown or not understood.
    """
    name = str(table.get("name", "?"))
    unknown = set(table) - _ENTRIES
    if unknown:
        raise MappingError(f"mapping {name}: unknown entry {min(unknown)}")
    try:
        values = tuple(_value(item) for item in table.get("values", []))
        time = table.get("time", {})
        return Mapping(
            name=table["name"],
            topics=tuple(table["topics"]),
            require=tuple(parse_path(text) for text in table.get("require", [])),
            device=_device_paths(table["device"]),
            records=parse_path(table["records"]) if "records" in table else None,
            time=parse_path(time["path"]) if time else None,
            time_format=time.get("format", "rfc3339"),
            utc_offset_h=float(time.get("utc_offset_h", 8)),
            values=values,
            shape=Shape(tuple(item.channel for item in values)),
            position={key: parse_path(text) for key, text in _position_table(table).items()},
            event=_event_table(table),
            fields={key: parse_path(text) for key, text in table.get("fields", {}).items()},
            objects=_objects_table(table),
            count={key: parse_path(text) for key, text in table.get("count", {}).items()},
            deviations=tuple(table.get("deviations", ())),
        )
    except KeyError as error:
        raise MappingError(f"mapping {name}: entry {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise MappingError(f"mapping {name}: {error}") from None


_ENTRIES = frozenset({
    "name", "title", "topics", "require", "device", "records", "time", "values", "position", "event", "fields",
    "objects", "count", "deviations",
})  # fmt: skip


def _device_paths(given: str | list[str]) -> tuple[Path, ...]:
    return tuple(parse_path(text) for text in ([given] if isinstance(given, str) else given))


def _value(item: dict[str, Any]) -> Value:
    path = parse_path(item["path"])
    quantity, statistic = item["quantity"], item.get("statistic", "rtd")
    if quantity not in QUANTITIES and "unit" not in item:
        raise ValueError(f"quantity {quantity!r} is not in the vocabulary; one of your own needs its unit")
    if statistic not in STATISTICS:
        raise ValueError(f"statistic {statistic!r} is none of {', '.join(STATISTICS)}")
    code = item.get("code") or str(path.steps[-1])
    unit = item["unit"] if "unit" in item else QUANTITIES[quantity].unit
    channel = Channel(code, quantity, statistic, unit, int(item.get("interval_s", 0)))
    return Value(path, channel, float(item.get("factor", 1)), item.get("show", code))


def _position_table(table: dict[str, Any]) -> dict[str, str]:
    given: dict[str, str] = table.get("position", {})
    if given and not {"latitude", "longitude"} <= set(given):
        raise ValueError("position needs latitude and longitude")
    return given


def _event_table(table: dict[str, Any]) -> dict[str, Any]:
    given = dict(table.get("event", {}))
    if given and "kind" not in given:
        raise ValueError("event needs kind")
    return {key: parse_path(x) if key in ("kind_path", "text", "channel") else x for key, x in given.items()}


def _objects_table(table: dict[str, Any]) -> dict[str, Any]:
    given = dict(table.get("objects", {}))
    if not given:
        return {}
    return {
        "path": parse_path(given["path"]),
        "label": parse_path(f"$.{given['label']}"),
        "confidence": parse_path(f"$.{given['confidence']}"),
        "box": [parse_path(f"$.{key}") for key in given.get("box", [])],
    }


def _object(item: Any, table: dict[str, Any]) -> dict[str, Any]:
    """Label, confidence (may be null) and box in pixels as the sender counts them, corners or corner and size."""
    box = [_as_pixel(path.first(item)) for path in table["box"]]
    found = {"label": table["label"].first(item), "confidence": table["confidence"].first(item)}
    return found | ({"bbox_px": box} if box and None not in box else {})


def _as_pixel(value: Any) -> float | int | None:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return int(number) if number.is_integer() else number
    return value if as_number(value) is not None else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
