"""`gateway analyse`: a dataset folder, or the database, in; findings, ranking and summary out."""

from __future__ import annotations

import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from analysis.dataset import read_dataset
from analysis.dataset.sites import read_sites
from analysis.dataset.times import ISO_FORM, parse_time
from analysis.findings.finding import Finding
from analysis.run import Mapper, Task, analyse_dataset, analyse_rows, write
from gateway.cli.service import DEFAULT_FILE, ConfigFile

BAD_INPUT = 2


def analyse(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results 结果目录")],
    dataset: Annotated[Path | None, typer.Argument(help="Folder with sites.json and observations.* 数据集目录")] = None,
    database: Annotated[bool, typer.Option("--db", help="The gateway's database instead of a folder 数据库")] = False,
    since: Annotated[str | None, typer.Option(help="With --db: first moment 起始时间 (ISO 8601)")] = None,
    alerts_per_site_month: Annotated[
        float, typer.Option(help="Alert budget on honest data 每站每月允许的误报警数", min=1e-6)
    ] = 1.0,
    until: Annotated[str | None, typer.Option(help="Analyse the dataset as it stood then 截至时间 (ISO 8601)")] = None,
    workers: Annotated[int, typer.Option(help="Processes 进程数", min=1)] = 1,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler Dask 调度器地址")] = None,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Search a dataset for suspected falsification. 查找疑似数据造假。"""
    console = Console(stderr=True)
    started_s = time.monotonic()
    mapper = _mapper(workers, dask)
    try:
        if database and dataset is None and since is not None:
            with tempfile.TemporaryDirectory(prefix="gateway-analyse-") as temporary:
                stood_at = _export(Path(temporary), since, until, config, console)
                _analyse(Path(temporary), out, alerts_per_site_month, stood_at, mapper, console, started_s)
        elif dataset is not None and not database and since is None:
            _analyse(dataset, out, alerts_per_site_month, until, mapper, console, started_s)
        else:
            raise ValueError("give either a DATASET or --db with --since")
    except ValueError as error:  # a malformed dataset or option: told, not traced
        console.print(f"[red]error[/red] {error}", soft_wrap=True, highlight=False)
        raise typer.Exit(BAD_INPUT) from error


def _analyse(
    folder: Path, out: Path, budget: float, until: str | None, mapper: Mapper, console: Console, started_s: float
) -> None:
    until_s = _until_s(folder, until)
    with _bar(console) as bar:
        task = bar.add_task("read rows 读取", total=None)
        with read_dataset(folder, until_s=until_s, progress=lambda rows: bar.advance(task, rows)) as dataset:
            bar.update(task, total=dataset.points_read, completed=dataset.points_read)
            for warning in dataset.warnings:
                console.print(f"[yellow]warning[/yellow] {warning}", soft_wrap=True, highlight=False)
            sites = bar.add_task("analyse sites 分析", total=len(dataset.registry.sites))
            result = analyse_dataset(
                dataset,
                alerts_per_site_month=budget,
                mapper=mapper,
                done=lambda count: bar.advance(sites, count),
                started_s=started_s,
            )
            write(result, out, dataset)
    console.print(
        f"{result.summary['points_read']} points, {result.summary['findings']} findings, "
        f"{result.summary['alerts']} alerts → {out}",
        soft_wrap=True,
        highlight=False,
    )


def _export(folder: Path, since: str, until: str | None, config: Path, console: Console) -> str:
    """Write what is to be analysed into `folder`; the answer is the moment at which it stood so."""
    from gateway.cli.export import moment, with_database  # here: a folder is analysed without the service
    from gateway.config import load
    from gateway.detection.export import export_dataset
    from gateway.detection.window import Window

    settings = load(config)
    zone = settings.detection.time_zone
    window = Window(moment("--since", since, zone), moment("--until", until, zone))
    done = with_database(settings, lambda dsn: export_dataset(dsn, folder, window, time_zone=zone))
    for text in done.left_out:
        console.print(f"[yellow]left out[/yellow] {text}", soft_wrap=True, highlight=False)
    return window.until.isoformat()


def _until_s(folder: Path, until: str | None) -> float:
    if until is None:
        return math.inf
    try:
        return parse_time(until, zone=read_sites(folder / "sites.json").zone)
    except ValueError as error:
        if "Invalid isoformat" in str(error):
            raise ValueError(f"--until must be {ISO_FORM}, not {until!r}") from error
        raise


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _mapper(workers: int, dask: str | None) -> Mapper:
    if dask is not None:
        return _on_dask(dask)
    return _in_processes(workers) if workers > 1 else map


def _in_processes(workers: int) -> Mapper:
    def mapped(function: Callable[[Task], list[Finding]], tasks: Sequence[Task]) -> Iterator[list[Finding]]:
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            yield from pool.map(function, tasks)

    return mapped


def _on_dask(address: str) -> Mapper:
    """Rows are sent along, so that workers on other machines need no shared disk."""

    def mapped(function: Callable[[Task], list[Finding]], tasks: Sequence[Task]) -> Iterable[list[Finding]]:
        from distributed import Client  # here: importing it takes a second that nobody else should wait

        with Client(address) as client:  # type: ignore[no-untyped-call]
            waiting = [
                client.submit(analyse_rows, partition, partition.rows(), settings, pure=False)
                for partition, settings in tasks
            ]
            for future in waiting:
                yield future.result()

    return mapped
