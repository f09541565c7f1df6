"""Camera events over MQTT: ONVIF `onvif-ej` and the Axis dialect.

    {prefix}/onvif-ej/{topic}[/&{source value}/…]      {"UtcTime", "Source": {…}, "Data": {…}}
    axis/{serial}/event/{topic}[/$source/{key}/{value}]
        {"topic", "timestamp": ms, "serial", "message": {"source", "key", "data"}}

ONVIF Core specification, section "JSON Event Payload". The prefix may hold slashes; source values follow `/&`. Property
events are retained: what a subscriber gets first is state, not news. An empty payload says that the property is gone.
Numbers and booleans may be quoted; Hanwha keeps the `tns1:` of the topic and, in some firmware, the XML form
`{"SimpleItem": [{"Name", "Value"}]}`. Axis quotes every value.
"""

from typing import Any

from drivers.events import Notice, Reason
from drivers.telemetry import times
from drivers.telemetry.limits import Refused, mismatch
from drivers.telemetry.message import Telemetry

ONVIF = "/onvif-ej/"

EVENT_CODES = (
    ("VideoSource/ImageTooBlurry", "camera.blur"),
    ("VideoSource/ImageTooDark", "camera.dark"),
    ("VideoSource/ImageTooBright", "camera.bright"),
    ("VideoSource/GlobalSceneChange", "camera.moved"),
    ("VideoSource/SignalLoss", "camera.offline"),
    ("VideoSource/ImpairedVisibility", "camera.impaired"),
    ("VideoSource/MotionAlarm", "camera.motion"),
    ("Device/HardwareFailure", "camera.hardware_failure"),
    ("Device/Tampering", "camera.occluded"),
    ("Device/Sensor", "sensor.threshold"),
    ("RuleEngine/TamperDetector", "camera.occluded"),
    ("RuleEngine/LineDetector", "area.line_crossed"),
    ("RuleEngine/FieldDetector", "area.entered"),
    ("CameraApplicationPlatform/ObjectAnalytics", "area.object"),
    ("CameraApplicationPlatform/ObjectDwellTimer", "area.dwell"),
    ("CameraApplicationPlatform/VMD", "camera.motion"),
)
"""Start of the topic, vendors' namespaces removed → our own vocabulary."""

SENSOR_UNITS = {"Temperature": "degC", "RelativeHumidity": "%"}
"""Units of `Device/Sensor/…`; the payload has none, they are only in the text of the standard."""

_AXIS_BOOLEANS = frozenset({
    "active", "test", "thresholdExceeded", "triggered", "tampering", "lost", "connected", "disruption", "day",
    "open", "recording", "running", "limit_exceeded", "sensor_level", "signal", "ready", "started",
})  # fmt: skip


def decode_onvif(topic: str, value: Any) -> Telemetry:
    """An ONVIF event; `value` None stands for the empty payload.

    Raises
    ------
    Refused
        SANITY, if the payload is neither empty nor an event.
    """
    prefix, _, local = topic.partition(ONVIF)
    name, _, sources = local.partition("/&")
    fields: dict[str, Any] = {"prefix": prefix, "format": "onvif-ej", "event": name}
    fields["source_path"] = sources.split("/") if sources else []
    fields["event_code"] = event_code(name)
    if value is None:
        fields["property_deleted"] = True
        detail = {"topic": name, "source_path": fields["source_path"]}
        return Telemetry(
            "onvif_event", prefix, topic, fields, [Notice(prefix, None, "property_deleted", detail=detail)]
        )
    if not isinstance(value, dict) or not isinstance(value.get("Data", {}), dict):
        raise Refused(Reason.SANITY, "not an ONVIF event")
    time_us = times.from_rfc3339(value.get("UtcTime"))
    fields["time_utc"] = times.text_utc(time_us)
    fields["source"], fields["data"] = _items(value.get("Source")), _items(value.get("Data"))
    _sensor(name, fields)
    deviations = () if time_us is not None else ("no_device_time",)
    notice = _notice(prefix, time_us, name, fields)
    return Telemetry("onvif_event", prefix, topic, fields, [notice], deviations)


