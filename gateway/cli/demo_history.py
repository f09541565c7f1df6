"""The past of the demonstration: a simulated fleet with labels, put into the database, judged, and compared.

    simulators.falsification ─► dataset ─► gateway import ─► database ─► gateway.detection ─► finding, alert
                            └─► truth.json ───────────────────────────────────► verdicts ◄──────┘

Each step is a process of its own. What is judged is what the database has: the analysis never sees the labels.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.table import Table

from gateway.config import Config
from gateway.detection.order import Report
from gateway.detection.schedule import run_in_child
from gateway.errors import GatewayError
from gateway.opening import detection_order

SITES = 20
SEED = 7
FOUND, MISSED, WRONG = "found 查出", "missed 漏报", "wrongly accused 误报"


@dataclass
class History:
    """Makes the past and has it judged; `stage` says how far it is."""

    config: Config
    config_file: Path
    folder: Path
    stage: str = "waiting 等待"
    report: Report | None = None
    _log: Path = field(init=False)

    def __post_init__(self) -> None:
        self._log = self.folder / "history.log"

    async def make(self, dsn: str) -> None:
        """All steps. GatewayError with the log's place if one of them fails."""
        self.folder.mkdir(exist_ok=True)
        self.stage = "simulating 模拟"
        arguments = ["--collection", "month", "--sites", str(SITES), "--seed", str(SEED)]
        await self._step("-m", "simulators.falsification", "--out", str(self.folder), *arguments)
        self.stage = "importing 导入"
        dataset = str(self.folder / "dataset")
        await self._step("-m", "gateway", "import", dataset, "--ending-now", "-c", str(self.config_file))
        self.stage = "analysing 分析"
        self.report = await run_in_child(detection_order(self.config, dsn))
        self.stage = f"{self.report.findings} findings 发现, {self.report.new_alerts} alerts 预警"

    async def verdicts(self, dsn: str) -> Table:
        """What was found, missed and wrongly accused."""
        sql = (files("gateway.cli") / "demo_alerts.sql").read_text(encoding="utf-8")
        async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
            alerts = await (await connection.execute(sql.encode())).fetchall()
        labels = json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))
        sites = json.loads((self.folder / "dataset" / "sites.json").read_text(encoding="utf-8"))["sites"]
        accepted_s = {site["id"]: datetime.fromisoformat(site["accepted_until"]).timestamp() for site in sites}
        past = [row for row in alerts if row["site"] in accepted_s]
        moved_s = {row["site"]: row["accepted_s"] - accepted_s[row["site"]] for row in past}
        budget = self.config.detection.alerts_per_site_month
        falsified = [label for label in labels if label["falsified"]]
        return verdict_table(judge(falsified, alerts, moved_s), sites=len(moved_s), budget=budget)

    async def _step(self, *arguments: str) -> None:
        async with _process(*arguments, log=self._log) as process:
            if await process.wait() != 0:
                raise GatewayError(f"the history could not be made: {self.stage}; see {self._log}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A falsification and what became of it, or an accusation without one."""

    site: str
    truth: str
    said: str
    outcome: str


def judge(labels: list[dict[str, Any]], alerts: list[dict[str, Any]], moved_s: dict[str, float]) -> list[Verdict]:
    """Compare alerts with the labels of falsified intervals.

    A label is found if an alert of its site overlaps it in time; a site is wrongly accused if an alert overlaps none of
    its labels.

    Parameters
    ----------
    moved_s : by how much each site's past was moved to end now; labels were not. [s]
    """
    spans: dict[str, list[tuple[float, float]]] = {}
    out = []
    for label in labels:
        moved = moved_s[label["site"]]
        span = (label["start_s"] + moved, label["end_s"] + moved)
        spans.setdefault(label["site"], []).append(span)
        said = [row["class"] for row in alerts if row["site"] == label["site"] and _overlaps(row, span)]
        truth = f"{label['class_name']} ({label['level']})"
        out.append(Verdict(label["site"], truth, _listed(said), FOUND if said else MISSED))
    wrong: dict[str, list[str]] = {}
    for row in alerts:
        if row["class"] is not None and not any(_overlaps(row, span) for span in spans.get(row["site"], [])):
            wrong.setdefault(row["site"], []).append(row["class"])
    out += [Verdict(site, "", _listed(said), WRONG) for site, said in wrong.items()]
    return out


def verdict_table(verdicts: list[Verdict], *, sites: int, budget: float) -> Table:
    """The comparison for people, with the totals and the budget of false alerts in its caption."""
    table = Table(
        "site 站点", "simulated 模拟的造假", "suspected 疑似类别", "verdict 结论",
        title=f"History of {sites} sites: suspected and true {sites} 个站点历史数据：疑似与真实",
    )  # fmt: skip
    for verdict in verdicts:
        table.add_row(verdict.site, verdict.truth, verdict.said, verdict.outcome)
    totals = [
        f"{outcome}: {sum(verdict.outcome == outcome for verdict in verdicts)}" for outcome in (FOUND, MISSED, WRONG)
    ]
    allowed = f"false alerts allowed 允许误报: {budget:g} per site and month 每站每月"
    table.caption = ", ".join([*totals, allowed])
    return table


def _overlaps(alert: dict[str, Any], span: tuple[float, float]) -> bool:
    return alert["class"] is not None and bool(alert["start_s"] < span[1] and span[0] < alert["end_s"])


def _listed(classes: list[str]) -> str:
    return ", ".join(dict.fromkeys(classes))


@contextlib.asynccontextmanager
async def _process(*arguments: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process that does not outlive the block; what it says goes to the log."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
