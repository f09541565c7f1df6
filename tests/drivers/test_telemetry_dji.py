"""DJI Cloud API: partial messages, roles, answers, payload text."""

import json
from typing import Any

import pytest

from drivers.events import Position, Readings
from drivers.telemetry.dji_state import HOLD_US, DjiState
from drivers.telemetry.envelope import Message
from drivers.telemetry.gas_payload import gases_in
from drivers.telemetry.mqtt import LineDecoder
from drivers.telemetry.router import MessageDecoder

MS = 1_795_316_645_250


def decode(decoder: MessageDecoder, topic: str, body: dict[str, Any]) -> Any:
    [event] = decoder.decode(Message(topic, json.dumps(body).encode()))
    return event


def osd(decoder: MessageDecoder, at_ms: int, **data: Any) -> Any:
    return decode(decoder, "thing/product/SN1/osd", {"timestamp": at_ms, "gateway": "DOCK", "data": data})


def test_half_a_position_is_completed_from_what_was_said_a_moment_ago() -> None:
    decoder = MessageDecoder()
    osd(decoder, MS, latitude=30.5, longitude=114.3, attitude_head=1)
    event = osd(decoder, MS + 2_000, latitude=30.6, attitude_head=2)
    [where] = [item for item in event.contents() if isinstance(item, Position)]
    assert (where.latitude_deg, where.longitude_deg) == (30.6, 114.3)
    assert where.detail["completed_from_utc"] == "2026-11-22T03:04:05.250Z"
    [again] = LineDecoder().feed(event.raw + b"\n")  # without the memory: what was added is kept with the bytes
    assert list(again.contents()) == list(event.contents())


def test_an_old_half_is_not_made_a_new_observation() -> None:
    decoder = MessageDecoder()
    osd(decoder, MS, latitude=30.5, longitude=114.3, attitude_head=1)
    event = osd(decoder, MS + HOLD_US // 1_000 + 1, latitude=30.6, attitude_head=2)
    assert not [item for item in event.contents() if isinstance(item, Position)]
    assert event.deviations == ("position_incomplete",)


def test_a_message_without_a_position_makes_none() -> None:
    decoder = MessageDecoder()
    osd(decoder, MS, latitude=30.5, longitude=114.3, attitude_head=1)
    event = osd(decoder, MS + 500, battery={"capacity_percent": 50}, attitude_head=1)
    assert [type(item) for item in event.contents()] == [Readings]


def test_every_held_field_has_the_time_at_which_it_was_said() -> None:
    state = DjiState(max_devices=2, max_fields=3)
    state.merge("A", {"x": 1, "y": 2}, 1_000)
    state.merge("A", {"x": 3}, 2_000)
    state.merge("A", {"x": 9}, 1_500)  # late: does not overwrite
    assert {name: tuple(held) for name, held in state.snapshot("A").items()} == {"x": (3, 2_000), "y": (2, 1_000)}
    state.merge("A", {f"n{i}": i for i in range(10)}, 3_000)
    assert len(state.snapshot("A")) == 3
    state.merge("B", {"x": 1}, 1)
    state.merge("C", {"x": 1}, 1)
    assert state.snapshot("A") == {}


def test_dock_weather_is_stored_and_an_aircrafts_estimate_of_the_wind_is_not() -> None:
    decoder = MessageDecoder()
    dock = osd(decoder, MS, drone_in_dock=1, environment_temperature=24, wind_speed=3.5, humidity=62)
    [readings] = dock.contents()
    assert {c.code: v for c, v in zip(readings.shape.channels, readings.values, strict=True)} == {
        "env_temp_degC": 24.0, "wind_speed_mps": 3.5, "humidity_pct": 62.0
    }  # fmt: skip
    aircraft = osd(decoder, MS, attitude_head=5, wind_speed=54)
    assert aircraft.to_json()["wind_speed_raw"] == 54
    assert list(aircraft.contents()) == []


def test_the_role_comes_from_the_topology_where_it_is_known() -> None:
    decoder = MessageDecoder()
    data = {"domain": "3", "sub_devices": [{"sn": "SN1", "domain": "0", "type": 77, "sub_type": 1}]}
    decode(decoder, "sys/product/DOCK/status", {"method": "update_topo", "tid": "1", "bid": "2", "data": data})
    assert osd(decoder, MS, mode_code=0).to_json()["role"] == "aircraft"


def test_an_empty_topology_says_that_the_aircraft_is_gone_and_is_answered_too() -> None:
    body = {"method": "update_topo", "tid": "1", "bid": "2", "data": {"type": 98, "sub_type": 0, "sub_devices": []}}
    event = decode(MessageDecoder(), "sys/product/DOCK/status", body)
    assert event.to_json()["event"] == "sub_devices_offline"
    [reply] = event.replies
    assert reply.topic == "sys/product/DOCK/status_reply"
    assert json.loads(reply.payload(MS)) == {
        "tid": "1", "bid": "2", "method": "update_topo", "data": {"result": 0}, "timestamp": MS
    }  # fmt: skip


def test_an_event_is_answered_only_if_it_asks() -> None:
    for need_reply, topics in ((1, ["thing/product/DOCK/events_reply"]), (0, [])):
        body = {
            "method": "hms",
            "tid": "1",
            "bid": "2",
            "need_reply": need_reply,
            "timestamp": MS,
            "data": {"list": []},
        }
        event = decode(MessageDecoder(), "thing/product/DOCK/events", body)
        assert [reply.topic for reply in event.replies] == topics


def test_health_alarms_without_method_and_with_a_misspelt_timestamp_are_taken() -> None:
    alarm = {"code": "0x16100083", "level": 2, "module": 3, "device_type": "0-67-0"}
    event = decode(MessageDecoder(), "thing/product/DOCK/events", {"data": {"list": [alarm]}, "timestamp:": MS})
    shown = event.to_json()
    assert (shown["method"], shown["time_utc"]) == ("hms", None)
    [notice] = event.contents()
    assert notice.kind == "dji_hms"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("System time : 1193683 ms", []),
        ("hello world", []),
        ("SO2:0.004ppm,NO2=0.03 ppm;PM10: 8ug/m3", [("SO2", 0.004, "ppm"), ("NO2", 0.03, "ppm"), ("PM10", 8, "ug/m3")]),
        ("CO(mg/m3)=0.42", [("CO", 0.42, "mg/m3")]),
        ('{"SO2(ppm)":0.004,"battery":80}', [("SO2", 0.004, "ppm")]),
        ("CO: 5", []),  # no unit, no reading
        ("{broken", []),
    ],
)  # fmt: skip
def test_gases_are_read_out_of_a_payloads_text_only_with_a_unit(text: str, expected: list[Any]) -> None:
    assert [tuple(gas) for gas in gases_in(text)] == expected


def test_a_payloads_readings_come_beside_its_text() -> None:
    body = {"method": "custom_data_transmission_from_psdk", "timestamp": MS, "data": {"value": "O3+NO2:0.05ppm"}}
    notice, readings = decode(MessageDecoder(), "thing/product/DOCK/events", body).contents()
    assert (notice.kind, notice.text) == ("dji_custom_data_transmission_from_psdk", "O3+NO2:0.05ppm")
    [channel] = readings.shape.channels
    assert (channel.code, channel.quantity) == ("O3+NO2(ppm)", "oxidising_gas")  # never ozone
