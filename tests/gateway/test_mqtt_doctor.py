"""`gateway doctor`: good settings pass, each bad one is found and the cure is named."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.doctor.broker import check_broker
from gateway.doctor.broker_file import check_broker_file
from gateway.doctor.database import check_database
from gateway.doctor.finding import Finding, Grade
from gateway.sources.mqtt_link import LinkSettings
from tests.services.mosquitto import SHIPPED
from tests.services.postgres import PostgresServer, wheel_installation
from tests.sources.mqtt_field import Field, field_with


async def examined(field: Field, *, is_version_5: bool = True) -> dict[str, Finding]:
    secret = (await field.provisioning.add_doctor()).secret
    field.broker.reload()
    settings = LinkSettings(
        "127.0.0.1", field.broker.port, "doctor", username="doctor", password=secret, is_version_5=is_version_5
    )
    return {finding.what.rpartition(" ")[2]: finding for finding in await check_broker(settings)}


@pytest.fixture
def good_field() -> Iterator[Field]:
    with field_with() as found:
        yield found


@pytest.mark.broker
async def test_the_shipped_settings_pass(good_field: Field) -> None:
    found = await examined(good_field)
    assert {name: finding.grade for name, finding in found.items()} == {
        "strangers": Grade.GOOD, "session": Grade.GOOD, "queue": Grade.GOOD, "window": Grade.GOOD
    }  # fmt: skip
    again = await examined(good_field)  # it cleans up behind itself
    assert "all 1200" in again["queue"].found


@pytest.mark.broker
@pytest.mark.parametrize(
    ("settings", "name", "grade", "cure"),
    [
        ({"max_queued_messages": "1000"}, "queue", Grade.BAD, "max_queued_messages 0"),
        (
            {"allow_anonymous": "true", "use_username_as_clientid": "false"},
            "strangers",
            Grade.BAD,
            "allow_anonymous false",
        ),
        ({"max_packet_size": "20000"}, "size", Grade.WARNING, "max_packet_size 65536"),
    ],
)
def test_a_bad_setting_is_found_by_trying(settings: dict[str, str], name: str, grade: Grade, cure: str) -> None:
    with field_with(settings=settings) as field:
        finding = asyncio.run(examined(field))[name]
    assert finding.grade is grade
    assert cure in finding.change
    assert cure in str(finding)


@pytest.mark.broker
def test_a_small_window_of_the_broker_is_found_where_it_counts() -> None:
    """With MQTT 5 the window is the gateway's own receive_maximum."""
    with field_with(settings={"max_inflight_messages": "20"}) as field:
        old = asyncio.run(examined(field, is_version_5=False))["window"]
        new = asyncio.run(examined(field))["window"]
    assert (old.grade, new.grade) == (Grade.WARNING, Grade.GOOD)
    assert "max_inflight_messages 2000" in old.change


@pytest.mark.broker
async def test_a_broker_that_is_not_there_is_said_to_be(good_field: Field) -> None:
    good_field.broker.kill()
    settings = LinkSettings("127.0.0.1", good_field.broker.port, "doctor", username="doctor", password="x")
    *_, last = await check_broker(settings)
    assert last.grade is Grade.BAD
    assert "refused" in last.found


def test_the_shipped_file_passes_but_for_the_second_that_it_owns_up_to() -> None:
    grades = {finding.what: finding.grade for finding in check_broker_file(SHIPPED)}
    assert {what for what, grade in grades.items() if grade is not Grade.GOOD} == {"broker autosave"}
    assert grades["broker autosave"] is Grade.WARNING


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("persistence false", "broker persistence"),
        ("autosave_interval 1800", "broker autosave"),
        ("max_queued_messages 1000", "broker max_queued_messages"),
        ("max_inflight_messages many", "broker max_inflight_messages"),
        ("allow_anonymous true", "broker allow_anonymous"),
        ("plugin_opt_flush_period 5", "broker persistence"),
    ],
)
def test_a_bad_line_in_the_file_is_found(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "mosquitto.conf"
    path.write_text(SHIPPED.read_text() + f"\n{text}\n")
    bad = [finding for finding in check_broker_file(path) if finding.grade is Grade.BAD]
    assert [finding.what for finding in bad] == [what]
    assert bad[0].change


@pytest.mark.database
def test_a_database_that_does_not_keep_what_it_commits_is_found() -> None:
    server = PostgresServer(wheel_installation(), settings=("synchronous_commit=off",))
    try:
        server.start()
        found = {finding.what: finding for finding in asyncio.run(check_database(server.dsn()))}
    finally:
        server.remove()
    assert found["database synchronous_commit"].grade is Grade.BAD
    assert found["database fsync"].grade is Grade.GOOD
    assert found["clocks"].grade is Grade.GOOD
    assert "plain" in found["database tier"].found
    [gone] = asyncio.run(check_database(server.dsn()))
    assert gone.grade is Grade.BAD
