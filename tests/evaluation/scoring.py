"""Verdicts and false alerts of a whole cohort, for the program and for the baselines by the same rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.falsification.site import Truth
from tests.evaluation import baselines
from tests.evaluation.cohort import Cohort, SiteRecord, month_bounds, months_of
from tests.evaluation.matching import HOUR_S, INNOCENT, Finding, Verdict, false_alerts, judge
from tests.evaluation.measures import average_precision, precision_at
from tests.evaluation.program import Result


@dataclass(slots=True)
class FalseAlerts:
    """Alerts on honest sites: how many in how many site-months."""

    alerts: int = 0
    months: float = 0.0
    detectors: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return self.alerts / self.months if self.months else float("nan")


@dataclass(slots=True)
class ControlVerdict:
    """How one innocent event fared: `wrong` alerts of falsification classes, `named` innocently where it must be."""

    truth: Truth
    wrong: list[Finding]
    named_innocent: bool


def verdict(site: SiteRecord, truth: Truth, findings: Sequence[Finding]) -> Verdict:
    interval = max((site.interval_s.get(name, 3600) for name in truth.channels), default=3600)
    extra = frozenset().union(*(site.served.get(name, frozenset()) for name in truth.channels))
    return judge(truth, findings, judged_until_s=site.end_s, interval_s=interval, extra=extra)


def verdicts(cohort: Cohort, result: Result) -> list[Verdict]:
    return [verdict(site, truth, result.findings.get(site.id, [])) for site, truth in cohort.falsified]


def honest_alerts(cohort: Cohort, result: Result) -> FalseAlerts:
    """Over the sites without any label, from the end of their accepted history on."""
    total = FalseAlerts()
    for site in cohort.honest:
        own = result.findings.get(site.id, [])
        total.alerts += len(false_alerts(own, since_s=site.accepted_s, until_s=site.end_s))
        total.detectors.update(f.detector for f in own if f.accuses and f.end_s > site.accepted_s)
        total.months += site.months
    return total


def control_verdicts(cohort: Cohort, result: Result) -> list[ControlVerdict]:
    """An alert that overlaps the innocent event and shares one of its channels is wrong."""
    outcome = []
    for site in cohort.sites:
        for truth in site.truth:
            own = result.findings.get(site.id, [])
            near = [f for f in own if f.start_s < truth.end_s and f.end_s > truth.start_s]
            wrong = [f for f in near if f.accuses and f.channels & set(truth.channels)]
            innocent = [f for f in near if f.class_name in INNOCENT]
            # a finding without channels speaks of the whole site, as an outage does
            named = any(not f.channels or f.channels & set(truth.channels) for f in innocent)
            outcome.append(ControlVerdict(truth, wrong, named))
    return outcome


@dataclass(frozen=True, slots=True)
class RankingFigures:
    site_months: int
    falsified: int
    precision_10: float
    precision_30: float
    average_precision: float


def ranking_figures(cohort: Cohort, result: Result) -> RankingFigures:
    """A site-month is falsified when it holds 24 h of a falsification, or half of a shorter one."""
    sites = {site.id: site for site in cohort.sites}
    wanted = {(s.id, period) for s in cohort.sites for period in months_of(s)}
    cases = [(s.id, truth, period) for s, truth in cohort.falsified for period in months_of(s)]
    relevant = {(site, period) for site, truth, period in cases if _holds(truth, month_bounds(period))}
    order = [
        (site, period) in relevant for site, period, _ in result.ranking if site in sites and (site, period) in wanted
    ]
    missing = len(wanted) - len(order)
    if missing:
        raise ValueError(f"ranking.csv lacks {missing} of {len(wanted)} site-months")
    return RankingFigures(
        len(wanted), len(relevant), precision_at(order, 10), precision_at(order, 30), average_precision(order)
    )


def _holds(truth: Truth, month: tuple[float, float]) -> bool:
    shared = min(truth.end_s, month[1]) - max(truth.start_s, month[0])
    return shared > 0 and shared >= min(24 * HOUR_S, (truth.end_s - truth.start_s) / 2)


def p_value_table(cohort: Cohort, result: Result, levels: Sequence[float]) -> list[tuple[float, float, int]]:
    """Per stated p: in what share of honest site-months a falsification finding of at most that p begins."""
    smallest: dict[tuple[str, str], float] = {}
    months = 0
    for site in cohort.honest:
        for period in months_of(site):
            months += 1
            lo, hi = month_bounds(period)
            inside = [
                f.p_value for f in result.findings.get(site.id, [])
                if f.class_name not in INNOCENT and lo <= f.start_s < hi and f.start_s >= site.accepted_s
            ]  # fmt: skip
            smallest[site.id, period] = min((p for p in inside if p == p), default=1.0)
    return [(level, sum(p <= level for p in smallest.values()) / max(months, 1), months) for level in levels]


@dataclass(slots=True)
class BaselineFigures:
    name: str
    threshold: float
    rate: float  # realised, alerts per honest site-month
    found: dict[tuple[str, str], list[bool]]  # by injection and level


def baseline_figures(cohorts: Sequence[Cohort], budget: float) -> list[BaselineFigures]:
    """Each baseline calibrated on all accepted histories, judged on what comes after."""
    sites = [site for cohort in cohorts for site in cohort.sites if site.scores]
    figures = []
    for name in baselines.NAMES:
        threshold = baselines.calibrate([s.scores[name][: s.accepted_hours] for s in sites], budget)
        alerts, months = 0, 0.0
        found: dict[tuple[str, str], list[bool]] = {}
        for site in sites:
            scores = site.scores[name]
            own = baselines.alerts(scores, threshold, site.start_s, site.accepted_hours, scores.size)
            if not site.truth:
                alerts, months = alerts + len(own), months + site.months
            for truth in (t for t in site.truth if t.falsified):
                interval = max((site.interval_s.get(c, 3600) for c in truth.channels), default=3600)
                tolerance = min(interval, 2 * HOUR_S)
                hit = any(lo < truth.end_s + tolerance and hi > truth.start_s - tolerance for lo, hi in own)
                found.setdefault((truth.injection, truth.level), []).append(hit)
        figures.append(BaselineFigures(name, threshold, alerts / months if months else float("nan"), found))
    return figures
