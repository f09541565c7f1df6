"""Every MQTT line of the mobile vectors comes out as it says, through the driver that `gateway decode mqtt` uses."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers import driver
from drivers.telemetry.envelope import Message
from drivers.telemetry.router import MessageDecoder

VECTORS = Path(__file__).parents[1] / "vectors" / "mobile.jsonl"
KINDS = (
    "dji", "onvif", "axis", "ai-box", "sensorthings", "cloudevents", "water-quality", "sniffer4d-json", "gb28181",
)  # fmt: skip
LINES = [line for line in map(json.loads, VECTORS.read_text().splitlines()) if line["source_type"].startswith(KINDS)]


def decoded(vector: dict[str, Any]) -> dict[str, Any]:
    """The one event of a vector, printed."""
    line = json.dumps({"topic": vector["topic"], "payload": vector["payload"]}).encode()
    decoder = driver("mqtt").decoder()
    [event] = [*decoder.feed(line), *decoder.flush()]
    assert event.raw == line
    return json.loads(json.dumps(event.to_json()))


def agrees(found: Any, expected: Any) -> bool:
    """Equal as far as `expected` goes: numbers to 1e-9, objects may hold more, `<…>` stands for anything."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(agrees(found.get(key), item) for key, item in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(agrees, found, expected))
    if isinstance(expected, float | int) and not isinstance(expected, bool):
        return isinstance(found, float | int) and not isinstance(found, bool) and abs(found - expected) < 1e-9
    if isinstance(expected, str) and expected.startswith("<"):
        return True
    return bool(found == expected)


@pytest.mark.parametrize("vector", LINES, ids=lambda vector: vector["id"])
def test_a_vector_comes_out_as_it_says(vector: dict[str, Any]) -> None:
    event = decoded(vector)
    expected = dict(vector["decoded"])
    if vector["expect"] == "reject":
        assert event["event"] == "bad_frame"
        assert expected["error"] in event["detail"]
        assert [flag.replace("-", "_") for flag in expected["flags"]] == event["deviations"]
        return
    flags = expected.pop("flags", [])
    assert event["flags"] == flags
    differing = {key: (event.get(key), item) for key, item in expected.items() if not agrees(event.get(key), item)}
    assert not differing


@pytest.mark.parametrize("vector", LINES, ids=lambda vector: vector["id"])
def test_the_kept_bytes_decode_to_the_same_contents_again(vector: dict[str, Any]) -> None:
    [event] = MessageDecoder().decode(Message(vector["topic"] or "", vector["payload"].encode()))
    [again] = driver("mqtt").decoder().feed(event.raw + b"\n")
    assert again.to_json() == event.to_json()


def test_secrets_of_a_topology_are_not_printed() -> None:
    [vector] = [item for item in LINES if item["source_type"] == "dji-status"]
    text = json.dumps(decoded(vector))
    assert "secret" not in text
    assert "nonce" not in text
