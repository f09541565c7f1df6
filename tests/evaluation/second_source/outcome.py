"""Runs `gateway analyse` on the second source's cohorts and scores what it found."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.evaluation import scoring
from tests.evaluation.cohort import Cohort, SiteRecord
from tests.evaluation.matching import Verdict
from tests.evaluation.misses import describe
from tests.evaluation.program import AnalysisFailed, Result, analyse
from tests.evaluation.second_source import cohorts
from tests.evaluation.second_source.innocent import CONTROLS
from tests.evaluation.second_source.placing import CLASSES, LEVELS
from tests.evaluation.second_source.plant import Site
from tests.evaluation.second_source.writing import write


@dataclass(frozen=True, slots=True)
class Size:
    """Placements of each class and level, honest sites, placements of each innocent event, ranked sites."""

    placements: int
    honest: int
    controls: int
    ranked: int = 0
    classes: tuple[str, ...] = tuple(CLASSES)
    levels: tuple[str, ...] = LEVELS
    events: tuple[str, ...] = tuple(CONTROLS)


FULL = Size(placements=2, honest=40, controls=3, ranked=80)
QUICK = Size(placements=1, honest=6, controls=0, levels=("L1",))


@dataclass(slots=True)
class Outcome:
    """All that was measured at one alert budget."""

    budget: float
    verdicts: list[Verdict] = field(default_factory=list)
    honest: scoring.FalseAlerts = field(default_factory=scoring.FalseAlerts)
    controls: list[scoring.ControlVerdict] = field(default_factory=list)
    ranking: scoring.RankingFigures | None = None
    crashes: list[str] = field(default_factory=list)


def measure(seed: int, size: Size, work: Path, *, budgets: Sequence[float] = (1.0,), workers: int = 1) -> list[Outcome]:
    """Build, analyse and score; datasets, results and every miss in detail (`misses-*.txt`) stay below `work`."""
    outcomes = [Outcome(budget) for budget in budgets]
    plans: dict[str, Iterator[Site]] = {
        "injected": cohorts.injected(seed, size.placements, size.classes, size.levels),
        "honest": cohorts.honest(seed, size.honest),
        "controls": cohorts.innocent(seed, size.controls, size.events),
        "ranking": cohorts.ranked(seed, size.ranked) if size.ranked else iter(()),
    }
    for name, sites in plans.items():
        began = time.perf_counter()
        cohort = build(name, sites, work)
        if not cohort.sites:
            continue
        rows = f"{len(cohort.sites)} sites, {cohort.rows:,} rows"
        print(f"second source, {name}: {rows}, built in {time.perf_counter() - began:.1f} s", flush=True)
        for outcome in outcomes[:1] if name == "ranking" else outcomes:  # its order does not depend on the budget
            _assess(outcome, cohort, work, workers=workers)
    return outcomes


def build(name: str, sites: Iterable[Site], work: Path) -> Cohort:
    """Write the sites as a dataset below `work`/name and keep what scoring needs."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    cohort = Cohort(name, folder / "dataset")

    def noted() -> Iterator[Site]:
        for site in sites:
            cohort.sites.append(record(site))
            yield site

    cohort.rows = write(noted(), folder)
    return cohort


def record(site: Site) -> SiteRecord:
    """What scoring needs to know of a site; a treatment's energy meter serves the outlets that its power does."""
    intervals = {f"{p.id}/{c.id}": c.interval_s for p, c in site.channels()}
    served: dict[str, frozenset[str]] = {}
    for facility in site.facilities:
        serves = facility.get("serves", [])
        assert isinstance(serves, list)
        channels = frozenset(f"{name}/{c}" for name in serves for c in site.points[name].channels)
        served[str(facility["channel"])] = channels
        served[str(facility["channel"]).replace("/power", "/energy")] = channels
    return SiteRecord(site.id, site.start_s, site.accepted_s, site.end_s, list(site.truth), intervals, served, {})


def _assess(outcome: Outcome, cohort: Cohort, work: Path, *, workers: int) -> None:
    folder = work / cohort.name
    out = folder / f"result-{outcome.budget:g}"
    try:
        result = analyse(cohort.dataset, out, budget=outcome.budget, workers=workers)
    except AnalysisFailed as error:
        outcome.crashes.append(f"{cohort.name}: {error}")
        return
    print(f"second source, {cohort.name}: analysed in {result.seconds:.1f} s", flush=True)
    _count(outcome, cohort, result)
    misses = "\n".join(describe(cohort, result))
    (folder / f"misses-{outcome.budget:g}.txt").write_text(misses, encoding="utf-8")


def _count(outcome: Outcome, cohort: Cohort, result: Result) -> None:
    if cohort.name == "injected":
        outcome.verdicts = scoring.verdicts(cohort, result)
    elif cohort.name == "honest":
        outcome.honest = scoring.honest_alerts(cohort, result)
    elif cohort.name == "controls":
        outcome.controls = scoring.control_verdicts(cohort, result)
    else:
        outcome.ranking = scoring.ranking_figures(cohort, result)
