"""Vendors' JSON by a table: what a mapping can say, what it refuses, and the dialects that come with the program."""

import json
from typing import Any

import pytest

from drivers.events import BadFrame, Notice, Position, Readings
from drivers.telemetry.dialects import DIALECTS, mappings_from, shipped
from drivers.telemetry.envelope import Message
from drivers.telemetry.json_path import parse_path
from drivers.telemetry.mapping import MappingError, mapping_from
from drivers.telemetry.router import MessageDecoder

MS = 1_795_316_645_250
COVERED = {
    "eventType": "shelteralarm",
    "eventState": "active",
    "dateTime": "2026-11-22T11:04:05+08:00",
    "deviceID": "c1",
}
METER = {
    "name": "meter",
    "topics": ["plant/+/meter"],
    "device": "topic.1",
    "time": {"path": "$.ts", "format": "epoch_ms"},
    "values": [{"path": "$.P", "quantity": "power", "factor": 0.001}, {"path": "$.U", "quantity": "voltage_a"}],
}


def decode(table: dict[str, Any], body: Any, *, topic: str = "plant/m1/meter") -> Any:
    [event] = MessageDecoder([mapping_from(table)]).decode(Message(topic, json.dumps(body).encode()))
    return event


def test_values_take_quantity_unit_and_factor_from_the_table() -> None:
    [readings] = decode(METER, {"ts": MS, "P": 1500, "U": "230.5", "more": 1}).contents()
    assert (readings.device, readings.time_us, readings.values) == ("m1", MS * 1_000, [1.5, 230.5])
    assert [(c.code, c.quantity, c.unit) for c in readings.shape.channels] == [
        ("P", "power", "kW"), ("U", "voltage_a", "V")
    ]  # fmt: skip


def test_a_value_that_is_missing_or_no_number_is_none_and_the_others_stay() -> None:
    none = decode(METER, {"ts": MS, "P": "off"})
    assert (list(none.contents()), none.deviations) == ([], ("value_not_a_number",))
    [readings] = decode(METER, {"ts": MS, "P": "off", "U": 230}).contents()
    assert str(readings.values) == "[nan, 230.0]"


@pytest.mark.parametrize(
    ("spec", "given", "expected_us"),
    [
        ({"format": "epoch_s"}, MS / 1_000, MS * 1_000),
        ({"format": "epoch_ms"}, str(MS), MS * 1_000),
        ({"format": "epoch_us"}, MS * 1_000, MS * 1_000),
        ({"format": "rfc3339"}, "2026-11-22T11:04:05.250+08:00", MS * 1_000),
        ({"format": "%Y%m%d%H%M%S"}, "20261122110405", 1_795_316_645_000_000),
        ({"format": "%Y-%m-%d %H:%M:%S", "utc_offset_h": 0}, "2026-11-22 03:04:05", 1_795_316_645_000_000),
    ],
)
def test_times_in_every_format(spec: dict[str, Any], given: Any, expected_us: int) -> None:
    table = {**METER, "time": {"path": "$.ts", **spec}}
    [readings] = decode(table, {"ts": given, "P": 1}).contents()
    assert readings.time_us == expected_us


def test_a_time_that_is_none_is_refused_and_one_that_cannot_be_is_flagged() -> None:
    refused = decode(METER, {"ts": "yesterday", "P": 1})
    assert isinstance(refused, BadFrame)
    assert "epoch_ms" in refused.detail
    flagged = decode(METER, {"ts": 0, "P": 1})
    assert flagged.deviations == ("timestamp_implausible",)
    assert decode(METER, {"P": 1}).deviations == ("no_device_time",)


def test_records_are_samples_of_their_own() -> None:
    table = {**METER, "records": "$.list[*]"}
    body = {"list": [{"ts": MS + i, "P": i} for i in range(5)]}
    readings = [item for item in decode(table, body).contents() if isinstance(item, Readings)]
    assert [item.time_us for item in readings] == [(MS + i) * 1_000 for i in range(5)]


