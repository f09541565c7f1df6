"""`gateway facility …`: production and treatment facilities under power-use supervision.

`learn` and `show` also work on files, without a database: see `gateway.cli.serial_facility`.
"""

import asyncio
import getpass
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.serial_facility import count_states, learn_from_file, show_files, tell, tell_learned
from gateway.cli.service import DEFAULT_FILE, ConfigFile
from gateway.config import load
from gateway.errors import GatewayError
from gateway.facilities.judgement import states_of
from gateway.facilities.plant import Facility, Plant
from gateway.facilities.table import DAY_S, MINUTE_S, FacilityTable
from gateway.opening import opened_database, storage_settings
from gateway.storage import migrate
from gateway.storage.link import Link

app = typer.Typer(help="Production and treatment facilities 产污与治污设施", no_args_is_help=True)

SiteAndName = Annotated[str, typer.Argument(metavar="SITE/NAME", help="站点/设施")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines 输出 JSON")]


class Kind(StrEnum):
    production = "production"
    treatment = "treatment"
    plant = "plant"


class Mode(StrEnum):
    any = "any"
    all = "all"


class NoticeKind(StrEnum):
    maintenance = "maintenance"
    bypass = "bypass"
    stop_order = "stop_order"
    limit_order = "limit_order"


@app.command()
def add(
    facility: SiteAndName,
    kind: Annotated[Kind, typer.Argument(help="production 产污, treatment 治污, plant 总表")],
    device: Annotated[str, typer.Option(help="The meter's identity. 电表设备编码")],
    quantity: Annotated[str, typer.Option(help="What of it is the active power. 功率量")] = "power",
    channel: Annotated[str, typer.Option(help="Its own code, where it measures several. 通道")] = "",
    standby_group: Annotated[str, typer.Option(help="Standby twins have the same. 互备组")] = "",
    serves: Annotated[list[str] | None, typer.Option(help="Outlet that a treatment treats. 服务的排放口")] = None,
    day_shift: Annotated[str | None, typer.Option(help="Permitted shift, 08:00-20:00+08:00. 许可班次")] = None,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Enter a facility, or change it; with another meter its signature is void. 登记设施。"""
    site, name = _split(facility)
    shift_s = None if day_shift is None else _shift(day_shift)
    _with_table(
        config,
        lambda table: table.add(
            site, name, kind=kind, device=device, quantity=quantity, channel=channel, standby_group=standby_group,
            serves=serves, shift_s=shift_s,
        ),
    )  # fmt: skip
    learn_first = "" if kind is Kind.plant else f"gateway facility learn {facility}, then "
    print(f"{facility}: {kind}, meter {device}; next: {learn_first}gateway facility sign-off {facility}")


@app.command()
def link(
    name: SiteAndName,
    production: Annotated[list[str], typer.Option(help="Any of these running … 产污设施")],
    treatment: Annotated[list[str], typer.Option(help="… needs these. 治污设施")],
    mode: Annotated[Mode, typer.Option(help="any: standby twins; all: stages that are all needed")] = Mode.any,
    lead: Annotated[float | None, typer.Option(help="Treatment runs so long before. 提前 [s]", min=0)] = None,
    lag: Annotated[float | None, typer.Option(help="And so long after. 滞后 [s]", min=0)] = None,
    least_ratio: Annotated[float | None, typer.Option(help="Least kW of treatment per kW. 最低负荷比", min=0)] = None,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Say which production needs which treatment. 建立产污与治污的关联。"""
    site, link_name = _split(name)
    terms = {"lead_s": lead, "lag_s": lag, "least_ratio": least_ratio or None}
    _with_table(
        config,
        lambda table: table.connect(site, link_name, production=production, treatment=treatment, mode=mode, **terms),
    )
    print(f"{name}: {' or '.join(production)} needs {f' {_AND_OR[mode]} '.join(treatment)}")


_AND_OR = {Mode.any: "or", Mode.all: "and"}


@app.command()
def notice(
    where: Annotated[str, typer.Argument(metavar="SITE[/NAME]", help="站点或站点/设施")],
    kind: Annotated[
        NoticeKind, typer.Argument(help="maintenance, bypass: excused; stop_order, limit_order: forbidden")
    ],
    begin: Annotated[str, typer.Option("--from", help="2026-11-01T00:00+08:00 开始")],
    end: Annotated[str, typer.Option("--until", help="结束")],
    share: Annotated[float | None, typer.Option(help="Limit order: share that is allowed. 允许比例")] = None,
    baseline: Annotated[float | None, typer.Option(help="Limit order: mean of honest days. 基准 [kW]")] = None,
    note: Annotated[str, typer.Option(help="Whose word, which document. 依据")] = "",
    by: Annotated[str, typer.Option(help="Who records it. 记录人")] = "",
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Put reported maintenance, or an order of the authority, into the calendar. 登记检修报备或停限产令。"""
    site, _, name = where.partition("/")
    start_s, end_s, who = _seconds(begin), _seconds(end), by or getpass.getuser()
    if end_s <= start_s:
        raise GatewayError(f"{end}: not after {begin}")

    async def work(table: FacilityTable) -> None:
        await table.notice(
            site, name or None, kind=kind, start_s=start_s, end_s=end_s, by=who, note=note, allowed_share=share,
            baseline_kw=baseline,
        )  # fmt: skip

    _with_table(config, work)
    print(f"{where}: {kind} from {begin} until {end}, recorded by {who}")


@app.command()
def learn(
    what: Annotated[str, typer.Argument(metavar="SITE/NAME|POWER.csv", help="站点/设施，或功率文件 time,power_kw")],
    days: Annotated[float, typer.Option(help="From so many last days. 最近天数", min=1)] = 14.0,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Propose thresholds of a facility from its own power. 学习设施启停阈值（须人工确认）。"""
    if what.endswith(".csv") or Path(what).is_file():
        tell_learned(learn_from_file(Path(what)), as_json=as_json)
        return
    site, name = _split(what)

    async def work(table: FacilityTable) -> None:
        tell_learned(await table.learn(site, name, days=days, until_s=time.time()), as_json=as_json)

    _with_table(config, work)


@app.command("sign-off")
def sign_off(
    facility: SiteAndName,
    by: Annotated[str, typer.Option(help="The officer who answers for it. 签字人")],
    off_kw: Annotated[float | None, typer.Option(help="Other than proposed. [kW]", min=0)] = None,
    run_kw: Annotated[float | None, typer.Option(help="Other than proposed. [kW]", min=0)] = None,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Put thresholds into force: only those that somebody has signed are used. 签字确认阈值。"""
    site, name = _split(facility)

    async def work(table: FacilityTable) -> None:
        signed = await table.sign_off(site, name, by=by, off_kw=off_kw, run_kw=run_kw)
        print(f"{facility}: off below {signed.off_kw:g} kW, runs from {signed.run_kw:g} kW, signed off by {by}")

    _with_table(config, work)


@app.command()
def show(
    what: Annotated[str | None, typer.Argument(metavar="[SITE|FACILITIES.toml]", help="站点，或设施文件")] = None,
    folder: Annotated[Path | None, typer.Argument(help="With a file: folder with NAME.csv 功率数据目录")] = None,
    days: Annotated[float, typer.Option(help="Contradictions of so many last days. 最近天数", min=0)] = 1.0,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """States of facilities and contradictions between them. 显示设施状态与矛盾事件。"""
    if folder is not None:
        show_files(Path(what or ""), folder, as_json=as_json)
        return

    async def work(table: FacilityTable) -> None:
        now_s = time.time()
        for _, site in await table.sites(what):
            await _show_site(table, await table.plant(site), now_s, days, as_json=as_json)

    _with_table(config, work)


async def _show_site(table: FacilityTable, plant: Plant, now_s: float, days: float, *, as_json: bool) -> None:
    """The last hour's states of each facility, and what was found in the last days."""
    powers = await table.powers(plant, since_s=now_s - 60 * MINUTE_S, until_s=now_s, step_s=MINUTE_S)
    for facility in plant.facilities:
        states = count_states(states_of(facility, powers)) if facility.is_signed else {}
        row = {"facility": f"{plant.site}/{facility.name}", "kind": facility.kind, "samples": states}
        tell(row | _in_force(facility), as_json=as_json)
        if not as_json:
            typer.echo(f"  meter 电表 {facility.device}; {_thresholds(facility)}")
    for row in await table.events(plant.site, since_s=now_s - days * DAY_S):
        tell({"site": plant.site, "concerns": row.pop("facility")} | row, as_json=as_json)


def _in_force(facility: Facility) -> dict[str, object]:
    names = ("device", "off_kw", "run_kw", "signed_off_by", "standby_group")
    return {name: getattr(facility, name) for name in names}


def _thresholds(facility: Facility) -> str:
    if facility.off_kw is None or facility.run_kw is None:
        return "no thresholds yet: learn, then sign-off 尚无阈值"
    by = (
        f"signed off by 签字 {facility.signed_off_by}"
        if facility.signed_off_by
        else "a proposal, not used 未签字，不生效"
    )
    return f"off < {facility.off_kw:g} kW, run >= {facility.run_kw:g} kW; {by}"


def _split(text: str) -> tuple[str, str]:
    site, separator, name = text.partition("/")
    if not (site and separator and name):
        raise GatewayError(f"{text!r}: expected SITE/NAME")
    return site, name


def _shift(text: str) -> tuple[int, int]:
    """Beginning and end of a shift. [s of the day, UTC]"""
    parts = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)([+-]\d\d:\d\d|Z)", text)
    try:
        if parts is None:
            raise ValueError(text)
        begin, end = (datetime.fromisoformat(f"2026-01-01T{clock}{parts[3]}") for clock in parts.group(1, 2))
    except ValueError as error:
        raise GatewayError(f"{text!r}: expected a shift like 08:00-20:00+08:00") from error
    if begin == end:
        raise GatewayError(f"{text!r}: a shift of no length")
    return int(begin.timestamp()) % int(DAY_S), int(end.timestamp()) % int(DAY_S)


def _seconds(text: str) -> float:
    try:
        time_ = datetime.fromisoformat(text)
    except ValueError as error:
        raise GatewayError(f"{text!r}: expected a time like 2026-11-01T08:00+08:00") from error
    if time_.tzinfo is None:
        raise GatewayError(f"{text!r}: the time zone is missing")
    return time_.timestamp()


def _with_table(config: Path, work: Callable[[FacilityTable], Awaitable[None]]) -> None:
    async def opened() -> None:
        settings = load(config)
        async with opened_database(settings) as dsn:
            await migrate(dsn, storage_settings(settings))
            link_ = Link(dsn, storage_settings(settings), name="gateway facility")
            try:
                await work(FacilityTable(link_))
            finally:
                await link_.close()

    asyncio.run(opened())
