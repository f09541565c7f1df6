"""Findings as the analysis makes them, without an analysis."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from analysis.findings.finding import Finding
from analysis.findings.ranking import rank
from analysis.run import Result

ZONE = ZoneInfo("Asia/Shanghai")
START_S = datetime(2026, 3, 10, tzinfo=ZONE).timestamp()
HOUR_S = 3600.0

STUCK = Finding(
    site="S01",
    point="A1",
    channels=("nox",),
    start_s=START_S,
    end_s=START_S + 5 * HOUR_S,
    detected_s=START_S + 4 * HOUR_S,
    detector="stuck_value",
    detector_version="1",
    fault="stuck_value",
    alternatives=("narrow_band",),
    expected=0.001,
    statistic=5.0,
    threshold=3.0,
    alert=True,
    is_explained=False,
    evidence={"value": 31.5},
    explanation={"en": "Suspected, because it stood still.", "zh": "疑似恒值"},
    innocent_if={"en": "The plant stood still.", "zh": "停产"},
)
WEAK = replace(STUCK, detector="smoothed", fault="smoothed", expected=2.0, alert=False)


def result(*findings: Finding) -> Result:
    """A result with its inspection list for March 2026."""
    end_s = datetime(2026, 4, 1, tzinfo=ZONE).timestamp()
    sites = sorted({finding.site for finding in findings} | {"S01"})
    ranking = rank([(site, START_S, end_s) for site in sites], findings, zone=ZONE)
    return Result(list(findings), ranking, {})
