"""`gateway device` as a program, against a real database: the secret is shown once, register and files agree."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.identity.passwords import is_secret_of
from tests.services.postgres import PostgresServer, wheel_installation

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(wheel_installation())
    server.start()
    yield server
    server.remove()


@pytest.fixture
def place(tmp_path: Path, postgres: PostgresServer) -> Path:
    postgres.execute(f'CREATE DATABASE "{tmp_path.name}"')
    (tmp_path / "gateway.toml").write_text(
        f'[gateway]\nstate_dir = "{tmp_path}/state"\n[database]\ndsn = "{postgres.dsn(tmp_path.name)}"\n',
        encoding="utf-8",
    )
    return tmp_path


def gateway(place: Path, *arguments: str, has_files: bool = True) -> subprocess.CompletedProcess[str]:
    files = ("--passwords", str(place / "passwords"), "--access", str(place / "access")) if has_files else ()
    command = [sys.executable, "-m", "gateway", "device", *arguments, "-c", str(place / "gateway.toml"), *files]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_add_rotate_list_revoke(place: Path) -> None:
    added = gateway(place, "add", "s1", "--tenant", "acme", "--kind", "sta")
    assert added.returncode == 0, added.stderr
    secret = added.stdout.strip()
    [(name, hashed)] = [line.split(":", 1) for line in (place / "passwords").read_text().splitlines()]
    assert name == "s1"
    assert is_secret_of(secret, hashed)
    assert secret not in added.stderr
    again = gateway(place, "add", "s1", "--tenant", "acme", "--kind", "sta")
    assert again.returncode == 2
    assert "has a credential already" in again.stderr
    rotated = gateway(place, "rotate", "s1").stdout.strip()
    assert rotated != secret
    assert gateway(place, "list", has_files=False).stdout.splitlines() == ["s1\taccepted\tacme\tsta\town"]
    assert gateway(place, "revoke", "s1").returncode == 0
    assert (place / "passwords").read_text() == ""
    assert gateway(place, "list", has_files=False).stdout.splitlines() == ["s1\trevoked\tacme\tsta\town"]


def test_import_takes_all_rows_or_none(place: Path) -> None:
    (place / "bad.csv").write_text("device,tenant,kind\nd1,acme,uav\nd+,acme,uav\n")
    bad = gateway(place, "import", str(place / "bad.csv"), "--out", str(place / "out.csv"))
    assert bad.returncode == 2
    assert "d+" in bad.stderr
    assert not (place / "out.csv").exists()
    assert not (place / "passwords").exists()
    (place / "good.csv").write_text(
        "device,tenant,kind,protocol,sub_devices,topics\nDOCK1,acme,uav,dji,DRONE1 DRONE2,\nc1,acme,cam,onvif,,\n"
    )
    good = gateway(place, "import", str(place / "good.csv"), "--out", str(place / "out.csv"))
    assert good.returncode == 0, good.stderr
    header, *rows = (place / "out.csv").read_text().splitlines()
    assert header == "device,secret"
    assert [row.partition(",")[0] for row in rows] == ["DOCK1", "c1"]
    assert (place / "out.csv").stat().st_mode & 0o777 == 0o600
    access = (place / "access").read_text()
    assert "topic write thing/product/DRONE2/osd" in access
    assert "topic write c1/onvif-ej/#" in access
    twice = gateway(place, "import", str(place / "good.csv"), "--out", str(place / "out.csv"))
    assert "expected: a new file" in twice.stderr
