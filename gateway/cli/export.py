"""`gateway export` and `gateway import`: between the database and dataset folders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from analysis.dataset.times import ISO_FORM, parse_time
from gateway.cli.service import DEFAULT_FILE, ConfigFile
from gateway.config import Config, load
from gateway.errors import GatewayError

Answer = TypeVar("Answer")
BAD_INPUT = 2


def export(
    out: Annotated[Path, typer.Option("--out", help="Dataset folder to write 数据集目录")],
    since: Annotated[str, typer.Option(help="First moment, ISO 8601 起始时间")],
    until: Annotated[str | None, typer.Option(help="First moment that is not in it; now 截止时间")] = None,
    shortest_interval_s: Annotated[int, typer.Option(help="Leave faster series out [s] 最短间隔", min=1)] = 1,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Write a dataset from the database. 从数据库导出数据集。"""
    from gateway.detection.export import export_dataset
    from gateway.detection.window import Window

    settings = load(config)
    zone = settings.detection.time_zone
    window = Window(moment("--since", since, zone), moment("--until", until, zone))
    console = Console(stderr=True)
    with counter(console) as bar:
        task = bar.add_task("rows 导出行数", total=None)
        done = with_database(
            settings,
            lambda dsn: export_dataset(
                dsn, out, window, time_zone=zone, shortest_interval_s=shortest_interval_s,
                progress=lambda rows: bar.advance(task, rows),
            ),
        )  # fmt: skip
    for text in done.left_out:
        console.print(f"[yellow]left out[/yellow] {text}", soft_wrap=True, highlight=False)
    console.print(f"{done.rows} rows of {done.series} series of {done.sites} sites → {out}", highlight=False)


def import_(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder 数据集目录")],
    ending_now: Annotated[
        bool, typer.Option("--ending-now", help="Move each site by whole days to end now 平移至当前")
    ] = False,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Take a dataset of new sites into the database, at once. 将数据集导入数据库。"""
    from gateway.detection.dataset_import import import_dataset

    console = Console(stderr=True)
    try:
        done = with_database(
            load(config), lambda dsn: import_dataset(dsn, dataset, ending=datetime.now(UTC) if ending_now else None)
        )
    except ValueError as error:  # a malformed dataset: told, not traced
        console.print(f"[red]error[/red] {error}", soft_wrap=True, highlight=False)
        raise typer.Exit(BAD_INPUT) from error
    for text in done.warnings:
        console.print(f"[yellow]warning[/yellow] {text}", soft_wrap=True, highlight=False)
    console.print(
        f"{done.rows} rows: {done.observations} values, {done.revisions} revisions; "
        f"{done.parameters} settings, {done.events} events",
        highlight=False,
    )


def moment(option: str, text: str | None, zone: str) -> datetime:
    """The time given for an option; now, if none was.

    Raises
    ------
    GatewayError
        Naming the option and the form expected.
    """
    if text is None:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(parse_time(text, zone=ZoneInfo(zone)), UTC)
    except ValueError as error:
        raise GatewayError(f"{option} must be {ISO_FORM}, not {text!r}") from error


def with_database(config: Config, work: Callable[[str], Answer]) -> Answer:
    """Call `work` with the connection string of a database whose schema is up to date."""
    from gateway.opening import opened_database, storage_settings  # here: other commands start faster
    from gateway.storage import migrate

    async def opened() -> Answer:
        async with opened_database(config) as dsn:
            await migrate(dsn, storage_settings(config))
            return await asyncio.to_thread(work, dsn)

    return asyncio.run(opened())


def counter(console: Console) -> Progress:
    """A bar for work whose length is not known."""
    return Progress(TextColumn("{task.description}: {task.completed:,}"), TimeElapsedColumn(), console=console)
