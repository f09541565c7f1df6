"""Runs `gateway analyse` as a user does, and reads what it wrote."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.evaluation.matching import Finding


class AnalysisFailed(RuntimeError):
    """The program ended with an error; the message is its own."""


@dataclass(slots=True)
class Result:
    findings: dict[str, list[Finding]]  # by site
    ranking: list[tuple[str, str, float]]  # site, month, score, in the order of rank
    summary: dict[str, Any]
    seconds: float


def analyse(dataset: Path, out: Path, *, budget: float, workers: int = 2) -> Result:
    """Run the program on the folder `dataset`; the wall-clock time includes its start and the reading of files."""
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "gateway", "analyse", str(dataset), "--out", str(out)]
    command += ["--alerts-per-site-month", str(budget), "--workers", str(workers)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AnalysisFailed(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    return read(out, seconds=time.perf_counter() - began)


def read(out: Path, *, seconds: float = 0.0) -> Result:
    """The three files of a result folder."""
    findings: dict[str, list[Finding]] = defaultdict(list)
    with (out / "findings.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            finding = Finding.from_json(json.loads(line))
            findings[finding.site].append(finding)
    with (out / "ranking.csv").open(encoding="utf-8", newline="") as rows:
        table = sorted(csv.DictReader(rows), key=lambda row: int(row["rank"]))
    ranking = [(row["site"], row["period"], float(row["score"])) for row in table]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return Result(dict(findings), ranking, summary, seconds)
