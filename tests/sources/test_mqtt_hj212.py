"""HJ 212 over a real broker: cut frames are acknowledged when whole and durable, and answered as registered."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.environment.hj212 import Decoder, Message
from drivers.environment.hj212.assembly import Assembly
from drivers.environment.hj212.encode import encode
from drivers.events import BadFrame, Reason
from gateway.records import Delivery
from gateway.registry import RegisteredDevice
from gateway.sources import mqtt_pieces
from gateway.sources.mqtt_acks import AckQueue
from gateway.sources.mqtt_hj212 import SplitMessages, driver_of
from gateway.sources.mqtt_pieces import Pieces
from tests.sources.mqtt_field import Field, HeldInbox, eventually, field_with, numbers, observation, running

TOPIC = "eg/v1/acme/sta/s1/obs"
RAW = "eg/v1/acme/sta/s1/raw/hj212"


@pytest.fixture
def mqtt_field() -> Iterator[Field]:
    with field_with("s1", "s2") as found:
        yield found


def packets(number: int, *, groups: int = 1, **options: Any) -> list[bytes]:
    items = [f"a{21026 + index:05}-Rtd={number},a{21026 + index:05}-Flag=N" for index in range(groups)]
    qn = f"20261122030405{number:03}"
    return encode("2011", ["DataTime=20261122110400", *items], mn="s1", st="31", qn=qn, **options)


@pytest.mark.broker
async def test_the_pieces_of_a_frame_are_acknowledged_when_it_is_durable(mqtt_field: Field, tmp_path: Path) -> None:
    [whole] = packets(1)
    settings = mqtt_field.settings()
    first = HeldInbox(is_durable_at_once=True)
    async with running(settings, first, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(0), qos=1)
        await device.publish(RAW, whole[:50], qos=1)
        await device.publish(TOPIC, observation(1), qos=1)
        assert numbers(await first.wait_for(2)) == [0, 1]
    # The connection has gone in the middle of a frame: its beginning comes again, and what was behind it.
    second = HeldInbox()
    async with running(settings, second, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(RAW, whole[50:], qos=1)
        again, frame = await second.wait_for(2)
        assert numbers([again]) == [1]
        assert (frame.driver, frame.device, frame.raw + b"\r\n") == ("hj212", "s1", whole)
        second.make_durable([again])  # but not the frame: neither of its pieces is acknowledged
    third = HeldInbox(is_durable_at_once=True)
    async with running(settings, third, tmp_path):
        assert {delivery.raw for delivery in await third.wait_for(2)} == {again.raw, frame.raw}
    fourth = HeldInbox()
    async with running(settings, fourth, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(2), qos=1)
        assert numbers(await fourth.wait_for(1)) == [2]  # nothing before it: all is acknowledged


@pytest.mark.broker
async def test_a_beginning_without_a_rest_is_dead_lettered_and_lets_the_others_go(
    mqtt_field: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_pieces, "PATIENCE_S", 0.3)
    settings = mqtt_field.settings()
    held = HeldInbox(is_durable_at_once=True)
    async with running(settings, held, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(RAW, packets(1)[0][:50], qos=1)
        await device.publish(TOPIC, observation(1), qos=1)
        good, bad = await held.wait_for(2)
    assert numbers([good]) == [1]
    assert isinstance(bad.event, BadFrame)
    assert (bad.driver, bad.device, bad.event.reason) == ("hj212", "s1", Reason.TRUNCATED)
    again = HeldInbox()
    async with running(settings, again, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(2), qos=1)
        assert numbers(await again.wait_for(1)) == [2]


@pytest.mark.broker
async def test_the_packets_of_a_message_belong_together_across_a_reconnect(mqtt_field: Field, tmp_path: Path) -> None:
    first, second, *_ = whole = packets(1, groups=60)
    settings = mqtt_field.settings()
    held = HeldInbox(is_durable_at_once=True)
    async with running(settings, held, tmp_path) as source:
        noticed: list[dict[str, object]] = []
        source.split = SplitMessages(lambda _, detail: noticed.append(detail), assembly := Assembly(window_s=1e6))
        async with mqtt_field.device("s1") as device:
            await device.publish(RAW, first, qos=1)
            await held.wait_for(1)
            assert len(assembly) == 1
            mqtt_field.broker.kill()
            mqtt_field.broker.start()
            await eventually(lambda: source.generation == 2 and source.is_connected.is_set())
        async with mqtt_field.device("s1") as device:
            await device.publish(RAW, second + b"".join(whole[2:]), qos=1)
            await eventually(lambda: len(assembly) == 0)
    assert noticed == []  # it is complete: nothing is missing


async def test_a_packet_that_never_comes_is_noticed() -> None:
    first, *_ = (message for frame in packets(1, groups=60) for message in _decoded(frame))
    noticed: list[tuple[str, dict[str, object]]] = []
    split = SplitMessages(lambda *notice: noticed.append(notice), Assembly(window_s=0.0))
    split.add(first)
    task = asyncio.create_task(split.run())
    await eventually(lambda: noticed)
    task.cancel()
    [(device, detail)] = noticed
    assert (device, detail["missing"]) == ("s1", list(range(2, first.pnum + 1)))


@pytest.mark.broker
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, b"ST=91;CN=9014"),
        ({"keeps_st": True}, b"ST=31;CN=9014"),
        ({"has_qn_rtn": True}, b"QnRtn=1"),
        ({"uploads": False}, None),
    ],
)
async def test_a_device_is_answered_as_it_is_registered(
    mqtt_field: Field, tmp_path: Path, answers: dict[str, Any], expected: bytes | None
) -> None:
    held = HeldInbox(is_durable_at_once=True)
    registered = RegisteredDevice("s1", answers={"mqtt": {"tenant": "acme", "kind": "sta"}, **answers})
    async with (
        running(mqtt_field.settings(), held, tmp_path, devices=[registered]),
        mqtt_field.device("s1") as device,
    ):
        await device.subscribe("eg/v1/acme/sta/s1/cmd/#", qos=1)
        await device.publish(RAW, packets(1, needs_answer=True)[0], qos=1)
        await held.wait_for(1)
        if expected is not None:
            async with asyncio.timeout(10):
                answer = await anext(aiter(device.messages))
            assert expected in bytes(answer.payload)
        else:  # an answer would be on its way before this message is taken
            await device.publish(TOPIC, observation(1), qos=1)
            await held.wait_for(2)
            async with mqtt_field.device("s2") as marker:
                await marker.subscribe("eg/v1/acme/sta/s2/cmd/#", qos=1)
            assert len(device.messages) == 0


def test_a_message_waits_while_any_of_its_bytes_wait() -> None:
    sent: list[int] = []
    acks = AckQueue(sent.extend, lambda call: call())
    timers: list[tuple[Any, ...]] = []
    pieces = Pieces(lambda *arguments: timers.append(arguments), lambda _: None)
    one, two = _delivery(), _delivery()
    pieces.add("t", acks.add(1, 1), 100)
    pieces.settle("t", [], pending=100)
    pieces.add("t", acks.add(2, 1), 100)
    pieces.settle("t", [one], pending=30)  # the end of the first frame, and the beginning of the second
    assert sent == []
    assert one.on_durable is not None
    one.on_durable()
    assert sent == [1]
    pieces.add("t", acks.add(3, 1), 50)
    pieces.settle("t", [two], pending=0)
    assert two.on_durable is not None
    two.on_durable()
    assert sent == [1, 2, 3]
    assert "t" not in pieces


def test_what_came_by_another_driver_is_decoded_again_by_that_driver() -> None:
    [message] = _decoded(packets(1)[0])
    assert driver_of(message, RAW) == driver_of(message, "logger/7/up") == "hj212"
    assert driver_of(BadFrame(Reason.NOT_A_FRAME, b"x"), RAW) == "hj212"
    assert driver_of(BadFrame(Reason.NOT_A_FRAME, b"x"), RAW.replace("hj212", "dlt645")) == "dlt645"
    assert driver_of(BadFrame(Reason.REFUSED, b"x"), RAW.replace("hj212", "nonesuch")) == "mqtt"
    assert driver_of(BadFrame(Reason.NOT_A_FRAME, b"x"), TOPIC) == "mqtt"


def _decoded(frame: bytes) -> list[Message]:
    return [event for event in Decoder().feed(frame) if isinstance(event, Message)]


def _delivery() -> Delivery:
    return Delivery(0, "mqtt", "hj212", "", "s1", b"", BadFrame(Reason.TRUNCATED, b""))
