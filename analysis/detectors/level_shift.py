"""Has one channel left the level that its drivers ask for? The one-channel case of `joint_shift`, with the onset of
the shift."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.detectors.expected_level import level_contrasts
from analysis.detectors.hourly_table import HOURS_PER_DAY
from analysis.detectors.joint_shift import honest_covariance
from analysis.model.arrays import Bools, Floats, Ints

SHORT_WINDOW_H = 6
PERSISTS = 1 / 3
"""Part of the shift of the long window that the last six hours must still show: with less, the shift is over."""

MAX_ONSET_H = 15 * HOURS_PER_DAY
"""After half of the baseline's memory the shift has become the baseline."""


class LevelShift(NamedTuple):
    """`(h,)` each."""

    z: Floats
    """Contrast over its honest standard deviation, 0 once the shift is over; NaN where unknown. [1]"""
    contrast: Floats
    """[unit of the residual]"""
    starts: Ints
    """First hour of the shift."""


def level_shift(residual: Floats, *, reference: Bools, window: int, least_deviation: float = 0.0) -> LevelShift | None:
    """How far the last `window` hours of a residual lie from the weeks before.

    Parameters
    ----------
    residual : (h,) float64
        Hourly, from `relation_residual`; NaN where missing. [any]
    reference : (h,) bool
        Accepted hours.
    window : int
        [h]
    least_deviation : float
        By how much the level of an honest channel wanders at least, whatever the accepted hours show. [any]

    Returns
    -------
    LevelShift or None
        None without enough accepted hours.
    """
    contrasts = level_contrasts(residual[None, :], windows=(window, SHORT_WINDOW_H), per_day=HOURS_PER_DAY)
    contrast, recent = contrasts[window], contrasts[SHORT_WINDOW_H]
    long_variance = honest_covariance(contrast, reference=reference)
    short_variance = honest_covariance(recent, reference=reference)
    if long_variance is None or short_variance is None:
        return None
    z = contrast[0] / np.sqrt(long_variance[0, 0] + least_deviation**2)
    recent_z = recent[0] / np.sqrt(short_variance[0, 0] + least_deviation**2)
    with np.errstate(invalid="ignore"):
        is_over = recent[0] * np.sign(contrast[0]) < PERSISTS * np.abs(contrast[0])
    starts = np.where(z < 0, onset(-recent_z, window=window), onset(recent_z, window=window))
    return LevelShift(np.where(np.isfinite(z) & is_over, 0.0, z), contrast[0], starts)


def onset(recent_z: Floats, *, window: int) -> Ints:
    """First hour of the upward shift that a window ending at each hour shows.

    Parameters
    ----------
    recent_z : (h,) float64
        Signed z of the short window. [1]
    window : int
        Length of the long window. [h]

    Returns
    -------
    starts : (h,) int64
        The hour after the last one in which the short window showed less than one standard deviation, at most the
        longer of `window` and 15 days back, and never later than two hours before the last.
    """
    hours = np.arange(recent_z.size)
    with np.errstate(invalid="ignore"):
        quiet = np.where(recent_z < 1.0, hours, -1)
    last_quiet = np.maximum.accumulate(quiet)
    started = np.where(last_quiet >= 0, last_quiet + 1, hours + 1 - window)
    earliest = np.maximum(hours + 1 - max(window, MAX_ONSET_H), 0)
    return np.clip(np.minimum(started, hours - 2), earliest, hours).astype(np.int64)
