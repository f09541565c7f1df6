"""Residuals of identities: what a site's own arithmetic keeps to, and where it stops.

Rounding bounds the residual of an honest derived value. What a logger does beyond the formula (conversion of means
instead of means of conversions, 273.15 for 273, a truncated digit) shows in the accepted rows and widens the bound,
once and for all; an identity that accepted rows keep only loosely is not used. Two statistics: one value out of
bounds, which needs no window, and the mean residual of a day, which sees a bias below the rounding of a single value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.detectors.expected_level import trailing_sum

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_REFERENCE_ROWS = 5
"""Enough to see that an identity holds to rounding; a habit beyond rounding takes `_ROWS_FOR_HABIT` to learn."""

_ROWS_FOR_HABIT = 24
_STRAY_SHARE = 0.002  # accepted rows that may break an identity without widening it: start-up hours, a logger's restart
_MAX_LOOSENESS = 0.02  # an identity that accepted rows keep only to 2 % says little about a falsification of 2 %
_MARGIN = 1.5
_CHANCE_OF_OWN_BOUND = 1e-6  # that residuals stay inside half a step although rounded inputs would carry them further


class Tightness(NamedTuple):
    """How closely the accepted rows keep an identity."""

    scale: float
    """Learned bound over rounding bound, ≥ 1. [1]"""
    bias: float
    """Mean residual over rounding bound. [1]"""
    rows: int
    is_usable: bool
    own_bound: float = 0.0
    """Half a reporting step where the logger computes from the rounded values, else 0. [unit of the channel]"""


def learn_tightness(
    residual: Array, *, bound: Array, sigma: Array, expected: Array, own_step: float, reference: Mask
) -> Tightness:
    """How far the residual of an identity goes in accepted rows.

    Parameters
    ----------
    residual : (n,) float64
        Reported less expected, NaN where the identity cannot be formed. [unit of the channel]
    bound : (n,) float64
        From `identities.rounding_tolerance`. [unit of the channel]
    sigma : (n,) float64
        Standard deviation of a residual under rounding. [unit of the channel]
    expected : (n,) float64
        Expected value. [unit of the channel]
    own_step : float
        Reporting step of the derived channel. [unit of the channel]
    reference : (n,) bool
        Accepted rows.

    Returns
    -------
    Tightness
        Not usable with fewer than `MIN_REFERENCE_ROWS` accepted rows, or if the learned bound is more than 2 % of
        the value.
    """
    rows = reference & np.isfinite(residual)
    count = int(rows.sum())
    if count < MIN_REFERENCE_ROWS:
        return Tightness(1.0, 0.0, count, False)
    own_bound = own_step / 2 * (1 + 1e-6) + 1e-9 * float(np.max(np.abs(expected[rows])))
    if (
        own_step > 0
        and _chance_of_staying(sigma[rows], own_step) < _CHANCE_OF_OWN_BOUND
        and np.abs(residual[rows]).max() <= own_bound
    ):
        return Tightness(1.0, 0.0, count, True, own_bound)
    ratio = np.sort(np.abs(residual[rows]) / bound[rows])
    reached = float(ratio[count - 1 - int(_STRAY_SHARE * count)])
    scale = 1.0 if reached <= 1.0 else _MARGIN * reached
    level = float(np.median(np.abs(expected[rows])))
    loose = scale > 1.0 and scale * float(np.median(bound[rows])) > _MAX_LOOSENESS * level
    signed = residual[rows] / bound[rows]
    bias = float(np.clip(signed, -1.0, 1.0).mean())
    return Tightness(scale, bias, count, not loose and (scale == 1.0 or count >= _ROWS_FOR_HABIT))


def _chance_of_staying(sigma: Array, own_step: float) -> float:
    """That honest residuals all stay inside half a step although the sources were rounded too.

    The own rounding is uniform on ± half a step h; what the sources add, w with standard deviation s, carries it out
    with probability E|w|/2h, about 0.4·s/h while w is below 2h.
    """
    added = np.sqrt(np.maximum(sigma**2 - own_step**2 / 12, 0.0))
    carried_out = np.minimum(0.4 * added / (own_step / 2), 0.9)
    return float(np.exp(np.log1p(-carried_out).sum()))


def bound_ratio(residual: Array, *, bound: Array, scale: float) -> Array:
    """|residual| over what rounding and the site's own habit allow: above 1 no honest arithmetic explains the value.
    [1]"""
    return np.abs(residual) / (bound * scale)


def mean_residual_z(residual: Array, *, bound: Array, sigma: Array, tightness: Tightness, window: int) -> Array:
    """Standard score of the mean residual of the last `window` rows that have one.

    Parameters
    ----------
    residual, bound, sigma : (n,) float64
        As in `bound_ratio`; `sigma` is the standard deviation of one residual under rounding. [unit of the channel]
    tightness : Tightness
        Learned bias and scale.
    window : int
        Rows. [1]

    Returns
    -------
    z : (n,) float64
        Signed; NaN with fewer than half a window of rows. Single residuals are held inside ±1 bound, so that one
        broken value, which `bound_ratio` sees, does not speak for a day. [1]
    """
    present = np.isfinite(residual)
    limited = np.clip(residual, -bound, bound) - tightness.bias * bound
    total = trailing_sum(np.where(present, limited, 0.0), window=window)
    variance = trailing_sum(np.where(present, (sigma * tightness.scale) ** 2, 0.0), window=window)
    count = trailing_sum(present.astype(np.float64), window=window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(present & (count >= window / 2), total / np.sqrt(variance), np.nan)


def best_convention(ratios: list[Array], *, reference: Mask) -> int:
    """Which of several readings of a formula a site keeps: the one with the smallest median |residual| over bound.

    Parameters
    ----------
    ratios : list of (n,) float64
        |residual| / bound under each convention.
    reference : (n,) bool
        Accepted rows.

    Returns
    -------
    index : int
        The first of equals; 0 if no accepted row can tell.
    """
    medians = [float(np.median(known)) if (known := r[reference & np.isfinite(r)]).size else np.inf for r in ratios]
    return int(np.argmin(medians))
