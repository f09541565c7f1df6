"""Facilities under power-use supervision in the dataset and in the scheduled analysis."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from drivers.events import Channel, Readings, Shape
from gateway.cli import make_app
from gateway.detection.export import export_dataset
from gateway.detection.run import run_detection
from gateway.detection.site_register import Authorship, export_document, import_document
from gateway.detection.window import Window
from gateway.storage import Store
from tests.detection.test_detection_schedule import order
from tests.facilities.plants import facility_table, minute_of, signed_plant, working
from tests.storage.frames import delivery

pytestmark = pytest.mark.database
STEP_S = 600
DAYS = 4
ZONE = "Asia/Shanghai"
HOUR_S = 3600
OUTLET = Channel("a21026", "so2", "avg", "mg/m3", 3600)


def hours_ago(now_s: float, hours: float) -> float:
    return (now_s // HOUR_S - hours) * HOUR_S


async def days_of_a_plant(dsn: str, now_s: float) -> None:
    """Line and fan for some days; the fan stands still from 30 to 20 hours ago, while the outlet reads as always."""
    first_s = hours_ago(now_s, 24 * DAYS)
    hours_of = {"stop": (24 * DAYS - 30, 24 * DAYS - 20)}
    line, fan = working(60.0), working(12.0, hours_of["stop"])
    frames = []
    for number in range(24 * DAYS * HOUR_S // STEP_S):
        time_s = first_s + number * STEP_S
        hour = number * STEP_S / HOUR_S
        frames += [minute_of("M1", time_s, line(hour)), minute_of("M2", time_s, fan(hour))]
        if time_s % HOUR_S == 0:
            content = Readings("MN1", round(time_s * 1e6), Shape((OUTLET,)), [20.0 + number % 7], "N")
            frames.append(delivery(content, device="MN1", received_us=round((time_s + HOUR_S) * 1e6)))
    async with Store.open(dsn, writer="w1") as store:
        await store.write(frames)


def document(dsn: str) -> dict[str, Any]:
    found, left_out = export_document(dsn, now=datetime.now(UTC), time_zone=ZONE)
    assert left_out == []
    return found


def rows(dsn: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()


def taken(dsn: str, folder: Path, **keys: Any) -> Any:
    path = folder / "sites.json"
    points = [{"id": "M2", "medium": "power", "channels": []}]
    described = {"time_zone": ZONE, "sites": [{"id": "works", "points": points, **keys}]}
    path.write_text(json.dumps(described), encoding="utf-8")
    return import_document(dsn, path, Authorship("officer"), now=datetime.now(UTC), time_zone=ZONE)


async def test_supervised_facilities_come_out_with_their_meters_links_and_signed_thresholds(
    database: str, tmp_path: Path
) -> None:
    await signed_plant(database)
    await days_of_a_plant(database, time.time())
    async with facility_table(database) as table:
        await table.add("works", "spare", kind="treatment", device="M2")  # nobody has signed it
    sites = {site["id"]: site for site in document(database)["sites"]}
    assert set(sites) == {"works", "MN1"}  # the meters' own sites have nothing of their own
    assert [(point["id"], point["medium"]) for point in sites["works"]["points"]] == [("M1", "power"), ("M2", "power")]
    power = "0203FF00.T-rtd-0"
    kiln = {"id": "kiln", "kind": "production", "channel": f"M1/{power}", "run_kw": 30.0}
    fan = {"id": "fan", "kind": "treatment", "channel": f"M2/{power}", "run_kw": 6.0, "treats": ["kiln"]}
    spare = {"id": "spare", "kind": "treatment", "channel": f"M2/{power}"}
    assert sites["works"]["facilities"] == [kiln, fan, spare]

    other = {"id": "dryer", "kind": "production", "channel": f"M1/{power}", "run_kw": 10}
    found = taken(
        database, tmp_path, facilities=[{**fan, "run_kw": 1.0, "serves": ["M2"]}, other, {**spare, "serves": ["A9"]}]
    )
    assert [(change.kind, change.place, change.key) for change in found.changes] == [
        ("facility", "fan", "serves"), ("facility", "spare", "serves"), ("site", "", "facilities"),
    ]  # fmt: skip
    assert "`run_kw` stays 6.0" in found.warnings[0]
    assert found.unknown == ["works, facility spare: `serves` A9, which is not there"]
    sites = {site["id"]: site for site in document(database)["sites"]}
    assert sites["works"]["facilities"] == [
        other, kiln, {**fan, "serves": ["M2"]}, {**spare, "serves": ["A9"]},
    ]  # fmt: skip


async def test_a_facility_whose_meter_has_not_been_heard_is_told_and_left_out(database: str, tmp_path: Path) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        await store.write([minute_of("M1", time.time() // 60 * 60 - 60, 50.0)])
    found, left_out = export_document(database, now=datetime.now(UTC), time_zone=ZONE)
    [works] = found["sites"]
    assert [facility["id"] for facility in works["facilities"]] == ["kiln"]
    assert left_out == ["works, facility fan: no power of its meter M2 here"]
    config = tmp_path / "gateway.toml"
    config.write_text(f'[gateway]\nstate_dir = "{tmp_path}"\n[database]\ndsn = "{database}"\n', encoding="utf-8")
    shown = await asyncio.to_thread(
        CliRunner().invoke, make_app(["sites"]), ["sites", "show", "works", "-c", str(config)]
    )
    assert "facility 设施 kiln: kind production" in shown.stdout
    assert "not analysed 未参与分析: works, facility fan" in shown.stdout


async def test_the_schedule_finds_treatment_off_and_running_while_stopped(database: str, tmp_path: Path) -> None:
    now_s = time.time()
    await signed_plant(database)
    await days_of_a_plant(database, now_s)
    accepted = datetime.fromtimestamp(hours_ago(now_s, 36), UTC).isoformat()
    taken(database, tmp_path, accepted_until=accepted)
    with psycopg.connect(database) as connection:
        connection.execute(
            """INSERT INTO site_event (site_id, kind, starts_at, ends_at, note)
               SELECT id, 'shutdown', to_timestamp(%s), to_timestamp(%s), 'reported'
               FROM site WHERE external_id = 'works'""",
            (hours_ago(now_s, 12), hours_ago(now_s, 6)),
        )
    report = run_detection(order(database, tmp_path, every_s=0.0, shortest_interval_s=3600))  # the meters are faster
    assert report.outcome == "done"
    found = rows(database, "SELECT class, point, detector, starts_at, alert FROM finding WHERE site = 'works'")
    stopped = [row for row in found if row["detector"] == "treatment_off"]
    assert [(row["point"], row["alert"]) for row in stopped] == [("M2", True)]
    assert abs(stopped[0]["starts_at"].timestamp() - hours_ago(now_s, 30)) <= HOUR_S
    running = [row for row in found if row["class"] == "running_while_stopped"]
    assert running
    assert min(row["starts_at"].timestamp() for row in running) >= hours_ago(now_s, 12)


async def test_what_a_document_calls_a_facility_reaches_the_analysis_too_however_fast_its_meter(
    database: str, tmp_path: Path
) -> None:
    async with Store.open(database, writer="w1") as store:
        first_s = time.time() // 60 * 60 - 3600
        await store.write([minute_of("works", first_s + number * 20, 50.0) for number in range(90)])
    power = "0203FF00.T-rtd-0"
    path = tmp_path / "sites.json"
    kiln = {"id": "kiln", "kind": "production", "channel": f"1/{power}", "run_kw": 30}
    described = {"time_zone": ZONE, "sites": [{"id": "works", "points": [], "facilities": [kiln]}]}
    path.write_text(json.dumps(described), encoding="utf-8")
    window = Window(datetime.fromtimestamp(first_s, UTC), datetime.now(UTC))

    def exported() -> dict[str, Any]:
        export_dataset(database, tmp_path / "dataset", window, shortest_interval_s=60)
        [site] = json.loads((tmp_path / "dataset/sites.json").read_text(encoding="utf-8"))["sites"]
        return dict(site)

    assert exported()["points"][0]["channels"] == []
    import_document(database, path, Authorship("officer"), now=datetime.now(UTC), time_zone=ZONE)
    site = exported()
    assert site["facilities"] == [kiln]
    assert [(one["id"], one["interval_s"]) for one in site["points"][0]["channels"]] == [(power, 20)]
