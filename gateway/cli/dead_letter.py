"""`gateway dead-letter list|replay`: what could not be stored, and another try."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from gateway.cli.service import DEFAULT_FILE, ConfigFile
from gateway.cli.terminal import console
from gateway.config import load
from gateway.opening import letter_decoder, opened_store, registered, utc_text
from gateway.registry import Registry
from gateway.storage import DeadLetter, Replayed

app = typer.Typer(help="What could not be stored, and another try.", no_args_is_help=True)


@app.command("list")
def list_letters(
    config: ConfigFile = DEFAULT_FILE,
    device: Annotated[str | None, typer.Option(help="Only of this device.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only with this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    replayed: Annotated[bool, typer.Option("--replayed", help="Those that a replay has stored.")] = False,
) -> None:
    """List dead letters, oldest first."""

    async def fetch() -> list[DeadLetter]:
        async with opened_store(load(config)) as store:
            return await store.dead_letters(device=device, reason=reason, replayed=replayed, limit=limit)

    table = Table("id", "received (UTC)", "source", "device", "reason", "detail", "bytes", title="Dead letters 死信")
    for letter in asyncio.run(fetch()):
        table.add_row(
            str(letter.id), utc_text(letter.received_us), letter.source, letter.device, letter.reason,
            letter.detail, letter.raw[:60].decode("ascii", "backslashreplace"),
        )  # fmt: skip
    console().print(table)


@app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids from the list; none: all that match.")] = None,
    config: ConfigFile = DEFAULT_FILE,
    device: Annotated[str | None, typer.Option(help="All of this device.")] = None,
    reason: Annotated[str | None, typer.Option(help="All with this reason.")] = None,
) -> None:
    """Decode dead letters again, with today's drivers, registry and settings, and store what comes out."""

    async def work() -> Replayed:
        settings = load(config)
        async with opened_store(settings, writer_suffix="-replay") as store:
            registry = Registry(map(registered, await store.devices()))
            chosen = ids or [
                letter.id for letter in await store.dead_letters(device=device, reason=reason, limit=1_000_000)
            ]
            return await store.replay(chosen, decode=letter_decoder(settings, registry))

    result = asyncio.run(work())
    print(f"replayed {len(result.replayed)}: {result.counts.stored} stored, {result.counts.duplicate} duplicates")
    for number, why in result.failed.items():
        print(f"still dead: {number}: {why}")
