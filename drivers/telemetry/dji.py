"""DJI Cloud API over MQTT: what docks and remote controllers push to "their" cloud.

    thing/product/{device_sn}/osd       properties at a fixed rate (0.5 Hz)          partial, see dji_state
    thing/product/{device_sn}/state     properties on change                         partial
    thing/product/{gateway_sn}/events   `method`, data; need_reply 1 → events_reply
    thing/product/{gateway_sn}/drc/up   flight control channel, bare envelope
    sys/product/{gateway_sn}/status     update_topo → status_reply, or no OSD is ever sent

    envelope {"tid", "bid", "timestamp": ms, "gateway": sn, "method", "need_reply", "data": {…}}

DJI's own examples have timestamps of 12 and 14 digits, leave out `method` and `gateway`, carry `data` as an array, and
swap latitude and longitude: all of that is survived, flagged or refused, never repaired in silence. Commands
(`services`, `property/set`) are never sent. `device_secret` and `nonce` are credentials and are not printed.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from drivers.events import Channel, Content, Notice, Parameter, Position, Readings, Reason, Shape
from drivers.telemetry import dji_fields, gas_payload, times
from drivers.telemetry.dji_state import DjiState, Held
from drivers.telemetry.limits import Refused
from drivers.telemetry.message import Reply, Telemetry
from drivers.telemetry.positions import as_number, position

PREFIXES = ("thing/product/", "sys/product/")
_DOMAINS = {"0": "aircraft", "1": "payload", "2": "controller", "3": "dock"}


def decode_dji(topic: str, value: Any, state: DjiState, context: dict[str, Any] | None = None) -> Telemetry:
    """One message on a DJI topic.

    Raises
    ------
    Refused
        SANITY, if it is not an envelope, or a position is off the earth.
    """
    head, _, rest = topic.partition("/product/")
    serial, _, channel = rest.partition("/")
    handler = _CHANNELS.get((head, channel), _other)
    return handler(_Envelope(topic, serial, channel, value, context), state)


def decode_situation(value: dict[str, Any], state: DjiState) -> Telemetry:
    """`{"host": {…}, "sn"}`, bare or in `device_osd`: a whole aircraft as the cloud pushes it to the pilot."""
    data = value if "host" in value else value.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("host"), dict):
        raise Refused(Reason.SANITY, "device_osd without host")
    envelope = {"data": data["host"], "timestamp": value.get("timestamp")}
    return _properties(_Envelope("", str(data.get("sn", "")), "osd", envelope), state)


def decode_normalised(value: dict[str, Any], state: DjiState) -> Telemetry:
    """A fix that another drone platform has flattened: `device_sn`, `recorded_at`, `latitude` …"""
    data = dict(value)
    if as_number(data.get("battery")) is not None:
        data["battery"] = {"capacity_percent": data["battery"]}
    if "gps" in data:
        data["position_state"] = {"gps_number": data.pop("gps")}
    envelope = _Envelope("", str(value.get("device_sn", "")), "osd", {"data": data})
    envelope.time_us = times.from_rfc3339(value.get("recorded_at"))
    return _properties(envelope, state)


class _Envelope:
    """The parts of a message that all channels share."""

    def __init__(
        self, topic: str, serial: str, channel: str, value: Any, context: dict[str, Any] | None = None
    ) -> None:
        if not isinstance(value, dict):
            raise Refused(Reason.SANITY, "a DJI message is a JSON object")
        self.topic, self.serial, self.channel, self.value = topic, serial, channel, value
        self.context = context or {}
        self.used: dict[str, Any] = {}  # of earlier messages
        self.data: Any = value.get("data")
        self.method = value.get("method") if isinstance(value.get("method"), str) else None
        self.deviations: tuple[str, ...] = ()
        self.time_us = times.from_epoch(value.get("timestamp"), unit_us=1_000)
        if self.time_us is not None and not times.is_plausible(self.time_us):
            self.time_us = None
            self.deviations = ("timestamp_implausible",)
        if not isinstance(self.data, dict | list):
            raise Refused(Reason.SANITY, "a DJI message needs its data", deviations=self.deviations)

    @property
    def gateway(self) -> str:
        claimed = self.value.get("gateway")
        return claimed if isinstance(claimed, str) else self.serial

    def recent(self, name: str, state: DjiState) -> Held | None:
        """A field that this message leaves out: from its own context if it is decoded again, else from memory."""
        if name in self.context:
            return Held(self.context[name], int(self.context.get(f"{name}_us", 0)))
        held = state.recent(self.serial, name, self.time_us)
        if held is not None:
            self.used |= {name: held.value, f"{name}_us": held.time_us}
        return held

    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {"gateway": self.gateway, "time_utc": times.text_utc(self.time_us)}
        if self.time_us is None:
            found["time_source"] = "arrival"
        for key in ("tid", "bid"):
            if key in self.value:
                found[key] = self.value[key]
        return found

    def event(self, kind: str, fields: dict[str, Any], held: list[Content], **more: Any) -> Telemetry:
        return Telemetry(
            kind, self.serial, self.topic, fields, held, self.deviations, context=self.used or None, **more
        )

    def reply(self, **envelope: Any) -> Reply:
        """The answer on the channel's reply topic, with the exchange's own tid and bid."""
        body = {key: self.value[key] for key in ("tid", "bid") if key in self.value} | envelope
        return Reply(f"{self.topic}_reply", body)


def _properties(message: _Envelope, state: DjiState) -> Telemetry:
    data = message.data
    if not isinstance(data, dict):
        raise Refused(Reason.SANITY, "properties must be an object", deviations=message.deviations)
    role = _role(data)
    fields: dict[str, Any] = message.fields() if message.topic else {"time_utc": times.text_utc(message.time_us)}
    fields |= {"platform_sn": message.serial, "role": state.role(message.serial) or role}
    found = dji_fields.named(data, dji_fields.COMMON)
    found |= dji_fields.named(data, dji_fields.DOCK if role == "dock" else dji_fields.AIRCRAFT)
    for payload in _payloads(data):
        found |= dji_fields.named(payload, dji_fields.PAYLOAD)
    if _elevation_jumped(found, data):
        message.deviations += ("elevation_jump",)
    held = _where(message, found, state) + _values(message, found, role) + _settings(message, data)
    fields["has_position"] = any(isinstance(item, Position) for item in held)
    fields |= found
    for key, value in dji_fields.leaves(data).items():
        fields.setdefault(key, value)
    fields["data"] = dji_fields.without_secrets(data)
    state.merge(message.serial, found, message.time_us)
    return message.event(f"dji_{message.channel}", fields, held)


def _role(data: dict[str, Any]) -> str | None:
    """What says this, by the keys that only one kind has; a dock has `position_state` and `mode_code` too."""
    if isinstance(data.get("wireless_link"), dict) or not dji_fields.DOCK_KEYS.isdisjoint(data):
        return "dock"
    if not dji_fields.AIRCRAFT_KEYS.isdisjoint(data):
        return "aircraft"
    return None if dji_fields.CONTROLLER_KEYS.isdisjoint(data) else "controller"


def _payloads(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Objects under a payload index such as "81-0-0" (type-subtype-gimbal)."""
    return [
        item
        for key, item in data.items()
        if isinstance(item, dict) and key.count("-") == 2 and key.replace("-", "").isdigit()
    ]


