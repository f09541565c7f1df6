"""OGC SensorThings 1.1 as foreign input: observations created over MQTT, and entities in other people's answers.

    v1.1/Observations                       {"result", "phenomenonTime", "resultTime", "Datastream": {"@iot.id": n}, …}
    v1.1/Datastreams(n)/Observations        the same without Datastream
    v1.1/CreateObservations                 [{"Datastream": {…}, "components": […], "dataArray": [[…], …]}]

An Observation names its Datastream, and nothing else: not the Thing, nor what is measured. So the service is the device
(the topic's prefix, "plant-7" in `plant-7/v1.1/Observations`, else "sensorthings") and each Datastream is a channel of
it, "datastream-7": a series of its own, whichever way its observations come.

OGC 18-088, sections 8 (entities) and 14 (MQTT). A key that an Observation does not have is refused: a published example
misspells `phenomenonTime`, and a lenient reader would store that value under the time of its arrival. An observation
without a time is taken, and says so. GeoJSON order is longitude, latitude.
"""

import math
import re
from functools import lru_cache
from typing import Any

from drivers.events import Channel, Content, Notice, Position, Readings, Reason, Shape
from drivers.telemetry import times
from drivers.telemetry.limits import Refused
from drivers.telemetry.message import Telemetry
from drivers.telemetry.positions import as_number, position

TOPIC = re.compile(r"(?:(?P<prefix>.*)/)?v1\.\d/(?P<path>[A-Z].*)")
MAX_ID_CHARS = 48
_DATASTREAM = re.compile(r"(?:Multi)?Datastreams\((?P<id>[^)]+)\)")
_OBSERVATION_KEYS = frozenset({
    "result", "phenomenonTime", "resultTime", "resultQuality", "validTime", "parameters", "Datastream",
    "FeatureOfInterest", "id",
})  # fmt: skip
_THING_KEYS = frozenset({"name", "description", "properties", "Locations", "HistoricalLocations", "Datastreams"})
_LINK = re.compile(r"(?:[A-Za-z]+)?@iot\.[A-Za-z]+")

_ENTITIES = (
    ("Datastream", ("unitOfMeasurement",)),
    ("Location", ("encodingType", "location")),
    ("FeatureOfInterest", ("encodingType", "feature")),
    ("Sensor", ("encodingType", "metadata")),
    ("ObservedProperty", ("definition", "description")),
    ("HistoricalLocation", ("time", "Locations")),
    ("Thing", ("name", "description")),
)
"""Entity by the properties that only it must have, the most telling first."""


