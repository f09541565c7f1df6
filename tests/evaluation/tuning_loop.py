"""The short loop of those who tune a detector: chosen cases on the development seed, every miss in detail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.falsification import fleet
from simulators.falsification.catalogue import INJECTIONS
from simulators.falsification.controls import CONTROLS
from simulators.falsification.site import Site
from tests.evaluation import scoring
from tests.evaluation.cohort import Cohort, build
from tests.evaluation.figures import recall
from tests.evaluation.full_run import TURBINE
from tests.evaluation.misses import describe
from tests.evaluation.program import Result, analyse


@dataclass(frozen=True, slots=True)
class Choice:
    """`cases`: names of injections, of innocent events, or `honest`."""

    cases: Sequence[str]
    levels: Sequence[str]
    placements: int
    honest_sites: int
    real: bool
    seed: int


def unknown(cases: Sequence[str]) -> list[str]:
    return [case for case in cases if case not in INJECTIONS and case not in CONTROLS and case != "honest"]


def run(choice: Choice, work: Path, *, budget: float, workers: int) -> None:
    """Build, analyse and print, cohort by cohort."""
    for name, sites in _cohorts(choice):
        cohort = build(name, sites, work, with_baselines=False)
        out = work / name / "result"
        result = analyse(cohort.dataset, out, budget=budget, workers=workers)
        print("\n".join(describe(cohort, result)))
        _summarise(cohort, result, choice.levels)
        print(f"{cohort.rows:,} rows in {result.seconds:.1f} s; dataset {cohort.dataset}, result {out}")


def _cohorts(choice: Choice) -> Iterator[tuple[str, Iterator[Site]]]:
    orders = fleet.plan([c for c in choice.cases if c in INJECTIONS], choice.levels, choice.placements)
    names = [c for c in choice.cases if c in CONTROLS]
    honest = choice.honest_sites if "honest" in choice.cases else 0
    if choice.real:
        yield "loop-turbine", fleet.turbine(choice.seed, TURBINE, orders, honest)
        return
    if orders:
        yield "loop-injected", fleet.injected(choice.seed, orders)
    if names:
        yield "loop-controls", fleet.controls(choice.seed, choice.placements, names)
    if honest:
        yield "loop-honest", fleet.honest(choice.seed, honest)


def _summarise(cohort: Cohort, result: Result, levels: Sequence[str]) -> None:
    verdicts = scoring.verdicts(cohort, result)
    for name in dict.fromkeys(v.truth.injection for v in verdicts):
        for level in levels:
            own = [v for v in verdicts if v.truth.injection == name and v.truth.level == level]
            if own:
                named, in_three = sum(v.named for v in own), sum(v.named_in_three for v in own)
                print(f"{name} {level}: found {recall(own)} of {len(own)}, named {named}, in three {in_three}")
    controls = [c for c in scoring.control_verdicts(cohort, result) if not c.truth.falsified]
    if controls:
        print(f"innocent events wrongly alerted: {sum(bool(c.wrong) for c in controls)} of {len(controls)}")
    false = scoring.honest_alerts(cohort, result)
    if false.months:
        print(f"false alerts: {false.alerts} in {false.months:.1f} honest site-months = {false.rate:.3f}")
        print(f"by detector, before merging: {dict(false.detectors.most_common())}")
