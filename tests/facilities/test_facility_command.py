"""`gateway facility` on a database: from registration to a signature, and what it refuses."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from gateway.cli import make_app
from gateway.errors import GatewayError
from gateway.storage import Store
from tests.facilities.plants import MINUTE_S, minute_of, working

pytestmark = pytest.mark.database
RUNNER = CliRunner()


@pytest.fixture
def config(database: str, tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\nstate_dir = "{tmp_path}"\n[database]\ndsn = "{database}"\n', encoding="utf-8")
    return path


def run(config: Path, *words: str) -> Result:
    return RUNNER.invoke(make_app(["facility"]), ["facility", *words, "-c", str(config)])


def good(config: Path, *words: str) -> str:
    result = run(config, *words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(config: Path, *words: str) -> str:
    result = run(config, *words)
    assert isinstance(result.exception, GatewayError), result.output
    return str(result.exception)


def shown(config: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in good(config, "show", "works", "--json").splitlines()]


def register(config: Path) -> None:
    good(config, "add", "works/kiln", "production", "--device", "M1")
    good(config, "add", "works/fan", "treatment", "--device", "M2")


async def two_days_of_a_kiln(dsn: str) -> None:
    """Eight hours of work and sixteen of rest a day, until now."""
    now_s = time.time() // MINUTE_S * MINUTE_S
    power = working(60.0, *((start, start + 960) for start in (0, 1440)), standing_kw=0.4)
    rows = [minute_of("M1", now_s - (2880 - n) * MINUTE_S, power(n)) for n in range(2880)]
    async with Store.open(dsn, writer="w1") as store:
        await store.write(rows)


def test_thresholds_are_learned_from_the_database_and_count_once_they_are_signed(config: Path, database: str) -> None:
    register(config)
    asyncio.run(two_days_of_a_kiln(database))
    learned = json.loads(good(config, "learn", "works/kiln", "--days", "3", "--json"))
    assert learned["is_clear"]
    assert learned["samples"] == 2880
    assert 0.4 < learned["off_kw"] < 5 < learned["run_kw"] < 55
    kiln, _ = shown(config)
    assert (kiln["facility"], kiln["signed_off_by"], kiln["samples"]) == ("works/kiln", None, {})
    assert "signed off by Li Wei" in good(config, "sign-off", "works/kiln", "--by", "Li Wei")
    kiln, fan = shown(config)
    assert (kiln["signed_off_by"], kiln["run_kw"], fan["signed_off_by"]) == ("Li Wei", learned["run_kw"], None)
    assert kiln["samples"]["run"] > 50
    assert "Li Wei" in good(config, "show")
    assert "no thresholds yet" in good(config, "show", "works")


def test_a_new_proposal_or_another_meter_makes_a_signature_void_and_all_signatures_are_kept(
    config: Path, database: str
) -> None:
    register(config)
    asyncio.run(two_days_of_a_kiln(database))
    sign = ("sign-off", "works/kiln", "--off-kw", "1", "--run-kw", "30")
    good(config, *sign, "--by", "Li Wei")
    good(config, "add", "works/kiln", "production", "--device", "M1", "--standby-group", "a")
    assert shown(config)[0]["signed_off_by"] == "Li Wei"
    good(config, "learn", "works/kiln", "--days", "3")
    assert shown(config)[0]["signed_off_by"] is None
    good(config, *sign, "--by", "Zhang Min")
    good(config, "add", "works/kiln", "production", "--device", "M9")
    assert shown(config)[0]["signed_off_by"] is None
    with psycopg.connect(database) as connection:
        signatures = connection.execute(
            "SELECT signed_by, run_kw FROM facility_signature ORDER BY signed_at"
        ).fetchall()
    assert signatures == [("Li Wei", 30.0), ("Zhang Min", 30.0)]


def test_links_and_notices_are_entered_and_changed(config: Path, database: str) -> None:
    register(config)
    good(config, "add", "works/fan-2", "treatment", "--device", "M3")
    exhaust = ("link", "works/exhaust", "--production", "kiln", "--treatment", "fan")
    good(config, *exhaust)
    assert "kiln needs fan and fan-2" in good(config, *exhaust, "--treatment", "fan-2", "--mode", "all", "--lag", "600")
    good(
        config, "notice", "works", "stop_order", "--from", "2026-11-01T00:00+08:00", "--until", "2026-11-03T00:00+08:00"
    )
    with psycopg.connect(database) as connection:
        links = connection.execute(
            "SELECT link.mode, link.lag_s, count(*) FROM facility_link link JOIN facility_link_member m"
            " ON m.link_id = link.id GROUP BY link.id"
        ).fetchall()
        notices = connection.execute("SELECT facility_id, kind, ends_at - starts_at FROM facility_notice").fetchall()
    assert links == [("all", 600.0, 3)]
    ((facility_id, kind, lasted),) = notices
    assert (facility_id, kind, lasted.days) == (None, "stop_order", 2)


def test_a_plant_outlets_and_a_shift_are_entered_and_stay_when_not_given_again(config: Path, database: str) -> None:
    register(config)
    assert "next: gateway facility sign-off works/main" in good(config, "add", "works/main", "plant", "--device", "M9")
    assert "off below 0 kW" in good(config, "sign-off", "works/main", "--by", "Li Wei")
    fan, kiln = (
        ("add", "works/fan", "treatment", "--device", "M2"),
        ("add", "works/kiln", "production", "--device", "M1"),
    )
    good(config, *fan, "--serves", "A1", "--serves", "A2")
    good(config, *fan)
    good(config, *kiln, "--day-shift", "08:00-20:00+08:00")
    good(config, *kiln)
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT name, kind, serves, shift_from_s, shift_until_s FROM facility ORDER BY name")
        rows = found.fetchall()
    assert rows == [
        ("fan", "treatment", ["A1", "A2"], None, None),
        ("kiln", "production", [], 0, 12 * 3600),
        ("main", "plant", [], None, None),
    ]
    for text in ("8-20", "08:00-20:00", "08:00-25:00+08:00", "08:00-08:00Z"):
        assert repr(text) in refused(config, *kiln, "--day-shift", text)


def test_mistakes_are_named(config: Path) -> None:
    register(config)
    week = ("--from", "2026-11-01T00:00+08:00", "--until", "2026-11-08T00:00+08:00")
    assert "SITE/NAME" in refused(config, "add", "kiln", "production", "--device", "M1")
    assert "there are: kiln, fan" in refused(config, "sign-off", "works/oven", "--by", "Li Wei")
    assert "no thresholds to sign" in refused(config, "sign-off", "works/kiln", "--by", "Li Wei")
    assert "give a name" in refused(config, "sign-off", "works/kiln", "--by", " ", "--off-kw", "1", "--run-kw", "2")
    assert "off <= run" in refused(config, "sign-off", "works/kiln", "--by", "L", "--off-kw", "3", "--run-kw", "2")
    assert "too few" in refused(config, "learn", "works/kiln")
    assert "not treatment" in refused(config, "link", "works/x", "--production", "kiln", "--treatment", "kiln")
    assert "no facilities" in refused(config, "learn", "elsewhere/kiln")
    assert "baseline" in refused(config, "notice", "works/kiln", "limit_order", *week)
    assert "time zone" in refused(config, "notice", "works", "bypass", "--from", "2026-11-01T00:00", *week[2:])
    assert "not after" in refused(config, "notice", "works", "bypass", "--from", week[3], "--until", week[1])
