"""Values drawn by a program: white where the real ones have memory.

A source and its sampling line have memory: neighbours resemble each other. Numbers drawn around a mean do not. The
question is put as a likelihood ratio: is a window better told by the memory that the channel has in accepted history,
or by white noise? Water analysers with a cycle of hours are nearly white themselves; for them the ratio stays near one
and nothing is said.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, broadcast, cell_scores, is_regulated
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock

WINDOWS_H = (24, 72, 168)
LEAST_SAMPLES = 20
RESTLESS_SIGMAS = 2.5
SPIKE_SHARE = 0.25
MEMORIES = (0.0, 0.5)  # what forgers draw: white noise, or a simple autoregression


def memory(values: Floats, n_reference: Ints) -> Floats:
    """Correlation of neighbours in each series' reference, by differences, so that slow drift counts as memory.

    (n_series,)
    """
    inside = np.arange(values.shape[1])[None, :] < n_reference[:, None]
    known = np.where(inside, values, np.nan)
    valid = ~np.isnan(known)
    n = np.maximum(valid.sum(axis=1), 1)
    filled = np.where(valid, known, 0.0)
    mean = filled.sum(axis=1) / n
    variance = (np.where(valid, filled - mean[:, None], 0.0) ** 2).sum(axis=1) / n
    step = np.diff(known, axis=1)
    half = np.nansum(step * step, axis=1) / (2.0 * np.maximum((~np.isnan(step)).sum(axis=1), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.clip(1.0 - half / variance, 0.0, 0.98))


def forgetfulness(count: Floats, variance: Floats, noise_variance: Floats, *, usual: Floats, drawn: float) -> Floats:
    """Log likelihood ratio of a drawn memory over the usual one, variances fitted to the window.

    Parameters
    ----------
    count, variance, noise_variance : (n_series, n_windows) float64
        Samples, variance about the mean, half the mean squared difference. [1, and square of the channel's unit]
    usual : (n_series,) float64
        Correlation of neighbours in accepted history. [1]
    drawn : float
        Correlation of neighbours under the rival. [1]

    Returns
    -------
    scores : (n_series, n_windows) float64
        n/2 · ln(residual variance with the usual memory / with the drawn one). [nats]

    Notes
    -----
    The residual variance of x(t) − φ·x(t−1) about its mean is (1 − φ)²·s² + 2φ·d², with s² the variance and d² half the
    mean squared difference.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        honest = (1.0 - usual[:, None]) ** 2 * variance + 2.0 * usual[:, None] * noise_variance
        rival = (1.0 - drawn) ** 2 * variance + 2.0 * drawn * noise_variance
        return np.asarray(0.5 * count * np.log(honest / rival))


def looks_drawn(count: Floats, variance: Floats, noise_variance: Floats, *, farthest: Floats) -> Bools:
    """Whether a window can be drawn numbers at all. All (n_series, n_windows).

    Drawn numbers are not more restless than white noise, beyond its sampling error; and no single one of them, at the
    distance `farthest` from the mean, makes up a quarter of the variance, as the spike of a start does.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        restless = noise_variance / variance > 1.0 + RESTLESS_SIGMAS / np.sqrt(count)
        spiked = farthest * farthest > SPIKE_SHARE * count * variance
    return np.asarray(~(restless | spiked))


def _farthest(block: SeriesBlock, mean: Floats, width: int) -> Floats:
    """Largest distance from the mean in each trailing window. (n_series, n_cells)"""
    centre = mean[:, width - 1 :] - block.cells.mean_offset
    high = sliding_window_view(block.cells.high, width, axis=1).max(axis=2) - centre
    low = centre - sliding_window_view(block.cells.low, width, axis=1).min(axis=2)
    return np.concatenate([np.full((block.n_series, width - 1), np.nan), np.maximum(high, low)], axis=1)


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length; the better of the two rivals."""
    out = []
    usual = memory(block.values, block.reference_cells * block.cell)
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if width * block.cell < LEAST_SAMPLES or width > block.n_cells:
            continue
        window = block.window(width)
        moves = window.variance > 0.5 * block.resolution[:, None] ** 2
        rivals = [
            forgetfulness(window.count, window.variance, window.step_variance, usual=usual, drawn=drawn)
            for drawn in MEMORIES
        ]
        farthest = _farthest(block, window.mean, width)
        drawn = looks_drawn(window.count, window.variance, window.step_variance, farthest=farthest)
        best = np.maximum(*rivals)
        scores = np.where(moves, np.where(drawn, best, np.minimum(best, 0.0)), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            evidence = {
                "correlation": 1.0 - window.step_variance / window.variance,
                "usual_correlation": broadcast(usual, scores),
            }
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


DETECTOR = Detector(
    name="synthetic_noise",
    fault="synthetic_noise",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=8.0,
    tail="odds",
    believed=0.2,  # the memory of a real stack is not that of one process: it changes with the regime of operation
    specificity=6,
    alternatives=("narrow_band", "replayed", "copied_channel"),
    explanation=Text(
        en="neighbouring values hardly resemble each other (correlation {correlation:.2f}, usually "
        "{usual_correlation:.2f}), "
        "as numbers drawn by a program do",
        zh="相邻数值几乎不相关（相关系数 {correlation:.2f}，通常为 {usual_correlation:.2f}），类似程序生成的随机数",
    ),
    innocent_if=Text(
        en="the process really lost its memory: batch operation, a bypassed buffer, or an analyser with electrical "
        "interference",
        zh="工况确实变化：间歇生产、缓冲池旁路，或分析仪受电气干扰",
    ),
)
