"""The whole program: power of meters in the database, a message at the broker, and figures of it; killed in between."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from gateway.identity.provisioning import Provisioning
from gateway.storage import Store
from tests.acceptance.program import GatewayProcess
from tests.facilities.plants import MINUTE_S, minute_of, signed_plant, working
from tests.sources.mqtt_field import PATIENCE_S, Field, field_with

pytestmark = [pytest.mark.database, pytest.mark.broker, pytest.mark.slow]
ACCOUNT = "gateway-alerts"
OPEN = 'gateway_alerts{class="treatment_off",state="open"}'
SECTIONS = """
[facilities]
every_s = 1.0
[detection]
every_minutes = 60
[alerts]
host = "127.0.0.1"
port = {port}
plain_text = true
tenant = "acme"
username = "{account}"
password = "{secret}"
"""


@pytest.fixture
def mqtt_field() -> Iterator[Field]:
    with field_with() as field:
        yield field


async def a_fan_that_stands_still(dsn: str) -> None:
    """Three hours of a line and its fan until now; the fan has stood still for half an hour."""
    await signed_plant(dsn)
    now_s = time.time() // MINUTE_S * MINUTE_S
    powers = {"M1": working(60.0), "M2": working(12.0, (150, 180))}
    frames = [
        minute_of(device, now_s - (180 - number) * MINUTE_S, power(number))
        for number in range(180)
        for device, power in powers.items()
    ]
    async with Store.open(dsn, writer="meters") as store:
        await store.write(frames)


def counted(dsn: str) -> tuple[Any, ...] | None:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            """SELECT (SELECT count(*) FROM facility_event), (SELECT count(*) FROM alert),
               (SELECT count(*) FROM alert_outbox), (SELECT count(*) FROM alert_outbox WHERE delivered_at IS NOT NULL),
               (SELECT count(*) FROM v_device_event WHERE kind = 'treatment_off_while_production_runs')"""
        ).fetchone()


async def settled(program: GatewayProcess, dsn: str, since_s: float) -> dict[str, float]:
    """The figures once the analysis has run, facilities were looked at again, and all that was opened is told."""
    async with asyncio.timeout(180):
        while True:
            found = await program.metrics()
            ran = found["gateway_detection_last_success_timestamp_seconds"] > 0
            looked = found["gateway_facilities_last_look_timestamp_seconds"] > since_s
            told = found["gateway_alert_outbox_pending"] == 0 and found.get(OPEN) is not None
            if ran and looked and told and (counted(dsn) or (0,))[-1]:
                return found
            await asyncio.sleep(0.5)


async def test_treatment_off_reaches_the_broker_once_over_a_kill(
    own_database: str, mqtt_field: Field, tmp_path: Path
) -> None:
    secret = (await Provisioning(mqtt_field.store, mqtt_field.files_untold).add_gateway(ACCOUNT)).secret
    await asyncio.to_thread(mqtt_field.broker.reload)
    await a_fan_that_stands_still(own_database)
    toml = SECTIONS.format(port=mqtt_field.broker.port, account=ACCOUNT, secret=secret)
    program = GatewayProcess(tmp_path, own_database, toml=toml)
    try:
        async with mqtt_field.device("gateway") as receiver:
            await receiver.subscribe("eg/v1/+/alerts/#", qos=1)
            await program.start()
            async with asyncio.timeout(PATIENCE_S):
                message = await anext(aiter(receiver.messages))
        await program.kill()
        killed_s = time.time()
        event = orjson.loads(message.payload)
        assert str(message.topic) == "eg/v1/acme/alerts/works"
        assert (event["subject"], event["data"]["class"]) == ("works/M2", "treatment_off")
        assert event["data"]["explanation"]["zh"].startswith("kiln、fan：生产运行而治理设施停运")
        await program.start()
        assert (await settled(program, own_database, killed_s))[OPEN] == 1
        assert counted(own_database) == (1, 1, 1, 1, 1)
    finally:
        if program.is_running:
            await program.kill()
