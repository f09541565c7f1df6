"""Every published frame of tests/vectors/meters.jsonl decodes as it says, and every damaged one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers import driver
from drivers.events import BadFrame

VECTORS = Path(__file__).parents[1] / "vectors" / "meters.jsonl"
LINES: list[dict[str, Any]] = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
INTERPRETATION = {"as"}  # what the source says the registers mean; a frame alone does not tell


def decode(line: dict[str, Any]) -> list[Any]:
    name = "dlt645" if line["protocol"].startswith("dlt645") else line["protocol"]
    decoder = driver(name).decoder()
    return decoder.feed(bytes.fromhex(line["hex"])) + decoder.flush()


def named(lines: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(line, id=f"{line['protocol']}-{line['hex'][:40]}") for line in lines]


@pytest.mark.parametrize("line", named([line for line in LINES if line["valid"]]))
def test_valid_frame_is_one_event_with_the_published_fields(line: dict[str, Any]) -> None:
    (event,) = decode(line)
    printed = event.to_json()
    assert printed["event"] != "bad_frame"
    assert printed.get("protocol", line["protocol"]) == line["protocol"]
    wanted = {name: value for name, value in line["decoded"].items() if name not in INTERPRETATION}
    assert {name: printed.get(name, "absent") for name in wanted} == wanted


@pytest.mark.parametrize("line", named([line for line in LINES if not line["valid"]]))
def test_damaged_frame_is_refused(line: dict[str, Any]) -> None:
    events = decode(line)
    assert isinstance(events[0], BadFrame)
    good = [event.raw.hex() for event in events if not isinstance(event, BadFrame)]
    assert good == [line["decoded"][name] for name in ("recoverable_frame",) if name in line["decoded"]]


def test_vectors_cover_both_verdicts_of_every_protocol() -> None:
    assert {(line["protocol"], line["valid"]) for line in LINES} >= {
        (protocol, verdict)
        for protocol in ("dlt645-2007", "dlt645-1997", "modbus-rtu", "modbus-tcp", "nmea0183")
        for verdict in (True, False)
    }
