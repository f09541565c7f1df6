"""Small falsified datasets, and the analysis of a folder."""

from pathlib import Path
from typing import Any

import orjson

from analysis.dataset import read_dataset
from analysis.findings.finding import Finding
from analysis.run import analyse_dataset
from simulators.falsification import fleet
from simulators.falsification.dataset import write_dataset


def falsified(folder: Path, *cases: str, seed: int = 5) -> Path:
    """One site a case, its falsification plain to see; answers the dataset folder."""
    write_dataset(fleet.injected(seed, fleet.plan(cases, ["L1"], 1)), folder, truth=None)
    return folder


def analysed(folder: Path) -> list[dict[str, Any]]:
    """The lines of `findings.jsonl`."""
    return [orjson.loads(orjson.dumps(finding.line(zone))) for finding, zone in _findings(folder)]


def _findings(folder: Path) -> list[tuple[Finding, Any]]:
    with read_dataset(folder) as dataset:
        result = analyse_dataset(dataset, alerts_per_site_month=1.0, mapper=map, done=lambda count: None, started_s=0.0)
        return [(finding, dataset.registry.zone) for finding in result.findings]