def looks_like(value: Any) -> bool:
    """Whether a message without a telling topic is SensorThings."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict) and "dataArray" in value[0]
    if not isinstance(value, dict):
        return False
    if any(key.startswith("@iot.") for key in value) or "phenomenonTime" in value:
        return True
    if "result" in value and ("Datastream" in value or "FeatureOfInterest" in value):
        return True
    entity = _entity(value)
    return entity is not None and (entity != "Thing" or _THING_KEYS.issuperset(value))


def decode_sensorthings(topic: str, value: Any) -> Telemetry:
    """One message: an observation, a data array, a page of an answer, or another entity.

    Raises
    ------
    Refused
        SANITY, if it is none of these, or an observation by half.
    """
    found = TOPIC.fullmatch(topic)
    path = found["path"] if found else ""
    if isinstance(value, list):
        return _data_arrays(topic, value)
    if not isinstance(value, dict):
        raise Refused(Reason.SANITY, "a SensorThings message is an object or a data array")
    if isinstance(value.get("value"), list):
        return _page(topic, value)
    if "result" in value or path.endswith("Observations"):
        return _observation(topic, value, path)
    entity = _entity(value)
    if entity is None:
        raise Refused(Reason.SANITY, "no SensorThings entity has these properties")
    if entity == "Location":
        return _location(topic, value)
    return Telemetry(
        "sensorthings", "", topic, {"entity": entity, "id": value.get("@iot.id"), "name": value.get("name")}
    )


def _entity(value: dict[str, Any]) -> str | None:
    return next((name for name, keys in _ENTITIES if all(key in value for key in keys)), None)


def _observation(topic: str, value: dict[str, Any], path: str) -> Telemetry:
    item = _row(value)
    stream = _datastream(value, path)
    if stream is None:
        raise Refused(Reason.SANITY, "an observation needs its Datastream")
    fields: dict[str, Any] = {"entity": "Observation", "datastream_id": stream, **item}
    fields["feature"] = value.get("FeatureOfInterest") or "from the Location of the Thing"
    time_us = _start(value.get("phenomenonTime"))
    deviations = () if time_us is not None else ("time_defaulted",)
    device = _device(topic)
    content = _content(device, stream, time_us, value["result"])
    return Telemetry("sensorthings", device, topic, fields, [content], deviations)


def _device(topic: str) -> str:
    found = TOPIC.fullmatch(topic)
    return (found["prefix"] if found else None) or "sensorthings"


def _row(value: dict[str, Any]) -> dict[str, Any]:
    unknown = [key for key in value if key not in _OBSERVATION_KEYS and not _LINK.fullmatch(key)]
    if unknown:
        raise Refused(Reason.SANITY, f"unknown key in an Observation: {unknown[0][:64]}")
    if "result" not in value:
        raise Refused(Reason.SANITY, "an Observation needs its result")
    for name in ("phenomenonTime", "resultTime"):
        if value.get(name) is not None and _start(value[name]) is None:
            raise Refused(Reason.SANITY, f"{name} is not ISO 8601 with a zone: {str(value[name])[:40]!r}")
    return {
        **({"id": value["@iot.id"]} if "@iot.id" in value else {}),
        "result": value["result"],
        "phenomenon_time_utc": times.text_utc(_start(value.get("phenomenonTime"))),
        "result_time_utc": times.text_utc(_start(value.get("resultTime"))),
    }


def _start(text: Any) -> int | None:
    """An instant, or the start of an interval `start/end`."""
    return times.from_rfc3339(text.partition("/")[0]) if isinstance(text, str) else None


def _datastream(value: dict[str, Any], path: str) -> Any:
    inner = value.get("Datastream")
    if isinstance(inner, dict) and "@iot.id" in inner:
        return _id(inner["@iot.id"])
    found = _DATASTREAM.match(path) or _DATASTREAM.search(str(value.get("Datastream@iot.navigationLink", "")))
    if found is None:
        return None
    return _id(int(found["id"]) if found["id"].isdigit() else found["id"].strip("'"))


def _id(given: Any) -> int | str:
    if isinstance(given, int | str) and not isinstance(given, bool) and 0 < len(str(given)) <= MAX_ID_CHARS:
        return given
    raise Refused(Reason.SANITY, f"a Datastream's id is a number or a text of at most {MAX_ID_CHARS} characters")


def _content(device: str, stream: int | str, time_us: int | None, result: Any) -> Content:
    number = math.nan if result is None else as_number(result)
    if number is None:
        return Notice(device, time_us, "observation", f"datastream-{stream}", detail={"result": result})
    return Readings(device, time_us, _shape(str(stream)), [number], "N")


@lru_cache(maxsize=4096)
def _shape(stream: str) -> Shape:
    """What a datastream measures is written in the server that made it; here it is a result without a unit."""
    return Shape((Channel(f"datastream-{stream}", "result", "rtd", "", 0),))


def _data_arrays(topic: str, value: list[Any]) -> Telemetry:
    device = _device(topic)
    held: list[Content] = []
    items: list[dict[str, Any]] = []
    for part in value:
        if not isinstance(part, dict) or not isinstance(part.get("dataArray"), list):
            raise Refused(Reason.SANITY, "not a SensorThings data array")
        stream, names = _datastream(part, ""), part.get("components")
        if stream is None or not isinstance(names, list):
            raise Refused(Reason.SANITY, "a data array needs its Datastream and components")
        for row in part["dataArray"]:
            if not isinstance(row, list) or len(row) != len(names):
                raise Refused(Reason.SANITY, "a data array's row does not fit its components")
            values = {
                str(name).replace("/", "@", 1) if "/" in str(name) else str(name): x
                for name, x in zip(names, row, strict=True)
            }
            values.pop("FeatureOfInterest@id", None)
            items.append({"datastream_id": stream, **_row(values)})
            held.append(_content(device, stream, _start(values.get("phenomenonTime")), values["result"]))
    deviations = (
        ("time_defaulted",) if any(item.time_us is None for item in held if not isinstance(item, Position)) else ()
    )
    return Telemetry("sensorthings", device, topic, {"entity": "dataArray", "items": items}, held, deviations)


def _page(topic: str, value: dict[str, Any]) -> Telemetry:
    """A page of somebody's answer: shown, not stored, for it does not say whose observations these are."""
    items = [_row(item) if isinstance(item, dict) and "result" in item else item for item in value["value"]]
    fields = {"count": value.get("@iot.count"), "next": value.get("@iot.nextLink"), "items": items}
    return Telemetry("sensorthings", "", topic, fields)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _location(topic: str, value: dict[str, Any]) -> Telemetry:
    shape = value.get("location")
    things = [item.get("@iot.id") for item in _listed(value.get("Things")) if isinstance(item, dict)]
    fields: dict[str, Any] = {"entity": "Location", "name": value.get("name"), "thing_ids": things}
    if not isinstance(shape, dict) or shape.get("type") != "Point":
        return Telemetry("sensorthings", "", topic, fields)
    coordinates = shape.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) not in (2, 3):
        raise Refused(Reason.SANITY, "a point has two or three coordinates")
    device = f"thing-{things[0]}" if things else ""
    height = coordinates[2] if len(coordinates) == 3 else None
    where = position(device, None, coordinates[1], coordinates[0], altitude_ellipsoid_m=height)
    if isinstance(where, str):
        raise Refused(Reason.SANITY, where.replace("_", "-"))
    fields |= {"lon_deg": where.longitude_deg, "lat_deg": where.latitude_deg, "height_ellipsoid_m": height}
    # A Location is where a thing is registered to be, not an observation at a time: it is shown and not stored.
    return Telemetry("sensorthings", device, topic, fields)
