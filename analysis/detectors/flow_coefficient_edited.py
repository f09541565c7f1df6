"""The flow reads less (or more) than the plant moves: velocity-field coefficient, duct area or range of the flow
meter edited.

An edit that leaves the reported velocity or the derived mass behind breaks an identity, and `contradicted_value`
names it at the first sample. One that was carried through everywhere (the coefficient itself) keeps every identity;
what remains is the flow against the load of the plant: log flow, less what power and conditions say (HJ 75-2017
appendix C for the coefficient, HJ 76-2017 for its declaration).
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.driving_channels import driver_rows, running_hours, within_experience
from analysis.detectors.expected_level import relation_residual, without_spikes
from analysis.detectors.hourly_table import HourlyTable, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.level_shift import LevelShift, level_shift
from analysis.model.arrays import Floats
from analysis.model.site import SiteData

WINDOWS_H = (6, 24, 72)
LEAST_DEVIATION = 0.005
"""Of the logarithm of flow: a meter that may be off by 10 % (HJ 76-2017) drifts by half a per cent within weeks."""

FLOWS = ("flow_dry_standard", "flow", "velocity")


def run(data: SiteData) -> list[Scores]:
    """Scores of windows of 6, 24 and 72 h for every stack or outlet with a flow, at a site that knows its load."""
    table = hourly_table(data)
    if table is None or not table.has_reference:
        return []
    found: dict[int, list[tuple[Target, LevelShift]]] = {window: [] for window in WINDOWS_H}
    for point in table.points():
        rows = [row for q in FLOWS if (row := table.best_row(point=point, quantity=q)) is not None]
        residual = _residual(table, data, point=point, rows=rows) if rows else None
        if residual is None:
            continue
        target = Target(data.site.id, point, tuple(table.channels[row].id for row in rows))
        for window in WINDOWS_H:
            shift = level_shift(residual, reference=table.reference, window=window, least_deviation=LEAST_DEVIATION)
            if shift is not None:
                found[window].append((target, shift))
    return [shift_scores(table, rows, stream=f"{window}h") for window, rows in found.items() if rows]


def _residual(table: HourlyTable, data: SiteData, *, point: str, rows: list[int]) -> Floats | None:
    flows = {row for q in FLOWS for row in table.rows(point=point, quantity=q)}
    drivers = table.values[driver_rows(table, data, point=point, targets=flows)]
    if not len(drivers) and table.channels[rows[0]].medium != "water":
        # a stack follows its load and says nothing without it; an outlet of water has a level of its own
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        log_flow = np.log(np.where(table.values[rows[0]] > 0, table.values[rows[0]], np.nan))
    log_flow[~within_experience(drivers, reference=table.reference)] = np.nan
    log_flow[~running_hours(table, data, point=point)] = np.nan
    return np.asarray(without_spikes(relation_residual(drivers, log_flow[None, :], table.reference))[0])


def shift_scores(table: HourlyTable, rows: list[tuple[Target, LevelShift]], *, stream: str, sign: int = 0) -> Scores:
    """Scores of level shifts of logarithms, hour by hour.

    Parameters
    ----------
    table : HourlyTable
        Time base.
    rows : list of (Target, LevelShift)
        One row a target.
    stream : str
        Name of the stream.
    sign : int
        −1: only falls count, +1: only rises, 0: both.

    Returns
    -------
    Scores
        Evidence `change_pct`: by how much the level changed. [%]
    """
    z = np.stack([shift.z for _, shift in rows])
    return Scores(
        targets=tuple(target for target, _ in rows),
        interval_s=3600,
        start_s=table.start_s,
        ends=np.arange(1, table.n_hours + 1),
        starts=np.stack([shift.starts for _, shift in rows]),
        scores=np.abs(z) if sign == 0 else np.maximum(sign * z, 0.0),
        available=np.broadcast_to(table.available, z.shape),
        n_accepted=np.full(len(rows), table.n_accepted, dtype=np.int64),
        evidence={"change_pct": 100 * np.expm1(np.stack([shift.contrast for _, shift in rows]))},
        stream=stream,
    )


DETECTOR = Detector(
    name="flow_coefficient_edited",
    fault="flow_coefficient_edited",
    runs_on="site",
    run=run,
    explanation=Text(
        en="the flow changed by {change_pct:.0f} % against what load and conditions of the plant lead one to expect "
        "({score:.1f} honest standard deviations), as if its coefficient, duct area or range had been edited",
        zh="烟气流量相对于负荷和工况对应的水平变化 {change_pct:.0f} %（为正常波动的 {score:.1f} 倍标准差），"
        "疑似速度场系数、烟道截面积或量程被修改",
    ),
    innocent_if=Text(
        en="a fan or damper was re-set, a duct was opened or closed, or the coefficient was re-determined by a "
        "comparison and reported",
        zh="若调整了风机或挡板、启闭了烟道，或经比对重新确定并报备了速度场系数，则可排除",
    ),
    floor=4.0,
    tail="exponential",
    least_scale=0.5,
    specificity=8,
    alternatives=("scaled", "parameter_edited", "process_change"),
)