def _elevation_jumped(found: dict[str, Any], data: dict[str, Any]) -> bool:
    """On the ground (standby, not moving) a height above take-off is none: Mavic 3T units were seen to say 355 m."""
    elevation, speed = as_number(found.get("elevation_rel_takeoff_m")), as_number(found.get("speed_h_mps"))
    is_standing = data.get("mode_code") == 0 and (speed is None or speed < 1)
    return is_standing and elevation is not None and abs(elevation) > 5


def _where(message: _Envelope, found: dict[str, Any], state: DjiState) -> list[Content]:
    if found.get("lat_deg") is None and found.get("lon_deg") is None:
        return []
    detail: dict[str, Any] = {}
    both: dict[str, Any] = {}
    for name in ("lat_deg", "lon_deg"):
        if found.get(name) is not None:
            both[name] = found[name]
        elif held := message.recent(name, state):
            both[name] = held.value
            detail["completed_from_utc"] = times.text_utc(held.time_us)
    if len(both) < 2:
        message.deviations += ("position_incomplete",)
        return []
    where = position(
        message.serial,
        message.time_us,
        both["lat_deg"],
        both["lon_deg"],
        altitude_ellipsoid_m=found.get("height_ellipsoid_m"),
        altitude_takeoff_m=found.get("elevation_rel_takeoff_m"),
        speed_m_s=found.get("speed_h_mps"),
        heading_deg=found.get("heading_deg"),
        detail=detail,
    )
    if isinstance(where, Position):
        if found.get("gnss_fixed") is False:
            message.deviations += ("no_fix",)
            return []
        return [where]
    if where == "position_null_island":  # DJI's way of saying that there is no fix
        message.deviations += ("no_fix",)
        return []
    raise Refused(Reason.SANITY, where.replace("_", "-"), deviations=message.deviations)


