"""`gateway sites`: a document into the database, out of it again, what it does to the analysis, and its history."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner, Result

from drivers.events import Channel, Readings, Shape
from gateway.cli import make_app
from gateway.detection.connection import connected
from gateway.detection.dataset_import import import_dataset
from gateway.detection.export import export_dataset
from gateway.detection.run import run_detection
from gateway.detection.window import Window
from gateway.storage import Store
from tests.detection.datasets import falsified
from tests.detection.test_detection_schedule import order
from tests.storage.frames import delivery

pytestmark = pytest.mark.database
RUNNER = CliRunner()
HOUR_US = 3_600_000_000
START = datetime(2026, 3, 1, tzinfo=UTC)
SO2 = Channel("a21026", "so2", "avg", "mg/m3", 3600)
O2 = Channel("a19001", "o2", "avg", "%", 3600)
NOX = Channel("a21002", "nox", "rtd", "mg/m3", 0)
EVERYTHING = {
    "id": "MN1", "name": "North works", "longitude": 115.9, "latitude": 28.7, "industry": "thermal_power",
    "accepted_until": "2026-03-02T00:00:00",
    "points": [
        {"id": "1", "name": "main stack", "medium": "air", "reference_oxygen_pct": 6,
         "channels": [
             {"id": "a21026-avg-3600", "quantity": "so2", "statistic": "avg", "unit": "mg/m3", "interval_s": 3600,
              "limit": 35, "range_low": 0, "range_high": 300, "detection_limit": 1.5,
              "derived_from": ["a19001-avg-3600"], "formula": "oxygen_conversion", "reference_oxygen_pct": 9},
             {"id": "a21002-rtd-0", "quantity": "nox", "statistic": "rtd", "unit": "mg/m3", "interval_s": 30,
              "limit": 50}]}],
}  # fmt: skip
"""All that the form has for a site, but its facilities."""


@pytest.fixture
def config(database: str, tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\nstate_dir = "{tmp_path}"\n[database]\ndsn = "{database}"\n', encoding="utf-8")
    return path


@pytest.fixture
async def station(database: str) -> None:
    """MN1 has sent three hours of SO2, O2 and NOx."""
    shape = Shape((SO2, O2, NOX))
    async with Store.open(database, writer="w1") as store:
        for hour in range(3):
            time_us = round(START.timestamp() * 1e6) + hour * HOUR_US
            content = Readings("MN1", time_us, shape, [20.0 + hour, 6.1, 31.0], "NNN")
            await store.write([delivery(content, device="MN1", received_us=time_us + HOUR_US)])


def document(*sites: dict[str, Any], zone: str = "Asia/Shanghai") -> dict[str, Any]:
    return {"time_zone": zone, "sites": list(sites)}


def changed(thing: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """The site with some keys of its first channel other than they were."""
    copy: dict[str, Any] = json.loads(json.dumps(thing))
    copy["points"][0]["channels"][0] |= keys
    return copy


def run(config: Path, *words: str) -> Result:
    return RUNNER.invoke(make_app(["sites"]), ["sites", *words, "-c", str(config)])


@pytest.fixture
def take(config: Path, tmp_path: Path) -> Callable[..., Result]:
    def taken(described: Any, *words: str) -> Result:
        path = tmp_path / "sites.json"
        text = described if isinstance(described, str) else json.dumps(described, indent=1)
        path.write_text(text, encoding="utf-8")
        return run(config, "import", str(path), *words)

    return taken


def exported(config: Path, *words: str) -> dict[str, Any]:
    result = run(config, "export", *words)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def so2_of(config: Path) -> dict[str, Any]:
    [point] = exported(config)["sites"][0]["points"]
    return next(channel for channel in point["channels"] if channel["id"] == "a21026-avg-3600")


def rows(dsn: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.mark.usefixtures("station")
def test_all_that_the_form_has_is_stored_and_comes_out_for_the_analysis(
    take: Callable[..., Result], config: Path, database: str, tmp_path: Path
) -> None:
    result = take(document(EVERYTHING), "--by", "Li Wei", "--note", "permit 12")
    assert result.exit_code == 0, result.output
    export_dataset(database, tmp_path / "dataset", Window(START, datetime(2026, 3, 3, tzinfo=UTC)))
    [site] = orjson.loads((tmp_path / "dataset/sites.json").read_bytes())["sites"]
    assert site == exported(config)["sites"][0]
    assert {key: site[key] for key in EVERYTHING if key not in ("points", "accepted_until")} == {
        key: value for key, value in EVERYTHING.items() if key not in ("points", "accepted_until")
    }
    assert site["accepted_until"] == "2026-03-02T00:00:00+08:00"
    [point] = site["points"]
    assert (point["name"], point["reference_oxygen_pct"]) == ("main stack", 6)
    channels = {channel["id"]: channel for channel in point["channels"]}
    so2, nox = EVERYTHING["points"][0]["channels"]
    assert channels["a21026-avg-3600"] == so2
    assert channels["a21002-rtd-0"] == {**nox, "interval_s": 3600}  # measured, not believed


@pytest.mark.usefixtures("station")
def test_what_came_out_goes_in_again_without_a_change_and_leaves_no_trace(
    take: Callable[..., Result], config: Path, database: str
) -> None:
    take(document(EVERYTHING))
    before = exported(config)
    result = take(before)
    assert (result.exit_code, result.stdout) == (0, "")
    assert exported(config) == before
    assert len(rows(database, "SELECT FROM site_document")) == 1


@pytest.mark.usefixtures("station")
def test_a_key_that_is_absent_stays_and_null_removes_it(take: Callable[..., Result], config: Path) -> None:
    take(document(EVERYTHING))
    bare = {"id": "MN1", "accepted_until": None, "points": [{"id": "1", "medium": "air", "channels": []}]}
    result = take(document(bare))
    assert result.stdout == "MN1: accepted_until 2026-03-02T00:00:00+08:00 → –\n"
    assert "3 channels not in the document" in result.stderr
    [site] = exported(config)["sites"]
    assert "accepted_until" not in site
    assert site["name"] == "North works"
    take(document(changed(EVERYTHING, limit=None, derived_from=[], formula=None)))
    so2 = so2_of(config)
    assert not {"limit", "derived_from", "formula"} & so2.keys()
    assert so2["range_high"] == 300


@pytest.mark.usefixtures("station")
def test_who_changed_what_when_is_kept_and_cannot_be_changed(take: Callable[..., Result], database: str) -> None:
    take(document(EVERYTHING), "--by", "Li Wei", "--note", "permit 12")
    second = json.dumps(document(changed(EVERYTHING, limit=50)))
    take(second, "--by", "Wang Fang", "--note", "permit 13")
    last = rows(database, "SELECT * FROM site_change ORDER BY id DESC LIMIT 1")[0]
    assert (last["place"], last["key"], last["old_value"], last["new_value"]) == ("1/a21026-avg-3600", "limit", 35, 50)
    [kept] = rows(database, f"SELECT * FROM site_document WHERE id = {last['document_id']}")
    assert (kept["imported_by"], kept["note"], kept["name"]) == ("Wang Fang", "permit 13", "sites.json")
    assert bytes(kept["document"]) == second.encode()
    assert bytes(kept["sha256"]) == hashlib.sha256(second.encode()).digest()
    for statement in (
        "UPDATE site_change SET new_value = '35'", "DELETE FROM site_change", "TRUNCATE site_change",
        "UPDATE site_document SET imported_by = 'x'", "DELETE FROM site_document",
    ):  # fmt: skip
        with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.usefixtures("station")
def test_what_is_not_known_is_told_and_the_rest_is_stored(take: Callable[..., Result], config: Path) -> None:
    stranger = {**EVERYTHING, "id": "MN9"}
    typo = changed(EVERYTHING, derived_from=["a19001-avg-360"])
    typo["points"][0]["channels"][1]["id"] = "a21002-avg-3600"
    typo["points"].append({"id": "2", "medium": "air", "channels": []})
    result = take(document(typo, stranger))
    assert result.exit_code == 1
    told = [line for line in result.stderr.splitlines() if line.startswith("unknown")]
    assert len(told) == 4
    for text in ("a19001-avg-360,", "MN1/1/a21002-avg-3600", "MN1/2", "MN9"):
        assert any(text in line for line in told), text
    assert "there are: a19001-avg-3600, a21002-rtd-0, a21026-avg-3600" in result.stderr
    assert so2_of(config)["limit"] == 35


@pytest.mark.usefixtures("station")
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"limit": "35"}, "`limit` must be a number"),
        ({"formula": "magic"}, "`formula` must be one of oxygen_conversion"),
        ({"unit": "ug/m3"}, "`unit` of MN1/1/a21026-avg-3600 must be 'mg/m3', as its values are kept"),
        ({"quantity": "nox"}, "must be 'so2'"),
        ({"interval_s": 60}, "must be 3600"),
        ({"range_low": 300}, "`range_low` of MN1/1/a21026-avg-3600 must be below `range_high`"),
    ],
)
def test_what_is_malformed_is_refused_whole_with_its_line(
    take: Callable[..., Result], config: Path, database: str, keys: dict[str, Any], words: str
) -> None:
    before = exported(config)
    result = take(document(changed({**EVERYTHING, "name": "Other works"}, **keys)))
    assert result.exit_code == 2
    text = json.dumps(document(changed({**EVERYTHING, "name": "Other works"}, **keys)), indent=1)
    line = text[: text.index('"id": "a21026')].count("\n")  # the object begins on the line before its id
    assert f"sites.json, line {line}: " in result.stderr
    assert words in result.stderr
    assert exported(config) == before
    assert rows(database, "SELECT FROM site_document") == []


@pytest.mark.usefixtures("station")
def test_coordinates_must_be_on_the_earth_and_acceptance_ahead_is_warned_of(take: Callable[..., Result]) -> None:
    assert "between -90 and 90" in take(document({**EVERYTHING, "latitude": 115.9})).stderr
    result = take(document({**EVERYTHING, "accepted_until": "2999-01-01"}))
    assert result.exit_code == 0
    assert "lies ahead" in result.stderr


@pytest.mark.usefixtures("station")
def test_a_dry_run_shows_and_changes_nothing(take: Callable[..., Result], config: Path, database: str) -> None:
    before = exported(config)
    result = take(document(EVERYTHING), "--dry-run")
    assert "MN1/1/a21026-avg-3600: limit – → 35" in result.stdout
    assert exported(config) == before
    assert rows(database, "SELECT FROM site_document") == []


@pytest.mark.usefixtures("station")
def test_show_tells_what_is_there_and_who_changed_it(take: Callable[..., Result], config: Path) -> None:
    assert "not given: hardly anything is judged" in run(config, "show", "MN1").stdout
    take(document(EVERYTHING), "--by", "Li Wei", "--note", "permit 12")
    shown = run(config, "show", "MN1").stdout
    for text in ("North works", "2026-03-02T00:00:00+08:00", "Li Wei", "permit 12", "a21026-avg-3600", "0 … 300"):
        assert text in shown
    described, *history = map(json.loads, run(config, "show", "MN1", "--json", "--most", "3").stdout.splitlines())
    assert described["name"] == "North works"
    assert [row["imported_by"] for row in history] == ["Li Wei"] * 3
    assert "no such site" in str(run(config, "show", "MN9").exception)


def test_acceptance_and_limits_make_the_live_schedule_speak(
    take: Callable[..., Result], database: str, tmp_path: Path
) -> None:
    """The same values as a stranger's, and then with the document of the site."""
    dataset = falsified(tmp_path / "dataset", "I1")
    moved_s = import_dataset(database, dataset, ending=datetime.now(UTC)).shift_s
    given = orjson.loads((dataset / "sites.json").read_bytes())
    with connected(database, name="test") as connection:
        connection.execute("UPDATE site SET accepted_until = NULL, settings = '{}'")
        connection.execute(
            """UPDATE series SET limit_value = NULL, range_low = NULL, range_high = NULL, detection_limit = NULL,
               settings = jsonb_build_object('id', settings -> 'id')"""
        )
    now = order(database, tmp_path, every_s=0.0)
    assert run_detection(now).new_alerts == 0
    for site in given["sites"]:
        accepted = datetime.fromisoformat(site["accepted_until"]).timestamp() + moved_s[site["id"]]
        site["accepted_until"] = datetime.fromtimestamp(accepted, UTC).isoformat()
    result = take(given)
    assert result.exit_code == 0, result.output
    assert run_detection(now).new_alerts > 0
    assert {"stuck_value"} <= {row["class"] for row in rows(database, "SELECT class FROM v_alert")}