def test_positions_and_events() -> None:
    table = {
        "name": "box", "topics": ["plant/#"], "device": "$.sn", "time": {"path": "$.ts", "format": "epoch_ms"},
        "position": {"latitude": "$.lat", "longitude": "$.lon"},
        "event": {"kind": "ai_alarm", "kind_path": "$.type", "kinds": {"10": "smoke_black"}, "text": "$.name"},
        "fields": {"event_id": "$.id"},
        "objects": {"path": "$.boxes[*]", "label": "l", "confidence": "p", "box": ["x1", "y1", "x2", "y2"]},
    }  # fmt: skip
    body = {"sn": "B1", "ts": MS, "type": 10, "name": "黑烟", "id": "e1", "lat": 30.5, "lon": 114.3}
    body["boxes"] = [{"l": "smoke", "p": 0.9, "x1": 1, "y1": "2", "x2": 3.5, "y2": 4}]
    event = decode(table, body)
    where, notice = event.contents()
    assert isinstance(where, Position)
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.text, notice.time_us) == ("smoke_black", "黑烟", MS * 1_000)
    assert event.to_json()["objects"] == [{"label": "smoke", "confidence": 0.9, "bbox_px": [1, 2, 3.5, 4]}]
    unknown = decode(table, {**body, "type": 99})
    assert list(unknown.contents())[-1].kind == "ai_alarm"


def test_a_configured_mapping_comes_before_the_shipped_ones() -> None:
    table = {**METER, "topics": ["devices/+/up"], "name": "mine"}
    assert decode(table, {"id": "1", "params": {}, "P": 1}, topic="devices/1/up").to_json()["kind"] == "mine"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"topic": ["x"]}, "unknown entry topic"),
        ({"device": "sn"}, "must start with"),
        ({"device": "$.a[x]"}, "not understood"),
        ({"values": [{"path": "$.P", "quantity": "powr"}]}, "powr"),
        ({"values": [{"path": "$.P"}]}, "'quantity' is missing"),
        ({"values": [{"path": "$.P", "quantity": "power", "statistic": "mean"}]}, "mean"),
        ({"position": {"latitude": "$.a"}}, "longitude"), ({"event": {"text": "$.a"}}, "kind"), ({"time": {}}, None),
    ],
)  # fmt: skip
def test_a_mistake_in_a_mapping_is_named(changes: dict[str, Any], named: str | None) -> None:
    if named is None:
        mapping_from({**METER, **changes})
        return
    with pytest.raises(MappingError, match="meter") as caught:
        mapping_from({**METER, **changes})
    assert named in str(caught.value)


def test_a_mapping_without_device_in_the_message_refuses_it() -> None:
    refused = decode({**METER, "device": "$.sn"}, {"ts": MS, "P": 1})
    assert isinstance(refused, BadFrame)
    assert "no device" in refused.detail


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("$", 5, [5]),
        ("$.a.b", {"a": {"b": 1}}, [1]),
        ("$.a[1]", {"a": [1, 2]}, [2]),
        ("$.a[-1].b", {"a": [{"b": 3}]}, [3]),
        ("$.a[*].b", {"a": [{"b": 1}, {}, {"b": 2}]}, [1, 2]), ("$.a[*]", {"a": {"x": 1, "y": 2}}, [1, 2]),
        ('$["odd.key"]', {"odd.key": 1}, [1]), ("$.a[5]", {"a": []}, []), ("$.a.b", {"a": 1}, []), ("$.a", [], []),
    ],
)  # fmt: skip
def test_paths(text: str, value: Any, found: list[Any]) -> None:
    assert list(parse_path(text).all(value)) == found


def test_the_shipped_dialects_are_read_and_each_knows_its_own_message() -> None:
    samples = {
        "wudun-ems": {"timestamp": MS, "sub_device_id": "m7", "data": {"total_active_power": 12.5}},
        "acrel-adw300": {"ts": MS, "Ua": 230.1, "totalP": 12.5, "EPI": 1000},
        "jftech-ai": {"bizData": {"eventId": "1", "deviceSn": "d", "eventTime": MS}},
        "hikvision-event": COVERED,
        "water-probe": {"id": "1", "params": {"pH": {"value": 7.2}}},
    }  # fmt: skip
    assert set(samples) == {mapping.name for mapping in shipped()}
    assert [mapping.name for mapping in mappings_from(DIALECTS)] == [mapping.name for mapping in shipped()]
    for name, body in samples.items():
        takers = [mapping.name for mapping in shipped() if mapping.applies("", body)]
        if name != "acrel-adw300":  # its device is in the topic
            assert takers == [name]
            [event] = MessageDecoder().decode(Message("", json.dumps(body).encode()))
            assert event.to_json()["kind"] == name.replace("-", "_")
    [event] = MessageDecoder().decode(Message("acrel/M9/up", json.dumps(samples["acrel-adw300"]).encode()))
    [readings] = event.contents()
    assert readings.device == "M9"
    assert readings.values[-1] == 1000.0


def test_a_covered_camera_of_hikvision_is_one_in_our_words() -> None:
    [event] = MessageDecoder().decode(Message("hikvision/x", json.dumps(COVERED).encode()))
    [notice] = event.contents()
    assert (notice.kind, notice.detail["phase"]) == ("camera_occluded", "active")
