"""Cameras, SensorThings, CloudEvents, GB/T 28181: what other people's standards allow and what they do not."""

import json
from typing import Any

import pytest

from drivers.events import BadFrame
from drivers.telemetry.cameras import event_code
from drivers.telemetry.envelope import Message
from drivers.telemetry.router import MessageDecoder


def decode(topic: str, body: Any, **more: Any) -> Any:
    payload = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    [event] = MessageDecoder().decode(Message(topic, payload, **more))
    return event


T = "2026-11-22T03:04:05Z"


def test_onvif_in_the_form_of_xml_is_read_too_and_the_prefix_may_hold_slashes() -> None:
    items = {"SimpleItem": [{"Name": "State", "Value": "true"}]}
    event = decode(
        "site/E4:30/onvif-ej/Device/tns1:Trigger/tns1:Relay/&Relay-1", {"UtcTime": T, "Source": {}, "Data": items}
    )
    shown = event.to_json()
    assert (shown["prefix"], shown["event"], shown["source_path"]) == (
        "site/E4:30", "Device/tns1:Trigger/tns1:Relay", ["Relay-1"]
    )  # fmt: skip
    assert shown["data"] == {"State": "true"}


def test_rule_names_with_spaces_and_quoted_numbers() -> None:
    body = {"UtcTime": T, "Source": {}, "Data": {"Value": "28.65", "Threshold": "25"}}
    shown = decode("c/onvif-ej/Device/Sensor/Temperature/High/&1/Entry Counter", body).to_json()
    assert (shown["value"], shown["threshold"], shown["unit"]) == (28.65, 25, "degC")
    assert shown["source_path"] == ["1", "Entry Counter"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("VideoSource/ImageTooDark/ImagingService", "camera.dark"),
        ("tns1:VideoSource/GlobalSceneChange", "camera.moved"),
        ("axis:CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1", "area.object"),
        ("Device/HardwareFailure/acme:LensFailure", "camera.hardware_failure"),
        ("Something/New", "camera.event"),
    ],
)
def test_camera_events_have_a_code_of_ours(name: str, code: str) -> None:
    assert event_code(name) == code


def test_an_axis_test_event_raises_nothing_and_counters_stay_numbers() -> None:
    body = {"topic": "axis:CameraApplicationPlatform/ObjectAnalytics/X", "timestamp": 1_795_316_645_250}
    body["message"] = {"source": {}, "key": {}, "data": {"test": "1", "total": "1", "active": "0"}}  # type: ignore[assignment]
    event = decode("axis/ACCC8E/event/x", body)
    [notice] = event.contents()
    assert (notice.kind, notice.detail["kind"]) == ("test", "area_object")
    assert notice.detail["data"] == {"test": True, "total": 1, "active": False}


def test_an_axis_serial_that_is_not_the_topics_is_a_mismatch() -> None:
    body = {"topic": "x", "timestamp": 1_795_316_645_250, "serial": "OTHER", "message": {}}
    [notice] = decode("axis/ACCC8E/event/x", body).contents()
    assert (notice.kind, notice.detail["claimed"]) == ("identity_mismatch", "OTHER")


@pytest.mark.parametrize(
    ("topic", "body", "why"),
    [
        ("v1.1/Observations", {"result": 1, "phenomemonTime": T, "Datastream": {"@iot.id": 1}}, "unknown key"),
        ("v1.1/Observations", {"result": 1}, "Datastream"),
        ("v1.1/Datastreams(1)/Observations", {"phenomenonTime": T}, "result"),
        ("v1.1/Datastreams(1)/Observations", {"result": 1, "phenomenonTime": "2026-11-22T03:04"}, "zone"),
        ("v1.1/Observations", {"nothing": 1}, "unknown key"),
        ("v1.1/Observations", {"result": 1, "Datastream": {"@iot.id": {"x": 1}}}, "a number or a text"),
        ("v1.1/Observations", {"result": 1, "Datastream": {"@iot.id": "x" * 99}}, "a number or a text"),
        ("v1.1/Things", {"nothing": 1}, "no SensorThings entity"),
    ],
)
def test_sensorthings_is_read_strictly(topic: str, body: Any, why: str) -> None:
    event = decode(topic, body)
    assert isinstance(event, BadFrame)
    assert why in event.detail


def test_sensorthings_data_arrays_and_intervals() -> None:
    body = [{"Datastream": {"@iot.id": 7}, "components": ["phenomenonTime", "result"],
             "dataArray": [[f"{T}/2026-11-22T04:04:05Z", 1], [T, None], [T, "wet"]]}]  # fmt: skip
    event = decode("v1.1/CreateObservations", body)
    first, second, third = event.contents()
    assert (first.device, first.values, first.time_us) == ("sensorthings", [1.0], 1_795_316_645_000_000)
    assert str(second.values) == "[nan]"
    assert (third.channel, third.detail) == ("datastream-7", {"result": "wet"})


def test_each_datastream_is_a_series_of_its_own_whichever_way_it_comes() -> None:
    def parts(number: int) -> dict[str, Any]:
        return {
            "Datastream": {"@iot.id": number},
            "components": ["phenomenonTime", "result"],
            "dataArray": [[T, number]],
        }

    messages = [
        ("plant-7/v1.1/CreateObservations", [parts(1), parts(2)]),
        ("plant-7/v1.1/Datastreams(1)/Observations", {"result": 1, "phenomenonTime": T}),
        ("plant-7/v1.1/Observations", {"result": 2, "phenomenonTime": T, "Datastream": {"@iot.id": 2}}),
    ]
    found = set()
    for topic, body in messages:
        event = decode(topic, body)
        assert event.device == "plant-7"
        found |= {(item.device, item.shape.channels[0].code, item.values[0]) for item in event.contents()}
    assert found == {("plant-7", "datastream-1", 1.0), ("plant-7", "datastream-2", 2.0)}


@pytest.mark.parametrize("missing", ["id", "source", "type"])
def test_a_cloud_event_without_a_required_attribute_is_refused(missing: str) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    assert not isinstance(decode("alerts/x", event), BadFrame)
    assert isinstance(decode("alerts/x", {key: value for key, value in event.items() if key != missing}), BadFrame)
    assert isinstance(decode("alerts/x", {**event, "specversion": "2.0"}), BadFrame)
    assert isinstance(decode("alerts/x", {**event, "data": 1, "data_base64": "AA=="}), BadFrame)


def test_gb28181_in_gb2312_with_entities_and_without_a_bomb() -> None:
    text = '<?xml version="1.0" encoding="GB2312"?><Notify><CmdType>Alarm</CmdType><SN>7</SN>' \
        "<DeviceID>64010000001340000001</DeviceID><AlarmPriority>1</AlarmPriority><AlarmMethod>5</AlarmMethod>" \
        "<AlarmTime>2026-11-22T11:04:05</AlarmTime><AlarmDescription>遮挡 &amp; 移动</AlarmDescription>" \
        "<Info><AlarmType>13</AlarmType></Info></Notify>"  # fmt: skip
    event = decode("video/alarm", text.encode("gb2312"))
    [notice] = event.contents()
    assert (notice.kind, notice.text, notice.time_us) == ("camera_occluded", "遮挡 & 移动", 1_795_316_645_000_000)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Notify><CmdType>Keepalive</CmdType><DeviceID>&a;&a;</DeviceID></Notify>'
    assert decode("video/alarm", bomb).to_json()["device_id"] == "&a;&a;"
