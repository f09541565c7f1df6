"""An alert as a CloudEvent 1.0.2 in structured JSON mode.

    specversion 1.0 · id {alert} · source /eg/v1/{tenant}/alerts · type eg.alert.opened.v1 · subject {site}/{point}
    time (opened) · datacontenttype application/json · data {finding, class, channels, interval, evidence, texts}

`source` and `id` together are the event's identity (CloudEvents 1.0.2, "source & id"): the id is that of the alert and
stays the same however often the event is sent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
TYPE = "eg.alert.opened.v1"
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert and the finding behind it."""

    id: int
    opened_at: datetime
    finding: str
    site: str
    point: str
    channels: list[str]
    starts_at: datetime
    ends_at: datetime
    detected_at: datetime
    detector: str
    detector_version: str
    # `class` is a word of Python's.
    fault: str
    alternatives: list[str]
    score: float
    p_value: float | None
    evidence: dict[str, Any]
    explanation: dict[str, str]
    innocent_if: dict[str, str]


def alert_opened(alert: Alert, *, tenant: str) -> dict[str, Any]:
    """The event that tells of a new alert; times are RFC 3339 in UTC."""
    return {
        "specversion": "1.0",
        "id": str(alert.id),
        "source": f"/eg/v1/{tenant}/alerts",
        "type": TYPE,
        "subject": f"{alert.site}/{alert.point}" if alert.point else alert.site,
        "time": _rfc3339(alert.opened_at),
        "datacontenttype": "application/json",
        "data": {
            "finding": alert.finding,
            "site": alert.site,
            "point": alert.point,
            "channels": alert.channels,
            "start": _rfc3339(alert.starts_at),
            "end": _rfc3339(alert.ends_at),
            "detected_at": _rfc3339(alert.detected_at),
            "detector": alert.detector,
            "detector_version": alert.detector_version,
            "class": alert.fault,
            "alternatives": alert.alternatives,
            "score": alert.score,
            "p_value": alert.p_value,
            "evidence": alert.evidence,
            "explanation": alert.explanation,
            "innocent_if": alert.innocent_if,
        },
    }


def topic_of(event: dict[str, Any], *, tenant: str) -> str:
    """Where an event is published. A character that a topic level must not hold is percent-encoded (UTF-8)."""
    return f"eg/v1/{tenant}/alerts/{_level(event['data']['site'])}"


def _level(text: str) -> str:
    return "".join(
        letter if letter in _SAFE else "".join(f"%{byte:02X}" for byte in letter.encode()) for letter in text
    )


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
