"""Every value times a factor: a slope, a range or a coefficient was changed. Level and noise fall by the same factor.

An honest retrofit lowers the level too, but the noise of the instrument does not shrink by the same factor: a step
whose noise fits a constant taken off better is not counted here.
"""

from __future__ import annotations

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.level_step import step_scores
from analysis.model.site import SiteData

LEAST_FALL = 0.05
"""Of the logarithm: so much instruments are off by honestly."""


def run(data: SiteData) -> list[Scores]:
    """One stream a window length of 24 and 48 h, for every regulated channel."""
    return step_scores(data, least_fall=LEAST_FALL, by_factor=True)


DETECTOR = Detector(
    name="scaled",
    fault="scaled",
    runs_on="site",
    run=run,
    floor=2.0,
    tail="exponential",
    least_scale=0.3,
    specificity=3,
    share=1.0,
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
