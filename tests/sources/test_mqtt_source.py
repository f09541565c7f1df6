"""The MQTT source against a real Mosquitto: when and in which order it acknowledges, and what it does in faults."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from drivers.environment.hj212.encode import frame
from drivers.events import BadFrame
from gateway.identity.rights import Rights
from gateway.registry import RegisteredDevice
from tests.sources.mqtt_field import Field, HeldInbox, eventually, field_with, numbers, observation, running

pytestmark = pytest.mark.broker

TOPIC = "eg/v1/acme/sta/s1/obs"


@pytest.fixture
def mqtt_field() -> Iterator[Field]:
    with field_with("s1", "s2") as found:
        yield found


@pytest.fixture
def second_field() -> Iterator[Field]:
    with field_with("s1") as found:
        yield found


@pytest.fixture(params=["5", "3.1.1"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_message_is_acknowledged_only_when_it_is_durable(
    mqtt_field: Field, tmp_path: Path, protocol: str
) -> None:
    settings = mqtt_field.settings(protocol=protocol)
    held = HeldInbox()
    async with running(settings, held, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(1), qos=1)
        await device.publish(TOPIC, observation(2), qos=1)
        await held.wait_for(2)
        held.make_durable(held.deliveries[:1])
    again = HeldInbox(is_durable_at_once=True)
    async with running(settings, again, tmp_path):
        await again.wait_for(1)
        assert numbers(again.from_devices) == [2]
    last = HeldInbox()
    async with running(settings, last, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(3), qos=1)
        assert numbers(await last.wait_for(1)) == [3]  # nothing before it: all the rest is acknowledged


async def test_what_is_durable_out_of_order_is_acknowledged_in_order(
    mqtt_field: Field, tmp_path: Path, protocol: str
) -> None:
    settings = mqtt_field.settings(protocol=protocol)
    held = HeldInbox()
    async with running(settings, held, tmp_path), mqtt_field.device("s1") as device:
        for number in (1, 2, 3):
            await device.publish(TOPIC, observation(number), qos=1)
        await held.wait_for(3)
        held.make_durable(held.deliveries[2:0:-1])  # the third and the second: the first is still open
        await asyncio.sleep(0)
    again = HeldInbox()
    async with running(settings, again, tmp_path):
        assert numbers(await again.wait_for(3)) == [1, 2, 3]


async def test_durable_after_the_connection_has_gone_acknowledges_nothing_on_the_next_one(
    mqtt_field: Field, tmp_path: Path
) -> None:
    """The packet ids of the old connection mean other messages on the new one."""
    held = HeldInbox()
    async with running(mqtt_field.settings(), held, tmp_path) as source, mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(1), qos=1)
        [old] = await held.wait_for(1)
        async with aiomqtt.Client(
            "127.0.0.1", mqtt_field.broker.port, identifier="gateway", clean_start=False,
            protocol=aiomqtt.ProtocolVersion.V5, username="gateway", password=mqtt_field.secrets["gateway"],
        ):  # fmt: skip
            pass  # takes the session over and lets it go: the source's connection is cut
        await eventually(lambda: source.generation > 1 and source.is_connected.is_set())
        await device.publish(TOPIC, observation(2), qos=1)
        await eventually(lambda: numbers(held.from_devices)[-1] == 2)
        held.make_durable([old])
    again = HeldInbox()
    async with running(mqtt_field.settings(), again, tmp_path):
        await eventually(lambda: 2.0 in numbers(again.from_devices))


async def test_no_more_than_the_window_is_taken_before_the_first_is_durable(mqtt_field: Field, tmp_path: Path) -> None:
    held = HeldInbox()
    async with running(mqtt_field.settings(receive_maximum=50), held, tmp_path), mqtt_field.device("s1") as device:
        for number in range(200):
            await device.publish(TOPIC, observation(number), qos=1)
        await held.wait_for(50)
        async with mqtt_field.device("s2") as marker:  # a round trip through the broker, after all of the above
            await marker.subscribe("eg/v1/acme/sta/s2/cmd/#", qos=1)
        assert len(held.deliveries) == 50
        done = 0
        while done < 200:
            deliveries = await held.wait_for(min(200, done + 50))
            held.make_durable(deliveries[done:])
            done = len(deliveries)
        assert numbers(held.from_devices) == list(range(200))


async def test_a_closed_gate_stops_the_reading_and_loses_nothing(mqtt_field: Field, tmp_path: Path) -> None:
    held = HeldInbox(is_durable_at_once=True)
    async with running(mqtt_field.settings(receive_maximum=20), held, tmp_path), mqtt_field.device("s1") as device:
        [(close, reopen)] = held.gates
        close()
        for number in range(100):
            await device.publish(TOPIC, observation(number), qos=1)
        assert held.deliveries == []
        reopen()
        assert numbers(await held.wait_for(100)) == list(range(100))


async def test_poison_in_the_middle_is_dead_lettered_and_acknowledged_and_its_neighbours_are_kept(
    mqtt_field: Field, tmp_path: Path
) -> None:
    poison = [
        b"", b"\x00\xff\xfe", b"[" * 10_000, b'{"a":1e400}', b'{"v":{"a":NaN}}', b"{" + b'"k":0,' * 7_000 + b'"z":0}',
        b'{"t":"x"}', b'{"t":"2026-11-22T00:00:00Z","v":{"a\\u0000b":1}}', b"9" * 500,
        b'{"x":"' + b"y" * 60_000 + b'"}',
    ]  # fmt: skip
    held = HeldInbox(is_durable_at_once=True)
    settings = mqtt_field.settings(receive_maximum=5)
    async with running(settings, held, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(1), qos=1)
        for payload in poison:
            await device.publish(TOPIC, payload, qos=1)
        await device.publish(TOPIC, observation(2), qos=1)
        found = await held.wait_for(len(poison) + 2)
    good = [item for item in found if not isinstance(item.event, BadFrame)]
    bad = [item for item in found if isinstance(item.event, BadFrame)]
    assert numbers(good) == [1, 2]
    assert len(bad) == len(poison)
    assert all(item.event.detail for item in bad)  # type: ignore[union-attr]
    assert {item.device for item in bad} == {"s1"}


async def test_kill_9_of_the_broker_and_restart_loses_nothing_that_was_acknowledged_to_a_device(
    mqtt_field: Field, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    held = HeldInbox(ledger, is_durable_at_once=True)
    acknowledged: list[float] = []
    async with running(mqtt_field.settings(), held, tmp_path) as source:
        async with mqtt_field.device("s1") as device:
            for number in range(300):
                await device.publish(TOPIC, observation(number), qos=1)
                acknowledged.append(number)
        await asyncio.sleep(1.5)  # the broker's own second: its session must be on disk once
        async with mqtt_field.device("s1") as device:
            with contextlib.suppress(aiomqtt.MqttError):
                for number in range(300, 600):
                    if number == 500:
                        mqtt_field.broker.kill()
                    await device.publish(TOPIC, observation(number), qos=1)
                    acknowledged.append(number)
        assert 490 < len(acknowledged) < 600
        generation = source.generation
        mqtt_field.broker.start()
        await eventually(lambda: source.generation > generation and source.is_connected.is_set())
        async with mqtt_field.device("s1") as device:
            await device.publish(TOPIC, observation(700), qos=1)
        await eventually(lambda: numbers(held.from_devices)[-1] == 700)
        assert not held.notices("session_lost")
    stored = {json.loads(json.loads(line)["payload"])["v"]["a21026"] for line in ledger.read_text().splitlines()}
    assert set(acknowledged) <= stored


async def test_a_session_that_the_broker_has_lost_is_recorded_as_a_possible_gap(
    mqtt_field: Field, tmp_path: Path, protocol: str
) -> None:
    settings = mqtt_field.settings(protocol=protocol)
    held = HeldInbox(is_durable_at_once=True)
    async with running(settings, held, tmp_path) as source:
        assert not held.notices("session_lost")  # the first session of all is no loss
        mqtt_field.broker.kill()
        mqtt_field.broker.forget()
        generation = source.generation
        mqtt_field.broker.start()
        await eventually(lambda: source.generation > generation and source.is_connected.is_set())
        [notice] = held.notices("session_lost")
        assert notice.detail["client_id"] == "gateway"
        async with mqtt_field.device("s1") as device:  # and it is subscribed again
            await device.publish(TOPIC, observation(5), qos=1)
        assert numbers(await held.wait_for(1)) == [5]


async def test_a_session_lost_while_the_gateway_was_off_is_recorded_at_its_start(
    mqtt_field: Field, tmp_path: Path
) -> None:
    async with running(mqtt_field.settings(), HeldInbox(), tmp_path):
        pass
    mqtt_field.broker.stop()
    mqtt_field.broker.forget()
    mqtt_field.broker.start()
    held = HeldInbox()
    async with running(mqtt_field.settings(), held, tmp_path):
        assert len(held.notices("session_lost")) == 1


async def test_what_came_while_the_gateway_was_away_is_delivered_beyond_a_thousand(
    mqtt_field: Field, tmp_path: Path
) -> None:
    """The default of Mosquitto acknowledges them all and keeps a thousand."""
    async with running(mqtt_field.settings(), HeldInbox(), tmp_path):
        pass
    async with mqtt_field.device("s1", max_inflight_messages=1000) as device:
        device.pending_calls_threshold = 10_000
        for first in range(0, 3_000, 250):
            async with asyncio.TaskGroup() as tasks:
                for number in range(first, first + 250):
                    tasks.create_task(device.publish(TOPIC, observation(number), qos=1))
    held = HeldInbox(is_durable_at_once=True)
    async with running(mqtt_field.settings(), held, tmp_path):
        assert numbers(await held.wait_for(3_000)) == list(range(3_000))


async def test_a_body_that_names_another_device_is_refused_and_noticed(mqtt_field: Field, tmp_path: Path) -> None:
    held = HeldInbox(is_durable_at_once=True)
    async with running(mqtt_field.settings(), held, tmp_path), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(1, device="s2"), qos=1)
        [delivery] = await held.wait_for(1)
    assert delivery.device == "s1"
    [notice] = list(delivery.event.contents())  # type: ignore[union-attr]
    assert (notice.kind, notice.detail["claimed"]) == ("identity_mismatch", "s2")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "policy", "expected"),
    [
        ("accepted", "refuse", "accepted"),
        ("quarantined", "accept", "quarantined"),
        ("revoked", "accept", "refused"),
        (None, "refuse", "refused"),
        (None, "quarantine", "quarantined"),
    ],
)
async def test_the_register_decides_what_is_taken_as_data(
    mqtt_field: Field, tmp_path: Path, status: str | None, policy: str, expected: str
) -> None:
    devices = [RegisteredDevice("s1", status=status)] if status else []
    held = HeldInbox()
    settings = mqtt_field.settings(unknown_device=policy)
    async with running(settings, held, tmp_path, devices=devices), mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(1), qos=1)
        [delivery] = await held.wait_for(1)
    assert delivery.disposition == expected
    assert bool(delivery.reason) == (expected == "refused")


async def test_a_device_under_another_tenant_than_registered_is_refused_and_noticed(
    mqtt_field: Field, tmp_path: Path
) -> None:
    home = RegisteredDevice("s1", answers={"mqtt": {"tenant": "acme", "kind": "sta"}})
    held = HeldInbox()
    async with running(mqtt_field.settings(), held, tmp_path, devices=[home]), mqtt_field.device("s1") as device:
        await device.publish("eg/v1/other/sta/s1/obs", observation(1), qos=1)
        [delivery] = await held.wait_for(1)
        [notice] = held.notices("identity_mismatch")
    assert (delivery.disposition, delivery.reason) == ("refused", "identity_mismatch")
    assert notice.detail["registered_tenant"] == "acme"


async def test_an_hj212_frame_is_answered_on_the_command_topic_when_it_is_durable(
    mqtt_field: Field, tmp_path: Path
) -> None:
    segment = (
        b"QN=20261122030405000;ST=31;CN=2011;PW=123456;MN=s1;Flag=5;CP=&&DataTime=20261122110400;"
        b"a21026-Rtd=12.5,a21026-Flag=N&&"
    )
    held = HeldInbox()
    async with running(mqtt_field.settings(), held, tmp_path), mqtt_field.device("s1") as device:
        await device.subscribe("eg/v1/acme/sta/s1/cmd/#", qos=1)
        await device.publish("eg/v1/acme/sta/s1/raw/hj212", frame(segment), qos=1)
        [delivery] = await held.wait_for(1)
        assert (delivery.driver, delivery.device, delivery.raw + b"\r\n") == ("hj212", "s1", frame(segment))
        held.make_durable([delivery])
        async with asyncio.timeout(10):
            answer = await anext(aiter(device.messages))
        await device.publish(TOPIC, observation(1), qos=1)
        assert numbers((await held.wait_for(2))[1:]) == [1]  # our own answer, on a topic that we read, is no delivery
    assert str(answer.topic) == "eg/v1/acme/sta/s1/cmd/hj212"
    assert b"CN=9014" in bytes(answer.payload)
    assert b"QN=20261122030405000" in bytes(answer.payload)


async def test_an_hj212_frame_under_another_name_than_its_topic_is_refused_and_noticed(
    mqtt_field: Field, tmp_path: Path
) -> None:
    segment = b"QN=20261122030405000;ST=31;CN=2011;PW=123456;MN=s2;Flag=4;CP=&&DataTime=20261122110400;a21026-Rtd=1&&"
    held = HeldInbox()
    async with running(mqtt_field.settings(), held, tmp_path), mqtt_field.device("s1") as device:
        await device.publish("eg/v1/acme/sta/s1/raw/hj212", frame(segment), qos=1)
        [delivery] = await held.wait_for(1)
        [notice] = held.notices("identity_mismatch")
    assert delivery.reason == "identity_mismatch"
    assert (notice.device, notice.detail["claimed"]) == ("s1", "s2")


async def test_a_take_over_of_a_credential_is_an_event(mqtt_field: Field, tmp_path: Path) -> None:
    held = HeldInbox(is_durable_at_once=True)
    settings = mqtt_field.settings(topics=("eg/v1/#", "$SYS/broker/log/#"))
    async with running(settings, held, tmp_path), mqtt_field.device("s1") as first:
        async with mqtt_field.device("s1", identifier="a-copy-elsewhere"):
            [notice] = await eventually(lambda: held.notices("credential_takeover"))
        with pytest.raises(aiomqtt.MqttError):
            await first.publish(TOPIC, observation(1), qos=1)
    assert notice.device == "s1"


async def test_sessions_that_replace_each_other_are_noticed_without_the_brokers_help(
    mqtt_field: Field, tmp_path: Path
) -> None:
    held = HeldInbox(is_durable_at_once=True)
    async with running(mqtt_field.settings(), held, tmp_path), mqtt_field.device("s1") as device:
        for session in ("1", "2"):
            birth = {"t": f"2026-11-22T03:0{session}:00Z", "state": "online", "s": session, "metrics": []}
            await device.publish("eg/v1/acme/sta/s1/status", json.dumps(birth), qos=1)
        await held.wait_for(2)
    [notice] = held.notices("session_replaced")
    assert notice.detail == {"session": "2", "replaced": "1", "times": 1}


async def test_a_skipped_sequence_number_is_reported_once(mqtt_field: Field, tmp_path: Path) -> None:
    held = HeldInbox(is_durable_at_once=True)
    async with running(mqtt_field.settings(), held, tmp_path), mqtt_field.device("s1") as device:
        for seq in (1, 2, 6, 6, 7):
            body = b'{"t":"2026-11-22T03:04:0%dZ","seq":%d,"v":{"a21026":1}}' % (seq, seq)
            await device.publish(TOPIC, body, qos=1)
        await held.wait_for(5)
    [notice] = held.notices("sequence_gap")
    assert (notice.detail["first"], notice.detail["last"], notice.detail["missing"]) == (3, 5, 3)


async def test_a_retained_value_without_a_time_is_not_taken_for_a_new_one(mqtt_field: Field, tmp_path: Path) -> None:
    async with mqtt_field.device("s1") as device:
        await device.publish(TOPIC, b'{"v":{"a21026":99}}', qos=1, retain=True)
        await device.publish("eg/v1/acme/sta/s1/status", b'{"t":"2026-11-22T03:00:00Z","state":"online"}', retain=True)
    held = HeldInbox(is_durable_at_once=True)
    async with running(mqtt_field.settings(), held, tmp_path):
        found = {item.event.to_json()["kind"]: list(item.event.contents()) for item in await held.wait_for(2)}  # type: ignore[union-attr]
    assert found["observation"] == []
    assert [item.kind for item in found["status"]] == ["online"]  # type: ignore[union-attr]


async def test_a_drones_topology_is_answered_when_it_is_durable(mqtt_field: Field, tmp_path: Path) -> None:
    await mqtt_field.add("DOCK1", rights=Rights("acme", "uav", "dji", sub_devices=("DRONE1",)))
    mqtt_field.broker.reload()
    held = HeldInbox()
    settings = mqtt_field.settings(topics=("thing/product/#", "sys/product/#"))
    async with running(settings, held, tmp_path), mqtt_field.device("DOCK1") as dock:
        await dock.subscribe("sys/product/DOCK1/status_reply", qos=1)
        data = {"domain": "3", "type": 2, "sub_type": 0, "sub_devices": [{"sn": "DRONE1", "domain": "0"}]}
        body = {"tid": "t", "bid": "b", "method": "update_topo", "timestamp": 1763780645250, "data": data}
        await dock.publish("sys/product/DOCK1/status", json.dumps(body), qos=1)
        held.make_durable(await held.wait_for(1))
        async with asyncio.timeout(10):
            answer = await anext(aiter(dock.messages))
    reply = json.loads(bytes(answer.payload))
    assert reply | {"timestamp": 0} == {
        "tid": "t", "bid": "b", "method": "update_topo", "data": {"result": 0}, "timestamp": 0
    }  # fmt: skip
    assert reply["timestamp"] > 1_790_000_000_000  # the time of sending is ours


async def test_sigterm_order_reading_stops_and_what_was_read_is_still_acknowledged(
    mqtt_field: Field, tmp_path: Path
) -> None:
    held = HeldInbox()
    async with running(mqtt_field.settings(), held, tmp_path) as source, mqtt_field.device("s1") as device:
        await device.publish(TOPIC, observation(1), qos=1)
        await held.wait_for(1)
        source.stop_reading()
        await device.publish(TOPIC, observation(2), qos=1)
        held.make_durable(held.deliveries)
    assert numbers(held.from_devices) == [1]
    again = HeldInbox()
    async with running(mqtt_field.settings(), again, tmp_path):
        assert numbers(await again.wait_for(1)) == [2]


async def test_two_brokers_at_once(mqtt_field: Field, second_field: Field, tmp_path: Path) -> None:
    held = HeldInbox(is_durable_at_once=True)
    one, two = mqtt_field.settings(name="one"), second_field.settings(name="two")
    async with running(one, held, tmp_path), running(two, held, tmp_path):
        for number, place in ((1, mqtt_field), (2, second_field)):
            async with place.device("s1") as device:
                await device.publish(TOPIC, observation(number), qos=1)
        found = await held.wait_for(2)
    assert {(item.source, *numbers([item])) for item in found} == {("one", 1), ("two", 2)}
