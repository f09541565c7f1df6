"""From the outbox to a real broker: at least once, with one id, whoever dies and whatever the broker says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import psycopg
import pytest
from psycopg.rows import dict_row

from gateway.alerts.cloudevent import CONTENT_TYPE
from gateway.alerts.mqtt_feed import publish_alerts
from gateway.config import AlertSettings
from gateway.detection.connection import connected
from gateway.detection.results import keep
from gateway.identity.provisioning import Provisioning
from gateway.storage import StorageSettings
from tests.acceptance.program import GatewayProcess
from tests.detection.made_findings import STUCK, ZONE, result
from tests.sources.mqtt_field import PATIENCE_S, Field, field_with

pytestmark = [pytest.mark.database, pytest.mark.broker]

ACCOUNT = "gateway-alerts"
HELD = 4711
HOLD_MARKS = f"""
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE UPDATE ON alert_outbox FOR EACH ROW EXECUTE FUNCTION hold()
"""


@pytest.fixture
def mqtt_field() -> Iterator[Field]:
    with field_with() as field:
        yield field


async def account(field: Field, name: str = ACCOUNT) -> None:
    """An account of a gateway process, which the broker knows."""
    field.secrets[name] = (await Provisioning(field.store, field.files_untold).add_gateway(name)).secret
    await asyncio.to_thread(field.broker.reload)


def settings(field: Field, name: str = ACCOUNT) -> AlertSettings:
    given = {
        "host": "127.0.0.1", "port": field.broker.port, "plain_text": True, "tenant": "acme", "client_id": name,
        "username": name, "password": field.secrets[name],
    }  # fmt: skip
    return AlertSettings.model_validate(given)


def open_alert(dsn: str) -> None:
    with connected(dsn, name="test") as connection, connection.transaction():
        keep(connection, result(STUCK), zone=ZONE, feeds=("mqtt",), tenant="acme")


def outbox(dsn: str) -> dict[str, Any]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        row = connection.execute(
            "SELECT alert_id, delivered_at IS NOT NULL AS delivered, attempts, last_error FROM alert_outbox"
        ).fetchone()
    assert row is not None
    return row


async def until(dsn: str, key: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while not (row := await asyncio.to_thread(outbox, dsn))[key]:
            await asyncio.sleep(0.05)
    return row


@contextlib.asynccontextmanager
async def subscribed(field: Field) -> AsyncIterator[aiomqtt.Client]:
    """A receiver of alerts."""
    async with field.device("gateway") as client:
        await client.subscribe("eg/v1/+/alerts/#", qos=1)
        yield client


async def next_of(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(aiter(client.messages))


@contextlib.asynccontextmanager
async def publishing(dsn: str, chosen: AlertSettings) -> AsyncIterator[None]:
    task = asyncio.create_task(publish_alerts(dsn, StorageSettings(), chosen))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_an_alert_is_published_and_marked(database: str, mqtt_field: Field) -> None:
    await account(mqtt_field)
    open_alert(database)
    async with subscribed(mqtt_field) as receiver, publishing(database, settings(mqtt_field)):
        message = await next_of(receiver)
        row = await until(database, "delivered")
    event = orjson.loads(message.payload)
    assert str(message.topic) == "eg/v1/acme/alerts/S01"
    assert message.qos == 1
    assert message.properties is not None
    assert message.properties.ContentType == CONTENT_TYPE
    assert event["id"] == str(row["alert_id"])
    assert event["data"]["finding"] == STUCK.id


async def test_killed_between_publish_and_mark_it_comes_again_with_the_same_id(
    own_database: str, mqtt_field: Field, tmp_path: Path
) -> None:
    await account(mqtt_field)
    open_alert(own_database)
    toml = (
        f'[alerts]\nhost = "127.0.0.1"\nport = {mqtt_field.broker.port}\nplain_text = true\ntenant = "acme"\n'
        f'client_id = "{ACCOUNT}"\nusername = "{ACCOUNT}"\npassword = "{mqtt_field.secrets[ACCOUNT]}"\n'
    )
    gateway = GatewayProcess(tmp_path, own_database, toml=toml)
    async with subscribed(mqtt_field) as receiver:
        with psycopg.connect(own_database, autocommit=True) as holder:
            holder.execute(HOLD_MARKS.encode())
            holder.execute(f"SELECT pg_advisory_lock({HELD})".encode())
            await gateway.start()
            first = orjson.loads((await next_of(receiver)).payload)
            async with asyncio.timeout(PATIENCE_S):
                while not waits_for_mark(holder):
                    await asyncio.sleep(0.05)
            await gateway.kill()
        assert not outbox(own_database)["delivered"]
        await gateway.start()
        try:
            second = orjson.loads((await next_of(receiver)).payload)
            await until(own_database, "delivered")
        finally:
            await gateway.terminate()
    assert second == first


def waits_for_mark(connection: "psycopg.Connection[Any]") -> bool:
    """Whether a process has its PUBACK and is held at marking."""
    statement = "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE 'UPDATE alert_outbox%'"
    return connection.execute(statement).fetchone() is not None


async def test_a_broker_that_refuses_has_not_got_it(database: str, mqtt_field: Field) -> None:
    """Mosquitto acknowledges with 0x87 what the account may not write; only MQTT 5 lets that be told."""
    await account(mqtt_field)
    await mqtt_field.add("s1")
    await asyncio.to_thread(mqtt_field.broker.reload)
    open_alert(database)
    async with publishing(database, settings(mqtt_field, "s1")):
        row = await until(database, "attempts")
    assert not row["delivered"]
    assert "Not authorized" in row["last_error"]
    async with subscribed(mqtt_field) as receiver, publishing(database, settings(mqtt_field)):
        assert orjson.loads((await next_of(receiver)).payload)["id"] == str(row["alert_id"])
        await until(database, "delivered")


async def test_a_broker_that_is_away_is_waited_for(database: str, mqtt_field: Field) -> None:
    await account(mqtt_field)
    open_alert(database)
    mqtt_field.broker.stop()
    async with publishing(database, settings(mqtt_field)):
        await asyncio.sleep(0.5)  # it has tried, and is waiting for its next attempt
        assert not outbox(database)["delivered"]
        await asyncio.to_thread(mqtt_field.broker.start)
        await until(database, "delivered")


async def test_several_processes_deliver_an_alert_once(database: str, mqtt_field: Field) -> None:
    await account(mqtt_field)
    await account(mqtt_field, f"{ACCOUNT}-2")
    second = settings(mqtt_field, f"{ACCOUNT}-2")
    open_alert(database)
    async with (
        subscribed(mqtt_field) as receiver,
        publishing(database, settings(mqtt_field)),
        publishing(database, second),
    ):
        await next_of(receiver)
        row = await until(database, "delivered")
        await asyncio.sleep(2.5)  # both have looked again
        assert len(receiver.messages) == 0
    assert row["attempts"] == 1


async def test_without_a_broker_nothing_is_started(database: str) -> None:
    await asyncio.wait_for(publish_alerts(database, StorageSettings(), AlertSettings()), 1)