def _values(message: _Envelope, found: dict[str, Any], role: str | None) -> list[Content]:
    names = tuple(name for name in dji_fields.READINGS if as_number(found.get(name)) is not None)
    if not names or role is None:
        return []
    values = [float(found[name]) for name in names]
    return [Readings(message.serial, message.time_us, _shape(names), values, "N" * len(names))]


@lru_cache(maxsize=1024)
def _shape(names: tuple[str, ...]) -> Shape:
    return Shape(tuple(Channel(name, *_quantity(name), 0) for name in names))


def _quantity(name: str) -> tuple[str, str, str]:
    quantity, unit = dji_fields.READINGS[name]
    return quantity, "total" if name.startswith("total_") else "rtd", unit


def _settings(message: _Envelope, data: dict[str, Any]) -> list[Content]:
    return [
        Parameter(message.serial, message.time_us, "", name, str(data[name]))
        for name in ("firmware_version", "control_source", "home_latitude", "home_longitude")
        if data.get(name) is not None
    ]


def _events(message: _Envelope, state: DjiState) -> Telemetry:
    fields = message.fields()
    method = message.method or _method_of(message.data)
    fields["method"] = method
    if message.method is None:
        fields["method_inferred"] = True
    data = message.data
    if isinstance(data, list):
        fields |= {"data_is_array": True, "items": dji_fields.without_secrets(data)}
    else:
        for key, value in dji_fields.leaves(data).items():
            fields.setdefault(key, value)
        fields["data"] = dji_fields.without_secrets(data)
    detail = {"data": dji_fields.without_secrets(data)}
    text = data.get("value") if isinstance(data, dict) else None
    held: list[Content] = []
    if method in _TEXT_METHODS and isinstance(text, str):
        fields["opaque_text"] = text
        held = _payload_text(message, text, fields)
    held.insert(0, Notice(message.serial, message.time_us, f"dji_{method}", text=str(text or ""), detail=detail))
    replies: tuple[Reply, ...] = ()
    if message.value.get("need_reply") in (1, True):
        more: dict[str, Any] = {"method": message.method} if message.method else {}
        answer = message.reply(**more, data={"result": 0})
        replies = (answer,)
        fields |= {"need_reply": True, "reply_topic": answer.topic, "reply": answer.body}
    elif "need_reply" in message.value:
        fields["need_reply"] = False
    return message.event("dji_events", fields, held, replies=replies)


