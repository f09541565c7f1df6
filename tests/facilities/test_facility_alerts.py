"""Contradictions as findings and alerts: one alert for a deed, whoever sees it first and whoever dies meanwhile."""

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from analysis.findings.finding import Finding
from gateway.detection.connection import connected
from gateway.detection.results import keep
from gateway.facilities.alerting import CHARGES, Feeds
from gateway.facilities.judgement import KINDS
from gateway.facilities.supervision import SupervisionSettings
from gateway.storage import Store
from tests.detection.made_findings import STUCK, ZONE, result
from tests.facilities.plants import MINUTE_S, START_S, minutes, signed_plant, working
from tests.facilities.test_facility_supervision import STOPPED, Told, looked, supervision

pytestmark = pytest.mark.database
ROOT = Path(__file__).parents[2]
TOLD = SupervisionSettings(every_s=0.001, tell_again_s=3600.0, feeds=Feeds(("mqtt",), "acme"))
POWER = "0203FF00.T-rtd-0"
HELD = 4712
HOLD_OUTBOX = f"""
CREATE FUNCTION hold_outbox() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$;
CREATE TRIGGER hold_outbox BEFORE INSERT ON alert_outbox FOR EACH ROW EXECUTE FUNCTION hold_outbox()
"""
LOOK = """
import asyncio, sys
from tests.facilities.test_facility_alerts import TOLD
from tests.facilities.test_facility_supervision import Told, looked
asyncio.run(looked(sys.argv[1], Told(None), float(sys.argv[2]), TOLD))
"""
OF_ANALYSIS = replace(
    STUCK,
    site="works",
    point="M2",
    channels=(POWER,),
    start_s=START_S + 120 * MINUTE_S,
    end_s=START_S + 180 * MINUTE_S,
    detector="treatment_off",
    fault="treatment_off",
)


