"""docs/asyncapi.yaml against the code: the same topics, and what one takes the other takes, both ways."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drivers.channels import STATISTICS
from drivers.events import BadFrame
from drivers.telemetry import limits, own
from drivers.telemetry.envelope import Message
from drivers.telemetry.router import MessageDecoder
from drivers.telemetry.topics import CHANNELS, KINDS, PREFIX, own_topic
from gateway.identity.access import PATTERNS
from simulators.mqtt_fleet import messages, will
from tests.simulators.test_mqtt_fleet import START

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
SCHEMA_OF = {"obs": "observations", "pose": "pose", "event": "event"}
JSON_MESSAGES = {"observation": "obs", "pose": "pose", "event": "event", "birth": "status", "will": "status"}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]})


def resolved(reference: dict[str, str]) -> Any:
    node = DOCUMENT
    for part in reference["$ref"].removeprefix("#/").split("/"):
        node = node[part]
    return node


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [value for key, value in node.items() if key == "$ref"] + [
            r for v in node.values() for r in references(v)
        ]
    return [r for item in node for r in references(item)] if isinstance(node, list) else []


def is_taken(channel: str, payload: bytes) -> bool:
    [event] = MessageDecoder().decode(Message(f"eg/v1/acme/sta/s1/{channel}", payload))
    return not isinstance(event, BadFrame)


def test_the_document_is_asyncapi_3_and_every_reference_leads_somewhere() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for reference in references(DOCUMENT):
        assert resolved({"$ref": reference}) is not None
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert resolved(operation["channel"])["address"].startswith(PREFIX)
    for name in DOCUMENT["components"]["schemas"]:
        Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_the_channels_are_those_of_the_code() -> None:
    received = {
        op["channel"]["$ref"].rpartition("/")[2] for op in DOCUMENT["operations"].values() if op["action"] == "receive"
    }
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    described = {addresses[name].removeprefix("eg/v1/{tenant}/{kind}/{id}/").partition("/")[0] for name in received}
    assert described == set(CHANNELS)
    for name, address in addresses.items():
        topic = address.format(tenant="acme", kind="sta", id="s1", format="hj212")
        assert (own_topic(topic) is not None) == (name in received)
        assert set(DOCUMENT["channels"][name]["parameters"]) == {
            part[1:-1] for part in address.split("/") if part.startswith("{")
        }


def test_the_broker_lets_devices_use_exactly_these_channels() -> None:
    allowed = {
        "eg/v1/{tenant}/{kind}/{id}/" + line.split("%u/")[1].replace("+", "{format}").replace("#", "{format}")
        for line in PATTERNS
    }
    assert allowed == {channel["address"] for channel in DOCUMENT["channels"].values()}


def test_kinds_statistics_and_limits_are_those_of_the_code() -> None:
    components = DOCUMENT["components"]
    assert tuple(components["parameters"]["kind"]["enum"]) == KINDS
    assert tuple(components["schemas"]["value"]["properties"]["st"]["enum"]) == STATISTICS
    variants = components["schemas"]["observation"]["properties"]["v"]["oneOf"]
    assert {variant.get("maxItems", variant.get("maxProperties")) for variant in variants} == {own.MAX_VALUES}
    assert components["schemas"]["observations"]["oneOf"][1]["maxItems"] == own.MAX_RECORDS
    assert components["schemas"]["code"]["maxLength"] == own.MAX_CODE_CHARS
    text = " ".join(DOCUMENT["info"]["description"].split())
    for number in (
        f"{limits.MAX_PAYLOAD_BYTES:,}".replace(",", " "),
        str(limits.MAX_DEPTH),
        str(limits.MAX_NUMBER_CHARS),
    ):
        assert number in text


@pytest.mark.parametrize("name", JSON_MESSAGES)
def test_the_examples_fit_their_schemas_and_are_taken(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    schema = message["payload"]["$ref"].rpartition("/")[2]
    assert message["examples"]
    for example in message["examples"]:
        validator(schema).validate(example["payload"])
        assert is_taken(JSON_MESSAGES[name], json.dumps(example["payload"]).encode())


def test_what_the_simulated_station_sends_fits_the_schemas() -> None:
    sent = [*islice(messages("station", "s1", start=START, seed=1), 200), will("s1", session="1")]
    for message in sent:
        body = json.loads(message.payload)
        channel = message.topic.rpartition("/")[2]
        schema = SCHEMA_OF.get(channel) or ("birth" if body["state"] == "online" else "will")
        validator(schema).validate(body)


NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)
ODD = st.none() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2) | st.just({}) | NUMBERS
TIMES = st.sampled_from(
    ["2026-11-22T03:04:05Z", "2026-11-22T03:04:05.25+08:00", "2026-11-22 03:04Z", "2026-11-22", "soon", ""]
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "c": st.sampled_from(["a21026", "x" * 65, ""]) | ODD, "x": NUMBERS | ODD,
        "u": st.sampled_from(["ppm", "mg/m3"]) | ODD,
        "q": st.sampled_from(["N", "DD", ""]) | ODD, "st": st.sampled_from(["avg", "median"]) | ODD,
        "i": st.sampled_from([0, 3600, -1, 10**9]) | ODD,
    },
)  # fmt: skip
GOOD_VALUES = st.fixed_dictionaries({"c": st.just("a21026"), "x": NUMBERS | st.none()})
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "t": TIMES | st.none(),
        "v": st.dictionaries(st.sampled_from(["a21026", "b", "y" * 65]), NUMBERS | ODD, max_size=3)
        | st.lists(VALUES | GOOD_VALUES | ODD, max_size=3)
        | st.lists(GOOD_VALUES, max_size=3)
        | ODD,
    },
)  # fmt: skip


@settings(max_examples=1_000, deadline=None)
@given(body=BODIES | st.lists(BODIES, max_size=2))
def test_schema_and_code_take_and_refuse_the_same_observations(body: Any) -> None:
    fits = validator("observations").is_valid(body)
    assert is_taken("obs", json.dumps(body).encode()) == fits, body
