"""In which way does a reported value differ from the one that other channels imply?

Where an input was altered and a derived channel was not (or the other way round), arithmetic gives the honest value
back, and the manner of the alteration can be read off: one factor, one difference, a constant, a ceiling. All
figures are of the broken samples among the last `WINDOW`, so that a verdict uses nothing later; it may change as
more samples come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.detectors.expected_level import trailing_sum
from analysis.model.arrays import Bools, Floats

WINDOW = 168
LEAST_ROWS = 3

PATTERNS = ("", "stuck_value", "narrow_band", "clipped", "capped", "scaled", "offset")
"""Names by code; 0 is none of them."""

_STEADY = 0.1  # spread of a factor or difference over its size: rounding stays far below, other patterns far above
_LEAST_FACTOR = 0.03


class Disagreement(NamedTuple):
    """Per sample, over the broken samples of the window. `(n,)` each."""

    code: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    """Index into `PATTERNS`."""
    factor: Floats
    """Geometric mean of reported / implied. [1]"""
    difference: Floats
    """Mean of reported − implied. [unit of the channel]"""
    spread: Floats
    """Relative spread of the factor or of the difference, the smaller; inf with fewer than `LEAST_ROWS`. [1]"""


def describe(reported: Floats, implied: Floats, *, broken: Bools, step: float) -> Disagreement:
    """Describe the disagreement of two series.

    Parameters
    ----------
    reported, implied : (n,) float64
        NaN where missing. [any]
    broken : (n,) bool
        Samples in which they disagree beyond rounding.
    step : float
        Reporting step. [same]

    Returns
    -------
    Disagreement
    """
    known = np.isfinite(reported) & np.isfinite(implied)
    rows, intact = broken & known, known & ~broken
    count = trailing_sum(rows.astype(np.float64), window=WINDOW)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(np.where((reported > 0) & (implied > 0), reported / implied, np.nan))
    log_factor, factor_spread = _mean_and_spread(ratio, rows)
    difference, difference_spread = _mean_and_spread(reported - implied, rows)
    reported_mean, reported_spread = _mean_and_spread(reported, rows)
    implied_mean, implied_spread = _mean_and_spread(implied, rows)
    intact_mean, intact_spread = _mean_and_spread(implied, intact)
    raised = trailing_sum((rows & (reported > implied)).astype(np.float64), window=WINDOW)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_factor, by_difference = factor_spread / np.abs(log_factor), difference_spread / np.abs(difference)
        enough = count >= LEAST_ROWS
        flat = (reported_spread <= 0.6 * step + 1e-9 * np.abs(implied_mean)) & (implied_spread > 3 * reported_spread)
        lowered_peaks = (raised == 0) & (reported_mean > intact_mean + intact_spread)
        conditions = [
            enough & flat & lowered_peaks,
            enough & flat,
            enough & (by_factor <= by_difference) & (by_factor < _STEADY) & (np.abs(log_factor) > _LEAST_FACTOR),
            enough & (by_difference < by_factor) & (by_difference < _STEADY),
            enough & lowered_peaks,
            (count >= 2 * LEAST_ROWS) & (reported_spread < 0.2 * implied_spread),
        ]
    names = ("clipped", "stuck_value", "scaled", "offset", "capped", "narrow_band")
    code = np.select(conditions, [PATTERNS.index(name) for name in names], default=0)
    spread = np.where(enough, np.fmin(by_factor, by_difference), np.inf)
    return Disagreement(
        code.astype(np.int64), np.exp(log_factor), difference, np.where(np.isnan(spread), np.inf, spread)
    )


def _mean_and_spread(values: Floats, rows: Bools) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the chosen samples of each window, NaN where there are none."""
    rows = rows & np.isfinite(values)
    centre = float(np.median(values[rows])) if rows.any() else 0.0
    shifted = np.where(rows, values - centre, 0.0)
    count = trailing_sum(rows.astype(np.float64), window=WINDOW)
    count = np.where(count > 0, count, np.nan)
    mean = trailing_sum(shifted, window=WINDOW) / count
    square = trailing_sum(shifted**2, window=WINDOW) / count
    # running sums leave rounding of the largest square behind
    noise = 1e-12 * float(np.max(shifted**2, initial=0.0))
    return mean + centre, np.sqrt(np.maximum(square - mean**2 - noise, 0.0))
