"""Our own topics: samples, batches, positions, births and wills, numbers."""

import json
import math
from typing import Any

import pytest

from drivers.events import BadFrame, Notice, Parameter, Position, Readings
from drivers.telemetry.envelope import Message
from drivers.telemetry.message import Telemetry
from drivers.telemetry.router import MessageDecoder
from drivers.telemetry.topics import is_downward, matches, own_topic

T = "2026-11-22T03:04:05.250Z"
T_US = 1_795_316_645_250_000


def decode(body: Any, *, channel: str = "obs", decoder: MessageDecoder | None = None, **more: Any) -> Any:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = Message(f"eg/v1/acme/sta/s1/{channel}", payload, **more)
    [event] = (decoder or MessageDecoder()).decode(message)
    return event


def test_values_by_code_take_the_unit_of_the_vocabulary() -> None:
    event = decode({"t": T, "v": {"a21026": 12.5, "a01012": None}})
    [readings] = event.contents()
    assert isinstance(readings, Readings)
    assert (readings.device, readings.time_us, readings.flags) == ("s1", T_US, "NN")
    assert readings.values[0] == 12.5
    assert math.isnan(readings.values[1])
    assert [(c.code, c.quantity, c.unit, c.statistic, c.interval_s) for c in readings.shape.channels] == [
        ("a21026", "so2", "mg/m3", "rtd", 0),
        ("a01012", "stack_temperature", "Cel", "rtd", 0),
    ]


def test_the_same_channels_share_one_shape() -> None:
    first, second = (next(decode({"t": T, "v": {"a21026": x, "a21002": 1}}).contents()) for x in (1, 2))
    assert first.shape is second.shape


@pytest.mark.parametrize(
    ("unit", "given", "code", "value", "stored_unit"),
    [
        ("mg/m3", 31, "a21026", 31.0, "mg/m3"),
        ("μg/m³", 31, "a21026", 0.031, "mg/m3"),
        ("ppm", 31, "a21026(ppm)", 31.0, "ppm"),
        ("Pa", 101325, "a01006", 101.325, "kPa"),
        ("℃", 21.5, "a01001", 21.5, "Cel"),
    ],
)
def test_a_unit_is_converted_only_where_a_fixed_factor_exists(
    unit: str, given: float, code: str, value: float, stored_unit: str
) -> None:
    [readings] = decode({"t": T, "v": [{"c": code.partition("(")[0], "x": given, "u": unit}]}).contents()
    [channel] = readings.shape.channels
    assert (channel.code, channel.unit, readings.values) == (code, stored_unit, [value])


def test_statistic_interval_and_flag_of_a_value() -> None:
    value = {"c": "a21026", "x": 3.1, "u": "mg/m3", "q": "D", "st": "avg", "i": 3600}
    [readings] = decode({"t": T, "v": [value]}).contents()
    [channel] = readings.shape.channels
    assert (channel.statistic, channel.interval_s, readings.flags) == ("avg", 3600, "D")


def test_a_batch_is_one_message_with_a_sample_for_each_time() -> None:
    records = [{"t": f"2026-11-22T03:04:{s:02}Z", "v": {"a21026": s}} for s in range(30)]
    readings = list(decode(records).contents())
    assert [item.values for item in readings] == [[float(s)] for s in range(30)]
    assert readings[1].time_us - readings[0].time_us == 1_000_000


def test_a_position_beside_values_is_kept_with_its_three_altitudes_apart() -> None:
    body = {"t": T, "v": {"a21026": 1}, "pos": {"lat": 30.5, "lon": 114.3, "alt_msl": 87, "alt_ell": 74}}
    _, where = decode(body).contents()
    assert isinstance(where, Position)
    assert (where.altitude_msl_m, where.altitude_ellipsoid_m, where.altitude_takeoff_m) == (87, 74, None)


