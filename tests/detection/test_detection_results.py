"""Findings in the database: the same result twice is the same rows; what grows, grows; what was told is told once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.detection.connection import Connection, connected
from gateway.detection.results import Kept, keep
from tests.detection.made_findings import HOUR_S, STUCK, WEAK, ZONE, result


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connected(database, name="test") as opened:
        yield opened


def kept(connection: Connection, *findings: Any, feeds: tuple[str, ...] = ("mqtt",)) -> Kept:
    with connection.transaction():
        return keep(connection, result(*findings), zone=ZONE, feeds=feeds, tenant="acme")


def rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    return connection.execute(statement.encode()).fetchall()


def test_the_same_result_again_changes_nothing(connection: Connection) -> None:
    first = kept(connection, STUCK, WEAK)
    everything = "SELECT id, starts_at, ends_at, class, score, alert, evidence, created_at FROM finding ORDER BY id"
    before = rows(connection, everything)
    second = kept(connection, STUCK, WEAK)
    assert (len(first.opened), second.opened) == (1, ())
    assert rows(connection, everything) == before
    assert {row["id"] for row in before} == {STUCK.id, WEAK.id}
    assert [row["count"] for row in rows(connection, "SELECT count(*) FROM alert_outbox")] == [1]
    assert rows(connection, "SELECT actor, action FROM alert_action") == [{"actor": "detection", "action": "opened"}]


def test_a_finding_grows_and_keeps_its_alert(connection: Connection) -> None:
    kept(connection, STUCK)
    grown = replace(STUCK, end_s=STUCK.end_s + HOUR_S, fault="narrow_band", expected=0.0001)
    assert grown.id == STUCK.id
    assert kept(connection, grown).opened == ()
    [row] = rows(connection, "SELECT class, score, extract(epoch FROM ends_at)::float8 AS end_s FROM finding")
    assert row == {"class": "narrow_band", "score": pytest.approx(grown.score, abs=1e-6), "end_s": grown.end_s}


def test_a_finding_that_becomes_an_alert_opens_one(connection: Connection) -> None:
    assert kept(connection, WEAK).opened == ()
    assert len(kept(connection, replace(WEAK, alert=True)).opened) == 1
    assert kept(connection, WEAK).opened == ()
    assert [row["alert"] for row in rows(connection, "SELECT alert FROM finding")] == [True]


def test_what_is_not_found_again_stays(connection: Connection) -> None:
    kept(connection, STUCK, WEAK)
    kept(connection, WEAK)
    found = rows(connection, "SELECT id, confirmed_at > created_at AS again FROM finding ORDER BY again")
    assert found == [{"id": STUCK.id, "again": False}, {"id": WEAK.id, "again": True}]


def test_a_finding_whose_beginning_left_the_window_is_the_same(connection: Connection) -> None:
    kept(connection, STUCK)
    later = replace(STUCK, start_s=STUCK.start_s + HOUR_S, detected_s=STUCK.detected_s + HOUR_S)
    assert later.id != STUCK.id
    assert kept(connection, later).opened == ()
    [row] = rows(connection, "SELECT id, extract(epoch FROM starts_at)::float8 AS start_s FROM finding")
    assert row == {"id": STUCK.id, "start_s": STUCK.start_s}
    [line] = rows(connection, "SELECT top_finding, findings FROM inspection WHERE site = 'S01'")
    assert line == {"top_finding": STUCK.id, "findings": 1}


def test_two_findings_of_a_detector_apart_in_time_are_two(connection: Connection) -> None:
    kept(connection, STUCK)
    later = replace(STUCK, start_s=STUCK.end_s, end_s=STUCK.end_s + 9 * HOUR_S, detected_s=STUCK.end_s + 4 * HOUR_S)
    assert len(kept(connection, STUCK, later).opened) == 1
    assert len(rows(connection, "SELECT FROM finding")) == 2


def test_what_people_wrote_into_the_inspection_list_stays(connection: Connection) -> None:
    kept(connection, STUCK)
    connection.execute("UPDATE inspection SET inspector = 'Li', outcome = 'confirmed'")
    kept(connection, STUCK, replace(STUCK, site="S02"))
    found = rows(connection, "SELECT site, period, inspector, outcome FROM inspection ORDER BY site")
    assert found == [
        {"site": "S01", "period": "2026-03", "inspector": "Li", "outcome": "confirmed"},
        {"site": "S02", "period": "2026-03", "inspector": None, "outcome": None},
    ]


def test_a_message_is_put_out_for_each_feed_and_none_without_one(connection: Connection) -> None:
    kept(connection, STUCK, feeds=())
    assert rows(connection, "SELECT FROM alert_outbox") == []
    kept(connection, replace(STUCK, site="S02"), feeds=("mqtt", "webhook"))
    found = rows(connection, "SELECT feed, payload, alert_id FROM alert_outbox ORDER BY feed")
    assert [row["feed"] for row in found] == ["mqtt", "webhook"]
    assert {row["payload"]["id"] for row in found} == {str(found[0]["alert_id"])}
