"""What a channel should read, given the channels that drive it, and how far it has been from that lately.

Strategy: a robust regression on the accepted rows (winsorised second-degree terms, so that a season outside the
reference does not extrapolate) gives a residual; the residual of the last hours is compared with the median of the
days before them. A sudden change of the relation stands out at once, a slow honest one (season, ageing) is followed,
and an honest lasting one (retrofit) is re-learned within half of `BASELINE_DAYS`. Everything looks back only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BASELINE_DAYS = 30
"""A month: long against the falsifications looked for, short against a season."""

_MIN_BASELINE_DAYS = 3
_FOLDS = 5
_HUBER_SIGMAS = (
    1.5  # the usual Huber tuning near 1.345; a little wider as the scale is the MAD of an autocorrelated series
)


def design_matrix(predictors: Array, reference: Mask) -> Array:
    """Constant, linear and square terms of standardised predictors, held inside their accepted range.

    Parameters
    ----------
    predictors : (p, n) float64
        One row per driving channel, NaN where missing. [any]
    reference : (n,) bool
        Rows that were accepted as honest.

    Returns
    -------
    design : (n, 1 + 2p) float64
        NaN in the rows where a predictor is missing. A predictor without spread gives zeros. [1]
    """
    n = predictors.shape[1]
    columns = [np.ones(n)]
    for row in predictors:
        known = row[reference & np.isfinite(row)]
        if known.size == 0:
            columns += [np.full(n, np.nan)] * 2
            continue
        low, centre, high = np.quantile(known, [0.005, 0.5, 0.995])
        spread = high - low
        scaled = (np.clip(row, low, high) - centre) / spread if spread > 0 else np.where(np.isfinite(row), 0.0, np.nan)
        columns += [scaled, scaled**2]
    return np.stack(columns, axis=1)


def _robust_fit(design: Array, target: Array) -> Array:
    """Huber regression by re-weighted least squares; a touch of ridge keeps constant columns harmless."""
    ridge = 1e-6 * len(target) * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    weight = np.ones(len(target))
    coefficients: Array = np.zeros(design.shape[1])
    for _ in range(8):
        weighted = design * weight[:, None]
        coefficients = np.asarray(np.linalg.solve(weighted.T @ design + ridge, weighted.T @ target), dtype=np.float64)
        error = np.abs(target - design @ coefficients)
        bound = _HUBER_SIGMAS * max(1.4826 * float(np.median(error)), 1e-12)
        weight = bound / np.maximum(error, bound)
    return coefficients


def relation_residual(predictors: Array, targets: Array, reference: Mask) -> Array:
    """Targets less what the predictors say, learned from the reference rows alone.

    Inside the reference the residual of a row comes from a fit without its own fifth of the reference: in-sample
    residuals would be smaller than later ones, and thresholds taken from them too low.

    Parameters
    ----------
    predictors : (p, n) float64
        Driving channels, `p` may be 0; NaN where missing. [any]
    targets : (k, n) float64
        Channels to be explained, NaN where missing. [any, often a logarithm]
    reference : (n,) bool
        Accepted rows.

    Returns
    -------
    residual : (k, n) float64
        NaN where the target or a predictor is missing, and everywhere if the reference has fewer than ten rows per
        coefficient.
        [unit of the targets]
    """
    design = design_matrix(predictors, reference)
    complete = np.isfinite(design).all(axis=1)
    residual = np.full_like(targets, np.nan)
    for target, out in zip(targets, residual, strict=True):
        usable = complete & np.isfinite(target)
        known = np.flatnonzero(usable & reference)
        if known.size < 10 * design.shape[1]:
            continue
        whole = _robust_fit(design[known], target[known])
        out[usable] = target[usable] - design[usable] @ whole
        fold = np.arange(known.size) * _FOLDS // known.size
        for f in range(_FOLDS):
            rows, rest = known[fold == f], known[fold != f]
            out[rows] = target[rows] - design[rows] @ _robust_fit(design[rest], target[rest])
    return residual


def without_spikes(values: Array) -> Array:
    """Each sample replaced by the median of itself and the two before it: one wild reading is the instrument's, not
    a level.

    Parameters
    ----------
    values : (k, n) float64
        NaN where missing. [any]

    Returns
    -------
    smooth : (k, n) float64
        NaN where missing; the sample itself where one of the two before is missing. [same]
    """
    if values.shape[1] < 3:
        return values.copy()
    before, before_that = np.full_like(values, np.nan), np.full_like(values, np.nan)
    before[:, 1:], before_that[:, 2:] = values[:, :-1], values[:, :-2]
    low, high = np.minimum(values, before), np.maximum(values, before)
    median = np.maximum(low, np.minimum(high, before_that))
    return np.where(np.isfinite(median), median, values)


def trailing_mean(values: Array, *, window: int, min_count: int) -> Array:
    """Mean of the last `window` samples, the present one included.

    Parameters
    ----------
    values : (k, n) float64
        NaN where missing. [any]
    window : int
        Number of samples. [1]
    min_count : int
        Fewer present values than this give NaN. [1]

    Returns
    -------
    mean : (k, n) float64
        [unit of `values`]
    """
    present = np.isfinite(values)
    # a channel-wise shift keeps the running sum small, so that the differences of sums stay exact to rounding
    centre = np.array([np.median(row[ok]) if ok.any() else 0.0 for row, ok in zip(values, present, strict=True)])[
        :, None
    ]
    total = trailing_sum(np.where(present, values - centre, 0.0), window=window)
    count = trailing_sum(present.astype(np.float64), window=window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= max(min_count, 1), total / count + centre, np.nan)


def trailing_sum(values: Array, *, window: int) -> Array:
    """Sum of the last `window` samples; at the start, of as many as there are. Shape kept, linear time."""
    total = np.cumsum(values, axis=-1)
    out = total.copy()
    out[..., window:] -= total[..., :-window]
    return out


def baseline_before(residual: Array, *, lag: int, per_day: int, days: int = BASELINE_DAYS) -> Array:
    """Median of the daily means of the `days` whole days that ended at least `lag` samples ago.

    Parameters
    ----------
    residual : (k, n) float64
        NaN where missing. [any]
    lag : int
        The samples that are being judged and must not judge themselves. [1]
    per_day : int
        Samples in a day. [1]
    days : int
        Length of the memory. [d]

    Returns
    -------
    baseline : (k, n) float64
        0 (the level of the reference) while fewer than three days are known. [unit of `residual`]
    """
    k, n = residual.shape
    n_days = n // per_day
    known_days = np.clip((np.arange(n) + 1 - lag) // per_day, 0, n_days)
    medians = np.zeros((k, n_days + 1))
    if n_days:
        blocks = residual[:, : n_days * per_day].reshape(k, n_days, per_day)
        present = np.isfinite(blocks)
        count = present.sum(axis=2)
        with np.errstate(invalid="ignore", divide="ignore"):
            daily = np.where(count >= per_day // 2, np.where(present, blocks, 0.0).sum(axis=2) / count, np.nan)
        padded = np.concatenate([np.full((k, days), np.nan), daily], axis=1)
        history = np.lib.stride_tricks.sliding_window_view(padded, days, axis=1)  # [:, d] = the days before day d
        enough = np.isfinite(history).sum(axis=2) >= _MIN_BASELINE_DAYS
        medians[enough] = np.nanmedian(history[enough], axis=-1)
    return medians[:, known_days]


def level_contrast(residual: Array, *, window: int, per_day: int) -> Array:
    """How far the mean residual of the last `window` samples lies from the baseline before them.

    Parameters
    ----------
    residual : (k, n) float64
        From `relation_residual`. [any]
    window : int
        Samples judged. [1]
    per_day : int
        Samples in a day. [1]

    Returns
    -------
    contrast : (k, n) float64
        NaN where fewer than half of the window is present. [unit of `residual`]
    """
    recent = trailing_mean(residual, window=window, min_count=(window + 1) // 2)
    return recent - baseline_before(residual, lag=window, per_day=per_day)
