"""FastStream over MQTT as its documentation has it, with what it offers for speed. Run with the Python of .venv-bench.

QoS 1, persistent session, `AckPolicy.ACK` (after the handler), 16 workers on a pool of 16 connections. FastStream has
no batches for MQTT: a message is a call of the handler. The window is the size of its replay buffer, so that nothing
that waits in a resumed session is dropped. Settings come as JSON.
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
WINDOW = 1_000
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
        receive_maximum=WINDOW,
        session_replay_buffer_size=WINDOW,
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
