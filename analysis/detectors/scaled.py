"""Every value times a factor: a slope, a range or a coefficient was changed. Level and noise fall by the same factor.

An honest retrofit lowers the level too, but the noise of the instrument does not shrink by the same factor; only both
together are counted, and the smaller of the two falls is the score.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.level_step import WINDOWS_H, steps
from analysis.detectors.shape import HOUR_S, cell_scores, is_regulated
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock


def joint_fall(level: Floats, noise: Floats) -> Floats:
    """Smaller of the falls of level and noise, less half of what they disagree by. (n_series, n_windows) [1]"""
    return np.asarray(np.minimum(-level, -noise) - 0.5 * np.abs(level - noise))


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length."""
    out = []
    for hours in WINDOWS_H:
        step = steps(block, hours)
        if step is None:
            continue
        width = block.window_cells(hours * HOUR_S)
        scores = joint_fall(step.level, step.noise)
        evidence = {
            "before": step.before,
            "after": step.after,
            "factor": np.exp(step.level),
            "noise_factor": np.exp(step.noise),
        }
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


DETECTOR = Detector(
    name="scaled",
    fault="scaled",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=0.08,
    specificity=3,
    share=0.5,
    alternatives=("parameter_edited", "diluted_with_air", "offset", "process_change"),
    explanation=Text(
        en="level and noise fell together: the mean from {before:.4g} to {after:.4g} (× {factor:.2f}), the noise × "
        "{noise_factor:.2f}, as after a change of slope or range",
        zh="水平与噪声同时按比例下降：均值由 {before:.4g} 降至 {after:.4g}（×{factor:.2f}），"
        "噪声 ×{noise_factor:.2f}，符合斜率或量程被修改的特征",
    ),
    innocent_if=Text(
        en="load, fuel or treatment changed and this is documented, or the instrument was recalibrated and reported",
        zh="负荷、燃料或治理工艺变化且有记录，或仪器校准已报备",
    ),
)
