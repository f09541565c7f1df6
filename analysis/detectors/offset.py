"""A constant taken off every value: a zero or intercept was changed. The level falls, the noise stays as it was."""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.level_step import WINDOWS_H, steps
from analysis.detectors.shape import HOUR_S, cell_scores, is_regulated
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock


def lone_fall(level: Floats, noise: Floats) -> Floats:
    """Fall of the level less any change of the noise, as logarithms. (n_series, n_windows) [1]"""
    return -level - np.abs(noise)


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length."""
    out = []
    for hours in WINDOWS_H:
        step = steps(block, hours)
        if step is None:
            continue
        width = block.window_cells(hours * HOUR_S)
        scores = lone_fall(step.level, step.noise)
        evidence = {
            "before": step.before,
            "after": step.after,
            "factor": np.exp(step.level),
            "noise_factor": np.exp(step.noise),
        }
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


DETECTOR = Detector(
    name="offset",
    fault="offset",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=0.08,
    specificity=3,
    share=0.5,
    alternatives=("parameter_edited", "scaled", "process_change", "instrument_fault"),
    explanation=Text(
        en="the mean fell from {before:.4g} to {after:.4g} while the noise stayed as it was (× "
        "{noise_factor:.2f}), as after a shift of the zero",
        zh="均值由 {before:.4g} 降至 {after:.4g}，而噪声基本不变（×{noise_factor:.2f}），符合零点或截距被修改的特征",
    ),
    innocent_if=Text(
        en="the zero was calibrated and this is documented, or the process changed",
        zh="零点校准有记录，或工况变化",
    ),
)