@pytest.mark.parametrize(
    ("pos", "why"),
    [
        ({"lat": 0, "lon": 0}, "position_null_island"),
        ({"lat": 114.3, "lon": 30.5}, "latitude_out_of_range"),
        ({"lat": 30.5, "lon": 190}, "longitude_out_of_range"),
        ({"lat": "30.5", "lon": 114}, "position_not_a_number"),
    ],
)
def test_a_bad_position_does_not_cost_the_values_beside_it(pos: dict[str, Any], why: str) -> None:
    event = decode({"t": T, "v": {"a21026": 1}, "pos": pos})
    readings, notice = event.contents()
    assert readings.values == [1.0]
    assert (notice.kind, notice.text) == ("position_refused", why)
    assert event.deviations == (why,)


def test_a_pose_is_a_position_with_speed_and_heading() -> None:
    [where] = decode({"t": T, "pos": {"lat": 1, "lon": 2}, "speed": 3.5, "heading": -90}, channel="pose").contents()
    assert (where.speed_m_s, where.heading_deg) == (3.5, 270.0)


def test_an_event_is_a_notice() -> None:
    body = {"t": T, "kind": "door_open", "c": "cabinet", "text": "柜门打开", "detail": {"by": "key 7"}}
    [notice] = decode(body, channel="event").contents()
    assert notice == Notice("s1", T_US, "door_open", "cabinet", "柜门打开", {"by": "key 7"})


def test_a_birth_puts_ranges_and_units_into_the_ledger() -> None:
    metrics = [{"c": "a21026", "u": "mg/m3", "lo": 0, "hi": 2860}]
    body = {"t": T, "state": "online", "s": "7", "metrics": metrics, "firmware": "2.1"}
    online, *settings = decode(body, channel="status").contents()
    assert (online.kind, online.detail) == ("online", {"session": "7"})
    assert [(p.channel, p.name, p.value) for p in settings if isinstance(p, Parameter)] == [
        ("a21026", "unit", "mg/m3"),
        ("a21026", "range_low", "0"),
        ("a21026", "range_high", "2860"),
        ("", "firmware_version", "2.1"),
    ]


def test_a_late_will_does_not_end_the_new_session() -> None:
    decoder = MessageDecoder()
    decode({"t": T, "state": "online", "s": "1", "metrics": []}, channel="status", decoder=decoder)
    replaced = decode({"t": T, "state": "online", "s": "2", "metrics": []}, channel="status", decoder=decoder)
    late = decode({"state": "offline", "s": "1"}, channel="status", decoder=decoder)
    ended = decode({"state": "offline", "s": "2"}, channel="status", decoder=decoder)
    assert [finding.kind for finding in replaced.findings] == ["session_replaced"]
    assert [finding.kind for finding in late.findings] == ["late_will"]
    assert ended.findings == ()


def test_sequence_numbers_count_what_is_missing_and_only_that() -> None:
    decoder = MessageDecoder()
    found = []
    for seq in (5, 6, 9, 7, 9, 10, 12):
        event = decode({"t": T, "seq": seq, "v": {"a21026": 1}}, decoder=decoder)
        found += [(f.detail["first"], f.detail["last"]) for f in event.findings]
    assert found == [(7, 8), (11, 11)]


def test_findings_are_not_contents_so_that_the_kept_bytes_decode_alike() -> None:
    decoder = MessageDecoder()
    decode({"t": T, "seq": 1, "v": {"a21026": 1}}, decoder=decoder)
    event = decode({"t": T, "seq": 9, "v": {"a21026": 1}}, decoder=decoder)
    assert event.findings
    assert [type(item) for item in event.contents()] == [Readings]


def test_a_message_without_a_time_says_so_and_a_retained_one_loses_its_contents() -> None:
    assert decode({"v": {"a21026": 1}}).deviations == ("no_device_time",)
    retained = decode({"v": {"a21026": 1}}, is_retained=True)
    assert list(retained.contents()) == []
    assert "retained_without_time" in retained.deviations
    timed = decode({"t": T, "v": {"a21026": 1}}, is_retained=True)
    assert len(list(timed.contents())) == 1


