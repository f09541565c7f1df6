"""A shared subscription: which filters may be shared, and what a member that sees a part does not claim."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import MqttSettings
from tests.sources.mqtt_field import Field, HeldInbox, eventually, field_with, numbers, observation, running

pytestmark = pytest.mark.broker


@pytest.fixture
def field() -> Iterator[Field]:
    with field_with("s1") as found:
        yield found


@pytest.mark.parametrize("topic", ["$share/g/eg/v1/#", "$share/g/+/onvif-ej/#", "$share/g/v1/wudun/ems/#"])
def test_topics_whose_messages_stand_alone_may_be_shared(topic: str) -> None:
    assert MqttSettings(host="127.0.0.1", client_id="g", topics=(topic,)).topics == (topic,)


@pytest.mark.parametrize(
    "topic", ["$share/g/#", "$share/g/thing/product/#", "$share/g/sys/product/+/status", "$share/g/+/product/+/osd"]
)
def test_topics_whose_messages_leave_out_what_has_not_changed_may_not_be_shared(topic: str) -> None:
    with pytest.raises(ValidationError, match="one reader"):
        MqttSettings(host="127.0.0.1", client_id="g", topics=(topic,))


def test_a_shared_subscription_needs_a_session_that_outlasts_a_restart() -> None:
    with pytest.raises(ValidationError, match="lost with its session"):
        MqttSettings(host="127.0.0.1", client_id="g", topics=("$share/g/eg/v1/#",), session_expiry_s=60)


async def test_what_a_member_was_given_waits_for_it_and_for_nobody_else(field: Field, tmp_path: Path) -> None:
    """The broker's limit: the other member is there all the time, and gets none of it."""
    for name in ("gateway-0", "gateway-1"):
        field.secrets[name] = (await field.provisioning.add_gateway(name)).secret
    field.broker.reload()
    first, second = (
        field.settings(
            topics=("$share/g/eg/v1/#",), name=name, client_id=name, username=name, password=field.secrets[name]
        )
        for name in ("gateway-0", "gateway-1")
    )
    present, unacknowledged, back = HeldInbox(is_durable_at_once=True), HeldInbox(), HeldInbox(is_durable_at_once=True)
    async with running(first, present, tmp_path):
        async with running(second, unacknowledged, tmp_path), field.device("s1") as device:
            for number in range(100):
                await device.publish("eg/v1/acme/sta/s1/obs", observation(number), qos=1)
            await eventually(lambda: len(present.from_devices) + len(unacknowledged.from_devices) == 100)
        async with running(second, back, tmp_path):
            assert numbers(await back.wait_for(len(unacknowledged.from_devices)))
    assert sorted(numbers(present.from_devices) + numbers(back.from_devices)) == list(range(100))
    assert numbers(back.from_devices) == numbers(unacknowledged.from_devices)


@pytest.mark.parametrize(("topic", "gaps"), [("eg/v1/#", 1), ("$share/g/eg/v1/#", 0)])
async def test_numbers_that_another_member_may_have_got_are_not_reported_as_lost(
    field: Field, tmp_path: Path, topic: str, gaps: int
) -> None:
    held = HeldInbox(is_durable_at_once=True)
    async with running(field.settings(topics=(topic,)), held, tmp_path), field.device("s1") as device:
        for seq in (1, 5):
            body = b'{"t":"2026-11-22T03:04:0%dZ","seq":%d,"v":{"a21026":1}}' % (seq, seq)
            await device.publish("eg/v1/acme/sta/s1/obs", body, qos=1)
        await held.wait_for(2)
    assert len(held.notices("sequence_gap")) == gaps