_TEXT_METHODS = frozenset(
    {"custom_data_transmission_from_psdk", "custom_data_transmission_from_esdk", "psdk_floating_window_text"}
)


def _method_of(data: Any) -> str:
    """The method of an event that does not name it, by what only its data has."""
    first = data[0] if isinstance(data, list) and data else data
    if isinstance(first, dict) and "icao" in first:
        return "airsense_warning"
    if isinstance(data, dict) and isinstance(data.get("list"), list):
        return "hms"
    return "unknown"


def _payload_text(message: _Envelope, text: str, fields: dict[str, Any]) -> list[Content]:
    gases = gas_payload.gases_in(text)
    if not gases:
        return []
    fields["measurements"] = [gas._asdict() for gas in gases]
    shape, values = gas_payload.shape_of(gases), [gas.value for gas in gases]
    return [Readings(message.serial, message.time_us, shape, values, "N" * len(values))]


def _drc(message: _Envelope, state: DjiState) -> Telemetry:
    if message.method != "osd_info_push" or not isinstance(message.data, dict):
        return _other(message, state)
    data = message.data
    found = dji_fields.named(data, dji_fields.COMMON) | dji_fields.named(data, dji_fields.PAYLOAD)
    speeds = [as_number(data.get(f"speed_{axis}")) for axis in "xyz"]
    fields = message.fields() | found
    if None not in speeds:
        fields["speed_xyz_mps"] = speeds
    held = _where(message, found, state)
    return message.event("dji_drc", fields, held)


def _status(message: _Envelope, state: DjiState) -> Telemetry:
    fields = message.fields()
    data = message.data
    if not isinstance(data, dict) or (message.method or "update_topo") != "update_topo":
        return _other(message, state)
    listed = data.get("sub_devices")
    children = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    fields |= {
        "event": "online" if children else "sub_devices_offline",
        "gateway_model": _model(data),
        "sub_devices": [_sub_device(item) for item in children],
        "sub_devices_online": len(children),
    }
    _learn_roles(message.serial, data, children, state)
    answer = message.reply(method="update_topo", data={"result": 0})
    fields |= {"reply_topic": answer.topic, "reply": answer.body}
    held: list[Content] = [
        Notice(
            message.serial,
            message.time_us,
            "topology",
            detail={"model": fields["gateway_model"], "sub_devices": fields["sub_devices"]},
        )
    ]
    return message.event("dji_status", fields, held, replies=(answer,))


def _learn_roles(gateway: str, data: dict[str, Any], children: list[dict[str, Any]], state: DjiState) -> None:
    for serial, item in ((gateway, data), *((str(child.get("sn", "")), child) for child in children)):
        role = _DOMAINS.get(str(item.get("domain")))
        if serial and role:
            state.set_role(serial, role)


def _model(item: dict[str, Any]) -> str:
    """domain-type-subtype; older firmware gives no domain."""
    parts = [item.get("domain"), item.get("type"), item.get("sub_type")]
    return "-".join(str(part) for part in parts if part is not None)


def _sub_device(item: dict[str, Any]) -> dict[str, Any]:
    return {"sn": item.get("sn"), "model": _model(item), "index": item.get("index")}


def _other(message: _Envelope, state: DjiState) -> Telemetry:
    """Requests, replies to commands of others, channels to come: kept and shown, not interpreted, never answered."""
    fields = message.fields() | {"method": message.method, "data": dji_fields.without_secrets(message.data)}
    kind = f"dji_{message.channel.replace('/', '_')}"
    detail = {"method": message.method, "data": fields["data"]}
    return message.event(kind, fields, [Notice(message.serial, message.time_us, kind, detail=detail)])


_CHANNELS: dict[tuple[str, str], Callable[[_Envelope, DjiState], Telemetry]] = {
    ("thing", "osd"): _properties,
    ("thing", "state"): _properties,
    ("thing", "events"): _events,
    ("thing", "drc/up"): _drc,
    ("sys", "status"): _status,
}
