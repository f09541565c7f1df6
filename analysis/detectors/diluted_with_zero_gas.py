"""Zero gas or nitrogen let into the sample line: every gas and the oxygen itself fall by one factor, and the
converted values with them."""

from __future__ import annotations

from analysis.detectors.gas_oxygen_shift import direction_scores
from analysis.detectors.interface import Detector, Scores, Text
from analysis.model.site import SiteData


def run(data: SiteData) -> list[Scores]:
    """Scores of windows of 6, 24 and 72 h for every outlet with oxygen and a gas."""
    return direction_scores(data, "diluted_with_zero_gas")


DETECTOR = Detector(
    name="diluted_with_zero_gas",
    fault="diluted_with_zero_gas",
    runs_on="site",
    run=run,
    explanation=Text(
        en="all gases and the oxygen itself lay about {share_pct:.0f} % below what load and conditions of the plant "
        "lead one to expect, by "
        "one common factor ({score:.1f} honest standard deviations), as with zero gas in the sample line",
        zh="各气态污染物与氧含量本身同比例低于负荷和工况对应的水平约 {share_pct:.0f} %（偏离为正常波动的 "
        "{score:.1f} 倍标准差），"
        "疑似采样管路通入零气",
    ),
    innocent_if=Text(
        en="a back-purge or a zero check ran through these hours without its mark, or the combustion itself changed",
        zh="若该时段为未作标记的反吹或零点检查，或燃烧工况确有变化，则可排除",
    ),
    floor=4.0,
    tail="exponential",
    least_scale=0.5,
    share=1.0,
    specificity=7,
    alternatives=("scaled", "oxygen_tampered", "process_change"),
)
