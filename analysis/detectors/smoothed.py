"""A channel smoothed afterwards or interpolated: the noise is gone while the level still moves."""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, broadcast, cell_scores, is_regulated, usual_at_level
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock

WINDOWS_H = (24, 72, 168)
LEAST_SAMPLES = 30


def roughness(noise_variance: Floats, variance: Floats, *, resolution: Floats) -> Floats:
    """Half the von Neumann ratio: mean squared difference of neighbours over twice the variance; 1 for white noise.

    Parameters
    ----------
    noise_variance, variance : (n_series, n_windows) float64
        Half the mean squared difference, and the variance. [square of the channel's unit]
    resolution : (n_series,) float64
        Reporting step: windows that vary less than it are not told apart from rounding. [unit of the channel]

    Returns
    -------
    ratio : (n_series, n_windows) float64
        NaN where the window hardly moves by a reporting step. [1]

    References
    ----------
    .. [1] von Neumann et al. (1941), The mean square successive difference, Ann. Math. Stat. 12, 153-162
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = variance > 0.5 * resolution[:, None] ** 2
        return np.asarray(np.where(moves, np.maximum(noise_variance, 1e-12 * variance) / variance, np.nan))


def run(block: SeriesBlock) -> list[Scores]:
    """Two streams a window length: lost roughness, and repeated neighbours."""
    return [scores for hours in WINDOWS_H for scores in _of_window(block, hours)]


def _of_window(block: SeriesBlock, hours: int) -> list[Scores]:
    width = block.window_cells(hours * HOUR_S)
    if width * block.cell < LEAST_SAMPLES or width > block.n_cells:
        return []
    window = block.window(width)
    ratio = roughness(window.step_variance, window.variance, resolution=block.resolution)
    usual = block.reference_median(np.log(ratio))
    noise = np.sqrt(window.step_variance)
    # The lesser of what is usual at this level and at any: what varies in proportion is less noisy when it is low.
    usual_noise = np.minimum(usual_at_level(block, window.mean, noise), block.reference_median(noise)[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        least = block.resolution[:, None] / 4.0
        fall = np.log(np.maximum(usual_noise, least) / np.maximum(noise, least))
    lost = np.minimum(usual[:, None] - np.log(ratio), 2.0 * fall)
    evidence = {
        "noise": noise,
        "usual_noise": usual_noise,
        "ratio": ratio,
        "usual_ratio": broadcast(np.exp(usual), lost),
    }
    return [cell_scores(block, lost, width=width, evidence=evidence, stream=f"{hours}h")]


DETECTOR = Detector(
    name="smoothed",
    fault="smoothed",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=0.7,
    specificity=6,
    alternatives=("narrow_band", "replayed", "instrument_fault"),
    explanation=Text(
        en="the noise between neighbouring values fell from {usual_noise:.3g} to {noise:.3g} while the level went "
        "on moving: "
        "the share of noise in the variance is {ratio:.2g}, usually {usual_ratio:.2g}",
        zh="相邻值噪声由 {usual_noise:.3g} 降至 {noise:.3g}，而总体水平仍在变化："
        "噪声占方差的比例为 {ratio:.2g}，通常为 {usual_ratio:.2g}",
    ),
    innocent_if=Text(
        en="the averaging time of the logger was changed and reported (then all channels of the logger change "
        "together)",
        zh="数采仪平均时间经报备后调整（此时同一数采仪的所有参数应同时变化）",
    ),
)
