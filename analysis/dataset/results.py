"""The result folder: `findings.jsonl`, `ranking.csv`, `summary.json`, byte for byte the same for the same input."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from analysis.findings.finding import Finding
from analysis.findings.ranking import COLUMNS, Ranked


def write_results(
    folder: Path, *, findings: Sequence[Finding], ranking: Sequence[Ranked], summary: dict[str, Any], zone: ZoneInfo
) -> None:
    """Write the three files; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = b"".join(orjson.dumps(finding.line(zone)) + b"\n" for finding in findings)
    _replace(folder / "findings.jsonl", lines)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, line in enumerate(ranking, start=1):
        writer.writerow(
            [number, line.site, line.period, f"{line.score:.6f}", line.findings, line.top_class, line.top_finding]
        )
    _replace(folder / "ranking.csv", text.getvalue().encode())
    _replace(folder / "summary.json", orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)
