"""The systemd unit: what the service relies on stands in it, and systemd itself has no complaint."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config import GatewaySettings

UNIT = Path(__file__).parents[2] / "deploy/systemd/offsite-gateway.service"
EXPOSURE_LIMIT = 2.0  # of 10, as `systemd-analyze security` counts it


def service():
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes="#")
    parser.optionxform = str
    parser.read(UNIT, encoding="utf-8")
    return parser["Service"]


def test_the_service_reports_ready_and_alive_and_has_time_to_drain():
    assert service()["Type"] == "notify"
    assert int(service()["WatchdogSec"]) >= 10
    drain_s = GatewaySettings.model_fields["drain_s"].default
    assert int(service()["TimeoutStopSec"]) > max(30, drain_s)
    assert service()["KillSignal"] == "SIGTERM"
    assert service()["StateDirectory"] == "offsite-gateway"


def test_open_files_suffice_for_the_default_number_of_connections():
    assert int(service()["LimitNOFILE"]) > 2 * 12_000


def run_analyze(*arguments):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze")
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_systemd_verifies_the_unit(tmp_path):
    copy = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    copy.write_text(text.replace("/opt/offsite-gateway/.venv/bin/gateway", shutil.which("true")))
    done = run_analyze("verify", "--man=no", str(copy))
    complaints = [line for line in done.stdout.splitlines() if UNIT.name in line]
    assert complaints == []


def test_systemd_finds_the_unit_well_closed():
    done = run_analyze("security", "--offline=true", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd-analyze knows no --offline")
    assert float(found.group(1)) <= EXPOSURE_LIMIT
