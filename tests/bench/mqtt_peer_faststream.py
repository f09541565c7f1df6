"""FastStream over MQTT as its documentation has it, with what it offers for speed. Run with the Python of .venv-bench.

QoS 1, persistent session, `AckPolicy.ACK` (after the handler), 16 workers on a pool of 16 connections. FastStream has
no batches for MQTT: a message is a call of the handler. The replay buffer is unbounded (0), so that nothing that waits
in a resumed session is dropped. Settings come as JSON.

No `receive_maximum`: zmqtt closes the connection, as MQTT 5 (4.9) allows, when the broker has more than that many
messages under way, and Mosquitto 2.0.11 has while its queue is not empty: after 1,000 messages, two PUBACKs brought it
to send 1,999 more. FastStream then stopped after a dozen messages.
"""

import asyncio
import json
import sys
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.mqtt import MQTTBroker, QoS
from faststream.security import SASLPlaintext
from psycopg_pool import AsyncConnectionPool

WORKERS = 16
INSERT = (
    "INSERT INTO data (device, time, code, value) "
    "SELECT %s, %s, * FROM unnest(%s::text[], %s::float8[]) AS given (code, value) ON CONFLICT DO NOTHING"
)


async def serve(port: int, account: str, secret: str, dsn: str) -> None:
    pool = AsyncConnectionPool(dsn, min_size=WORKERS, max_size=WORKERS, kwargs={"autocommit": True}, open=False)
    broker = MQTTBroker(
        "mqtt://127.0.0.1",
        port=port,
        client_id=account,
        clean_session=False,
        session_expiry_interval=86_400,
        session_replay_buffer_size=0,
        security=SASLPlaintext(username=account, password=secret),
        logger=None,  # or it writes two lines a message
    )

    @broker.subscriber("eg/v1/#", qos=QoS.AT_LEAST_ONCE, ack_policy=AckPolicy.ACK, max_workers=WORKERS)
    async def store(body: dict[str, Any]) -> None:
        values = body["v"]
        async with pool.connection() as connection:
            await connection.execute(INSERT, (body["id"], body["t"], list(values), list(values.values())))

    async with pool:
        await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
