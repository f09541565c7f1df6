"""A finding: what is suspected, since when it stands, why, and what would explain it innocently."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from analysis.dataset.times import format_time


@dataclass(frozen=True)
class Finding:
    """One line of `findings.jsonl`, times still in seconds.

    `expected` ranks it: findings as rare as this per honest site and month.
    """

    site: str
    point: str
    channels: tuple[str, ...]
    start_s: float
    end_s: float
    detected_s: float
    detector: str
    detector_version: str
    fault: str
    alternatives: tuple[str, ...]
    expected: float
    statistic: float
    threshold: float
    alert: bool
    is_explained: bool
    evidence: dict[str, float | str | None]
    explanation: dict[str, str]
    innocent_if: dict[str, str]

    @property
    def id(self) -> str:
        """Hash of what never changes once the finding stands."""
        fixed = (self.site, self.point, *self.channels, self.detector, f"{self.start_s:.3f}", f"{self.detected_s:.3f}")
        return hashlib.sha256("\x1f".join(fixed).encode()).hexdigest()[:16]

    @property
    def p_value(self) -> float:
        """Probability that an honest site shows a finding as rare as this within a month, of whatever detector."""
        return -math.expm1(-self.expected)

    @property
    def score(self) -> float:
        """0 to 1; 0.5 where honest data would show as much once a month."""
        return score_of(self.expected)

    def line(self, zone: ZoneInfo) -> dict[str, Any]:
        """The object that `findings.jsonl` holds."""
        return {
            "id": self.id,
            "site": self.site,
            "point": self.point,
            "channels": list(self.channels),
            "start": format_time(self.start_s, zone=zone),
            "end": format_time(self.end_s, zone=zone),
            "detected_at": format_time(self.detected_s, zone=zone),
            "detector": self.detector,
            "detector_version": self.detector_version,
            "class": self.fault,
            "alternatives": list(self.alternatives),
            "score": round(self.score, 6),
            "p_value": significant(self.p_value),
            "statistic": significant(self.statistic),
            "threshold": significant(self.threshold),
            "alert": self.alert,
            "evidence": self.evidence,
            "explanation": self.explanation,
            "innocent_if": self.innocent_if,
        }


def score_of(expected: float) -> float:
    """Map an expected number of honest alerts to 0..1, falling; four decades are one step of the odds."""
    return 1.0 / (1.0 + math.sqrt(math.sqrt(max(expected, 0.0))))


def significant(value: float, *, digits: int = 6) -> float | None:
    """The number to some significant digits; `None` for what JSON cannot hold."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
