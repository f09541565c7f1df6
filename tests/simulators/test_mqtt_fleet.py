"""The simulated MQTT fleet: the gateway understands it, it repeats itself, and its faults lose nothing."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from drivers.events import BadFrame, Notice, Position, Readings
from drivers.telemetry.envelope import Message
from drivers.telemetry.router import MessageDecoder
from simulators import mqtt_fleet_faults as faults
from simulators.mqtt_fleet import KINDS, Outgoing, messages, will
from simulators.mqtt_fleet_command import FAULTS, disturbed
from tests.sources.mqtt_field import Field, HeldInbox, field_with, running

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def first(kind: str, number: int = 60, *, seed: int = 1) -> list[Outgoing]:
    return list(islice(messages(kind, f"{kind}1", start=START, seed=seed), number))


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateway_understands_every_message(kind: str) -> None:
    decoder = MessageDecoder()
    contents: Counter[type] = Counter()
    for message in first(kind):
        for event in decoder.decode(Message(message.topic, message.payload)):
            assert not isinstance(event, BadFrame), (event.detail, message)
            contents.update(map(type, event.contents()))
    expected = {"station": Readings, "drone": Position, "camera": Notice, "meter": Readings, "logger": Readings}[kind]
    assert contents[expected] >= 50


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_messages_and_another_gives_others(kind: str) -> None:
    assert first(kind) == first(kind)
    assert first(kind) != first(kind, seed=2)
    assert [message.at_s for message in first(kind)] == sorted(message.at_s for message in first(kind))


def test_a_partial_message_of_a_drone_is_completed() -> None:
    decoder = MessageDecoder()
    events = [event for m in first("drone") for event in decoder.decode(Message(m.topic, m.payload))]
    where = [item for event in events for item in event.contents() if isinstance(item, Position)]  # type: ignore[union-attr]
    assert any("completed_from_utc" in item.detail for item in where)
    assert any(event.to_json()["kind"] == "dji_status" for event in events)


def test_the_will_of_a_station_is_a_message_of_the_contract() -> None:
    last = will("s1", session="7")
    [event] = MessageDecoder().decode(Message(last.topic, last.payload))
    assert event.to_json()["event"] == "offline"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_loses_nothing(name: str) -> None:
    sent = first("station", 200)
    came = list(disturbed(sent, [name], Random(7)))
    if name == "clock":
        assert len(came) == len(sent)
        return
    missing = Counter(message.payload for message in sent) - Counter(message.payload for message in came)
    assert not missing
    assert came != sent


def test_what_a_clock_that_jumped_says_is_still_a_time() -> None:
    jumped = list(faults.clock_jumped(first("station", 50), years=-56, from_s=10))
    decoder = MessageDecoder()
    events = [event for m in jumped for event in decoder.decode(Message(m.topic, m.payload))]
    assert not [event for event in events if isinstance(event, BadFrame)]
    assert any("1970" in message.payload.decode() for message in jumped)


def test_rubbish_is_refused_and_costs_no_good_message() -> None:
    sent = first("station", 300)
    decoder = MessageDecoder()
    good = bad = 0
    for message in faults.with_rubbish(sent, rng=Random(3), share=0.5):
        for event in decoder.decode(Message(message.topic, message.payload, message.is_retained)):
            refused = isinstance(event, BadFrame) or event.to_json()["kind"] == "identity_mismatch"
            bad, good = bad + refused, good + (not refused)
    assert good == 300
    assert bad > 100


# ---- against a real broker and the source


@pytest.fixture
def fleet_field() -> Iterator[Field]:
    with field_with("station1", "logger1") as found:
        yield found


@pytest.mark.broker
async def test_the_program_publishes_until_every_message_is_acknowledged(fleet_field: Field, tmp_path: Path) -> None:
    accounts, ledger = tmp_path / "accounts.csv", tmp_path / "ledger"
    rows = [f"{name},{fleet_field.secrets[name]},{name[:-1]}\n" for name in ("station1", "logger1")]
    accounts.write_text("device,secret,kind\n" + "".join(rows))
    inbox = HeldInbox(is_durable_at_once=True)
    async with running(fleet_field.settings(), inbox, tmp_path):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulators", "mqtt-fleet", "--port", str(fleet_field.broker.port),
            "--accounts", str(accounts), "--ledger", str(ledger), "--messages", "100", "--speed", "0",
            "--fault", "doubled", "--fault", "reordered",
        )  # fmt: skip
        assert await asyncio.wait_for(process.wait(), 60) == 0
        found = await inbox.wait_for(200)
    assert len(ledger.read_text().splitlines()) == 200
    assert {item.driver for item in found} == {"mqtt", "hj212"}
    assert not [item for item in found if isinstance(item.event, BadFrame)]
