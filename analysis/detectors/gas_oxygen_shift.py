"""The gases and the oxygen of an outlet against its load: which of them moved, which way, and since when.

Shared by `diluted_with_air`, `diluted_with_zero_gas` and `oxygen_tampered`. Each hour the residuals of log(20.9 − O)
or log O and of the logarithms of the gases, given load, ambient and temperature, are compared with the weeks before
(see `expected_level`) and projected on the pattern of each falsification (see `joint_shift`):

    air in the line     log(20.9 − O) and every log gas fall by log(1 − f); converted values do not move
    zero gas            log O and every log gas fall by log(1 − f); converted values fall
    oxygen edited       log O falls alone
    one gas, all gases  (another cause: only there so that it is not mistaken for the above)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.detectors.driving_channels import driver_rows, running_hours, within_experience
from analysis.detectors.expected_level import level_contrast, relation_residual, trailing_mean, without_spikes
from analysis.detectors.hourly_table import HOURS_PER_DAY, HourlyTable, hourly_table
from analysis.detectors.interface import Scores, Target
from analysis.detectors.joint_shift import Shift, honest_covariance, score_where_best, shift_along
from analysis.detectors.level_shift import MAX_ONSET_H, PERSISTS, onset
from analysis.detectors.once_a_site import once_a_site
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.site import SiteData

GASES = ("so2", "nox", "no", "no2", "co", "hcl", "hf", "nh3", "n2o", "co2", "nmhc", "thc", "voc")
"""Quantities taken through the sample line. Dust is measured across the duct and is not diluted with them."""

AIR_OXYGEN_PCT = 20.9
"""Of dry air: what leaks in. The 21 of the conversion formula is a convention."""

WINDOWS_H = (6, 24, 72)
STEP_WIDTHS_H = (3, 6, 12)

PATTERNS = (
    # name, row of the residuals that holds the oxygen, how it moves, how the gases move, what a rival may lead by
    ("diluted_with_air", 0, -1.0, -1.0, 4.0),  # nobody gains by oxygen that rises alone: the rival must be sure
    ("diluted_with_zero_gas", 1, -1.0, -1.0, 0.0),
    ("oxygen_tampered", 1, -1.0, 0.0, 0.0),
)
"""In log(20.9 − O) air moves oxygen and gases alike, in log O zero gas does: in its own coordinates a pattern is
straight."""
DIRECTIONS = tuple(name for name, *_ in PATTERNS)


class PointShift(NamedTuple):
    """One point and window length. `scores`, `amplitude` by direction, `(h,)`; `starts` first hour of the shift."""

    point: str
    channels: tuple[str, ...]
    scores: dict[str, Floats]
    amplitude: dict[str, Floats]
    starts: dict[str, Ints]


@once_a_site
def gas_oxygen_shifts(data: SiteData) -> dict[int, list[PointShift]]:
    """Shifts of every point with oxygen and a gas, by window length in hours. Empty without accepted history."""
    table = hourly_table(data)
    found: dict[int, list[PointShift]] = {window: [] for window in WINDOWS_H}
    if table is None or not table.has_reference:
        return found
    for point in table.points():
        rows = _gas_rows(table, point)
        oxygen = table.best_row(point=point, quantity="o2")
        if oxygen is None or not rows:
            continue
        residuals = _residuals(table, data, point=point, oxygen=oxygen, gases=rows)
        names = tuple(table.channels[row].id for row in [*rows, oxygen])
        for window in WINDOWS_H:
            shift = _point_shift(residuals, table.reference, window=window)
            if shift is not None:
                scores, amplitude, starts = shift
                found[window].append(PointShift(point, names, scores, amplitude, starts))
    return found


def _gas_rows(table: HourlyTable, point: str) -> list[int]:
    rows = [table.best_row(point=point, quantity=quantity) for quantity in GASES]
    return [row for row in rows if row is not None and table.coverage[row] >= 0.5]


def _residuals(table: HourlyTable, data: SiteData, *, point: str, oxygen: int, gases: list[int]) -> Floats:
    """Residuals of log(20.9 − O), log O and the log gases, in this order. (2 + m, h)"""
    o2 = table.values[oxygen]
    with np.errstate(invalid="ignore", divide="ignore"):
        burnt = np.where(o2 < AIR_OXYGEN_PCT, AIR_OXYGEN_PCT - o2, np.nan)
        logs = np.log(np.stack([burnt, o2, *table.values[gases]]))
    logs[~np.isfinite(logs)] = np.nan
    rows = driver_rows(table, data, point=point, targets={oxygen, *gases})
    drivers = table.values[rows]
    logs[:, ~within_experience(drivers, reference=table.reference)] = np.nan
    logs[:, ~running_hours(table, data, point=point)] = np.nan
    return without_spikes(relation_residual(drivers, logs, table.reference))


def _point_shift(
    residuals: Floats, reference: Bools, *, window: int
) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Ints]] | None:
    contrast = level_contrast(residuals, window=window, per_day=HOURS_PER_DAY)
    recent = level_contrast(residuals, window=WINDOWS_H[0], per_day=HOURS_PER_DAY)
    steps = {width: step_of_means(residuals, width=width) for width in STEP_WIDTHS_H}
    scores, amplitude, starts = {}, {}, {}
    for name, oxygen_row, oxygen_moves, gases_move, lead in PATTERNS:
        rows, pattern = [oxygen_row, *range(2, residuals.shape[0])], (oxygen_moves, gases_move)
        long = _project(contrast[rows], reference, pattern=pattern)
        short = _project(recent[rows], reference, pattern=pattern)
        width = _sharpest([(width, step[rows]) for width, step in steps.items()], reference)
        if long is None or short is None or width is None:
            return None
        sudden = _project(steps[width][rows], reference, pattern=pattern)
        if sudden is None:
            return None
        began = sharpest_step(
            oxygen_moves * steps[STEP_WIDTHS_H[0]][oxygen_row], otherwise=onset(short["wanted"].z, window=window)
        )
        with np.errstate(invalid="ignore"):
            persists = short["wanted"].amplitude >= PERSISTS * long["wanted"].amplitude
            is_rival = _advantage(long) + _advantage(sudden)[np.minimum(began + width - 1, began.size - 1)] < -lead
        score = score_where_best({key: shift for key, shift in long.items() if key != "rival"}, wanted="wanted")
        scores[name] = np.where(np.isfinite(score) & (~persists | is_rival), 0.0, score)
        amplitude[name], starts[name] = long["wanted"].amplitude, began
    return scores, amplitude, starts


def _advantage(shifts: dict[str, Shift]) -> Floats:
    """Twice the log likelihood of the wanted pattern over its rival; 0 where nothing is known. (h,)

    Taken from the level and from the step at the onset: slow honest wandering of the gases can hide in the level
    whether they went along with the oxygen, but not in the step.
    """
    return np.nan_to_num(shifts["rival"].misfit - shifts["wanted"].misfit)


def sharpest_step(step: Floats, *, otherwise: Ints) -> Ints:
    """First hour after the largest step of the last fifteen days, for each hour.

    Parameters
    ----------
    step : (h,) float64
        From `step_of_means` of the shortest width, rises positive. [any]
    otherwise : (h,) int64
        What to say where no step stands out: none at least four times the median size of steps.

    Returns
    -------
    began : (h,) int64
    """
    width = STEP_WIDTHS_H[0]
    size = np.abs(step[np.isfinite(step)])
    if not size.size:
        return otherwise
    padded = np.concatenate([np.full(MAX_ONSET_H - 1, -np.inf), np.nan_to_num(step, nan=-np.inf)])
    history = np.lib.stride_tricks.sliding_window_view(padded, MAX_ONSET_H)
    # of equal steps the later one counts, as what came before has been judged
    back = history[:, ::-1].argmax(axis=1)
    at = np.arange(step.size) - back
    largest = history[np.arange(step.size), MAX_ONSET_H - 1 - back]
    began = np.clip(at - width + 1, 0, None)
    return np.where(largest >= 4 * np.median(size), began, otherwise).astype(np.int64)


def _sharpest(steps: list[tuple[int, Floats]], reference: Bools) -> int | None:
    """The width at which honest steps of the gases are smallest: there it is plainest whether they went along."""
    power = {}
    for width, step in steps:
        covariance = honest_covariance(step[1:], reference=reference)
        if covariance is not None:
            power[width] = float(np.linalg.inv(covariance).sum())
    return max(power, key=lambda width: power[width]) if power else None


def step_of_means(residual: Floats, *, width: int) -> Floats:
    """Mean of the last `width` samples less that of the `width` before them.

    Parameters
    ----------
    residual : (k, n) float64
        NaN where missing. [any]
    width : int
        [samples]

    Returns
    -------
    step : (k, n) float64
        NaN at the start and where less than half of either side is present. [unit of `residual`]
    """
    recent = trailing_mean(residual, window=width, min_count=(width + 1) // 2)
    earlier = np.full_like(recent, np.nan)
    earlier[:, width:] = recent[:, :-width]
    return recent - earlier


def _project(contrast: Floats, reference: Bools, *, pattern: tuple[float, float]) -> dict[str, Shift] | None:
    """The wanted pattern and its rivals: oxygen alone or with the gases, all gases alone, one gas alone."""
    covariance = honest_covariance(contrast, reference=reference)
    if covariance is None:
        return None
    unit = np.eye(contrast.shape[0])
    gases = unit[1:].sum(axis=0)
    oxygen_moves, gases_move = pattern
    directions = {"wanted": oxygen_moves * unit[0] + gases_move * gases}
    directions["rival"] = oxygen_moves * unit[0] + (-1.0 - gases_move) * gases
    directions["all_gases"] = -gases
    directions |= {f"gas_{i}": -unit[i] for i in range(1, contrast.shape[0])}
    return {
        name: shift_along(contrast, direction=direction, covariance=covariance)
        for name, direction in directions.items()
    }


def direction_scores(data: SiteData, direction: str) -> list[Scores]:
    """Scores of one direction for the registry, one stream a window length."""
    table = hourly_table(data)
    if table is None:
        return []
    ends = np.arange(1, table.n_hours + 1)
    return [
        Scores(
            targets=tuple(Target(data.site.id, shift.point, shift.channels) for shift in shifts),
            interval_s=3600,
            start_s=table.start_s,
            ends=ends,
            starts=np.stack([shift.starts[direction] for shift in shifts]),
            scores=np.stack([shift.scores[direction] for shift in shifts]),
            available=np.broadcast_to(table.available, (len(shifts), table.n_hours)),
            n_accepted=np.full(len(shifts), table.n_accepted, dtype=np.int64),
            evidence={
                "share_pct": 100 * (1 - np.exp(-np.stack([np.abs(shift.amplitude[direction]) for shift in shifts])))
            },
            stream=f"{window}h",
        )
        for window, shifts in gas_oxygen_shifts(data).items()
        if shifts
    ]
