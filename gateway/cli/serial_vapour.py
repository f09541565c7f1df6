"""`gateway vapour-recovery`: judge vapour recovery records again, from their raw readings.

Registered by the command line as `app.command("vapour-recovery")(serial_vapour.judge_files)`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from analysis.fieldkit.vapour_recovery import VapourRecoveryVerdict, judge
from analysis.fieldkit.vapour_recovery_record import VapourRecoveryRecord
from gateway.errors import ConfigError

VERDICTS = {
    "pass": "pass 合格",
    "fail": "fail 不合格",
    "retest": "retest: two more A/L runs are due 需补测两次",
    "void": "void: the tests cannot count 检测无效",
    "none": "no verdict 无结论",
}


def judge_files(
    records: Annotated[list[Path], typer.Argument(help="JSON records of tests 检测记录")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a record 输出 JSON")] = False,
) -> None:
    """Recompute verdicts by GB 20952-2020 and tell doubts. 按 GB 20952-2020 复核油气回收检测。"""
    for path in records:
        verdict = judge(read_record(path))
        if as_json:
            typer.echo(json.dumps(verdict.to_json(), ensure_ascii=False))
        else:
            _tell(verdict)


def read_record(path: Path) -> VapourRecoveryRecord:
    """A record from its file.

    Raises
    ------
    ConfigError
        Naming the file and the first field that is wrong.
    """
    try:
        return VapourRecoveryRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path), expected="a JSON record") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(first["msg"], file=str(path), key=".".join(map(str, first["loc"]))) from error


def _tell(verdict: VapourRecoveryVerdict) -> None:
    typer.echo(f"{verdict.station}: {VERDICTS[verdict.verdict]}")
    for part in (verdict.tightness, verdict.resistance, verdict.air_to_liquid, verdict.emissions):
        for finding in part:
            typer.echo(f"  {finding.subject}: {VERDICTS[finding.verdict]} {json.dumps(finding.figures)}")
    for doubt in verdict.doubts:
        typer.echo(f"  ? {doubt.check} {doubt.subject} {json.dumps(doubt.figures)} unless 除非: {doubt.unless}")
