"""The demonstration's embedded broker lets in its own devices only, and each under its own name only."""

import asyncio
import csv
import os
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from gateway.cli import demo_broker
from gateway.cli.demo_broker import COUNTS, MqttField

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def mqtt(tmp_path: Path) -> Iterator[MqttField]:
    found = MqttField(tmp_path / "mqtt", seconds=5.0)
    assert "[[mqtt]]" in found.start()
    yield found
    found.stop()


def client(mqtt: MqttField, name: str, secret: str) -> aiomqtt.Client:
    assert mqtt.port is not None
    return aiomqtt.Client("127.0.0.1", mqtt.port, username=name, password=secret, identifier=name)


def secrets(mqtt: MqttField) -> dict[str, str]:
    with (mqtt.folder / "accounts.csv").open(encoding="utf-8", newline="") as file:
        found = {row["device"]: row["secret"] for row in csv.DictReader(file)}
    return found | {"gateway": (mqtt.folder / "gateway.secret").read_text(encoding="utf-8")}


async def test_every_device_has_a_secret_of_its_own_and_no_other_is_let_in(mqtt: MqttField) -> None:
    known = secrets(mqtt)
    assert len(set(known.values())) == sum(COUNTS.values()) + 1
    for name, secret in (("mqtt-station-1", known["mqtt-station-2"]), ("nobody", "nobody"), ("gateway", "gateway")):
        with pytest.raises(aiomqtt.MqttError):
            async with client(mqtt, name, secret):
                pass


async def test_a_device_publishes_under_its_own_name_only(mqtt: MqttField) -> None:
    known = secrets(mqtt)
    async with client(mqtt, "gateway", known["gateway"]) as gateway:
        await gateway.subscribe("eg/v1/#", qos=1)
        await publish(mqtt, "mqtt-station-1", "eg/v1/demo/sta/mqtt-station-2/obs", known)  # 3.1.1 cannot say no
        await publish(mqtt, "mqtt-station-2", "eg/v1/demo/sta/mqtt-station-2/obs", known)
        async with asyncio.timeout(10):
            message = await anext(aiter(gateway.messages))
    assert message.payload == b"mqtt-station-2"  # the first that was let through


async def publish(mqtt: MqttField, name: str, topic: str, known: dict[str, str]) -> None:
    async with client(mqtt, name, known[name]) as device:
        await device.publish(topic, name, qos=1, timeout=2)


async def test_all_simulated_devices_are_heard(mqtt: MqttField) -> None:
    kinds: set[str] = set()
    async with client(mqtt, "gateway", secrets(mqtt)["gateway"]) as gateway:
        for topic in demo_broker.READS:
            await gateway.subscribe(topic, qos=1)
        async with mqtt.devices(), asyncio.timeout(30):
            async for message in gateway.messages:
                kinds |= {kind for kind in COUNTS if f"mqtt-{kind}-" in str(message.topic)}
                if kinds == set(COUNTS):
                    return


def test_the_broker_ends_with_its_standard_input_and_without_one_the_demonstration_goes_on(tmp_path: Path) -> None:
    found = MqttField(tmp_path / "mqtt", seconds=None)
    found.start()
    found.stop()
    assert found._broker is not None
    assert found._broker.returncode == 0
    blocked = tmp_path / "file"
    blocked.touch()
    without = MqttField(blocked / "mqtt", seconds=None)
    assert without.start() == ""
    assert "no MQTT" in without.headline
    assert not os.path.isdir(without.folder)
    without.stop()
