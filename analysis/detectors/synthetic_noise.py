"""Values drawn by a program: white where the real ones have memory.

A source and its sampling line have memory: neighbours resemble each other. Numbers drawn around a mean do not. Water analysers with a cycle of
hours are nearly white themselves; each channel is compared with its own history only.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, broadcast, cell_scores, is_pollutant
from analysis.detectors.smoothed import roughness
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock

WINDOWS_H = (24, 72, 168)


def whiteness(ratio: Floats, usual: Floats) -> Floats:
    """Rise of the roughness over the usual, as natural logarithms of the ratio; 0 where it fell. (n_series, n_windows), (n_series,)"""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log(ratio) - np.log(usual)[:, None], 0.0)


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length."""
    out = []
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if width * block.cell < 12 or width > block.n_cells:
            continue
        window = block.window(width)
        ratio = roughness(window.step_variance, window.variance, resolution=block.resolution)
        usual = block.reference_median(ratio)
        scores = whiteness(ratio, usual)
        memory = 1.0 - ratio
        evidence = {"correlation": memory, "usual_correlation": broadcast(1.0 - usual, scores)}
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


DETECTOR = Detector(
    name="synthetic_noise",
    fault="synthetic_noise",
    runs_on="block",
    run=run,
    needs=is_pollutant,
    floor=0.5,
    specificity=5,
    alternatives=("narrow_band", "replayed", "copied_channel"),
    explanation=Text(
        en="neighbouring values hardly resemble each other (correlation {correlation:.2f}, usually {usual_correlation:.2f}), as numbers drawn by a program do",
        zh="相邻数值几乎不相关（相关系数 {correlation:.2f}，通常为 {usual_correlation:.2f}），类似程序生成的随机数",
    ),
    innocent_if=Text(
        en="the process really lost its memory: batch operation, a bypassed buffer, or an analyser with electrical interference",
        zh="工况确实变化：间歇生产、缓冲池旁路，或分析仪受电气干扰",
    ),
)
