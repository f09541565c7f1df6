"""A whole dataset through the battery, partition by partition, by whatever maps functions over partitions."""

from __future__ import annotations

import math
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analysis import VERSION
from analysis.battery import Settings, analyse_sites
from analysis.dataset import Dataset, Partition
from analysis.dataset.results import write_results
from analysis.dataset.times import format_time
from analysis.detectors import registered
from analysis.findings.finding import Finding
from analysis.findings.ranking import Ranked, rank
from analysis.model.arrays import AnyArray

Task = tuple[Partition, Settings]
Mapper = Callable[[Callable[[Task], list[Finding]], Sequence[Task]], Iterable[list[Finding]]]


@dataclass(frozen=True)
class Result:
    """What goes into the result folder."""

    findings: list[Finding]
    ranking: list[Ranked]
    summary: dict[str, Any]


def analyse_partition(task: Task) -> list[Finding]:
    """Findings of one partition, its rows read from this machine's disk."""
    partition, settings = task
    return analyse_rows(partition, partition.rows(), settings)


def analyse_rows(partition: Partition, rows: AnyArray, settings: Settings) -> list[Finding]:
    """The same for rows that came over the network."""
    return analyse_sites(partition.grids(rows), settings)


def analyse_dataset(
    dataset: Dataset, *, alerts_per_site_month: float, mapper: Mapper, done: Callable[[int], None], started_s: float
) -> Result:
    """Analyse all partitions; `done` is told the number of sites after each."""
    settings = Settings(alerts_per_site_month, dataset.registry.zone.key, dataset.until_s)
    findings: list[Finding] = []
    tasks: list[Task] = [(partition, settings) for partition in dataset.partitions]
    for partition, found in zip(dataset.partitions, mapper(analyse_partition, tasks), strict=True):
        findings += found
        done(len(partition.sites))
    ranking = rank(_spans(dataset), findings, zone=dataset.registry.zone)
    seconds = time.monotonic() - started_s
    return Result(findings, ranking, _summary(dataset, findings, settings, seconds))


def write(result: Result, folder: Path, dataset: Dataset) -> None:
    """Write the result folder."""
    write_results(
        folder, findings=result.findings, ranking=result.ranking, summary=result.summary, zone=dataset.registry.zone
    )


def _spans(dataset: Dataset) -> list[tuple[str, float, float]]:
    out = []
    for site in dataset.registry.sites:
        first = (
            dataset.first_time_s if site.accepted_until_s is None else max(site.accepted_until_s, dataset.first_time_s)
        )
        if math.isfinite(first) and first <= dataset.last_time_s:
            out.append((site.id, first, dataset.last_time_s + 1.0))
    return out


def _summary(dataset: Dataset, findings: Sequence[Finding], settings: Settings, seconds: float) -> dict[str, Any]:
    classes = Counter(finding.fault for finding in findings)
    alerts = Counter(finding.fault for finding in findings if finding.alert)
    zone = dataset.registry.zone
    return {
        "points_read": dataset.points_read,
        "seconds": round(seconds, 3),
        "points_per_second": round(dataset.points_read / seconds) if seconds > 0 else None,
        "sites": len(dataset.registry.sites),
        "series": sum(len(site.channels) for site in dataset.registry.sites),
        "until": format_time(dataset.until_s, zone=zone) if math.isfinite(dataset.until_s) else None,
        "alerts_per_site_month": settings.alerts_per_site_month,
        "findings": len(findings),
        "alerts": sum(alerts.values()),
        "findings_by_class": dict(sorted(classes.items())),
        "alerts_by_class": dict(sorted(alerts.items())),
        "warnings": dataset.warnings,
        "versions": {
            "analysis": VERSION,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
            "detectors": {detector.name: detector.version for detector in registered()},
        },
    }
