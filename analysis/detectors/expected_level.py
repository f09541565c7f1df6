"""What a channel should read, given the channels that drive it, and how far it has been from that lately.

Strategy: a robust regression on the accepted rows (winsorised second-degree terms, so that a season outside the
reference does not extrapolate) gives a residual; the residual of the last hours is compared with the median of the
days before them. A sudden change of the relation stands out at once, a slow honest one (season, ageing) is followed,
and an honest lasting one (retrofit) is re-learned within half of `BASELINE_DAYS`. Everything looks back only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BASELINE_DAYS = 30
"""A month: long against the falsifications looked for, short against a season."""

_MIN_BASELINE_DAYS = 3
_FOLDS = 5
_HUBER_ITERATIONS = 8
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


def robust_fits(design: Array, targets: Array, rows: Mask) -> Array:
    """Huber regressions of many targets on one design, each over its own rows, by re-weighted least squares.

    All fits go through one matrix product an iteration. A touch of ridge keeps constant columns harmless.

    Parameters
    ----------
    design : (n, c) float64
        [1]
    targets : (m, n) float64
        Finite in the chosen rows. [any]
    rows : (m, n) bool
        Rows of each fit, at least one each.

    Returns
    -------
    coefficients : (m, c) float64
        [unit of the targets]
    """
    n, c = design.shape
    count = rows.sum(axis=1)
    ridge = 1e-6 * np.eye(c) * count[:, None, None]
    ridge[:, 0, 0] = 0.0
    products = (design[:, :, None] * design[:, None, :]).reshape(n, c * c)
    targets = np.where(rows, targets, 0.0)
    weight = rows.astype(np.float64)
    coefficients: Array = np.zeros((len(targets), c))
    fit = np.arange(len(targets))
    for _ in range(_HUBER_ITERATIONS):
        normal = (weight @ products).reshape(-1, c, c) + ridge
        coefficients = np.linalg.solve(normal, ((weight * targets) @ design)[:, :, None])[:, :, 0]
        error = np.where(rows, np.abs(targets - coefficients @ design.T), np.inf)
        ordered = np.sort(error, axis=1)
        median = 0.5 * (ordered[fit, (count - 1) // 2] + ordered[fit, count // 2])
        bound = _HUBER_SIGMAS * np.maximum(1.4826 * median, 1e-12)[:, None]
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
    complete: Mask = np.asarray(np.isfinite(design).all(axis=1))
    usable = complete & np.isfinite(targets)
    known = usable & reference
    fitted = known.sum(axis=1) >= 10 * design.shape[1]
    residual = np.full_like(targets, np.nan)
    if not fitted.any():
        return residual
    learned = complete & reference
    own, rows = targets[fitted][:, learned], known[fitted][:, learned]
    fold = (np.cumsum(rows, axis=1) - 1) * _FOLDS // rows.sum(axis=1, keepdims=True)
    chosen = np.stack([rows, *(rows & (fold != f) for f in range(_FOLDS))], axis=1)
    fits = robust_fits(design[learned], np.repeat(own, 1 + _FOLDS, axis=0), chosen.reshape(-1, own.shape[1]))
    fits = fits.reshape(len(own), 1 + _FOLDS, -1)
    said = fits[:, 0] @ np.where(complete[:, None], design, 0.0).T
    left_out = fits[:, 1:] @ design[learned].T
    said[:, learned] = np.take_along_axis(left_out, np.clip(fold, 0, _FOLDS - 1)[:, None], axis=1)[:, 0]
    residual[fitted] = np.where(usable[fitted], targets[fitted] - said, np.nan)
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
    held = np.where(present, values, 0.0)
    centre = held.sum(axis=1, keepdims=True) / np.maximum(present.sum(axis=1, keepdims=True), 1)
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


def baseline_before(residual: Array, *, lag: int, per_day: int) -> Array:
    """Median of the daily means of the `BASELINE_DAYS` whole days that ended at least `lag` samples ago. (k, n)

    0, the level of the reference, while fewer than three days are known. [unit of `residual`]
    """
    medians = _medians_of_days(residual, per_day=per_day)
    return np.asarray(medians[:, _whole_days_before(residual.shape[1], lag=lag, per_day=per_day)])


def _whole_days_before(n: int, *, lag: int, per_day: int) -> NDArray[np.int64]:
    return np.clip((np.arange(n) + 1 - lag) // per_day, 0, n // per_day)


def _medians_of_days(residual: Array, *, per_day: int) -> Array:
    """Median of the daily means of the `BASELINE_DAYS` before each day, the one after the last included.

    0, the level of the reference, while fewer than three days are known. (k, days + 1)
    """
    k, n = residual.shape
    n_days = n // per_day
    blocks = residual[:, : n_days * per_day].reshape(k, n_days, per_day)
    present = np.isfinite(blocks)
    count = present.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        daily = np.where(count >= per_day // 2, np.where(present, blocks, 0.0).sum(axis=2) / count, np.nan)
    padded = np.concatenate([np.full((k, BASELINE_DAYS), np.nan), daily], axis=1)
    history = np.sort(np.lib.stride_tricks.sliding_window_view(padded, BASELINE_DAYS, axis=1), axis=2)  # NaN last
    known = np.isfinite(history).sum(axis=2)[:, :, None]
    middle = [np.take_along_axis(history, np.maximum(at, 0), axis=2) for at in ((known - 1) // 2, known // 2)]
    return np.where(known >= _MIN_BASELINE_DAYS, 0.5 * (middle[0] + middle[1]), 0.0)[:, :, 0]


def level_contrasts(residual: Array, *, windows: Sequence[int], per_day: int) -> dict[int, Array]:
    """How far the mean residual of the last samples lies from the baseline before them, for several windows.

    The baseline is the median of the daily means of the `BASELINE_DAYS` whole days that ended before the window: what
    is judged must not judge itself.

    Parameters
    ----------
    residual : (k, n) float64
        From `relation_residual`. [any]
    windows : sequence of int
        Samples judged. [1]
    per_day : int
        Samples in a day. [1]

    Returns
    -------
    contrast : window → (k, n) float64
        NaN where fewer than half of the window is present. [unit of `residual`]
    """
    medians = _medians_of_days(residual, per_day=per_day)
    out = {}
    for window in windows:
        recent = trailing_mean(residual, window=window, min_count=(window + 1) // 2)
        out[window] = recent - medians[:, _whole_days_before(residual.shape[1], lag=window, per_day=per_day)]
    return out
