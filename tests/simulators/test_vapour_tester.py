"""The simulated tester's visits are judged as its station deserves, from the record and from the captured slip."""

import json
import os
import random
import tty
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from analysis.fieldkit.vapour_recovery import judge
from analysis.fieldkit.vapour_recovery_record import VapourRecoveryRecord
from drivers.profiles.profile import SerialSettings
from drivers.profiles.text_line import TextReader, parse_text_profile
from gateway.cli.serial_vapour import judge_files
from gateway.errors import ConfigError
from gateway.sources.serial_line_capture import capture, read_capture
from simulators.vapour_tester import SLIP_PROFILE, Station, record_line, slip, visit

STARTED = datetime(2026, 11, 20, 9, 0, tzinfo=timezone(timedelta(hours=8)))
GOOD = Station("S1", nozzles=8, ullage_l=20_000)
app = typer.Typer()
app.command()(judge_files)


@pytest.mark.parametrize(
    ("station", "verdict"),
    [
        (GOOD, "pass"),
        (Station("leaky", nozzles=8, ullage_l=20_000, decay_s=1200), "fail"),
        (Station("blocked", nozzles=8, ullage_l=20_000, resistance_pa=(28.0, 95.0, 118.0)), "fail"),
        (Station("weak pumps", nozzles=8, ullage_l=20_000, a_l=0.8), "fail"),
        (Station("just below", nozzles=8, ullage_l=20_000, a_l=0.95, a_l_spread=0.001), "retest"),
    ],
)
def test_visit_is_judged_as_the_station_deserves(station: Station, verdict: str) -> None:
    found = judge(VapourRecoveryRecord.model_validate(visit(station, STARTED, random.Random(1))))
    assert found.verdict == verdict
    assert found.doubts == ()


def test_slip_captured_from_a_port_gives_the_readings_of_the_record(tmp_path: Path) -> None:
    record = visit(GOOD, STARTED, random.Random(2))
    master, slave = os.openpty()
    tty.setraw(slave)
    ticks = iter(range(1000))

    def steady_s() -> float:
        tick = next(ticks)
        if tick == 0:
            os.write(master, slip(record))
        return tick

    path = tmp_path / "capture.jsonl"
    with path.open("w") as file:
        capture(os.ttyname(slave), SerialSettings(), file, seconds=5, steady_s=steady_s)
    os.close(master)
    os.close(slave)
    reader = TextReader(parse_text_profile(SLIP_PROFILE))
    with path.open() as file:
        (printed,) = [record for _, data in read_capture(file) for record in reader.feed(data)] + reader.flush()
    assert printed.values["tightness"] == record["tightness"][0]["minute_pa"]
    assert printed.values["resistance"] == [28.0, 66.0, 118.0]
    assert len(printed.values["a_l"]) == 8
    assert printed.unmatched == ["站点 S1"]


def test_command_tells_verdicts_and_doubts(tmp_path: Path) -> None:
    record = visit(GOOD, STARTED, random.Random(3)) | {"instrument_verdict": {"station": "fail"}}
    path = tmp_path / "record.json"
    path.write_bytes(record_line(record))
    shown = CliRunner().invoke(app, [str(path)])
    assert "S1: pass 合格" in shown.output
    assert "verdict_differs" in shown.output
    verdict = json.loads(CliRunner().invoke(app, [str(path), "--json"]).output)
    assert verdict["verdict"] == "pass"
    path.write_bytes(record_line(record | {"nozzles_in_use": 0}))
    result = CliRunner().invoke(app, [str(path)])
    assert isinstance(result.exception, ConfigError)
    assert "nozzles_in_use" in str(result.exception)
