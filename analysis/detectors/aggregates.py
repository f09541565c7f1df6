"""Recomputing an aggregate from its parts: hour from minutes, day from hours, amounts, flow-weighted means, bounds.

An aggregate is judged only where every part of its interval has arrived, and only parts flagged N with a value count
(HJ 212-2017 table of data flags; HJ 75-2017 §9 on valid hours). A lost row therefore never makes a mismatch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

VALID_SHARE = {3600: 0.75, 86400: 20 / 24}
"""Least share of valid parts for an interval of this many seconds: 45 of 60 minutes, 20 of 24 hours (HJ 75-2017 §9,
HJ 76-2017)."""

MONTH_VALID_DAYS = 25
FEBRUARY_VALID_DAYS = 23


class Parts(NamedTuple):
    """Sums over the parts of each aggregate, all `(n,)`."""

    present: Array
    """Parts that arrived, whatever their flag. [1]"""
    valid: Array
    """Parts flagged N with a value. [1]"""
    total: Array
    """Sum of the valid values. [unit of the part]"""
    lowest: Array
    highest: Array
    latest: NDArray[np.int64]
    """Index of the last part of the interval, -1 if none."""


def parts_of(starts: Array, *, interval_s: float, times: Array, values: Array, normal: Mask) -> Parts:
    """Collect the parts that lie in each interval `[start, start + interval_s)`.

    Parameters
    ----------
    starts : (n,) float64
        Starts of the aggregates. [s, UTC]
    interval_s : float
        Length of the aggregate. [s]
    times : (m,) float64
        Starts of the parts, increasing. [s, UTC]
    values : (m,) float64
        NaN where the device had none. [any]
    normal : (m,) bool
        Flag N.

    Returns
    -------
    Parts
        `lowest` and `highest` are NaN where there is no valid part.
    """
    first = np.searchsorted(times, starts, side="left")
    end = np.searchsorted(times, starts + interval_s, side="left")
    valid = normal & np.isfinite(values)

    def between(per_part: Array) -> Array:
        running = np.concatenate([[0.0], np.cumsum(per_part)])
        return np.asarray(running[end] - running[first])

    centre = float(np.median(values[valid])) if valid.any() else 0.0
    count = between(valid.astype(np.float64))
    total = between(np.where(valid, values - centre, 0.0)) + centre * count
    return Parts(
        present=(end - first).astype(np.float64),
        valid=count,
        total=total,
        lowest=-_highest(first, end, np.where(valid, -values, -np.inf)),
        highest=_highest(first, end, np.where(valid, values, -np.inf)),
        latest=np.where(end > first, end - 1, -1),
    )


def _highest(first: NDArray[np.int64], end: NDArray[np.int64], values: Array) -> Array:
    """Maximum of each slice, NaN for slices without a finite value."""
    if values.size == 0:
        return np.full(first.shape, np.nan)
    # reduceat wants pairs: even results are the slices, odd ones what lies between; the guard keeps `end` a legal index
    guarded = np.append(values, -np.inf)
    pairs = np.stack([first, end], axis=1).ravel()
    top = np.maximum.reduceat(guarded, np.minimum(pairs, values.size))[::2]
    top = np.where(end > first, top, -np.inf)
    return np.where(np.isfinite(top), top, np.nan)


def mean_of_parts(parts: Parts, *, expected_count: int) -> Array:
    """Mean of the valid parts where all parts arrived, else NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((parts.present == expected_count) & (parts.valid > 0), parts.total / parts.valid, np.nan)


def sum_of_parts(parts: Parts, *, expected_count: int) -> Array:
    """Sum of the valid parts where all parts arrived, else NaN."""
    return np.where((parts.present == expected_count) & (parts.valid > 0), parts.total, np.nan)


def flow_weighted_mean(weighted: Parts, weights: Parts, *, arrived: Array, expected_count: int) -> Array:
    """Σ C·Q / Σ Q (HJ 356-2019 §6) over the parts in which both are valid, where all parts of both arrived, else NaN.

    Parameters
    ----------
    weighted : Parts
        Of the products of concentration and flow.
    weights : Parts
        Of the flow, where the concentration is valid too.
    arrived : (n,) float64
        Parts of the flow that arrived. [1]
    expected_count : int
        Parts in a whole interval. [1]

    Returns
    -------
    mean : (n,) float64
        [unit of the concentration]
    """
    complete = (weighted.present == expected_count) & (arrived == expected_count) & (weights.total > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(complete, weighted.total / weights.total, np.nan)


def too_few_valid(parts: Parts, *, expected_count: int, interval_s: float) -> Mask:
    """Whether an aggregate may not count as valid: all parts arrived, and fewer of them are valid than the standard
    asks.

    Parameters
    ----------
    parts : Parts
        Of each aggregate.
    expected_count : int
        Parts in a whole interval. [1]
    interval_s : float
        Length of the aggregate; one without a rule in `VALID_SHARE` gives False. [s]

    Returns
    -------
    invalid : (n,) bool
    """
    share = VALID_SHARE.get(int(interval_s))
    if share is None:
        return np.zeros(parts.valid.shape, dtype=bool)
    return np.asarray((parts.present == expected_count) & (parts.valid < share * expected_count - 1e-9))


def bound_excess(lower: Array, middle: Array, upper: Array, *, step: float) -> Array:
    """How many reporting steps the middle value lies outside its bounds (min ≤ avg ≤ max).

    Parameters
    ----------
    lower, middle, upper : (..., n) float64
        NaN where missing: that side is not checked. [any]
    step : float
        Reporting step; 0 counts excess in units of 1e-9 of the value. [same]

    Returns
    -------
    excess : (..., n) float64
        0 inside, NaN where nothing could be checked. [steps]
    """
    beyond = np.fmax(lower - middle, middle - upper)
    unit = step if step > 0 else 1e-9 * np.maximum(np.abs(middle), 1e-300)
    return np.where(np.isfinite(beyond), np.maximum(beyond / unit, 0.0), np.nan)


def counter_falls(total: Array, *, step: float) -> Array:
    """How many reporting steps a running counter fell below the reading before it.

    Parameters
    ----------
    total : (..., n) float64
        Counter readings, NaN where missing. [any]
    step : float
        Reporting step. [same]

    Returns
    -------
    fall : (..., n) float64
        0 where it rose or stood; NaN where missing. A change to less than a tenth is a new meter or a roll-over and
        counts as none.
        [steps]
    """
    present = np.isfinite(total)
    filled = np.where(present, total, -np.inf)
    index = np.where(present, np.arange(total.shape[-1]), 0)
    before_index = np.maximum.accumulate(index, axis=-1)
    before = np.take_along_axis(
        filled, np.concatenate([before_index[..., :1], before_index[..., :-1]], axis=-1), axis=-1
    )
    fall = before - total
    unit = step if step > 0 else 1e-9 * np.maximum(np.abs(total), 1e-300)
    fell = np.isfinite(fall) & (fall > 0) & (total >= 0.1 * before)
    return np.where(present, np.where(fell, fall / unit, 0.0), np.nan)
