"""Runs `gateway analyse` on the second source's cohorts and sums up what it found."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.evaluation import scoring
from tests.evaluation.cohort import Cohort, SiteRecord
from tests.evaluation.matching import Verdict
from tests.evaluation.measures import quantile, share
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


@dataclass(slots=True)
class Outcome:
    verdicts: list[Verdict] = field(default_factory=list)
    honest: scoring.FalseAlerts = field(default_factory=scoring.FalseAlerts)
    controls: list[scoring.ControlVerdict] = field(default_factory=list)
    ranking: scoring.RankingFigures | None = None
    crashes: list[str] = field(default_factory=list)
    rows: int = 0
    seconds: float = 0.0


def measure(
    seed: int, size: Size, work: Path, *, workers: int = 1, budget: float = 1.0, classes: Iterable[str] = CLASSES,
    levels: Iterable[str] = LEVELS, controls: Iterable[str] = CONTROLS,
) -> Outcome:  # fmt: skip
    """Build, analyse and score; datasets, results and every miss in detail (`misses.txt`) stay below `work`."""
    outcome = Outcome()
    plans: dict[str, Iterator[Site]] = {
        "injected": cohorts.injected(seed, size.placements, tuple(classes), tuple(levels)),
        "honest": cohorts.honest(seed, size.honest),
        "controls": cohorts.innocent(seed, size.controls, tuple(controls)),
        "ranking": cohorts.ranked(seed, size.ranked) if size.ranked else iter(()),
    }
    for name, sites in plans.items():
        began = time.perf_counter()
        cohort = build(name, sites, work)
        if not cohort.sites:
            continue
        built = time.perf_counter() - began
        try:
            result = analyse(cohort.dataset, work / name / "result", budget=budget, workers=workers)
        except AnalysisFailed as error:
            outcome.crashes.append(f"{name}: {error}")
            continue
        size_text = f"{len(cohort.sites)} sites, {cohort.rows:,} rows"
        print(f"{name}: {size_text}, built {built:.0f} s, analysed {result.seconds:.0f} s", flush=True)
        outcome.rows += cohort.rows
        outcome.seconds += result.seconds
        _count(outcome, cohort, result)
        (work / name / "misses.txt").write_text("\n".join(describe(cohort, result)), encoding="utf-8")
    return outcome


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
    intervals = {f"{p.id}/{c.id}": c.interval_s for p, c in site.channels()}
    served = {}
    for facility in site.facilities:
        serves = facility.get("serves", [])
        assert isinstance(serves, list)
        channels = frozenset(f"{name}/{c}" for name in serves for c in site.points[name].channels)
        served[str(facility["channel"])] = channels
        served[str(facility["channel"]).replace("/power", "/energy")] = channels
    return SiteRecord(site.id, site.start_s, site.accepted_s, site.end_s, list(site.truth), intervals, served, {})


def _count(outcome: Outcome, cohort: Cohort, result: Result) -> None:
    if cohort.name == "injected":
        outcome.verdicts = scoring.verdicts(cohort, result)
    elif cohort.name == "honest":
        outcome.honest = scoring.honest_alerts(cohort, result)
    elif cohort.name == "controls":
        outcome.controls = scoring.control_verdicts(cohort, result)
    else:
        outcome.ranking = scoring.ranking_figures(cohort, result)


def lines(outcome: Outcome) -> Iterator[str]:
    """The figures as a table of Markdown and sentences."""
    found = [v for v in outcome.verdicts if v.found]
    yield "| class | " + " | ".join(LEVELS) + " | on its channel | named 1 / 3 | most frequent wrong names |"
    yield "|---|" + "---|" * 7
    for injection, name in CLASSES.items():
        own = [v for v in outcome.verdicts if v.truth.injection == injection]
        if own:
            yield _row(f"{injection} {name}", own)
    if outcome.verdicts:
        yield _row("**all**", outcome.verdicts)
    yield ""
    hours = [v.hours_to_detect for v in found if v.hours_to_detect is not None]
    yield (
        f"Found: recall {share([v.found for v in outcome.verdicts])}; median {quantile(hours, 0.5):.1f} h, "
        f"90th percentile {quantile(hours, 0.9):.1f} h from onset; class named first "
        f"{share([v.named for v in found])}, among the first three {share([v.named_in_three for v in found])}."
    )
    yield ""
    honest = outcome.honest
    by = ", ".join(f"{name} {count}" for name, count in honest.detectors.most_common(6))
    yield (
        f"False alerts on honest sites: {honest.alerts} in {honest.months:.1f} site-months, "
        f"{honest.rate:.3f} a site-month ({by or 'none'})."
    )
    yield ""
    yield from _control_lines(outcome.controls)
    if outcome.ranking is not None:
        r = outcome.ranking
        yield (
            f"Ranking of {r.site_months} site-months, {r.falsified} falsified: precision@10 {r.precision_10:.2f}, "
            f"@30 {r.precision_30:.2f}, average precision {r.average_precision:.2f}."
        )
    for crash in outcome.crashes:
        yield f"CRASH {crash}"


def _row(title: str, verdicts: list[Verdict]) -> str:
    cells = [share([v.found for v in verdicts if v.truth.level == level]) for level in LEVELS]
    found = [v for v in verdicts if v.found]
    wrong = Counter(v.called for v in found if not v.named and v.called)
    names = f"{share([v.named for v in found]).value:.2f} / {share([v.named_in_three for v in found]).value:.2f}"
    told = ", ".join(f"{name} {count}" for name, count in wrong.most_common(3))
    recall = " | ".join(f"{cell.value:.2f}" if cell.of else "–" for cell in cells)
    return f"| {title} | {recall} | {share([v.shares_channel for v in verdicts]).value:.2f} | {names} | {told} |"


def _control_lines(controls: list[scoring.ControlVerdict]) -> Iterator[str]:
    if not controls:
        return
    wrong = share([bool(c.wrong) for c in controls])
    yield f"Innocent events wrongly alerted: {wrong.hits} of {wrong.of} ({wrong.value:.2f}):"
    for name in CONTROLS:
        own = [c for c in controls if c.truth.injection == name]
        if own:
            by: Counter[str] = Counter(f"{f.detector}" for c in own for f in c.wrong)
            count = sum(bool(c.wrong) for c in own)
            detectors = ", ".join(f"{detector} {k}" for detector, k in by.most_common(4))
            yield f"- {name}: {count} of {len(own)}" + (f" ({detectors})" if by else "")
    yield ""