def test_a_body_with_another_id_is_no_data_but_a_notice() -> None:
    event = decode({"id": "s2", "t": T, "v": {"a21026": 1}})
    assert isinstance(event, Telemetry)
    [notice] = event.contents()
    assert (notice.kind, notice.device, notice.detail["claimed"]) == ("identity_mismatch", "s1", "s2")


@pytest.mark.parametrize(
    "body",
    [
        {"t": T}, {"t": T, "v": []}, {"t": T, "v": {}}, {"t": T, "v": [1]}, {"t": T, "v": {"a": "1"}},
        {"t": T, "v": {"a": True}}, {"t": "2026-11-22 03:04", "v": {"a": 1}}, {"t": 1763780645, "v": {"a": 1}},
        {"t": T, "v": [{"c": "a", "x": 1, "q": "NN"}]}, {"t": T, "v": [{"c": "a", "x": 1, "st": "median"}]},
        {"t": T, "v": [{"c": "a", "x": 1, "i": -1}]}, {"t": T, "v": [{"c": "a", "x": 1, "u": ["mg"]}]},
        [], [1], 7, "text", None, {"t": T, "v": {"a" * 65: 1}}, {"t": T, "v": {"a": 1}, "pos": 5},
    ],
)  # fmt: skip
def test_what_does_not_follow_the_contract_is_refused_with_a_reason(body: Any) -> None:
    event = decode(body)
    assert isinstance(event, BadFrame)
    assert (event.reason, bool(event.detail)) == ("sanity", True)


@pytest.mark.parametrize(
    "topic",
    [
        "eg/v1/acme/sta/s1", "eg/v1/acme/sta/s1/cmd/x", "eg/v1/acme/boat/s1/obs", "eg/v1/a b/sta/s1/obs",
        "eg/v1/acme/sta/s+/obs", "eg/v1/acme/sta/#/obs", "eg/v1/acme/sta/../obs", "eg/v1/acme/sta/s1/raw",
        "eg/v1/acme/sta/s1/obs/more", "eg/v1/acme/sta/'; DROP/obs", "eg/v1//sta/s1/obs", "eg/v1/acme/sta/s\0/obs",
    ],
)  # fmt: skip
def test_a_topic_outside_the_grammar_is_refused(topic: str) -> None:
    assert own_topic(topic) is None
    [event] = MessageDecoder().decode(Message(topic, b'{"t":"2026-11-22T03:04:05Z","v":{"a21026":1}}'))
    assert (event.reason, type(event)) == ("refused", BadFrame)


@pytest.mark.parametrize(
    ("pattern", "topic", "is_match"),
    [
        ("#", "a/b", True), ("a/#", "a", True), ("a/+", "a", False), ("a/+", "a/b", True), ("+/b", "a/b", True),
        ("a/b", "a/b/c", False), ("#", "$SYS/x", False), ("$SYS/#", "$SYS/x", True), ("+", "/a", False),
        ("+/+", "/a", True),
    ],
)  # fmt: skip
def test_filters_match_as_the_standard_says(pattern: str, topic: str, is_match: bool) -> None:
    assert matches(topic, pattern) is is_match


@pytest.mark.parametrize(
    ("topic", "is_down"),
    [
        ("eg/v1/acme/sta/s1/cmd/hj212", True), ("eg/v1/acme/alerts/site-1", True),
        ("thing/product/SN/events_reply", True),
        ("sys/product/SN/status_reply", True), ("thing/product/SN/drc/down", True),
        ("thing/product/SN/property/set", True), ("eg/v1/acme/sta/s1/obs", False), ("eg/v1/acme/sta/cmd/obs", False),
        ("thing/product/SN/events", False), ("thing/product/SN/services_reply", False),
        ("thing/product/SN/drc/up", False),
    ],
)  # fmt: skip
def test_what_goes_to_devices_and_people_is_known_by_its_topic(topic: str, is_down: bool) -> None:
    assert is_downward(topic) is is_down
