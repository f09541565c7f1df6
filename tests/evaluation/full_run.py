"""The whole evaluation: build the cohorts, run the program on each at each budget, score, render the page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.falsification import fleet
from simulators.falsification.catalogue import INJECTIONS, LEVELS
from simulators.falsification.site import Site
from tests.evaluation import scoring
from tests.evaluation.cohort import Cohort, build
from tests.evaluation.figures import BudgetFigures, Cost
from tests.evaluation.misses import describe
from tests.evaluation.program import Result, analyse
from tests.evaluation.report import render
from tests.evaluation.second_source import outcome, section

TURBINE = Path(__file__).resolve().parents[1] / "data" / "gasturbine_hourly_2011_2013.csv.gz"
STATED_P = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0001)
WITH_BASELINES = ("injected", "honest", "turbine")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is built: placements of each class and level, honest sites, events of each kind, ranked sites; `second`:
    of the second source."""

    placements: int
    real_placements: int
    honest: int
    real_honest: int
    events: int
    ranked: int
    second: outcome.Size
    levels: tuple[str, ...] = LEVELS


FULL = Size(placements=5, real_placements=2, honest=72, real_honest=20, events=5, ranked=250, second=outcome.FULL)
QUICK = Size(
    placements=1, real_placements=1, honest=12, real_honest=4, events=1, ranked=30, second=outcome.QUICK,
    levels=("L1", "L3"),
)  # fmt: skip


def evaluate(seed: int, size: Size, work: Path, *, budgets: tuple[float, ...], workers: int) -> str:
    """The page as text. Below `work` stay the datasets, the results and all misses in detail (`misses-*.txt`)."""
    began = time.perf_counter()
    cohorts = build_cohorts(seed, size, work, began=began)
    figures, costs = assess(cohorts, work, budgets=budgets, workers=workers, began=began)
    page = render(figures, costs, seed=seed, heading=HEADING)
    page += "\n" + section.figures(seed, size.second, work / "second_source", budgets=budgets, workers=workers)
    progress(began, "second source scored")
    return page


def build_cohorts(seed: int, size: Size, work: Path, *, began: float) -> list[Cohort]:
    return [_build(name, sites, work, began) for name, sites in _cohorts(seed, size)]


def assess(
    cohorts: Sequence[Cohort], work: Path, *, budgets: tuple[float, ...], workers: int, began: float
) -> tuple[list[BudgetFigures], list[Cost]]:
    """Run the program on every cohort at every budget, and the baselines on those that have scores for them."""
    figures = [BudgetFigures(budget) for budget in budgets]
    costs: list[Cost] = []
    for figure in figures:
        for cohort in cohorts:
            if cohort.name == "ranking" and figure is not figures[0]:
                continue  # the order of the list does not depend on the budget
            out = work / cohort.name / f"result-{figure.budget:g}"
            result = analyse(cohort.dataset, out, budget=figure.budget, workers=workers)
            progress(began, f"analysed {cohort.name} at budget {figure.budget:g} in {result.seconds:.1f} s")
            _count(figure, cohort, result)
            misses = "\n".join(describe(cohort, result))
            (work / cohort.name / f"misses-{figure.budget:g}.txt").write_text(misses, encoding="utf-8")
            if figure is figures[0]:
                costs.append(Cost(cohort.name, len(cohort.sites), cohort.rows, result.seconds))
        figure.baselines = scoring.baseline_figures(cohorts, figure.budget)
    progress(began, "scored")
    return figures, costs


def progress(began: float, text: str) -> None:
    print(f"[{time.perf_counter() - began:7.1f} s] {text}", flush=True)


def _cohorts(seed: int, size: Size) -> Iterator[tuple[str, Iterator[Site]]]:
    orders = fleet.plan(list(INJECTIONS), size.levels, size.placements)
    real_orders = fleet.plan(list(INJECTIONS), size.levels, size.real_placements)
    yield "injected", fleet.injected(seed, orders)
    yield "honest", fleet.honest(seed, size.honest)
    yield "turbine", fleet.turbine(seed, TURBINE, real_orders, size.real_honest)
    yield "controls", fleet.controls(seed, size.events)
    yield "ranking", fleet.ranking(seed, size.ranked)


def _build(name: str, sites: Iterator[Site], work: Path, began: float) -> Cohort:
    shutil.rmtree(work / name, ignore_errors=True)
    cohort = build(name, sites, work, with_baselines=name in WITH_BASELINES)
    progress(began, f"built {name}: {len(cohort.sites)} sites, {cohort.rows:,} rows")
    return cohort


def _count(figure: BudgetFigures, cohort: Cohort, result: Result) -> None:
    if cohort.name == "injected":
        figure.simulated += scoring.verdicts(cohort, result)
    elif cohort.name == "honest":
        figure.false_simulated = scoring.honest_alerts(cohort, result)
        figure.p_values = scoring.p_value_table(cohort, result, STATED_P)
    elif cohort.name == "turbine":
        figure.real += scoring.verdicts(cohort, result)
        figure.false_real = scoring.honest_alerts(cohort, result)
    elif cohort.name == "controls":
        figure.controls += scoring.control_verdicts(cohort, result)
    elif cohort.name == "ranking":
        figure.ranking = scoring.ranking_figures(cohort, result)


HEADING = """# How well suspected falsification is found

Written by `make evaluate` (`python -m tests.evaluation`); every number below comes from that run, none by hand.

**Data.** Simulated stacks, water outlets and power meters (`simulators/falsification`), and one real honest series, the
gas turbine of the UCI data set 551, made into sites (one row an hour; oxygen and flow assumed as its module says). Each
falsified site bears one falsification of one of the classes I1 to I20 at one of four levels, L1 easy to L4 hard,
careless (only the reported channel) and careful (all that is computed from it follows) in turn. I21, a parameter edit,
is shown but not pooled.

**Split.** By site and by time: thresholds come from each site's own data before `accepted_until`, scores from what
follows; detectors were developed on seeds below 100, this page is made with another; the judged periods of the real
series lie in its last year. Windows of the real series share rows, so that its cases are not independent: read its
intervals as too narrow.

**Found** is an alert of a falsification class, of the right site, raised after the falsification became visible and
before the judged period ends, that overlaps the true interval widened by one reporting interval (2 h at most). Long
intervals are also hit by chance: `on a falsified channel` counts only alerts that share a channel with the truth.
**False** is every alert on an honest site after `accepted_until`, merged over channels where less than 6 h apart. A
recall means nothing without the false-alert rate beside it.
"""
