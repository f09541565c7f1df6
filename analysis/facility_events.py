"""From hits of a rule, sample by sample, to events with a beginning, an end and figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Figures = dict[str, float]

SEVERITY_S = (300.0, 3600.0)
"""An event of less than five minutes is a note (1), up to an hour a warning (2), longer an alarm (3)."""


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """A contradiction in the power data of a facility, with its figures and what would explain it innocently."""

    rule: str  # "P1" … "P13"
    start_s: float
    end_s: float
    detected_s: float  # when the data first sufficed
    severity: int
    figures: Figures = field(default_factory=dict)
    text_zh: str = ""
    text_en: str = ""
    unless_zh: str = ""
    unless_en: str = ""


TEXTS = {
    "P1": ("生产运行而治理设施停运", "production runs while treatment is off",
           "已报备的检修或应急旁路", "a reported repair or bypass"),
    "P2": ("生产运行而治理设施空转", "production runs while treatment idles",
           "低负荷工况", "a low-load regime"),
    "P3": ("启停顺序颠倒", "treatment started too late or stopped too early",
           "短时试车", "a short trial run"),
    "P4": ("治理负荷相对生产负荷偏低（疑似降频）", "treatment draws too little for this production",
           "更换了更节能的风机或工艺调整", "a more efficient fan or a changed process"),
    "P5": ("治理功率冻结不变", "treatment power is frozen while the voltage moves",
           "电表通信缓存故障", "a gateway that repeats its last value"),
    "P6": ("功率疑似由电压电流计算得出", "power is computed, not measured",
           "纯电阻负载", "a purely resistive load"),
    "P7": ("电能与功率积分不符", "the energy register contradicts the power",
           "换表或互感器变更已登记", "a registered change of meter or transformer"),
    "P8": ("分表之和与总表不符", "sub-meters contradict the plant meter",
           "新增用电设备尚未建档", "new equipment that is not registered yet"),
    "P9": ("缺相、反接或三相数据雷同", "a phase is lost, reversed or copied",
           "单相设备或发电回馈", "a one-phase load or regeneration"),
    "P10": ("停限产期间仍在生产", "production during a stop or limit order",
            "保安负荷或订单解除", "safety loads, or the order was lifted"),
    "P11": ("电表掉线而邻近电表在线", "a meter is lost while its neighbours are up",
            "局部停电或网络检修", "a local outage or network repair"),
    "P12": ("夜间用电高于白天", "more power by night than by day",
            "谷电生产已获许可", "permitted off-peak production"),
    "P13": ("治理停运而在线排放数据不变", "treatment is off while reported emissions stay low",
            "排放口已切换或停产降温", "the outlet was switched, or the furnace cools down"),
}  # fmt: skip
"""Rule → what it says and what would explain it, Chinese and English."""


def make_event(
    rule: str,
    start_s: float,
    end_s: float,
    figures: Figures,
    *,
    detected_s: float | None = None,
    severity: int | None = None,
) -> RuleEvent:
    """An event with the texts of its rule; severity by duration if none is given."""
    duration_s = end_s - start_s
    by_duration = 1 + sum(duration_s >= limit_s for limit_s in SEVERITY_S)
    zh, en, unless_zh, unless_en = TEXTS[rule]
    level = by_duration if severity is None else severity
    when_s = end_s if detected_s is None else detected_s
    return RuleEvent(rule, start_s, end_s, when_s, level, figures, zh, en, unless_zh, unless_en)


def spans(hits: Bools) -> list[tuple[int, int]]:
    """First and one past the last sample of each row of hits. (n,) → [(start, stop)]"""
    edges = np.diff(np.concatenate(([False], hits, [False])).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def events_of(
    rule: str,
    times_s: Floats,
    hits: Bools,
    *,
    least_s: float = 0.0,
    least_samples: int = 1,
    figures: Callable[[int, int], Figures] = lambda start, stop: {},
    severity: int | None = None,
) -> list[RuleEvent]:
    """Events of all rows of hits that last long enough; a row ends with its last sample.

    Raises
    ------
    ValueError
        If times and hits differ in length.
    """
    if times_s.shape != hits.shape:
        raise ValueError(f"times {times_s.shape} and hits {hits.shape} differ in shape")
    found = []
    for start, stop in spans(hits):
        lasted_s = float(times_s[stop - 1] - times_s[start])
        if stop - start < least_samples or lasted_s < least_s:
            continue
        enough = int(np.searchsorted(times_s, times_s[start] + least_s))
        detected = max(enough, start + least_samples - 1)
        found.append(
            make_event(
                rule,
                float(times_s[start]),
                float(times_s[stop - 1]),
                {"duration_s": lasted_s, **figures(start, stop)},
                detected_s=float(times_s[detected]),
                severity=severity,
            )
        )
    return found


def without_notices(events: Sequence[RuleEvent], notices: Sequence[tuple[float, float]]) -> list[RuleEvent]:
    """Events that no notice (maintenance, approved stop; start and end in seconds) covers from beginning to end."""
    return [e for e in events if not any(start <= e.start_s and e.end_s <= end for start, end in notices)]
