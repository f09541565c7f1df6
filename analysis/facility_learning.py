"""Thresholds of a facility learned from its own power; proposals until somebody has signed them.

Two weeks of minute data of an honest facility fall into clusters: standing still, idling, running. `learn_thresholds`
puts the thresholds into the gaps between them and says how clear the gaps are.
"""

from dataclasses import dataclass

import numpy as np

from analysis.facility_states import Floats, States

LEAST_SAMPLES = 1440
"""A day of minutes; two weeks are better. [samples]"""
BINS = 128
RUN_POSITION = 0.5
OFF_SHARE = 0.02
"""Below this share of the running level a facility is off, if it has no idle cluster to tell more exactly."""
CLEAR_SEPARATION = 0.75
"""Share of the variance that the split explains, above which two clusters are taken as two. [1]"""


@dataclass(frozen=True, slots=True)
class LearnedThresholds:
    """Proposed thresholds with what they rest on. [kW, except separation and samples]"""

    off_kw: float
    run_kw: float
    running_level_kw: float
    idle_level_kw: float
    separation: float  # 0 … 1, how much of the variance the split explains
    samples: int
    is_clear: bool
    """Running and not running are two clusters; without that the facility may never have stopped."""


def learn_thresholds(power_kw: Floats) -> LearnedThresholds:
    """Thresholds for `facility_states` from a stretch of power.

    Parameters
    ----------
    power_kw : (n_times,) float64
        Active power; NaN where missing. [kW]

    Raises
    ------
    ValueError
        With fewer than a day of minutes, or where power is never above zero.
    """
    known = power_kw[np.isfinite(power_kw)]
    if len(known) < LEAST_SAMPLES:
        raise ValueError(f"{len(known)} samples are too few to learn from; at least {LEAST_SAMPLES}")
    level = float(np.quantile(np.maximum(known, 0), 0.98))
    if level <= 0:
        raise ValueError("power is never above zero: nothing to learn")
    split, separation = _otsu(np.clip(known, 0, level))
    upper, lower = known[known > split], known[known <= split]
    running, resting = float(np.median(upper)), float(np.median(lower))
    is_clear = separation >= CLEAR_SEPARATION and running > 2 * max(resting, 0.0)
    run_kw = resting + RUN_POSITION * (running - resting) if is_clear else 0.3 * level
    idles = lower[lower > OFF_SHARE * running]
    idle = float(np.median(idles)) if len(idles) > 0.01 * len(known) and is_clear else 0.0
    off_kw = min(0.5 * idle if idle > 0 else OFF_SHARE * running, run_kw)
    return LearnedThresholds(off_kw, run_kw, running, idle, separation, len(known), is_clear)


def learn_ratio(
    treatment_kw: Floats,
    production_kw: Floats,
    treatment: States,
    production: States,
    *,
    run_state: int,
    quantile: float = 0.05,
) -> float:
    """Low quantile of treatment power over production power while both run; NaN if they never do. [1]"""
    both = (treatment == run_state) & (production == run_state) & (production_kw > 0)
    ratios = treatment_kw[both] / production_kw[both]
    ratios = ratios[np.isfinite(ratios)]
    return float(np.quantile(ratios, quantile)) if len(ratios) else float("nan")


def _otsu(values: Floats) -> tuple[float, float]:
    """The split into two classes that explains most of the variance, and how much it explains (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    weight = np.cumsum(counts) / counts.sum()
    mean = np.cumsum(counts * centres) / counts.sum()
    total = mean[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (total * weight - mean) ** 2 / (weight * (1 - weight))
    between = np.where(np.isfinite(between), between, 0.0)
    variance = float(np.sum(counts * (centres - total) ** 2) / counts.sum())
    # A gap gives a plateau of equal splits: its middle is furthest from both clusters.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    at = int(best[len(best) // 2])
    return float(edges[at + 1]), float(between.max() / variance) if variance > 0 else 0.0
