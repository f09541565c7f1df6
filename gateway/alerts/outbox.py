"""The outbox: what waits to be delivered to one feed."""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.errors import SourceError
from gateway.storage.link import Link
from gateway.storage.sql import query

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbox:
    """Messages of one feed; any number of processes may deliver from it at once."""

    def __init__(self, link: Link, feed: str) -> None:
        self._link = link
        self._feed = feed

    async def deliver_next(self, send: Send) -> bool:
        """Send the oldest message that is due; whether there was one.

        Its row is locked until `send` has come back and the delivery is committed. What fails is put off, longer each
        time.

        Raises
        ------
        SourceError
            What `send` raised; the message was put off.
        StorageError
            From the database. If `send` had come back, the message will be sent again.
        """
        async with self._link.use() as connection:
            async with connection.transaction():
                row = await (await connection.execute(query("next_in_outbox"), {"feed": self._feed})).fetchone()
                if row is None:
                    return False
                try:
                    await send(row["payload"])
                except SourceError as error:
                    failure = error
                else:
                    await connection.execute(query("mark_delivered"), {"id": row["id"]})
                    return True
                await connection.execute(query("put_off"), {"id": row["id"], "error": str(failure)})
            raise failure
