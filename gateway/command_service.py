"""Carries out the commands that wait in the database for devices that are connected here."""

import asyncio
import time
from collections.abc import Collection
from typing import Any, Protocol

import structlog

from drivers.errors import EncodeError
from gateway.errors import StorageError
from gateway.storage.command_queue import Command, CommandQueue

log = structlog.get_logger("gateway.commands")

LOOK_EVERY_S = 1.0


class Asker(Protocol):
    """A source that can ask its devices."""

    @property
    def devices(self) -> Collection[str]: ...

    async def carry_out(self, device: str, request: dict[str, Any], *, now_us: int) -> dict[str, Any]: ...


async def serve_commands(queue: CommandQueue, askers: list[Asker]) -> None:
    """Look for commands again and again; each is carried out in a task of its own."""
    async with asyncio.TaskGroup() as tasks:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for asker in askers:
                try:
                    commands = await queue.claim(asker.devices) if asker.devices else []
                except StorageError as error:
                    log.debug("commands_not_read", error=str(error))
                    continue
                for command in commands:
                    tasks.create_task(_carry_out(queue, asker, command))


async def _carry_out(queue: CommandQueue, asker: Asker, command: Command) -> None:
    try:
        result = await asker.carry_out(command.device, command.request, now_us=time.time_ns() // 1_000)
    except (EncodeError, LookupError) as error:
        result = {"outcome": "not_sent", "reason": str(error)}
    try:
        await queue.finish(command, result)
    except StorageError as error:
        log.warning("command_result_not_kept", command=command.id, error=str(error))
