"""A shared subscription: which filters may be shared, and what a member that sees a part does not claim."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import MqttSettings
from tests.sources.mqtt_field import Field, HeldInbox, field_with, running

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
