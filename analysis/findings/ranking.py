"""The inspection list: every site and month after acceptance, most suspect first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from analysis.detectors.interface import INNOCENT
from analysis.findings.finding import Finding, score_of

COLUMNS = ("rank", "site", "period", "score", "findings", "top_class", "top_finding")


@dataclass(frozen=True)
class Ranked:
    """One line of the list."""

    site: str
    period: str
    score: float
    findings: int
    top_class: str
    top_finding: str


def months(first_s: float, end_s: float, zone: ZoneInfo) -> list[tuple[str, float, float]]:
    """Calendar months that [first_s, end_s) touches: name, begin, end. [s, UTC]"""
    out: list[tuple[str, float, float]] = []
    moment = datetime.fromtimestamp(first_s, tz=UTC).astimezone(zone)
    year, month = moment.year, moment.month
    while (begin := datetime(year, month, 1, tzinfo=zone).timestamp()) < end_s:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        end = datetime(year, month, 1, tzinfo=zone).timestamp()
        name = datetime.fromtimestamp(begin, tz=UTC).astimezone(zone).strftime("%Y-%m")
        out.append((name, begin, end))
    return out


def rank(spans: Sequence[tuple[str, float, float]], findings: Iterable[Finding], *, zone: ZoneInfo) -> list[Ranked]:
    """Rank site-months.

    The findings of a month are combined as a Cauchy combination of small p-values is: the reciprocals of their expected
    numbers add up (Liu and Xie 2020, J. Am. Stat. Assoc. 115, 393-402), the strongest of each class and point only, so
    that one deed seen by several windows counts once.

    Parameters
    ----------
    spans : (site, first moment after acceptance, end of the data); [s, UTC]
    """
    by_site: dict[str, list[Finding]] = {}
    for one in findings:
        if one.fault not in INNOCENT and not one.is_explained:
            by_site.setdefault(one.site, []).append(one)
    lines = []
    for site, first_s, end_s in spans:
        for period, begin, end in months(first_s, end_s, zone):
            own = [one for one in by_site.get(site, []) if one.start_s < end and one.end_s > max(begin, first_s)]
            lines.append(_line(site, period, own))
    return sorted(lines, key=lambda line: (-line.score, line.site, line.period))


def _line(site: str, period: str, own: list[Finding]) -> Ranked:
    if not own:
        return Ranked(site, period, 0.0, 0, "", "")
    strongest: dict[tuple[str, str], float] = {}
    for one in own:
        key = (one.point, one.fault)
        strongest[key] = min(strongest.get(key, one.expected), one.expected)
    combined = 1.0 / sum(1.0 / max(expected, 1e-300) for _, expected in sorted(strongest.items()))
    top = min(own, key=lambda one: (not one.alert, one.expected, one.detected_s, one.id))
    return Ranked(site, period, round(score_of(combined), 6), len(own), top.fault, top.id)