def rows(dsn: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(statement.encode()).fetchall()


def count(dsn: str, table: str) -> int:
    return int(rows(dsn, f"SELECT count(*) FROM {table}")[0]["count"])


def judged(dsn: str, *findings: Finding) -> int:
    """A run of the analysis that finds these; how many alerts it opened."""
    with connected(dsn, name="test") as connection, connection.transaction():
        return len(keep(connection, result(*findings), zone=ZONE, feeds=("mqtt",), tenant="acme").opened)


async def plant_of(dsn: str, powers: Any, last: int) -> None:
    await signed_plant(dsn)
    async with Store.open(dsn, writer="w1") as store:
        await store.write(minutes(powers, 0, last))


def test_every_rule_has_a_charge() -> None:
    assert CHARGES.keys() == KINDS.keys()


async def test_a_contradiction_becomes_an_alert_when_it_has_lasted_and_goes_on_in_its_finding(database: str) -> None:
    await plant_of(database, STOPPED, 200)
    told = Told(None)
    await looked(database, told, 104.5, TOLD)
    [finding] = rows(database, "SELECT * FROM finding")
    assert (finding["class"], finding["alert"], finding["score"]) == ("treatment_off", False, 0.5)
    assert count(database, "alert") == 0
    for minute in (110, 112, 130, 180):
        await looked(database, told, minute, TOLD)
    [finding] = rows(database, "SELECT * FROM finding")
    assert (finding["site"], finding["point"], finding["channels"]) == ("works", "M2", [POWER])
    assert finding["detector"] == "treatment_off_while_production_runs"
    assert finding["starts_at"].timestamp() == START_S + 102 * MINUTE_S
    assert finding["ends_at"].timestamp() == START_S + 161 * MINUTE_S
    assert (finding["alert"], finding["score"]) == (True, 0.7)
    assert finding["evidence"]["treatment_kw"] < 0.5 < 58 < finding["evidence"]["production_kw"]
    [message] = rows(database, "SELECT feed, payload FROM alert_outbox")
    event = message["payload"]
    assert (message["feed"], event["source"], event["subject"]) == ("mqtt", "/eg/v1/acme/alerts", "works/M2")
    assert (event["type"], event["data"]["class"]) == ("eg.alert.opened.v1", "treatment_off")
    assert event["data"]["finding"] == finding["id"]
    assert event["data"]["explanation"]["en"].startswith("kiln, fan: production runs while treatment is off (for ")
    assert event["data"]["explanation"]["zh"].startswith("kiln、fan：生产运行而治理设施停运（持续 ")
    assert event["data"]["innocent_if"] == {"en": "a reported repair or bypass", "zh": "已报备的检修或应急旁路"}
    assert [row["action"] for row in rows(database, "SELECT action FROM alert_action")] == ["opened"]
    assert rows(database, "SELECT finding_id FROM v_facility_event") == [{"finding_id": finding["id"]}]


async def test_a_lost_meter_is_a_finding_and_no_alert(database: str) -> None:
    powers = {"M1": working(60.0), "M2": working(12.0)}
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        await store.write(minutes(powers, 0, 60) + minutes({"M1": powers["M1"]}, 60, 180))
    await looked(database, Told(None), 180, TOLD)
    [finding] = rows(database, "SELECT class, alert, detector FROM finding")
    assert finding == {"class": "network_outage", "alert": False, "detector": "meter_lost"}
    assert count(database, "alert") == count(database, "alert_outbox") == 0


async def test_what_was_told_of_electricity_is_not_told_again_by_the_analysis(database: str) -> None:
    await plant_of(database, STOPPED, 200)
    await looked(database, Told(None), 180, TOLD)
    reduced = replace(OF_ANALYSIS, detector="treatment_reduced", start_s=START_S)
    assert judged(database, OF_ANALYSIS, reduced) == 0
    assert judged(database, OF_ANALYSIS, reduced) == 0  # and by the next run neither
    assert count(database, "alert") == count(database, "alert_outbox") == 1
    joined = rows(database, "SELECT actor, detail ->> 'finding' AS finding FROM alert_action WHERE action = 'joined'")
    assert {(row["actor"], row["finding"]) for row in joined} == {
        ("detection", OF_ANALYSIS.id),
        ("detection", reduced.id),
    }
    assert rows(database, "SELECT joined FROM v_alert") == [{"joined": sorted([OF_ANALYSIS.id, reduced.id])}]


async def test_what_the_analysis_has_told_is_not_told_again_by_supervision(database: str) -> None:
    await plant_of(database, STOPPED, 200)
    assert judged(database, OF_ANALYSIS) == 1
    for minute in (170, 180):
        await looked(database, Told(None), minute, TOLD)
    assert count(database, "alert") == count(database, "alert_outbox") == 1
    assert rows(database, "SELECT actor FROM alert_action WHERE action = 'joined'") == [{"actor": "facilities"}]


@pytest.mark.parametrize(
    "other",
    [
        replace(OF_ANALYSIS, point="M1"),
        replace(OF_ANALYSIS, channels=("other-rtd-0",)),
        replace(OF_ANALYSIS, start_s=START_S + 9 * 3600, end_s=START_S + 12 * 3600),
        replace(OF_ANALYSIS, detector="late_edit", fault="late_edit"),
    ],
    ids=["other meter", "other channel", "other time", "an edit"],
)
async def test_another_deed_is_told(database: str, other: Finding) -> None:
    await plant_of(database, STOPPED, 200)
    await looked(database, Told(None), 180, TOLD)
    assert judged(database, other) == 1
    assert count(database, "alert_outbox") == 2


@pytest.mark.parametrize(("state", "alerts"), [("inspecting", 1), ("closed", 2)])
async def test_stops_soon_after_each_other_are_one_deed_until_somebody_closes_it(
    database: str, state: str, alerts: int
) -> None:
    powers = {"M1": working(60.0), "M2": working(12.0, (60, 90), (120, 150))}
    await plant_of(database, powers, 200)
    await looked(database, Told(None), 110, TOLD)
    with psycopg.connect(database) as connection:
        closed_at = START_S + 112 * MINUTE_S
        connection.execute("UPDATE alert SET state = %s, changed_at = to_timestamp(%s)", (state, closed_at))
    await looked(database, Told(None), 190, TOLD)
    assert count(database, "finding") == 2
    assert count(database, "alert") == count(database, "alert_outbox") == alerts
    assert count(database, "alert_joined") == 2 - alerts


async def test_several_processes_at_once_open_one_alert(database: str) -> None:
    await plant_of(database, STOPPED, 140)
    async with AsyncExitStack() as stack:
        subjects = [await stack.enter_async_context(supervision(database, Told(None), TOLD)) for _ in range(4)]
        await asyncio.gather(*(subject.look(START_S + 140 * MINUTE_S) for subject in subjects))
    assert count(database, "alert") == count(database, "alert_outbox") == 1


async def test_killed_while_it_opens_an_alert_it_leaves_nothing_and_the_next_opens_it(own_database: str) -> None:
    await plant_of(own_database, STOPPED, 140)
    with psycopg.connect(own_database, autocommit=True) as holder:
        holder.execute(HOLD_OUTBOX.encode())
        holder.execute("SELECT pg_advisory_lock(%s)", (HELD,))
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", LOOK, own_database, "140", cwd=ROOT)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s"
        try:
            async with asyncio.timeout(60):
                while holder.execute(waiting, (HELD,)).fetchone() == (0,):
                    assert child.returncode is None
                    await asyncio.sleep(0.1)
        finally:
            child.kill()
            await child.wait()
        assert count(own_database, "alert") == count(own_database, "finding") == 0
    async with asyncio.timeout(60):  # the server has to notice that nobody is there
        while rows(own_database, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7241004"):
            await asyncio.sleep(0.1)
    for minute in (141, 150):
        await looked(own_database, Told(None), minute, TOLD)
    assert count(own_database, "alert") == count(own_database, "alert_outbox") == count(own_database, "finding") == 1
