"""Alerts as CloudEvents: what the standard requires, and topics that mean only themselves."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from drivers.telemetry.cloudevents import decode_cloudevent
from gateway.alerts.cloudevent import Alert, alert_opened, topic_of

OPENED = datetime(2026, 3, 10, 12, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=8)))


def alert(site: str = "S01", point: str = "A1") -> Alert:
    return Alert(
        id=17,
        opened_at=OPENED,
        finding="0123456789abcdef",
        site=site,
        point=point,
        channels=["nox"],
        starts_at=OPENED,
        ends_at=OPENED + timedelta(hours=5),
        detected_at=OPENED + timedelta(hours=4),
        detector="stuck_value",
        detector_version="1",
        fault="stuck_value",
        alternatives=["narrow_band"],
        score=0.97,
        p_value=0.0004,
        evidence={"value": 31.5},
        explanation={"en": "Suspected, because …", "zh": "疑似"},
        innocent_if={"en": "The plant stood still.", "zh": "停产"},
    )


def test_the_event_has_every_required_attribute_and_says_what_was_found() -> None:
    event = alert_opened(alert(), tenant="acme")
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": "17",
        "source": "/eg/v1/acme/alerts",
        "type": "eg.alert.opened.v1",
        "subject": "S01/A1",
        "time": "2026-03-10T04:00:00.500000Z",
        "datacontenttype": "application/json",
    }
    assert data["class"] == "stuck_value"
    assert data["end"] == "2026-03-10T09:00:00.500000Z"
    assert data["explanation"] == {"en": "Suspected, because …", "zh": "疑似"}


def test_our_own_decoder_of_cloudevents_reads_it_without_a_deviation() -> None:
    event = orjson.loads(orjson.dumps(alert_opened(alert(), tenant="acme")))
    read = decode_cloudevent("eg/v1/acme/alerts/S01", event)
    assert read.deviations == ()
    assert read.fields["time_utc"] is not None


def test_a_finding_of_a_whole_site_has_the_site_as_its_subject() -> None:
    assert alert_opened(alert(point=""), tenant="acme")["subject"] == "S01"


@pytest.mark.parametrize(
    ("site", "level"), [("S01", "S01"), ("a/b+#", "a%2Fb%2B%23"), ("厂", "%E5%8E%82"), ("50%", "50%25")]
)
def test_a_site_is_one_level_of_the_topic_whatever_its_name(site: str, level: str) -> None:
    assert topic_of(alert_opened(alert(site=site), tenant="acme"), tenant="acme") == f"eg/v1/acme/alerts/{level}"


def test_times_are_utc() -> None:
    assert alert_opened(alert(), tenant="t")["time"].endswith("Z")
    assert datetime.fromisoformat(alert_opened(alert(), tenant="t")["time"]) == OPENED.astimezone(UTC)
