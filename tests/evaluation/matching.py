"""What counts as found, as named and as a false alert. Strict, and the same for the program and the baselines.

Found: an alert of the right site, of a falsification class, raised after the falsification became visible and before
the judged period ends, whose interval overlaps the true one. The true interval is widened by one reporting interval of
the falsified channel (at most 2 h) on both sides, no more. An alert that stood before cannot be about it.
Found on the right channel: one of these alerts shares a channel with the truth. Long intervals are hit by chance; this
is the stricter figure.
Named: among the alerts that found it and share a channel with the truth, that with the highest score bears the true
class (top 1), or names it among its first two alternatives (top 3). An injection that was found on other channels
only counts as misnamed.
False alerts: alerts on honest sites, merged over channels where they overlap or lie less than 6 h apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from simulators.falsification.site import Truth

HOUR_S = 3600.0
MERGE_S = 6 * HOUR_S
TOLERANCE_MOST_S = 2 * HOUR_S
INNOCENT = frozenset({"instrument_fault", "process_change", "network_outage"})

Interval = tuple[float, float]


@dataclass(slots=True)
class Finding:
    """A line of findings.jsonl, times as seconds since 1970, channels as `point/channel` within the site."""

    site: str
    channels: frozenset[str]
    start_s: float
    end_s: float
    detected_s: float
    class_name: str
    alternatives: tuple[str, ...]
    score: float
    p_value: float
    alert: bool
    detector: str

    @classmethod
    def from_json(cls, line: dict[str, object]) -> Finding:
        point = str(line["point"]).split("/")[-1]
        names = [str(name) for name in line["channels"]]  # type: ignore[union-attr]
        return cls(
            site=str(line["site"]),
            channels=frozenset("/".join(n.split("/")[-2:]) if "/" in n else f"{point}/{n}" for n in names),
            start_s=datetime.fromisoformat(str(line["start"])).timestamp(),
            end_s=datetime.fromisoformat(str(line["end"])).timestamp(),
            detected_s=datetime.fromisoformat(str(line["detected_at"])).timestamp(),
            class_name=str(line["class"]),
            alternatives=tuple(line["alternatives"]),  # type: ignore[arg-type]
            score=float(line["score"]),  # type: ignore[arg-type]
            p_value=float("nan") if line.get("p_value") is None else float(line["p_value"]),  # type: ignore[arg-type]
            alert=bool(line["alert"]),
            detector=str(line["detector"]),
        )

    @property
    def accuses(self) -> bool:
        return self.alert and self.class_name not in INNOCENT


@dataclass(slots=True)
class Verdict:
    """How one true falsification fared."""

    truth: Truth
    found: bool
    named: bool = False
    named_in_three: bool = False
    shares_channel: bool = False
    hours_to_detect: float | None = None
    overlap: float = 0.0  # intersection over union of the interval
    onset_error_h: float | None = None
    called: str = ""  # the class of the alert with the highest score that shares a channel
    matched: list[Finding] = field(default_factory=list)


def judge(
    truth: Truth,
    findings: Iterable[Finding],
    *,
    judged_until_s: float,
    interval_s: float,
    extra: frozenset[str] = frozenset(),
) -> Verdict:
    """The verdict on one falsification; `extra`: channels that may be accused as well (outlets a facility serves)."""
    tolerance = min(interval_s, TOLERANCE_MOST_S)
    lo, hi = truth.start_s - tolerance, truth.end_s + tolerance
    onset = truth.known_s or truth.start_s
    raised = [f for f in findings if f.accuses and f.site == truth.site and onset <= f.detected_s <= judged_until_s]
    matched = [f for f in raised if f.start_s < hi and f.end_s > lo]
    if not matched:
        return Verdict(truth, found=False)
    verdict = Verdict(truth, found=True, matched=matched)
    channels = frozenset(truth.channels) | extra
    sharing = sorted((f for f in matched if f.channels & channels), key=lambda f: -f.score)
    if not sharing:
        return verdict
    right = {truth.class_name, *truth.also}
    best = sharing[0]
    verdict.shares_channel, verdict.called = True, best.class_name
    verdict.hours_to_detect = (min(f.detected_s for f in sharing) - onset) / HOUR_S
    verdict.named = best.class_name in right
    verdict.named_in_three = verdict.named or bool(right & set(best.alternatives[:2]))
    verdict.overlap = intersection_over_union([(f.start_s, f.end_s) for f in sharing], (truth.start_s, truth.end_s))
    verdict.onset_error_h = abs(min(f.start_s for f in sharing) - truth.start_s) / HOUR_S
    return verdict


def intersection_over_union(found: Sequence[Interval], true: Interval) -> float:
    """Of the union of the found intervals with the true one; 0 when nothing overlaps."""
    union = merge(found, gap_s=0.0)
    inside = sum(max(0.0, min(hi, true[1]) - max(lo, true[0])) for lo, hi in union)
    whole = sum(hi - lo for lo, hi in union) + (true[1] - true[0]) - inside
    return inside / whole if whole > 0 else 0.0


def merge(intervals: Sequence[Interval], *, gap_s: float = MERGE_S) -> list[Interval]:
    """Intervals joined where they overlap or lie less than `gap_s` apart."""
    joined: list[Interval] = []
    for lo, hi in sorted(intervals):
        if (joined and lo - joined[-1][1] < gap_s) or (joined and lo <= joined[-1][1]):
            joined[-1] = (joined[-1][0], max(joined[-1][1], hi))
        else:
            joined.append((lo, hi))
    return joined


def false_alerts(findings: Iterable[Finding], *, since_s: float, until_s: float) -> list[Interval]:
    """The merged alerts of one honest site that stand in [since_s, until_s)."""
    own = [(f.start_s, f.end_s) for f in findings if f.accuses and f.end_s > since_s and f.start_s < until_s]
    return merge(own)
