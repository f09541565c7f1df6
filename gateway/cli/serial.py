"""`gateway capture`, `gateway bus plan`: serial lines, no service needed.

Registered by the command line as `app.command()(serial.capture)` and `app.add_typer(serial.bus, name="bus")`.
"""

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from drivers.profiles.profile import SerialSettings
from gateway.errors import ConfigError
from gateway.sources.bus_budget import BusBudget, plan_buses
from gateway.sources.bus_settings import SerialLineSettings
from gateway.sources.serial_line_capture import capture as capture_port

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="Configuration file 配置文件")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table 输出 JSON")]

bus = typer.Typer(help="Serial lines 串口总线", no_args_is_help=True)

VERDICTS = {
    "fits": "fits 可行",
    "tight": "tight: only while devices answer quickly 紧张，仅在设备应答较快时可行",
    "too_much": "too much for one line 超出一条总线的能力",
}


def capture(
    port: Annotated[str, typer.Argument(help="Device path or pyserial URL 端口")],
    out: Annotated[Path, typer.Option("--out", help="File to write 输出文件")],
    baud: Annotated[int, typer.Option(help="Baud rate 波特率")] = 9600,
    data_bits: Annotated[int, typer.Option(min=7, max=8, help="Data bits 数据位")] = 8,
    parity: Annotated[str, typer.Option(help="N, E or O 校验")] = "N",
    stop_bits: Annotated[int, typer.Option(min=1, max=2, help="Stop bits 停止位")] = 1,
    seconds: Annotated[float | None, typer.Option(help="Stop after so long 采集时长 [s]", min=0.0)] = None,
) -> None:
    """Store what an instrument sends, with times and a hash. 采集仪器串口原始数据。"""
    if parity not in ("N", "E", "O"):
        raise typer.BadParameter("N, E or O", param_hint="--parity")
    with out.open("x", encoding="utf-8") as file:
        result = capture_port(port, SerialSettings(baud, data_bits, parity, stop_bits), file, seconds=seconds)
    typer.echo(f"{out}: {result.count} bytes 字节, SHA-256 {result.sha256}")


@bus.command()
def plan(config: ConfigFile = Path("gateway.toml"), as_json: AsJson = False) -> None:
    """Say whether the devices of each line fit into its minute, before it is run. 计算总线时间预算。"""
    budgets = plan_buses(line for line in read_lines(config) if not line.listen)
    if as_json:
        typer.echo(json.dumps([_budget_json(budget) for budget in budgets], ensure_ascii=False, indent=2))
        return
    console = Console()
    for budget in budgets:
        console.print(_budget_table(budget))
        console.print(f"{budget.line}: {VERDICTS[budget.verdict]}", highlight=False)


def read_lines(path: Path) -> list[SerialLineSettings]:
    """The `[[serial]]` tables of a configuration file.

    Raises
    ------
    ConfigError
        Naming file, key and what was expected.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("serial", [])
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path), expected="a readable file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), file=str(path), expected="TOML") from error
    lines = []
    for number, table in enumerate(tables):
        try:
            lines.append(SerialLineSettings.model_validate(table))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, ("serial", number, *first["loc"])))
            raise ConfigError(first["msg"], file=str(path), key=key) from error
    return lines


def _budget_json(budget: BusBudget) -> dict[str, Any]:
    totals = {"usual_s": budget.usual_s, "worst_s": budget.worst_s, "load": budget.load, "verdict": budget.verdict}
    return asdict(budget) | totals


def _budget_table(budget: BusBudget) -> Table:
    table = Table(title=f"{budget.line}  {budget.settings}  {budget.period_s:g} s")
    for name in ("device 设备", "profile", "reads 次", "bytes", "wire s", "usual s", "worst s"):
        table.add_column(name, justify="left" if name.startswith(("device", "profile")) else "right")
    for row in budget.devices:
        figures = (str(row.reads), str(row.wire_bytes), f"{row.wire_s:.2f}", f"{row.usual_s:.2f}", f"{row.worst_s:.2f}")
        table.add_row(row.name, row.profile, *figures)
    share = f"{budget.load:.0%}"
    table.add_row("total 合计", share, "", "", "", f"{budget.usual_s:.2f}", f"{budget.worst_s:.2f}", style="bold")
    return table
