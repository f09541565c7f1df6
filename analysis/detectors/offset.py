"""A constant taken off every value: a zero or intercept was changed. The level falls, the noise stays as it was."""

from __future__ import annotations

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.level_step import step_scores
from analysis.model.site import SiteData

LEAST_FALL = 0.15
"""Of the logarithm: a process settles lower by a seventh honestly, and its noise stays too."""


def run(data: SiteData) -> list[Scores]:
    """One stream a window length of 24 and 48 h, for every regulated channel."""
    return step_scores(data, least_fall=LEAST_FALL, by_factor=False)


DETECTOR = Detector(
    name="offset",
    fault="offset",
    runs_on="site",
    run=run,
    floor=2.0,
    tail="exponential",
    least_scale=0.3,
    specificity=3,
    share=1.0,
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
