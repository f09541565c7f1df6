"""The figures of the second source as Markdown: for the terminal and for the page of the evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.evaluation.matching import Verdict
from tests.evaluation.measures import quantile, share
from tests.evaluation.scoring import ControlVerdict
from tests.evaluation.second_source.innocent import CONTROLS
from tests.evaluation.second_source.outcome import Outcome, Size, measure
from tests.evaluation.second_source.placing import CLASSES, LEVELS

HEADING = """## A second, independent simulator

The same protocol on data of another hand: `tests/evaluation/second_source` was written from the dataset format and the
injection table alone, before its author had seen the detectors or the first simulator. It has other processes, noise,
intervals (60 s to 4 h), loggers that compute from exact or from rounded numbers, lost rows, outages told or not, daily
checks, late uploads, and absent optional keys; the gas turbine's real rows are among its sites. Figures here that are
worse than those above show what was learnt from the first simulator alone. A limit of independence: false alerts and
misses on development seeds of this source were read when rules were mended.
"""


def figures(seed: int, size: Size, work: Path, *, budgets: Sequence[float] = (1.0, 0.1), workers: int = 2) -> str:
    """Measure, and render the page's section."""
    outcomes = measure(seed, size, work, budgets=budgets, workers=workers)
    return "\n".join([HEADING, *text(outcomes, seed)]) + "\n"


def text(outcomes: Sequence[Outcome], seed: int) -> Iterator[str]:
    first = outcomes[0]
    yield f"Seed {seed}. Recall by level at each budget, with 95 % Wilson intervals:"
    yield ""
    yield "| budget | " + " | ".join(LEVELS) + " | on a falsified channel | false alerts a site-month |"
    yield "|---|" + "---|" * 6
    for outcome in outcomes:
        yield _budget_row(outcome)
    yield ""
    yield f"Each class at budget {first.budget:g}:"
    yield ""
    yield "| class | " + " | ".join(LEVELS) + " | on its channel | named first / in three | wrong names |"
    yield "|---|" + "---|" * 7
    for injection, name in CLASSES.items():
        if own := [v for v in first.verdicts if v.truth.injection == injection]:
            yield _class_row(f"{injection} {name}", own)
    if first.verdicts:
        yield _class_row("all", first.verdicts)
    yield ""
    yield from _sentences(first)
    for outcome in outcomes:
        for crash in outcome.crashes:
            yield f"The program failed at budget {outcome.budget:g}: {crash}"


def _budget_row(outcome: Outcome) -> str:
    cells = [share([v.found for v in outcome.verdicts if v.truth.level == level]) for level in LEVELS]
    channel = share([v.shares_channel for v in outcome.verdicts])
    honest = outcome.honest
    rate = f"{honest.rate:.3f} ({honest.alerts} in {honest.months:.1f})" if honest.months else "–"
    return f"| {outcome.budget:g} | " + " | ".join(map(str, cells)) + f" | {channel} | {rate} |"


def _class_row(title: str, verdicts: list[Verdict]) -> str:
    cells = [share([v.found for v in verdicts if v.truth.level == level]) for level in LEVELS]
    found = [v for v in verdicts if v.found]
    wrong = Counter(v.called for v in found if not v.named and v.called)
    first, three = share([v.named for v in found]), share([v.named_in_three for v in found])
    named = f"{first.value:.2f} / {three.value:.2f}" if found else "–"
    told = ", ".join(f"{name} {count}" for name, count in wrong.most_common(3))
    recall = " | ".join(f"{cell.value:.2f}" if cell.of else "–" for cell in cells)
    return f"| {title} | {recall} | {share([v.shares_channel for v in verdicts]).value:.2f} | {named} | {told} |"


def _sentences(outcome: Outcome) -> Iterator[str]:
    found = [v for v in outcome.verdicts if v.found]
    hours = [v.hours_to_detect for v in found if v.hours_to_detect is not None]
    if hours:
        yield (
            f"Hours from onset to the alert: median {quantile(hours, 0.5):.1f}, 90th percentile "
            f"{quantile(hours, 0.9):.1f}. Class named first {share([v.named for v in found])}, among the first three "
            f"{share([v.named_in_three for v in found])}."
        )
        yield ""
    if outcome.honest.months:
        by = ", ".join(f"{name} {count}" for name, count in outcome.honest.detectors.most_common(8))
        yield f"False alerts on honest sites by detector, before merging: {by or 'none'}."
        yield ""
    yield from _control_lines(outcome.controls)
    if outcome.ranking is not None:
        r = outcome.ranking
        yield (
            f"Ranking of {r.site_months} site-months, {r.falsified} falsified: precision@10 {r.precision_10:.2f}, "
            f"@30 {r.precision_30:.2f} (at most {min(1.0, r.falsified / 30):.2f}), "
            f"average precision {r.average_precision:.2f}."
        )


def _control_lines(controls: list[ControlVerdict]) -> Iterator[str]:
    if not controls:
        return
    yield f"Innocent events wrongly alerted: {share([bool(c.wrong) for c in controls])} of {len(controls)}."
    yield ""
    for name in CONTROLS:
        if own := [c for c in controls if c.truth.injection == name]:
            by = Counter(f.detector for c in own for f in c.wrong)
            detectors = ", ".join(f"{detector} {count}" for detector, count in by.most_common(4))
            yield f"- {name}: {sum(bool(c.wrong) for c in own)} of {len(own)}" + (f" ({detectors})" if by else "")
    yield ""
