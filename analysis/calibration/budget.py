"""How much of the alert budget a stream of scores may use on honest data."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.calibration.tail import BLOCK_S
from analysis.detectors.interface import INNOCENT, Detector

MONTH_S = 30 * 86400
# Streams exceed together and tails are believed by a share only: of the alerts that all streams add up to, honest
# development data (simulated, the real series, the second source) showed 0.08, 0.30 and 0.15.
REALISED_SHARE = 0.5
# Findings that do not alert are still worth a line below the alerts, down to this many times the budget.
CANDIDATE_FACTOR = 2.0


@dataclass(frozen=True)
class Budget:
    """Alerts of falsification classes that honest data may cause, per site and month."""

    alerts_per_site_month: float

    def __post_init__(self) -> None:
        if not self.alerts_per_site_month > 0:
            raise ValueError("alerts per site and month must be above 0")

    @property
    def alert_below(self) -> float:
        """An exceedance alerts if it is expected at most so often per site and month."""
        return self.alerts_per_site_month

    @property
    def candidate_below(self) -> float:
        """An exceedance is a finding if it is expected at most so often per site and month."""
        return CANDIDATE_FACTOR * max(1.0, self.alerts_per_site_month)


def weights(detectors: Sequence[Detector]) -> dict[str, float]:
    """Each calibrated detector's part of the budget; the innocent classes never alert, and have their own."""
    out: dict[str, float] = {}
    for innocent in (False, True):
        group = [d for d in detectors if d.kind == "calibrated" and (d.fault in INNOCENT) is innocent]
        total = sum(detector.share for detector in group)
        out |= {detector.name: detector.share / total for detector in group}
    return out


def occasions_per_month(window_s: float) -> float:
    """Separate alerts that a stream could raise in a month: blocks, fewer for windows that exceed together."""
    return MONTH_S / max(BLOCK_S, window_s / 2.0)
