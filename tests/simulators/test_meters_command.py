"""The command that serves simulated meters says where it is, and its fan stops while production goes on."""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path

from drivers.electricity.dlt645 import Dlt645Decoder
from drivers.electricity.dlt645_request import read_data
from gateway.sources.bus_settings import SerialLineSettings
from simulators import meters_command


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    meters_command.add_arguments(parser)
    return parser.parse_args(words)


def power_kw(device: object, address: str, now_s: float) -> float:
    raw = device.answer(read_data(address, "02030000"), now_s)  # type: ignore[attr-defined]
    (event,) = Dlt645Decoder().feed(raw)
    return float(event.to_json()["value"])


def test_first_fan_stands_still_at_the_end_of_every_cycle() -> None:
    line = meters_command.make_line(arguments("--stop-every", "900", "--stop-for", "300"))
    production, fan = line.devices[:2]
    for now_s, is_running in ((0.0, True), (599.0, True), (600.0, False), (899.0, False), (900.0, True)):
        assert (power_kw(fan, "251100000002", now_s) > 5) is is_running
        assert power_kw(production, "251100000001", now_s) > 40


def test_printed_configuration_is_one_that_the_gateway_takes() -> None:
    line = meters_command.make_line(arguments("--meters", "3", "--dead", "1"))
    assert line.devices[-1].faults.is_silent
    text = meters_command.configuration("socket://127.0.0.1:9645", 2400, list(line.devices))  # type: ignore[arg-type]
    settings = SerialLineSettings.model_validate(tomllib.loads(text)["serial"][0])
    assert [device.name for device in settings.device] == ["line-1", "fan-1", "line-2"]


def test_command_says_when_it_is_ready_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulators", "meters", "--pty", str(tmp_path / "line"), "--seconds", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["port"] == str(tmp_path / "line")
