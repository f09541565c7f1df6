"""Commands for serial lines and power use: bus plan, capture, facility learn and show."""

import itertools
import json
import math
import os
import tty
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drivers.profiles.profile import SerialSettings
from gateway.cli import facility
from gateway.cli import serial as serial_commands
from gateway.errors import ConfigError, SourceError
from gateway.sources.serial_line_capture import capture, read_capture

app = typer.Typer()
app.command()(serial_commands.capture)
app.add_typer(serial_commands.bus, name="bus")
app.add_typer(facility.app, name="facility")
RUNNER = CliRunner()

CONFIG = """
[gateway]
name = "g"
[[serial]]
name = "workshop"
port = "/dev/serial/by-id/usb-1"
baud = 2400
parity = "E"
"""
DEVICE = '[[serial.device]]\nname = "P{n}"\nprofile = "dlt645-three-phase"\naddress = "2511000000{n:02}"\n'


def write_config(path: Path, *, meters: int) -> Path:
    path.write_text(CONFIG + "".join(DEVICE.format(n=n) for n in range(meters)), "utf-8")
    return path


def test_bus_plan_tells_before_the_line_is_run(tmp_path: Path) -> None:
    config = write_config(tmp_path / "gateway.toml", meters=16)
    shown = RUNNER.invoke(app, ["bus", "plan", "-c", str(config)])
    assert shown.exit_code == 0, shown.output
    assert "workshop: fits" in shown.output
    (budget,) = json.loads(RUNNER.invoke(app, ["bus", "plan", "-c", str(config), "--json"]).output)
    assert budget["verdict"] == "fits"
    assert len(budget["devices"]) == 16
    assert budget["usual_s"] == pytest.approx(sum(d["usual_s"] for d in budget["devices"]))
    too_many = write_config(tmp_path / "more.toml", meters=60)
    assert "too much" in RUNNER.invoke(app, ["bus", "plan", "-c", str(too_many)]).output


def test_bus_plan_names_the_mistake(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG + DEVICE.format(n=1).replace("251100000001", "77"), "utf-8")
    result = RUNNER.invoke(app, ["bus", "plan", "-c", str(path)])
    assert isinstance(result.exception, ConfigError)
    assert "serial.0.device.0" in str(result.exception)
    assert "12 digits" in str(result.exception)


def test_capture_keeps_bytes_times_settings_and_hash(tmp_path: Path) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    clock, steady = itertools.count(1_000_000), itertools.count()

    def steady_s() -> float:
        number = next(steady)
        if number == 0:  # the port is open: what came before is flushed by opening it
            os.write(master, b"TSP 66 ug/m3\r\n\x00\xff")
        return number

    path = tmp_path / "capture.jsonl"
    with path.open("w") as file:
        result = capture(
            os.ttyname(slave),
            SerialSettings(),
            file,
            seconds=4,
            now_us=lambda: next(clock),
            steady_s=steady_s,
        )
    os.close(master)
    os.close(slave)
    assert result.count == 16
    lines = path.read_text().splitlines()
    assert json.loads(lines[0]) | {"settings": "9600 8N1", "capture": 1} == json.loads(lines[0])
    assert b"".join(data for _, data in read_capture(iter(lines))) == b"TSP 66 ug/m3\r\n\x00\xff"
    lines[1] = lines[1].replace("54", "55", 1)
    with pytest.raises(SourceError, match="hashed"):
        list(read_capture(iter(lines)))
    with pytest.raises(SourceError, match="cut off"):
        list(read_capture(iter(lines[:-1])))


def test_capture_command_refuses_to_overwrite_and_bad_settings(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    assert RUNNER.invoke(app, ["capture", "/dev/nothing", "--out", str(taken)]).exit_code != 0
    assert RUNNER.invoke(app, ["capture", "/dev/nothing", "--out", str(tmp_path / "x"), "--parity", "Q"]).exit_code == 2


def write_power(path: Path, values: list[float]) -> None:
    rows = [
        f"2026-11-{1 + n // 1440:02}T{n // 60 % 24:02}:{n % 60:02}:00+08:00,{'' if math.isnan(v) else v}"
        for n, v in enumerate(values)
    ]
    path.write_text("time,power_kw\n" + "\n".join(rows) + "\n", "utf-8")


def test_facility_learn_and_show(tmp_path: Path) -> None:
    hours = [n / 60 % 24 for n in range(3 * 1440)]
    kiln = [80.0 + h / 10 if 6 < h < 20 else 0.2 for h in hours]
    fan = [15.0 if 5 < h < 21 and not (n > 2880 and 10 < h < 12) else 0.0 for n, h in enumerate(hours)]
    write_power(tmp_path / "kiln.csv", kiln)
    write_power(tmp_path / "fan.csv", fan)
    learned = json.loads(RUNNER.invoke(app, ["facility", "learn", str(tmp_path / "kiln.csv"), "--json"]).output)
    assert learned["is_clear"]
    config = tmp_path / "facilities.toml"
    config.write_text(
        f'[[facility]]\nname = "kiln"\nkind = "production"\n'
        f"off_kw = {learned['off_kw']}\nrun_kw = {learned['run_kw']}\n"
        '[[facility]]\nname = "fan"\nkind = "treatment"\noff_kw = 1\nrun_kw = 10\n'
        '[[link]]\nproduction = ["kiln"]\ntreatment = ["fan"]\n',
        "utf-8",
    )
    shown = RUNNER.invoke(app, ["facility", "show", str(config), str(tmp_path), "--json"])
    rows = [json.loads(line) for line in shown.output.splitlines()]
    events = [row for row in rows if "rule" in row]
    assert [event["rule"] for event in events] == ["P1"]
    assert events[0]["severity"] == 3
    assert {row["facility"] for row in rows if "facility" in row} == {"kiln", "fan"}
    assert "治理设施停运" in RUNNER.invoke(app, ["facility", "show", str(config), str(tmp_path)]).output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,power_kw\n2026-11-01T00:00:00,1\n", "time zone"),
        ("a,b\n1,2\n", "line 2"),
        ("time,power_kw\n1,x\n", "line 2"),
    ],
)
def test_power_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text, "utf-8")
    result = RUNNER.invoke(app, ["facility", "learn", str(tmp_path / "p.csv")])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
