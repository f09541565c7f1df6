"""Alarms of GB/T 28181 video platforms, forwarded as the MANSCDP body that they got.

    <Notify> <CmdType>Alarm <SN> <DeviceID> <AlarmPriority>1-4 <AlarmMethod>1-7 <AlarmTime> local, no zone
             [<AlarmDescription>] [<Longitude> <Latitude>] [<Info><AlarmType>] </Notify>

GB/T 28181-2016 and -2022, A.2.5 (notify). The meaning of AlarmType depends on the method, so both are kept as the pair
they are. The body is mostly GB 2312. It is read tag by tag: an XML parser would also take entities and other bombs.
"""

import html
import re
from typing import Any

from drivers.events import Content, Notice, Position, Reason
from drivers.telemetry import times
from drivers.telemetry.limits import MAX_PAYLOAD_BYTES, Refused
from drivers.telemetry.message import Telemetry
from drivers.telemetry.positions import position

METHODS = (
    "", "telephone alarm", "device alarm", "text message alarm", "GPS alarm", "video alarm", "device fault alarm",
    "other",
)  # fmt: skip

TYPES: dict[tuple[int, int], str] = {
    (2, 1): "camera_offline",
    (2, 2): "tamper",
    (2, 3): "disk_full",
    (2, 4): "device_hot",
    (2, 5): "device_cold",
    (5, 1): "manual_alarm",
    (5, 2): "camera_motion",
    (5, 3): "object_left",
    (5, 4): "object_removed",
    (5, 5): "area_line_crossed",
    (5, 6): "area_entered",
    (5, 7): "wrong_way",
    (5, 8): "loitering",
    (5, 9): "traffic_flow",
    (5, 10): "crowd_density",
    (5, 11): "video_anomaly",
    (5, 12): "fast_motion",
    (5, 13): "camera_occluded",
    (6, 1): "disk_fault",
    (6, 2): "fan_fault",
}
"""(AlarmMethod, AlarmType) → our word; 13 came with the edition of 2022."""

_TAG = re.compile(r"<(?P<name>[A-Za-z]+)>(?P<text>[^<]*)</(?P=name)>")


def looks_like(payload: bytes) -> bool:
    return payload[:1] in b" \r\n\t<" and b"<CmdType>" in payload


def decode_gb28181(topic: str, payload: bytes) -> Telemetry:
    """One alarm or keep-alive.

    Raises
    ------
    Refused
        OVERSIZE, SYNTAX, or SANITY if there is no device.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Refused(Reason.OVERSIZE, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are taken")
    tags: dict[str, str] = {}
    for tag in _TAG.finditer(_text(payload)):
        tags.setdefault(tag["name"], html.unescape(tag["text"]).strip())
    device, command = tags.get("DeviceID", ""), tags.get("CmdType", "")
    if not device or "\0" in "".join(tags.values()):
        raise Refused(Reason.SANITY, "a MANSCDP notification needs its DeviceID")
    fields: dict[str, Any] = {"device_id": device, "command": command, "sn": _number(tags.get("SN"))}
    if command != "Alarm":
        notice = Notice(device, None, command.lower() or "notify", text=tags.get("Status", ""))
        return Telemetry("gb28181_notify", device, topic, fields, [notice])
    method, kind = _number(tags.get("AlarmMethod")), _number(tags.get("AlarmType"))
    time_us = times.from_local(tags.get("AlarmTime"), "%Y-%m-%dT%H:%M:%S", utc_offset_h=8)
    fields |= {
        "priority": _number(tags.get("AlarmPriority")),
        "method": method,
        "method_name": METHODS[method] if method is not None and 0 < method < len(METHODS) else None,
        "alarm_type": kind,
        "time_local": tags.get("AlarmTime"),
        "time_utc": times.text_utc(time_us),
        "description": tags.get("AlarmDescription"),
    }
    word = TYPES.get((method or 0, kind or 0), "camera_event")
    held: list[Content] = [Notice(device, time_us, word, text=tags.get("AlarmDescription", ""), detail=dict(fields))]
    where = position(device, time_us, _decimal(tags.get("Latitude")), _decimal(tags.get("Longitude")))
    if isinstance(where, Position):
        fields |= {"lon_deg": where.longitude_deg, "lat_deg": where.latitude_deg}
        held.append(where)
    return Telemetry("gb28181_alarm", device, topic, fields, held, () if time_us is not None else ("no_device_time",))


def _text(payload: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return payload.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused(Reason.SYNTAX, "neither UTF-8 nor GB 18030")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _decimal(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"-?\d{1,3}(\.\d{1,12})?", text) else None
