"""Contradictions as findings, and those that accuse somebody as alerts, through the outbox of all alerts.

    facility_event ─► finding (goes on with it) ─► grave enough? ─► told of already? ─ yes ─► joins that alert
                                                                            └ no ─► alert, alert_action, alert_outbox

All in the transaction that enters or continues the event: what is killed in between has done nothing, and what is done
is done once, since a finding has one alert at the most. A deed is told once, whoever sees it first: a finding about the
same power at the same time joins the alert that is there, be it of another rule or of the analysis, whose own findings
do likewise (`gateway.detection.results`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from gateway.alerts.cloudevent import Alert, alert_opened
from gateway.facilities.plant import Contradiction, Plant
from gateway.facilities.query import query
from gateway.facilities.wording import chinese, english
from gateway.storage.link import Connection
from gateway.storage.sql import query as storage_query

VERSION = "1"
ALERT_SEVERITY = 2
"""What lasts less than five minutes is a note and no alert."""
SCORES = {1: 0.5, 2: 0.7, 3: 0.9}
"""By severity. A rule has no honest history behind it: these are an order, not a frequency."""


NOWHERE: dict[str, Any] = {"point": "", "channels": []}


@dataclass(frozen=True, slots=True)
class Charge:
    """What a rule's contradiction is suspected to be, in the classes of the dataset format, the likeliest first."""

    fault: str
    alternatives: tuple[str, ...] = ()
    accuses: bool = True


CHARGES = {
    "P1": Charge("treatment_off", ("instrument_fault", "process_change")),
    "P2": Charge("treatment_off", ("process_change",)),
    "P3": Charge("treatment_off", ("process_change",)),
    "P4": Charge("treatment_off", ("process_change",)),
    "P5": Charge("stuck_value", ("instrument_fault",)),
    "P6": Charge("synthetic_noise", ("instrument_fault",)),
    "P7": Charge("arithmetic_mismatch", ("parameter_edited", "instrument_fault")),
    "P8": Charge("arithmetic_mismatch", ("process_change", "instrument_fault")),
    "P9": Charge("instrument_fault", ("copied_channel",), accuses=False),
    "P10": Charge("running_while_stopped", ("process_change",)),
    "P11": Charge("network_outage", ("selective_gap", "instrument_fault"), accuses=False),
    "P12": Charge("running_while_stopped", ("process_change",)),
    "P13": Charge("treatment_off", ("synthetic_noise", "replayed", "process_change")),
}
"""Rule → charge. A lost phase or meter is a fault of the equipment first: a finding, not an alert."""
COPIED_PHASES = Charge("copied_channel", ("instrument_fault",))
"""Of P9: voltage, current and power of all three phases alike, sample by sample."""


@dataclass(frozen=True, slots=True)
class Feeds:
    """Who is told of new alerts: names of feeds, one message each, and whose alerts they are."""

    names: tuple[str, ...] = ()
    tenant: str = "default"


async def keep_finding(
    connection: Connection, plant: Plant, item: Contradiction, event: Mapping[str, Any], *, kind: str, feeds: Feeds
) -> bool:
    """Write the finding of an event as it stands now, and its alert if it is due; whether one was opened.

    Parameters
    ----------
    event : its row: id, starts_at, ends_at, detected_at, severity, figures, notice, finding_id
    kind : name of the contradiction, which serves as that of the detector
    """
    # A finding that is there keeps its place.
    place = await _place(connection, item, event) if event["finding_id"] is None else NOWHERE
    row = _finding(plant, item, event, kind=kind) | place
    await connection.execute(query("keep_finding"), row)
    named = {"id": event["id"], "finding": row["id"]}
    await connection.execute(query("note_finding"), named)
    if not row["alert"] or await _is_alerted(connection, row["id"]):
        return False
    await connection.execute(storage_query("alerting_lock"))
    if (await connection.execute(query("join_alert"), named)).rowcount:
        return False
    await _open_alert(connection, row["id"], feeds)
    return True


def charge_of(rule: str, figures: Mapping[str, float]) -> Charge:
    return COPIED_PHASES if rule == "P9" and "is_identical" in figures else CHARGES[rule]


async def _place(connection: Connection, item: Contradiction, event: Mapping[str, Any]) -> dict[str, Any]:
    places = await (await connection.execute(query("event_places"), {"id": event["id"]})).fetchall()
    found = next((one for one in places if one["device"] == item.device), NOWHERE)
    return {key: found[key] for key in NOWHERE}


def _finding(plant: Plant, item: Contradiction, event: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    about = item.link.name if item.link else item.facility.name if item.facility else ""
    fixed = (plant.site, about, kind, event["starts_at"].isoformat())
    figures = event["figures"]
    charge = charge_of(item.rule, figures)
    detail = event["notice"]["detail"]  # as it was told, also where the words of the rule have changed since
    evidence = {"rule": item.rule, "severity": event["severity"], "facilities": detail["facilities"], **figures}
    return {
        "id": hashlib.sha256("\x1f".join(fixed).encode()).hexdigest()[:16],
        "site": plant.site,
        "starts_at": event["starts_at"],
        "ends_at": event["ends_at"],
        "detected_at": event["detected_at"],
        "detector": kind,
        "detector_version": VERSION,
        "class": charge.fault,
        "alternatives": list(charge.alternatives),
        "score": SCORES[event["severity"]],
        "statistic": figures.get("duration_s"),
        "alert": charge.accuses and event["severity"] >= ALERT_SEVERITY,
        "evidence": Jsonb(evidence),
        "explanation": Jsonb(
            {
                "en": f"{', '.join(detail['facilities'])}: {detail['text_en']} ({english(figures)})",
                "zh": f"{'、'.join(detail['facilities'])}：{detail['text_zh']}（{chinese(figures)}）",
            }
        ),
        "innocent_if": Jsonb({"en": detail["unless_en"], "zh": detail["unless_zh"]}),
    }


async def _is_alerted(connection: Connection, finding: str) -> bool:
    row = await (await connection.execute(query("is_alerted"), {"finding": finding})).fetchone()
    return row is not None and bool(row["yes"])


async def _open_alert(connection: Connection, finding: str, feeds: Feeds) -> None:
    opened = await (await connection.execute(query("open_alert"), {"finding": finding})).fetchone()
    assert opened is not None
    await connection.execute(query("note_alert"), {"id": opened["id"]})
    rows = await connection.execute(storage_query("opened_alerts"), {"ids": [opened["id"]]})
    for row in await rows.fetchall():
        event = alert_opened(Alert(**row), tenant=feeds.tenant)
        for feed in feeds.names:
            message = {"alert_id": row["id"], "feed": feed, "payload": Jsonb(event)}
            await connection.execute(storage_query("put_in_outbox"), message)
