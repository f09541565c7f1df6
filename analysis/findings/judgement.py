"""Episodes of a site become findings: when each stands, whether it alerts, and which class it gets.

Time order decides. An episode alerts at its first window that is rare enough, lies after accepted history and is not
explained by what was known at that moment of an innocent class. What comes later may name the class better; it never
takes an alert back.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from analysis.calibration.budget import Budget
from analysis.calibration.exceedances import HOUR_S
from analysis.detectors.interface import INNOCENT
from analysis.findings.episodes import Episode
from analysis.findings.explanation import told
from analysis.findings.finding import Finding, significant
from analysis.model.arrays import Bools

# What a detector of an innocent class explains away when it covers at least half of the window. Contradictions of
# arithmetic, copies and edits are explained by none of them.
EXPLAINS: dict[str, frozenset[str]] = {
    "instrument_fault": frozenset(
        {"stuck_value", "narrow_band", "synthetic_noise", "smoothed", "offset", "scaled", "clipped"}
    ),
    "frozen_cabinet": frozenset(
        {
            "stuck_value", "narrow_band", "synthetic_noise", "smoothed", "offset", "scaled", "capped", "clipped",
            "flow_coefficient_edited", "diluted_with_air", "diluted_with_zero_gas", "oxygen_tampered",
        }
    ),
    "reporting_step_changed": frozenset({"stuck_value", "smoothed", "narrow_band", "capped", "clipped"}),
    "documented_change": frozenset(
        {
            "stuck_value", "narrow_band", "synthetic_noise", "smoothed", "offset", "scaled", "flow_coefficient_edited",
            "diluted_with_air", "diluted_with_zero_gas", "oxygen_tampered",
        }
    ),
    "process_change": frozenset(
        {
            "scaled", "offset", "narrow_band", "synthetic_noise", "smoothed", "capped", "clipped", "treatment_off",
            "flow_coefficient_edited", "diluted_with_air", "diluted_with_zero_gas", "oxygen_tampered",
        }
    ),
    "network_outage": frozenset({"selective_gap", "smoothed", "stuck_value", "false_flag"}),
}  # fmt: skip
_COVERED = 0.5
_STRONG = 0.01  # expected per honest site and month


def judge(found: Sequence[Episode], *, budget: Budget, accepted_until_s: float | None, zone: ZoneInfo) -> list[Finding]:
    """Findings of one site, in order of detection."""
    innocent = [episode for episode in found if episode.fault in INNOCENT]
    out = []
    for episode in found:
        is_innocent = episode.fault in INNOCENT
        explained = np.zeros(len(episode.start_s), dtype=np.bool_) if is_innocent else _explained(episode, innocent)
        may_alert = ~explained & ~episode.accepted & (episode.expected <= budget.alert_below)
        if is_innocent or (accepted_until_s is not None and episode.end_s.max() <= accepted_until_s):
            may_alert[:] = False
        out.append(_finding(episode, found, may_alert, bool(explained.all()) and not is_innocent, zone))
    return sorted(out, key=lambda one: (one.detected_s, one.start_s, one.point, one.channels, one.detector, one.fault))


def _explained(episode: Episode, innocent: Sequence[Episode]) -> Bools:
    """Windows that an innocent episode, as known when the window stood, covers by half. (n,)"""
    out = np.zeros(len(episode.start_s), dtype=np.bool_)
    length = np.maximum(episode.end_s - episode.start_s, 1.0)
    for other in innocent:
        if episode.fault not in EXPLAINS[other.detector.name] or not _same_channels(episode, other):
            continue
        start, end = other.interval_known_at(episode.available_s)
        shared = np.minimum(end, episode.end_s) - np.maximum(start, episode.start_s)
        out |= shared >= _COVERED * length
    return out


def _same_channels(one: Episode, other: Episode) -> bool:
    if one.target.point != other.target.point:
        return not other.target.point
    return not other.target.channels or not set(one.target.channels).isdisjoint(other.target.channels)


def _finding(
    episode: Episode, found: Sequence[Episode], may_alert: Bools, is_explained: bool, zone: ZoneInfo
) -> Finding:
    alert = bool(may_alert.any())
    stands = int(np.argmax(may_alert)) if alert else 0
    peak = int(np.argmin(np.where(may_alert, episode.expected, np.inf))) if alert else int(np.argmin(episode.expected))
    source = episode.exceedances[int(episode.source[peak])]
    place = int(episode.place[peak])
    start_s, end_s = float(episode.start_s[: stands + 1].min()), float(episode.end_s.max())
    fault, alternatives = _named(episode, found)
    quoted: dict[str, float | str] = {name: array[place].item() for name, array in source.evidence.items()}
    evidence: dict[str, float | str | None] = {
        name: value if isinstance(value, str) else significant(value) for name, value in quoted.items()
    }
    evidence |= {
        "window_h": significant(float(source.end_s[place] - source.start_s[place]) / HOUR_S),
        "expected_per_honest_site_month": significant(float(episode.expected[peak])),
        "reference_blocks": float(source.reference_blocks),
    }
    if source.stream:
        evidence["stream"] = source.stream
    figures = {
        **quoted,
        "score": float(source.score[place]),
        "threshold": source.threshold,
    }
    explanation, innocent_if = told(episode, figures, start_s=start_s, end_s=end_s, zone=zone)
    return Finding(
        site=episode.target.site,
        point=episode.target.point,
        channels=episode.target.channels,
        start_s=start_s,
        end_s=end_s,
        detected_s=float(episode.available_s[stands]),
        detector=episode.detector.name,
        detector_version=episode.detector.version,
        fault=fault,
        alternatives=alternatives,
        expected=float(episode.expected[peak]),
        statistic=float(source.score[place]),
        threshold=source.threshold,
        alert=alert,
        is_explained=is_explained,
        evidence=evidence,
        explanation=explanation,
        innocent_if=innocent_if,
    )


def _about_the_same(episode: Episode, other: Episode) -> bool:
    """Whether another episode covers half of this one, or is a strong one of which this one covers half."""
    start, end = episode.start_s.min(), episode.end_s.max()
    other_start, other_end = other.start_s.min(), other.end_s.max()
    shared = min(end, other_end) - max(start, other_start)
    if shared >= _COVERED * (end - start):
        return True
    return bool(other.expected.min() <= _STRONG and shared >= _COVERED * (other_end - other_start))


def _named(episode: Episode, found: Sequence[Episode]) -> tuple[str, tuple[str, ...]]:
    """The class of an episode: its own, or that of a more specific one which shares channels and half of the time."""
    if episode.fault in INNOCENT:
        return episode.fault, episode.detector.alternatives
    rivals = [
        other
        for other in found
        if other is not episode
        and other.fault not in INNOCENT
        and other.target.point == episode.target.point
        and not set(other.target.channels).isdisjoint(episode.target.channels)
        and _about_the_same(episode, other)
    ]
    ordered = sorted(
        [episode, *rivals],
        key=lambda one: (-one.detector.specificity, float(one.expected.min()), one.detector.name, one.fault),
    )
    classes = list(
        dict.fromkeys(
            [*(one.fault for one in ordered), *ordered[0].detector.alternatives, *episode.detector.alternatives]
        )
    )
    return classes[0], tuple(classes[1:])
