"""Treatment stands still, or runs at part of its power, while production runs and the outlet looks as always.

Two rules on electricity (用电监控 of pollution control facilities): production draws its running power and treatment
does not, hour after hour; or treatment draws clearly less than it did at the same production. The outlet is looked
at too: a breakdown that shows in the reported values is a breakdown, not a falsification.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.driving_channels import facility_row, running_threshold
from analysis.detectors.expected_level import relation_residual, trailing_mean, without_spikes
from analysis.detectors.flow_coefficient_edited import shift_scores
from analysis.detectors.hourly_table import HourlyTable, hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.level_shift import LevelShift, level_shift
from analysis.model.arrays import Bools, Floats
from analysis.model.metadata import Facility
from analysis.model.site import SiteData

WINDOWS_H = (6, 24)
LEAST_HOURS = 2.0
_VISIBLE = 1.5  # reported outlet over its level of the day before: so much more, and the stop shows
_DAY_H = 24


def consecutive(state: Bools, known: Bools) -> Floats:
    """Samples in a row, the present one included, in which a state held; unknown samples neither count nor break.

    Parameters
    ----------
    state, known : (n,) bool

    Returns
    -------
    length : (n,) float64
        0 where the state does not hold or is unknown. [samples]
    """
    hits = np.cumsum(state & known)
    at_break = np.maximum.accumulate(np.where(known & ~state, hits, 0))
    return np.where(state & known, hits - at_break, 0).astype(np.float64)


def run(data: SiteData) -> list[Scores]:
    """Hours in a row of the contradiction, for every treatment facility with power and threshold."""
    table = hourly_table(data)
    if table is None:
        return []
    found = [one for f in data.site.facilities if f.kind == "treatment" and (one := _contradiction(table, data, f))]
    if not found:
        return []
    hours = np.stack([hours for _, hours, _ in found])
    ends = np.arange(1, table.n_hours + 1)
    return [
        Scores(
            targets=tuple(target for target, _, _ in found),
            interval_s=3600,
            start_s=table.start_s,
            ends=ends,
            starts=np.maximum(ends - np.maximum(hours, 1), 0).astype(np.int64),
            scores=hours,
            available=np.broadcast_to(table.available, hours.shape),
            n_accepted=np.full(len(found), table.n_accepted, dtype=np.int64),
            evidence={"treatment_power": np.stack([power for _, _, power in found])},
        )
    ]


def _contradiction(table: HourlyTable, data: SiteData, treatment: Facility) -> tuple[Target, Floats, Floats] | None:
    row = facility_row(table, treatment)
    production = _production(table, data, treatment)
    run_kw = running_threshold(table, treatment)
    if row is None or run_kw is None or production is None:
        return None
    power = table.values[row]
    with np.errstate(invalid="ignore"):
        stands, known = power < run_kw, np.isfinite(power) & np.isfinite(production).all(axis=0)
    runs = _runs(table, data, treatment)
    visible = _outlet_shows_it(table, treatment, stands & runs)
    hours = consecutive(stands & runs & ~visible, known)
    return Target(data.site.id, table.channels[row].point, (table.channels[row].id,)), hours, power


def _treated(data: SiteData, treatment: Facility) -> list[Facility]:
    production = [f for f in data.site.facilities if f.kind == "production"]
    return [f for f in production if f.id in treatment.treats] or production


def _production(table: HourlyTable, data: SiteData, treatment: Facility) -> Floats | None:
    """Power of the production behind a treatment. (p, h)"""
    rows = [row for f in _treated(data, treatment) if (row := facility_row(table, f)) is not None]
    return table.values[rows] if rows else None


def _runs(table: HourlyTable, data: SiteData, treatment: Facility) -> Bools:
    """Whether any of it runs."""
    runs = np.zeros(table.n_hours, dtype=bool)
    for facility in _treated(data, treatment):
        row, run_kw = facility_row(table, facility), running_threshold(table, facility)
        if row is not None and run_kw is not None:
            with np.errstate(invalid="ignore"):
                runs |= table.values[row] >= run_kw
    return runs


def _outlet_shows_it(table: HourlyTable, treatment: Facility, stopped: Bools) -> Bools:
    """Whether a channel with a limit at a served outlet reads clearly more than on average over the day before the
    stop."""
    shown = np.zeros(table.n_hours, dtype=bool)
    rows = [
        row
        for row, channel in enumerate(table.channels)
        if channel.point in treatment.serves and channel.limit is not None
    ]
    if not rows or not stopped.any():
        return shown
    usual = trailing_mean(np.where(stopped, np.nan, table.values[rows]), window=_DAY_H, min_count=6)
    # the level of the day before stays while the treatment is off
    index = np.maximum.accumulate(np.where(~stopped, np.arange(table.n_hours), 0))
    with np.errstate(invalid="ignore"):
        return np.asarray((table.values[rows] > _VISIBLE * usual[:, index]).any(axis=0) & stopped)


def run_reduced(data: SiteData) -> list[Scores]:
    """Scores of windows of 6 and 24 h: treatment power against production power."""
    table = hourly_table(data)
    if table is None or not table.has_reference:
        return []
    found: dict[int, list[tuple[Target, LevelShift]]] = {window: [] for window in WINDOWS_H}
    for treatment in data.site.facilities:
        row = facility_row(table, treatment) if treatment.kind == "treatment" else None
        production = _production(table, data, treatment) if row is not None else None
        if row is None or production is None:
            continue
        target = Target(data.site.id, table.channels[row].point, (table.channels[row].id,))
        runs = _runs(table, data, treatment)
        floor = max(running_threshold(table, treatment) or 0.0, 1e-9)
        with np.errstate(invalid="ignore"):
            power = np.where(runs, np.maximum(table.values[row], floor), np.nan)
        residual = without_spikes(relation_residual(production, np.log(power)[None, :], table.reference))[0]
        for window in WINDOWS_H:
            shift = level_shift(residual, reference=table.reference, window=window)
            if shift is not None:
                found[window].append((target, shift))
    return [shift_scores(table, rows, stream=f"{window}h", sign=-1) for window, rows in found.items() if rows]


STOPPED = Detector(
    name="treatment_off",
    fault="treatment_off",
    runs_on="site",
    run=run,
    explanation=Text(
        en="treatment drew {treatment_power:.3g} kW, less than its running power, for {score:.0f} h in a row while "
        "production ran, "
        "and the reported outlet did not show it",
        zh="生产设施运行期间，治理设施连续 {score:.0f} 小时功率仅 {treatment_power:.3g} kW，低于运行功率，而排口上报"
        "数据未见变化",
    ),
    innocent_if=Text(
        en="the fuel or product of these hours needs no treatment, a second line treated it, or the power meter of "
        "the treatment failed",
        zh="若该时段燃料或产品无需治理、由另一套设施治理，或治理设施电表故障，则可排除",
    ),
    floor=LEAST_HOURS,
    kind="exact",
    specificity=7,
    alternatives=("instrument_fault", "process_change"),
)
REDUCED = Detector(
    name="treatment_reduced",
    fault="treatment_off",
    runs_on="site",
    run=run_reduced,
    explanation=Text(
        en="the power of the treatment changed by {change_pct:.0f} % against what it drew at the same production "
        "({score:.1f} honest standard deviations), and the reported outlet did not ask for it",
        zh="相同生产负荷下，治理设施功率变化 {change_pct:.0f} %（为正常波动的 {score:.1f} 倍标准差），疑似治理设施未"
        "正常投用",
    ),
    innocent_if=Text(
        en="the treatment was made more efficient, or less had to be treated: fuel, product or inlet changed",
        zh="若治理设施节能改造，或燃料、产品、入口浓度变化使治理需求下降，则可排除",
    ),
    floor=4.0,
    tail="exponential",
    least_scale=0.5,
    specificity=5,
    alternatives=("process_change", "instrument_fault"),
)
DETECTORS = (STOPPED, REDUCED)
