"""A channel that hardly moves: a bottle of water or of standard on the sampler, a display bound to a band.

Two rules. The written one: "variation for long within 2 % of range" (the inspection guide for automatic monitoring of
pollution sources, 2012, chapter 7.1). And the noise floor: level and noise together far below what the channel has
shown before at the same level, for what varies in proportion is quieter when it is low.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, cell_scores, is_regulated, usual_at_level
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock

WINDOWS_H = (8, 24, 72)
TWO_PERCENT = 0.02


def quietness(
    spread: Floats, noise: Floats, *, usual_spread: Floats, usual_noise: Floats, resolution: Floats
) -> Floats:
    """Score how far both the spread and the noise have fallen below what is usual.

    Parameters
    ----------
    spread, noise : (n_series, n_windows) float64
        Standard deviation, and square root of half the mean squared difference. [unit of the channel]
    usual_spread, usual_noise : (n_series, n_windows) float64
        Of accepted windows at the same level. [unit of the channel]
    resolution : (n_series,) float64
        Reporting step. [unit of the channel]

    Returns
    -------
    scores : (n_series, n_windows) float64
        The smaller of the two falls, as natural logarithms of the ratio; negative where one has risen. [1]

    References
    ----------
    .. [1] von Neumann et al. (1941), The mean square successive difference, Ann. Math. Stat. 12, 153-162
    """
    least = resolution[:, None] / 4.0  # rounding hides anything smaller, so nothing can be quieter than this
    with np.errstate(divide="ignore", invalid="ignore"):
        fall_spread = np.log(np.maximum(usual_spread, least) / np.maximum(spread, least))
        fall_noise = np.log(np.maximum(usual_noise, least) / np.maximum(noise, least))
    return np.minimum(fall_spread, fall_noise)


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length."""
    out = []
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if width * block.cell < 12 or width > block.n_cells:
            continue
        window = block.window(width)
        spread, noise = np.sqrt(window.variance), np.sqrt(window.step_variance)
        usual_spread, usual_noise = (
            usual_at_level(block, window.mean, spread),
            usual_at_level(block, window.mean, noise),
        )
        scores = quietness(
            spread, noise, usual_spread=usual_spread, usual_noise=usual_noise, resolution=block.resolution
        )
        floor_level = np.nan_to_num(block.detection_limit, nan=-np.inf)[:, None]
        scores = np.where(window.mean <= floor_level, 0.0, scores)
        with np.errstate(invalid="ignore"):
            share = 2.0 * 1.96 * spread / (block.range_high - block.range_low)[:, None]
        evidence = {
            "mean": window.mean,
            "spread": spread,
            "usual_spread": usual_spread,
            "noise": noise,
            "usual_noise": usual_noise,
            "share_of_range": share,
        }
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


DETECTOR = Detector(
    name="narrow_band",
    fault="narrow_band",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=0.9,
    believed=0.4,  # a plant at one load is quiet for weeks
    specificity=4,
    alternatives=("synthetic_noise", "smoothed", "stuck_value", "instrument_fault"),
    explanation=Text(
        en="the values stay near {mean:.4g} with a spread of {spread:.3g} where {usual_spread:.3g} is usual, "
        "and the noise between neighbours fell from {usual_noise:.3g} to {noise:.3g}",
        zh="数值停留在 {mean:.4g} 附近，离散度为 {spread:.3g}（通常为 {usual_spread:.3g}），"
        "相邻值噪声由 {usual_noise:.3g} 降至 {noise:.3g}",
    ),
    innocent_if=Text(
        en="the plant ran at one steady load, the buffer tank was full and still, or the averaging of the "
        "instrument was changed and reported",
        zh="生产负荷恒定、调节池水质稳定，或仪器平均时间经报备后调整",
    ),
)
