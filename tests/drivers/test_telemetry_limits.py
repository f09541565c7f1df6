"""Poison: whatever the bytes, a decoder answers with an event or a reason, in bounded time and memory."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import driver
from drivers.events import BadFrame, Reason
from drivers.telemetry.envelope import Message, unwrap, wrap
from drivers.telemetry.limits import MAX_DEPTH, MAX_KEYS, MAX_PAYLOAD_BYTES, Refused, parse_json
from drivers.telemetry.router import MessageDecoder
from drivers.testing import check_decoder

TOPICS = (
    "eg/v1/a/sta/s1/obs", "eg/v1/a/sta/s1/pose", "eg/v1/a/sta/s1/event", "eg/v1/a/sta/s1/status",
    "eg/v1/a/sta/s1/raw/hj212", "thing/product/SN/osd", "thing/product/SN/state", "thing/product/SN/events",
    "thing/product/SN/drc/up", "thing/product/SN/requests", "sys/product/SN/status", "cam/onvif-ej/Device/Sensor/X",
    "axis/A1/event/x", "v1.1/Observations", "v1.1/Datastreams(1)/Observations", "devices/1/up", "acrel/x/up",
    "v1/a/b/c/d", "ai/jftech/x", "hikvision/x", "other", "",
)  # fmt: skip

WORDS = st.sampled_from(
    [
        "t", "v", "c", "x", "u", "q", "pos", "lat", "lon", "id", "seq", "s", "state", "metrics", "kind", "data",
        "timestamp", "host", "sn", "latitude", "longitude", "height", "battery", "position_state", "is_fixed",
        "batteries", "sub_devices", "domain", "method", "need_reply", "list", "value", "values", "message",
        "source", "key", "topic", "Data", "Source", "UtcTime", "SimpleItem", "result", "Datastream",
        "phenomenonTime", "@iot.id", "location", "coordinates", "type", "specversion", "time", "params", "COD",
        "bizData", "eventId", "deviceSn", "detailData", "objects", "bbox", "airData", "serial", "utcTime",
    ]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
    | st.sampled_from(["2026-11-22T03:04:05Z", "0001-01-01T00:00:00+14:00", "online", "update_topo", "1.0"])
)  # fmt: skip
BODIES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=25
)


def test_the_driver_passes_the_checks_of_all_drivers() -> None:
    check_decoder(driver("mqtt"), driver("mqtt").examples)


@settings(max_examples=400, deadline=None)
@given(topic=st.sampled_from(TOPICS), body=BODIES, is_retained=st.booleans())
def test_no_json_raises_and_every_event_prints_and_decodes_again(topic: str, body: object, is_retained: bool) -> None:
    events = MessageDecoder().decode(Message(topic, json.dumps(body).encode(), is_retained))
    assert events
    for event in events:
        json.dumps(event.to_json(), allow_nan=False)
        if not isinstance(event, BadFrame) and topic[-5:] != "hj212":
            [again] = driver("mqtt").decoder().feed(event.raw + b"\n")
            assert repr(list(again.contents())) == repr(list(event.contents()))


@settings(max_examples=200, deadline=None)
@given(topic=st.text(max_size=40), payload=st.binary(max_size=200))
def test_no_bytes_raise_and_the_envelope_gives_them_back(topic: str, payload: bytes) -> None:
    for event in MessageDecoder().decode(Message(topic, payload)):
        json.dumps(event.to_json(), allow_nan=False)
    again = unwrap(wrap(Message(topic, payload)))
    assert again.payload == payload
    assert again.topic == topic.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[" * 10_000 + b"]" * 10_000, Reason.SANITY),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, Reason.SANITY),
        (b"{" + b",".join(b'"k%d":0' % i for i in range(MAX_KEYS + 1)) + b"}", Reason.OVERSIZE),
        (b"{" + b'"k":0,' * (MAX_KEYS + 1) + b'"k":0}', Reason.SANITY),
        (b'{"a":' + b"9" * 65 + b"}", Reason.SANITY),
        (b'{"a":NaN}', Reason.SYNTAX),
        (b'{"a":Infinity}', Reason.SYNTAX),
        (b'{"a":1e400}', Reason.SYNTAX),
        (b'{"a":"\\ud800"}', Reason.SYNTAX),
        (b'{"a":"x\\u0000y"}', Reason.SANITY),
        (b'"' + b"y" * MAX_PAYLOAD_BYTES + b'"', Reason.OVERSIZE),
        (b"\xff\xff\xff", Reason.SYNTAX),
        (b"", Reason.SYNTAX),
        (b'{"a":1', Reason.SYNTAX),
    ],
    ids=lambda item: item[:12] if isinstance(item, bytes) else str(item),
)
def test_poison_is_refused_before_it_is_parsed(payload: bytes, reason: Reason) -> None:
    started = time.process_time()
    with pytest.raises(Refused) as caught:
        parse_json(payload)
    assert caught.value.reason is reason
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        json.dumps({"text": "[{" * 500}).encode(),
        json.dumps({"text": "9" * 500}).encode(),
        json.dumps({"text": ":" * (MAX_KEYS + 5)}).encode(),
        b'{"path":"C:\\\\\\\\u0000"}',
    ],
)
def test_honest_messages_that_only_look_suspicious_pass(payload: bytes) -> None:
    assert parse_json(payload)[0] == json.loads(payload)


def test_text_in_gb18030_is_read_and_noted() -> None:
    value, deviations = parse_json('{"name":"烟尘"}'.encode("gb18030"))
    assert (value, deviations) == ({"name": "烟尘"}, ("encoding_gb18030",))


def test_a_line_that_is_too_long_costs_itself_and_not_the_next_one() -> None:
    good = driver("mqtt").examples[0]
    decoder = driver("mqtt").decoder()
    events = [*decoder.feed(b'{"topic":"' + b"x" * 200_000 + b'"}\n' + good)]
    assert {event.reason for event in events[:-1]} == {Reason.OVERSIZE}
    assert not isinstance(events[-1], BadFrame)
