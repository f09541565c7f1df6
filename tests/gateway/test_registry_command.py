from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.registry import app

pytestmark = pytest.mark.database


@pytest.fixture
def run(tmp_path: Path, postgres_dsn: str):  # type: ignore[no-untyped-def]
    config = tmp_path / "gateway.toml"
    config.write_text(f'[gateway]\nstate_dir = "{tmp_path}"\n[database]\ndsn = "{postgres_dsn}"\n')

    def invoke(*arguments: str) -> str:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*arguments, "-c", str(config)])
        return result.output if result.exception is None else f"{result.output}{result.exception}"

    return invoke


def test_a_device_is_registered_changed_and_revoked(run) -> None:  # type: ignore[no-untyped-def]
    assert "registered" in run("add", "MN1", "--password", "123456", "--site", "S1", "--network", "10.1.0.0/16")
    listed = run("list")
    assert "MN1" in listed
    assert "checked" in listed
    assert "10.1.0.0/16" in listed
    assert "123456" not in listed
    assert "revoked" in run("revoke", "MN1")
    assert "revoked" in run("list")
    assert "S1" in run("list")


def test_a_device_that_is_not_there_is_named(run) -> None:  # type: ignore[no-untyped-def]
    assert "MN2: no such device" in run("accept", "MN2")
    assert "MN2: no such device" in run("revoke", "MN2")
    assert "MN2" not in run("pending")
