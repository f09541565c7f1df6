"""Findings into the database: upserted by their id, alerts opened once, both with what is to be told about them.

What power-use supervision has told already opens no second alert: the finding joins the one that is there.

One transaction: a finding, its alert and the message about it appear together or not at all. Doing the same again
changes nothing but `confirmed_at`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from analysis.findings.finding import Finding
from analysis.run import Result
from gateway.alerts.cloudevent import Alert, alert_opened
from gateway.detection.connection import Connection
from gateway.storage.sql import query

_JSON = ("evidence", "explanation", "innocent_if")


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping a result came to."""

    findings: int
    opened: tuple[int, ...]  # ids of new alerts


def keep(
    connection: Connection,
    result: Result,
    *,
    zone: ZoneInfo,
    feeds: Sequence[str],
    tenant: str,
    complete_from: Mapping[str, str] | None = None,
) -> Kept:
    """Write findings, alerts, messages and the inspection list, in the transaction of the caller.

    Parameters
    ----------
    feeds : names of those who are told of new alerts; one message each
    tenant : whose alerts they are
    complete_from : by site, the first month, "2026-03", that the data cover from its beginning; earlier lines of the
        inspection list are left as they are. A site that is not in it is covered whole
    """
    connection.execute(query("stage_findings"))
    with connection.cursor() as cursor:
        cursor.executemany(query("stage_finding"), [_row(finding, zone) for finding in result.findings])
    again = {row["new_id"]: row["old_id"] for row in connection.execute(query("recognise_findings"))}
    connection.execute(query("keep_findings"))
    connection.execute(query("alerting_lock"))
    connection.execute(query("join_alerts"))
    opened = [row["id"] for row in connection.execute(query("open_alerts"))]
    if opened:
        connection.execute(query("note_opened"), {"ids": opened})
        _put_in_outbox(connection, opened, feeds, tenant)
    _keep_inspections(connection, result, again, complete_from or {})
    return Kept(len(result.findings), tuple(opened))


def _row(finding: Finding, zone: ZoneInfo) -> dict[str, Any]:
    line = finding.line(zone)
    return line | {name: Jsonb(line[name]) for name in _JSON}


def _put_in_outbox(connection: Connection, opened: list[int], feeds: Sequence[str], tenant: str) -> None:
    for row in connection.execute(query("opened_alerts"), {"ids": opened}).fetchall():
        event = alert_opened(Alert(**row), tenant=tenant)
        for feed in feeds:
            message = {"alert_id": row["id"], "feed": feed, "payload": Jsonb(event)}
            connection.execute(query("put_in_outbox"), message)


def _keep_inspections(
    connection: Connection, result: Result, again: dict[str, str], complete_from: Mapping[str, str]
) -> None:
    lines = [
        {
            "site": line.site, "period": line.period, "rank": number, "score": line.score, "findings": line.findings,
            "top_class": line.top_class or None, "top_finding": again.get(line.top_finding, line.top_finding) or None,
        }
        for number, line in enumerate(result.ranking, start=1)
        if line.period >= complete_from.get(line.site, "")
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(query("keep_inspection"), lines)
