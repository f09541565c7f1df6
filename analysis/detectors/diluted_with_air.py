"""Air let into the sample line: every gas and (21 − O) fall by one factor, so that the converted value hardly moves.

The conversion formula of GB 13223-2011 §5.1.3 exists to undo just this, which is why the trick shows in the raw
values only; it also lowers the mass, that is computed from them.
"""

from __future__ import annotations

from analysis.detectors.gas_oxygen_shift import direction_scores
from analysis.detectors.interface import Detector, Scores, Text
from analysis.model.site import SiteData


def run(data: SiteData) -> list[Scores]:
    """Scores of windows of 6, 24 and 72 h for every outlet with oxygen and a gas."""
    return direction_scores(data, "diluted_with_air")


DETECTOR = Detector(
    name="diluted_with_air",
    fault="diluted_with_air",
    runs_on="site",
    run=run,
    explanation=Text(
        en="all gases and (21 − O2) lay about {share_pct:.0f} % below what load and conditions of the plant lead "
        "one to expect, by one "
        "common factor ({score:.1f} honest standard deviations), so that converted values hardly moved, as with air "
        "in the sample line",
        zh="各气态污染物与（21−氧含量）同比例低于负荷和工况对应的水平约 {share_pct:.0f} %（偏离为正常波动的 "
        "{score:.1f} 倍标准差），"
        "折算值几乎不变，疑似采样管路混入空气",
    ),
    innocent_if=Text(
        en="the excess air of the furnace really rose (start-up, low load, a leaking duct), or the sample line "
        "leaks without intent",
        zh="若炉膛过量空气确有增加（启炉、低负荷、烟道漏风），或采样管路无意漏气，则可排除",
    ),
    floor=4.0,
    tail="exponential",
    least_scale=0.5,
    share=1.0,
    specificity=7,
    alternatives=("oxygen_tampered", "scaled", "process_change"),
)
