"""`gateway sites`: what the analysis has to know of sites, as one document in the form of `sites.json`."""

import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from analysis.dataset.errors import DatasetError
from gateway.cli.export import with_database
from gateway.cli.service import DEFAULT_FILE, ConfigFile
from gateway.cli.terminal import console
from gateway.config import load

app = typer.Typer(help="What is known of sites: limits, ranges, acceptance 站点档案", no_args_is_help=True)

INCOMPLETE, BAD_INPUT = 1, 2
_OPTIONS = {"limit": "limit 限值", "detection_limit": "detection limit 检出限", "derived_from": "derived from 来源"}


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="In the form of sites.json 站点档案文件")],
    by: Annotated[str, typer.Option(help="Who answers for it; you, if not given. 责任人")] = "",
    note: Annotated[str, typer.Option(help="What it rests on: permit, acceptance report … 依据")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change 仅比较")] = False,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Set limits, ranges, acceptance and so on; keys not given stay, null removes. 导入站点档案。

    Exit code 0: all was taken; 1: some of it is not known to the database and was left out; 2: refused.
    """
    from gateway.detection.site_register import Authorship, import_document  # here: other commands start faster

    settings = load(config)
    author = Authorship(by or getpass.getuser(), note)
    now, zone = datetime.now(UTC), settings.detection.time_zone
    try:
        found = with_database(
            settings,
            lambda dsn: import_document(dsn, file, author, now=now, time_zone=zone, is_trial=dry_run),
        )
    except DatasetError as error:
        print(f"gateway: {error}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT) from error
    for change in found.changes:
        where = f"{change.site}/{change.place}" if change.place else change.site
        print(f"{where}: {change.key} {_shown(change.old)} → {_shown(change.new)}")
    for text in found.warnings:
        print(f"warning 注意: {text}", file=sys.stderr)
    for text in found.unknown:
        print(f"unknown 未知: {text}", file=sys.stderr)
    print(
        f"{len(found.changes)} {'changes found' if dry_run else 'changes stored'}, {len(found.unknown)} unknown, "
        f"{found.not_described} channels not in the document",
        file=sys.stderr,
    )
    if found.unknown:
        raise typer.Exit(INCOMPLETE)


@app.command()
def export(
    site: Annotated[list[str] | None, typer.Argument(metavar="[SITE]…", help="None: all. 站点")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; none: standard output 输出文件")] = None,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Write what is registered, to be edited and imported again. 导出站点档案。"""
    from gateway.detection.site_register import document_text, export_document

    settings = load(config)
    now, zone = datetime.now(UTC), settings.detection.time_zone
    document, left_out = with_database(
        settings, lambda dsn: export_document(dsn, now=now, time_zone=zone, sites=site or [])
    )
    for text in left_out:
        print(f"left out 未导出: {text}", file=sys.stderr)
    if out is None:
        print(document_text(document), end="")
    else:
        out.write_text(document_text(document), encoding="utf-8")


@app.command()
def show(
    site: Annotated[str, typer.Argument(metavar="SITE", help="站点")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines 输出 JSON")] = False,
    most: Annotated[int, typer.Option(help="So many changes. 变更条数", min=0)] = 20,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Show what is registered of a site, what is missing, and who changed what. 显示站点档案与变更记录。"""
    from gateway.detection.site_register import export_document, site_history

    settings = load(config)
    now, zone = datetime.now(UTC), settings.detection.time_zone
    (document, left_out), history = with_database(
        settings,
        lambda dsn: (
            export_document(dsn, now=now, time_zone=zone, sites=[site]),
            site_history(dsn, site, most=most),
        ),
    )
    described = document["sites"][0]
    if as_json:
        print(json.dumps(described, ensure_ascii=False))
        for row in history:
            print(json.dumps(row, ensure_ascii=False, default=str))
        return
    _show_site(described)
    for text in left_out:
        print(f"not analysed 未参与分析: {text}")
    _show_history(history)


def _show_site(site: dict[str, Any]) -> None:
    place = ", ".join(f"{site[key]:g}" for key in ("longitude", "latitude") if key in site)
    print(f"{site['id']}  {site['name']}  {site.get('industry', '')}  {place}".rstrip())
    accepted = site.get("accepted_until", "not given: hardly anything is judged 未填，几乎无法判别")
    print(f"accepted until 验收数据截至: {accepted}")
    table = Table("channel 通道", "quantity 监测项", "unit 单位", "interval [s]", "range 量程", *_OPTIONS.values())
    for point in site["points"]:
        for channel in point["channels"]:
            span = f"{_shown(channel.get('range_low'))} … {_shown(channel.get('range_high'))}"
            facts = (channel["quantity"], channel["unit"], str(channel["interval_s"]))
            rest = (_shown(channel.get(key)) for key in _OPTIONS)
            table.add_row(f"{point['id']}/{channel['id']}", *facts, span if "range_high" in channel else "–", *rest)
    console().print(table)
    for facility in site["facilities"]:
        named = ", ".join(f"{key} {_shown(value)}" for key, value in facility.items() if key != "id")
        print(f"facility 设施 {facility['id']}: {named}")


def _show_history(history: list[dict[str, Any]]) -> None:
    table = Table("when 时间 (UTC)", "who 责任人", "what 项目", "old 原值", "new 新值", "document 文件", "note 依据")
    for row in history:
        when = row["imported_at"].strftime("%Y-%m-%d %H:%M:%S")
        what = f"{row['place']} {row['key']}".strip()
        values = (_shown(row["old_value"]), _shown(row["new_value"]))
        table.add_row(when, row["imported_by"], what, *values, f"{row['name']} {row['sha256'][:8]}", row["note"])
    console().print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(str(one["id"]) if isinstance(one, dict) else str(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
