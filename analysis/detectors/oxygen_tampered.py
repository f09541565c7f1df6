"""Oxygen pulled down while the gases stay: the conversion factor (21 − Oref)/(21 − O) falls, and with it the
converted values.

The identity of the conversion still holds, so that arithmetic alone sees nothing; what breaks is the joint cloud of
oxygen with the load and the gases.
"""

from __future__ import annotations

from analysis.detectors.gas_oxygen_shift import direction_scores
from analysis.detectors.interface import Detector, Scores, Text
from analysis.model.site import SiteData


def run(data: SiteData) -> list[Scores]:
    """Scores of windows of 6, 24 and 72 h for every outlet with oxygen and a gas."""
    return direction_scores(data, "oxygen_tampered")


DETECTOR = Detector(
    name="oxygen_tampered",
    fault="oxygen_tampered",
    runs_on="site",
    run=run,
    explanation=Text(
        en="the oxygen lay {share_pct:.0f} % below what load and conditions of the plant lead one to expect, which "
        "lowers converted values, "
        "while the gases did not move ({score:.1f} honest standard deviations)",
        zh="氧含量低于负荷和工况对应的水平 {share_pct:.0f} %，使折算值偏低，而各气态污染物实测值未变"
        "（偏离为正常波动的 {score:.1f} 倍标准差）",
    ),
    innocent_if=Text(
        en="the air supply of the furnace was re-set (then CO and temperature move too), a duct leak was sealed, or "
        "the oxygen cell was "
        "replaced",
        zh="若调整了送风（此时一氧化碳与温度也会变化）、封堵了漏风，或更换了氧传感器，则可排除",
    ),
    floor=4.0,
    tail="exponential",
    least_scale=0.5,
    share=1.0,
    specificity=7,
    alternatives=("diluted_with_zero_gas", "instrument_fault", "process_change"),
)
