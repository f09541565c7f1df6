"""Every miss, wrong name and false alert in detail, for those who work on the detectors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from simulators.falsification.dataset import SHANGHAI
from tests.evaluation.cohort import Cohort
from tests.evaluation.matching import HOUR_S, Finding, Verdict
from tests.evaluation.program import Result
from tests.evaluation.scoring import control_verdicts, verdicts


def clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, SHANGHAI).strftime("%m-%d %H:%M")


def finding_line(f: Finding) -> str:
    return (
        f"      {'ALERT' if f.alert else 'quiet'} {f.detector} class={f.class_name} alt={list(f.alternatives)[:3]} "
        f"{sorted(f.channels)[:4]} {clock(f.start_s)} … {clock(f.end_s)} detected {clock(f.detected_s)} "
        f"score={f.score:.3f} p={f.p_value:.2g}"
    )


def describe(cohort: Cohort, result: Result) -> Iterable[str]:
    """Lines of text: missed and misnamed injections, then wrongly alerted innocent events, then false alerts."""
    for verdict in verdicts(cohort, result):
        if not verdict.found or not verdict.named:
            yield from _describe_verdict(verdict, result.findings.get(verdict.truth.site, []))
    for control in control_verdicts(cohort, result):
        if control.wrong and not control.truth.falsified:
            t = control.truth
            yield f"WRONGLY ALERTED {t.injection} site={t.site} {t.channels[:3]} {clock(t.start_s)} … {clock(t.end_s)}"
            yield from (finding_line(f) for f in control.wrong[:6])
    for site in cohort.honest:
        wrong = [f for f in result.findings.get(site.id, []) if f.accuses and f.end_s > site.accepted_s]
        if wrong:
            yield f"FALSE ALERTS honest site={site.id} judged {clock(site.accepted_s)} … {clock(site.end_s)}"
            yield from (finding_line(f) for f in wrong[:8])


def _describe_verdict(verdict: Verdict, findings: list[Finding]) -> Iterable[str]:
    t = verdict.truth
    word = "MISNAMED" if verdict.found else "MISSED"
    yield (
        f"{word} {t.injection} {t.level} {t.class_name} variant={t.variant} site={t.site} {t.channels[:4]} "
        f"{clock(t.start_s)} … {clock(t.end_s)} ({(t.end_s - t.start_s) / HOUR_S:.0f} h)"
    )
    day = 24 * HOUR_S
    near = [f for f in findings if f.start_s < t.end_s + day and f.end_s > t.start_s - day]
    near.sort(key=lambda f: (not f.alert, -f.score))
    yield from (finding_line(f) for f in near[:6])
    if not near:
        yield "      no finding near"