def decode_axis(topic: str, value: Any) -> Telemetry:
    """An Axis event.

    Raises
    ------
    Refused
        SANITY, if it has no topic or message; REFUSED, if its serial is not the topic's.
    """
    if not isinstance(value, dict) or not isinstance(value.get("message"), dict):
        raise Refused(Reason.SANITY, "not an Axis event")
    device, claimed = _axis_serial(topic), value.get("serial")
    if device and claimed is not None and claimed != device:
        raise mismatch(device, claimed)
    device = device or str(claimed or "")
    message = value["message"]
    name = str(value.get("topic") or _axis_name(topic))
    data = {_axis_key(key): _axis_value(key, item) for key, item in _object(message.get("data")).items()}
    time_us = times.from_rfc3339(data.get("utcTime"))
    if time_us is None:
        time_us = times.plausible(times.from_epoch(value.get("timestamp"), unit_us=1_000))
    fields: dict[str, Any] = {
        "event": name,
        "event_code": event_code(name),
        "time_utc": times.text_utc(time_us),
        "source": _object(message.get("source")),
        "key": _object(message.get("key")),
        "data": data,
        "is_test": data.get("test") is True,
    }
    deviations = () if time_us is not None else ("no_device_time",)
    return Telemetry("axis_event", device, topic, fields, [_notice(device, time_us, name, fields)], deviations)


def event_code(name: str) -> str:
    """Our word for a camera's event, or "camera.event"."""
    plain = "/".join(part.rpartition(":")[2] for part in name.split("/"))
    return next((code for start, code in EVENT_CODES if plain.startswith(start)), "camera.event")


def _notice(device: str, time_us: int | None, name: str, fields: dict[str, Any]) -> Notice:
    kind = fields["event_code"].replace(".", "_")
    detail = {"topic": name, "source": fields["source"], "data": fields["data"]}
    if fields.get("is_test"):
        kind, detail["kind"] = "test", kind  # a test of the alarm path must not raise one
    return Notice(device, time_us, kind, detail=detail)


def _object(part: Any) -> dict[str, Any]:
    """Empty lists and objects are left out by Axis, and null by others."""
    return part if isinstance(part, dict) else {}


def _items(part: Any) -> dict[str, Any]:
    """Named values of a Source or Data, of the JSON form or of the XML form put into JSON."""
    if not isinstance(part, dict):
        return {}
    simple = part.get("SimpleItem")
    if simple is None:
        return part
    rows = simple if isinstance(simple, list) else [simple]
    return {
        str(row.get("Name", row.get("@Name"))): row.get("Value", row.get("@Value"))
        for row in rows
        if isinstance(row, dict)
    }


def _sensor(name: str, fields: dict[str, Any]) -> None:
    parts = name.split("/")
    if parts[:2] != ["Device", "Sensor"]:
        return
    for key, printed in (("Value", "value"), ("Threshold", "threshold")):
        if key in fields["data"]:
            fields[printed] = _as_number(fields["data"][key])
    fields["unit"] = SENSOR_UNITS.get(parts[2]) if len(parts) > 2 else None


def _axis_serial(topic: str) -> str:
    parts = topic.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "axis" else ""


def _axis_name(topic: str) -> str:
    return topic.partition("/event/")[2].partition("/$source")[0]


def _axis_key(key: str) -> str:
    return f"{key.removesuffix('Seconds')}_s" if key.endswith("Seconds") else key


def _axis_value(key: str, value: Any) -> Any:
    if key in _AXIS_BOOLEANS and value in ("0", "1"):
        return value == "1"
    if key.endswith(("Id", "id", "Time")):
        return value
    return _as_number(value)


def _as_number(value: Any) -> Any:
    """A quoted number as the number; everything else as it is."""
    if not isinstance(value, str) or not value[-1:].isdigit():
        return value
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value
