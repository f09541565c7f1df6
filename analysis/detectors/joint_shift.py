"""Which way have several channels moved together?

Residual contrasts of k channels form a vector. A falsification moves it in its own direction: air in the sample line
lowers every gas and (21 − O) by one factor, zero gas lowers every gas and O by one factor, an oxygen edit moves O
alone. The score is the projection on that direction in units of honest scatter (a matched filter: Hotelling's T²
confined to one direction), and what the direction leaves unexplained decides between directions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SHRINKAGE = 0.05  # of the covariance towards its diagonal: NO and NOx move as one, and the matrix must stay invertible
_WINSOR = 0.99
_LEAST_ROWS_PER_CHANNEL = 24


class Shift(NamedTuple):
    """Projections on some directions, all `(d, n)`; NaN where a channel is missing."""

    z: Array
    """Signed projection over its honest standard deviation. [1]"""
    amplitude: Array
    """Least-squares multiple of the direction. [unit of the contrasts]"""
    misfit: Array
    """What is left of T², chi-square with k − 1 degrees of freedom under the direction. [1]"""


def honest_covariance(contrast: Array, *, reference: Mask) -> Array | None:
    """Second moments of the contrasts in accepted rows, about zero, winsorised and shrunk towards the diagonal.

    Parameters
    ----------
    contrast : (k, n) float64
        NaN where missing. [any]
    reference : (n,) bool
        Accepted rows.

    Returns
    -------
    covariance : (k, k) float64 or None
        None if there are fewer than a day of complete accepted rows per channel, or a channel never moved.
    """
    rows = contrast[:, reference & np.isfinite(contrast).all(axis=0)]
    if rows.shape[1] < _LEAST_ROWS_PER_CHANNEL * contrast.shape[0]:
        return None
    ordered = np.sort(np.abs(rows), axis=1)
    place, part = divmod(_WINSOR * (rows.shape[1] - 1), 1.0)
    bound = ordered[:, int(place), None] * (1 - part) + ordered[:, int(place) + 1, None] * part
    rows = np.minimum(np.maximum(rows, -bound), bound)
    covariance = rows @ rows.T / rows.shape[1]
    if not (np.diag(covariance) > 0).all():
        return None
    return np.asarray((1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance)))


def shift_along(contrast: Array, *, directions: Array, covariance: Array) -> Shift:
    """Project contrasts on directions.

    Parameters
    ----------
    contrast : (k, n) float64
        NaN where missing. [any]
    directions : (d, k) float64
        Signed patterns of the falsifications, as for amplitude 1.
    covariance : (k, k) float64
        From `honest_covariance`.

    Returns
    -------
    Shift
        With d a direction, S the covariance, c a contrast: amplitude (dᵀS⁻¹c)/(dᵀS⁻¹d), z = (dᵀS⁻¹c)/√(dᵀS⁻¹d),
        misfit cᵀS⁻¹c − z².
    """
    inverse = np.linalg.inv(covariance)
    filtered = directions @ inverse
    power = (filtered * directions).sum(axis=1)[:, None]
    projected = filtered @ contrast
    t_squared = (contrast * (inverse @ contrast)).sum(axis=0)
    return Shift(z=projected / np.sqrt(power), amplitude=projected / power, misfit=t_squared - projected**2 / power)


def score_where_best(shift: Shift, *, wanted: int) -> Array:
    """Positive z of one direction where none of the others explains the contrast better, else 0.

    Scaled by the share of T² that the direction explains: a wild vector has a projection on everything.

    Parameters
    ----------
    shift : Shift
        Of all directions considered. Opposite movements (negative z) explain nothing.
    wanted : int
        The direction asked for.

    Returns
    -------
    score : (n,) float64
        NaN where a channel is missing. [1]
    """
    misfit = shift.misfit + np.where(shift.z > 0, 0.0, shift.z**2)
    z = shift.z[wanted]
    with np.errstate(invalid="ignore", divide="ignore"):
        explained = np.where(z > 0, z**2 / (z**2 + shift.misfit[wanted]), 0.0)
    score = np.where(misfit[wanted] <= misfit.min(axis=0), np.maximum(z, 0.0) * explained, 0.0)
    return np.where(np.isfinite(z), score, np.nan)
