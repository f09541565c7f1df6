"""Requests to devices, from whoever asks to the process that holds the device's connection, by way of the database."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from gateway.storage.link import Link
from gateway.storage.sql import query


@dataclass(frozen=True, slots=True)
class Command:
    """One request, claimed: this process is to carry it out."""

    id: int
    device: str
    request: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CommandState:
    """How far a command is. `claimed_by` None and expired: no process had the device's connection."""

    claimed_by: str | None
    is_finished: bool
    is_expired: bool
    result: dict[str, Any] | None


class CommandQueue:
    """Commands are kept after they are done: who asked what of a device, when, and what came of it is evidence."""

    def __init__(self, link: Link, writer: str) -> None:
        self._link = link
        self._writer = writer

    async def ask(self, device: str, request: dict[str, Any], *, asked_by: str, within_s: float) -> int:
        """Put a request in; the answer is its id."""
        row = {"device": device, "request": Jsonb(request), "asked_by": asked_by, "seconds": within_s}
        return int((await self._one("ask_command", row))["id"])

    async def claim(self, devices: Collection[str]) -> list[Command]:
        """Take the waiting requests to these devices; each is given to one process only."""
        async with self._link.use() as connection:
            waiting = await (await connection.execute(query("waiting_commands"))).fetchall()
            ids = [row["id"] for row in waiting if row["device"] in devices]
            if not ids:
                return []
            claimed = await connection.execute(query("claim_commands"), {"ids": ids, "writer": self._writer})
            return [Command(**row) for row in await claimed.fetchall()]

    async def finish(self, command: Command, result: dict[str, Any]) -> None:
        """Note what came of it."""
        async with self._link.use() as connection:
            await connection.execute(query("finish_command"), {"id": command.id, "result": Jsonb(result)})

    async def state(self, command_id: int) -> CommandState:
        """How far a command is."""
        return CommandState(**await self._one("command_result", {"id": command_id}))

    async def _one(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        async with self._link.use() as connection:
            row = await (await connection.execute(query(name), parameters)).fetchone()
        assert row is not None
        return row
