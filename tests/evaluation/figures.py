"""What one run measured at each budget, and how far it is from what was aimed at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simulators.falsification.catalogue import INJECTIONS, LEVELS
from tests.evaluation.matching import Verdict
from tests.evaluation.measures import Share, quantile, share
from tests.evaluation.scoring import BaselineFigures, ControlVerdict, FalseAlerts, RankingFigures


@dataclass(slots=True)
class BudgetFigures:
    """All that was measured at one alert budget."""

    budget: float
    simulated: list[Verdict] = field(default_factory=list)
    real: list[Verdict] = field(default_factory=list)
    false_simulated: FalseAlerts = field(default_factory=FalseAlerts)
    false_real: FalseAlerts = field(default_factory=FalseAlerts)
    controls: list[ControlVerdict] = field(default_factory=list)
    ranking: RankingFigures | None = None
    p_values: list[tuple[float, float, int]] = field(default_factory=list)
    baselines: list[BaselineFigures] = field(default_factory=list)


@dataclass(slots=True)
class Cost:
    cohort: str
    sites: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure to reach, and whether more or less of it is better."""

    name: str
    wanted: float
    reached: float
    at_most: bool = False

    @property
    def outcome(self) -> str:
        if math.isnan(self.reached):
            return "not measured"
        is_met = self.reached <= self.wanted if self.at_most else self.reached >= self.wanted
        return "met" if is_met else f"**missed by {abs(self.reached - self.wanted):.3g}**"


EXACT = {
    *((injection, level) for injection in ("I1", "I20") for level in LEVELS),
    *((injection, level) for injection in ("I7", "I8") for level in ("L1", "L2")),
    *((injection, "L1") for injection in ("I15", "I18")),
    *(("I19", level) for level in ("L1", "L2", "L3")),
}
RECALL_AIMS = {1.0: {"L1": 0.99, "L2": 0.95, "L3": 0.75, "L4": 0.40}, 0.1: {"L1": 0.97, "L2": 0.80}}
# Median hours to the alert, 0.1 h for the way: a constant, arithmetic (the same hourly record), x 0.7, a 48 h replay.
DETECTION_AIMS_H = {("I1", ""): 3.1, ("I19", ""): 1.1, ("I4", "L2"): 24.0, ("I8", "L2"): 49.0}


def pooled(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Without I21, which is no class of the published table."""
    return [v for v in verdicts if v.truth.injection != "I21"]


def recall(verdicts: Iterable[Verdict], *, level: str = "", injection: str = "") -> Share:
    return share([v.found for v in verdicts if level in ("", v.truth.level) and injection in ("", v.truth.injection)])


def recall_on_channel(verdicts: Iterable[Verdict], *, level: str) -> Share:
    return share([v.shares_channel for v in verdicts if v.truth.level == level])


def weighed(figures: Sequence[BudgetFigures]) -> list[Aim]:
    """Every aim beside what this run reached, simulated and real cases together."""
    aims: list[Aim] = []
    for figure in figures:
        cases = pooled(figure.simulated + figure.real)
        at = f"at budget {figure.budget:g}"
        for level, wanted in RECALL_AIMS.get(figure.budget, {}).items():
            aims.append(Aim(f"recall {level} {at}", wanted, recall(cases, level=level).value))
        for name, false in (("simulated", figure.false_simulated), ("real", figure.false_real)):
            aims.append(Aim(f"false alerts per site-month {at}, {name}", figure.budget, false.rate, at_most=True))
    return aims + _aims_at_first_budget(figures[0])


def _aims_at_first_budget(first: BudgetFigures) -> list[Aim]:
    cases = pooled(first.simulated + first.real)
    found = [v for v in cases if v.found]
    exact = share([v.found for v in cases if (v.truth.injection, v.truth.level) in EXACT])
    wrong = share([bool(c.wrong) for c in first.controls])
    aims = [
        Aim("recall of the exact classes", 1.0, exact.value),
        Aim("innocent events wrongly alerted", 0.03, wrong.value, at_most=True),
        Aim("class named first", 0.85, share([v.named for v in found]).value),
        Aim("class among the first three", 0.95, share([v.named_in_three for v in found]).value),
    ]
    if first.ranking is not None and first.ranking.falsified >= 30:  # of fewer, no list can have 30
        aims.append(Aim("precision@10", 1.0, first.ranking.precision_10))
        aims.append(Aim("precision@30", 0.85, first.ranking.precision_30))
    for (injection, level), wanted in DETECTION_AIMS_H.items():
        chosen = [v for v in found if v.truth.injection == injection and level in ("", v.truth.level)]
        hours = quantile([v.hours_to_detect for v in chosen if v.hours_to_detect is not None], 0.5)
        name = f"median hours to detect, {INJECTIONS[injection].class_name} {level}".rstrip()
        aims.append(Aim(name, wanted, hours, at_most=True))
    return aims


def weak_cells(figure: BudgetFigures) -> list[str]:
    """Classes whose recall at a level is below the aim for that level, farthest first."""
    weak: list[tuple[float, str]] = []
    cases = figure.simulated + figure.real
    for name, injection in INJECTIONS.items():
        for level, wanted in RECALL_AIMS.get(figure.budget, {}).items():
            cell = recall(cases, level=level, injection=name)
            if cell.of and cell.value < wanted:
                text = f"{name} {injection.class_name} {level}: {cell.value:.2f}, aim {wanted:g} ({cell.of} cases)"
                weak.append((wanted - cell.value, text))
    return [text for _, text in sorted(weak, reverse=True)]
