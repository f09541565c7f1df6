"""Turns figures into docs/evaluation.md. Every number of that page is computed by the run that writes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from simulators.falsification.catalogue import INJECTIONS, LEVELS
from tests.evaluation.figures import BudgetFigures, Cost, pooled, recall, recall_on_channel, weak_cells, weighed
from tests.evaluation.matching import HOUR_S, Verdict
from tests.evaluation.measures import chance, quantile, share
from tests.evaluation.scoring import FalseAlerts

Lines = list[str]


def render(figures: Sequence[BudgetFigures], costs: Sequence[Cost], *, seed: int, heading: str) -> str:
    """The page as text."""
    lines: Lines = [heading, *_scope(figures[0], costs, seed=seed), *_levels(figures), *_aims(figures)]
    for figure in figures:
        lines += _classes(figure, figure.simulated, figure.false_simulated, "simulated sites")
    for figure in figures:
        lines += _classes(figure, figure.real, figure.false_real, "the real turbine series")
    lines += [*_variants(figures[0]), *_quality(figures[0]), *_wrong_names(figures[0])]
    for figure in figures:
        lines += _baselines(figure)
    lines += [*_innocent_events(figures), *_ranking(figures), *_stated_p(figures[0]), *_costs(costs)]
    return "\n".join(lines).rstrip() + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Lines:
    """A Markdown table and an empty line."""
    body = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *body, ""]


def _scope(first: BudgetFigures, costs: Sequence[Cost], *, seed: int) -> Lines:
    return [
        f"Seed {seed}; {sum(c.sites for c in costs)} sites, {sum(c.rows for c in costs):,} rows; "
        f"{len(first.simulated)} falsifications on simulated sites and {len(first.real)} on the real series; "
        f"{len(first.controls)} innocent events; {first.false_simulated.months:.0f} simulated and "
        f"{first.false_real.months:.0f} real honest site-months.",
        "",
    ]


def _levels(figures: Sequence[BudgetFigures]) -> Lines:
    rows = []
    for figure in figures:
        sides = (
            ("simulated", figure.simulated, figure.false_simulated),
            ("real", figure.real, figure.false_real),
        )
        for name, verdicts, false in sides:
            cells = [recall(pooled(verdicts), level=level) for level in LEVELS]
            realised = f"{false.rate:.3f} ({false.alerts} in {false.months:.0f})"
            rows.append([f"{figure.budget:g}", name, realised, *cells])
            strict = [recall_on_channel(pooled(verdicts), level=level) for level in LEVELS]
            rows.append([f"{figure.budget:g}", f"{name}, on a falsified channel", realised, *strict])
    text = "Share found [95 % Wilson interval], the twenty classes I1 to I20 pooled, beside the false alerts that the "
    text += "same run raised on honest site-months."
    header = ["budget", "data", "false alerts per site-month", *LEVELS]
    return ["## Recall by level", "", text, "", *table(header, rows)]


def _aims(figures: Sequence[BudgetFigures]) -> Lines:
    rows = [
        [aim.name, f"{'≤' if aim.at_most else '≥'} {aim.wanted:g}", f"{aim.reached:.3g}", aim.outcome]
        for aim in weighed(figures)
    ]
    lines = ["## Aims, and what misses them", "", *table(["figure", "aim", "reached", ""], rows)]
    for figure in figures:
        weak = weak_cells(figure)
        lines += [f"Classes below the aim of their level at budget {figure.budget:g}, farthest first:", ""]
        lines += [f"- {text}" for text in weak] or ["- none"]
        lines.append("")
    return lines


def _classes(figure: BudgetFigures, verdicts: Sequence[Verdict], false: FalseAlerts, where: str) -> Lines:
    rows = []
    for name, injection in INJECTIONS.items():
        own = [v for v in verdicts if v.truth.injection == name]
        if own:
            hours = quantile([(v.truth.end_s - v.truth.start_s) / HOUR_S for v in own], 0.5)
            cells = [recall(own, level=level) for level in LEVELS]
            rows.append([name, injection.class_name, len(own), *cells, f"{chance(false.rate, hours):.2f}"])
    text = f"Realised: {false.rate:.3f} false alerts per honest site-month. `chance`: what such alerts hit blindly."
    head = [f"## Recall by class on {where}, budget {figure.budget:g}", "", text, ""]
    return head + table(["injection", "class", "n", *LEVELS, "chance"], rows)


def _variants(figure: BudgetFigures) -> Lines:
    everything = figure.simulated + figure.real
    rows = []
    for variant in dict.fromkeys(v.truth.variant for v in everything):
        own = [v for v in everything if v.truth.variant == variant]
        rows.append([variant, len(own), *[recall(own, level=level) for level in LEVELS]])
    text = "Lazy: only the reported channel is false. Careful: what is computed from it follows. Others: the catalogue."
    return [f"## Careless and careful, budget {figure.budget:g}", "", text, "", *table(["variant", "n", *LEVELS], rows)]


def _quality(figure: BudgetFigures) -> Lines:
    rows = []
    everything = figure.simulated + figure.real
    names = [(name, injection.class_name) for name, injection in INJECTIONS.items()]
    for name, class_name in [*names, ("", "all")]:
        found = [v for v in everything if v.found and name in ("", v.truth.injection)]
        if not found:
            continue
        hours = [v.hours_to_detect for v in found if v.hours_to_detect is not None]
        onset = [v.onset_error_h for v in found if v.onset_error_h is not None]
        times = [f"{quantile(hours, 0.5):.1f}", f"{quantile(hours, 0.9):.1f}"]
        places = [f"{quantile([v.overlap for v in found], 0.5):.2f}", f"{quantile(onset, 0.5):.1f}"]
        named = [share([v.named for v in found]), share([v.named_in_three for v in found])]
        rows.append([name, class_name, len(found), *times, *places, *named])
    lines = [f"## When, where and under what name, budget {figure.budget:g}", ""]
    lines.append(
        "Of what was found, simulated and real: hours from the first falsified row to the alert, intersection over "
        "union with the true interval and error of the onset (alerts that share a channel); class named first, in 3."
    )
    header = ["injection", "class", "found", "hours to detect, median", "90 %", "overlap, median"]
    return [*lines, "", *table([*header, "onset error, median h", "top 1", "top 3"], rows)]


def _wrong_names(figure: BudgetFigures) -> Lines:
    counts: Counter[tuple[str, str]] = Counter()
    for v in figure.simulated + figure.real:
        if v.found and not v.named:
            counts[v.truth.class_name, v.called or "(other channels only)"] += 1
    rows = [[true, called, times] for (true, called), times in counts.most_common(20)]
    return ["## Most frequent wrong names", "", *table(["true class", "named instead", "times"], rows)]


def _baselines(figure: BudgetFigures) -> Lines:
    alerts = figure.false_simulated.alerts + figure.false_real.alerts
    months = figure.false_simulated.months + figure.false_real.months
    everything = figure.simulated + figure.real
    own = [recall(pooled(everything), level=level) for level in LEVELS]
    rows: list[list[object]] = [["**this program**", f"{alerts / months if months else float('nan'):.3f}", *own]]
    for b in figure.baselines:
        cells = [
            share([hit for (i, lv), hits in b.found.items() if lv == level and i != "I21" for hit in hits])
            for level in LEVELS
        ]
        rows.append([b.name, f"{b.rate:.3f}", *cells])
    by_class: list[list[object]] = []
    easy = ("L1", "L2")
    for name in INJECTIONS:
        found = share([v.found for v in everything if v.truth.injection == name and v.truth.level in easy])
        others = [share([hit for level in easy for hit in b.found.get((name, level), [])]) for b in figure.baselines]
        if found.of:
            by_class.append([name, f"{found.value:.2f}", *[f"{other.value:.2f}" for other in others]])
    lines = [f"## Beside common tests, budget {figure.budget:g}", ""]
    lines.append(
        "Each test has one threshold for all sites, set so that all accepted histories together meet the budget; then "
        "the same rules of finding, on the same simulated and real sites."
    )
    lines += ["", *table(["test", "realised false alerts per site-month", *LEVELS], rows)]
    lines += ["By class, levels L1 and L2 together:", ""]
    return lines + table(["injection", "this program", *[b.name for b in figure.baselines]], by_class)


def _innocent_events(figures: Sequence[BudgetFigures]) -> Lines:
    rows = []
    for name in [*dict.fromkeys(c.truth.injection for c in figures[0].controls), ""]:
        own = [[c for c in figure.controls if name in ("", c.truth.injection)] for figure in figures]
        due = [c.named_innocent for c in own[0] if c.truth.class_name]
        cells = [share([bool(c.wrong) for c in group]) for group in own]
        rows.append([name or "**all**", len(own[0]), *cells, share(due)])
    lines = ["## Innocent events", ""]
    lines.append(
        "An alert of a falsification class that overlaps the event and shares a channel is wrong. `named`: the event "
        "is given an innocent class, where one is due."
    )
    header = ["event", "n", *[f"wrongly alerted, budget {figure.budget:g}" for figure in figures], "named"]
    return [*lines, "", *table(header, rows)]


def _ranking(figures: Sequence[BudgetFigures]) -> Lines:
    rows = [
        [f"{f.budget:g}", r.site_months, r.falsified, f"{r.precision_10:.2f}", f"{r.precision_30:.2f}",
         f"{r.average_precision:.2f}", f"{r.falsified / r.site_months:.3f}"]
        for f in figures if (r := f.ranking) is not None
    ]  # fmt: skip
    header = ["budget", "site-months", "falsified", "precision@10", "precision@30", "average precision", "random"]
    return ["## The inspection list", "", *table(header, rows)]


def _stated_p(figure: BudgetFigures) -> Lines:
    rows = [[f"{p:g}", f"{realised:.4f}", n] for p, realised, n in figure.p_values]
    lines = ["## Stated and realised p", ""]
    lines.append(
        "Share of honest simulated site-months in which a finding of a falsification class of at most the stated p "
        "begins (alert or not). The p of a finding counts all that is looked at: the share should not exceed it."
    )
    return [*lines, "", *table(["stated p at most", "share of honest site-months", "site-months"], rows)]


def _costs(costs: Sequence[Cost]) -> Lines:
    rows = [
        [c.cohort, c.sites, f"{c.rows:,}", f"{c.seconds:.1f}", f"{c.rows / max(c.seconds, 1e-9):,.0f}"] for c in costs
    ]
    lines = ["## Cost", "", "`gateway analyse` with two workers, reading and writing included, first budget.", ""]
    return lines + table(["cohort", "sites", "rows", "seconds", "rows per second"], rows)
