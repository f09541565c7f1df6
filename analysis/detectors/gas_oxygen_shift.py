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
from scipy.ndimage import maximum_filter1d

from analysis.detectors.driving_channels import driver_rows, running_hours, within_experience
from analysis.detectors.expected_level import level_contrasts, relation_residual, trailing_mean, without_spikes
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
WANTED, RIVAL = 0, -1
"""Places of the two among the directions that `_project` tries."""


class Directed(NamedTuple):
    """How far a point moved in one direction. `(h,)` each; `starts` first hour of the shift."""

    score: Floats
    amplitude: Floats
    starts: Ints


class PointShift(NamedTuple):
    """One point and window length, by direction."""

    point: str
    channels: dict[str, tuple[str, ...]]
    by_direction: dict[str, Directed]


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
        quantities = {table.channels[row].quantity for row in rows}
        channels = {name: accused(data, point=point, gases=quantities, direction=name) for name in DIRECTIONS}
        for window, by_direction in _directed_shifts(residuals, table.reference).items():
            found[window].append(PointShift(point, channels, by_direction))
    return found


def accused(data: SiteData, *, point: str, gases: set[str], direction: str) -> tuple[str, ...]:
    """Channels of a point that are false if the direction is right: what passes the line, and what follows from it.

    Means of every length, as the longer ones are made of the shorter. Converted values hardly move with air in the
    line; edited oxygen moves them alone.
    """
    kept = (set() if direction == "oxygen_tampered" else gases) | {"o2"}
    converted = set() if direction == "diluted_with_air" else gases
    return tuple(
        channel.id
        for channel in data.site.channels
        if channel.point == point
        and (
            (channel.statistic in ("avg", "rtd") and channel.quantity in kept and channel.formula != "mass")
            or (channel.statistic.startswith("zs") and channel.quantity in converted)
        )
    )


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


def _directed_shifts(residuals: Floats, reference: Bools) -> dict[int, dict[str, Directed]]:
    """By window length and direction; without windows for which too little is accepted."""
    steps = {width: step_of_means(residuals, width=width) for width in STEP_WIDTHS_H}
    width = _sharpest([(width, step[2:]) for width, step in steps.items()], reference)
    if width is None:
        return {}
    contrasts = level_contrasts(residuals, windows=WINDOWS_H, per_day=HOURS_PER_DAY)
    found: dict[int, dict[str, Directed]] = {window: {} for window in WINDOWS_H}
    for oxygen_row in (0, 1):
        rows = [oxygen_row, *range(2, residuals.shape[0])]
        seen = {window: _judged(contrast[rows], reference) for window, contrast in contrasts.items()}
        step, brief = _judged(steps[width][rows], reference), seen[WINDOWS_H[0]]
        if step is None or brief is None:
            return {}
        for name, _, oxygen_moves, gases_move, lead in (p for p in PATTERNS if p[1] == oxygen_row):
            sharpest = sharpest_step(oxygen_moves * steps[STEP_WIDTHS_H[0]][oxygen_row], reference=reference)
            short, sudden = (_project(one, pattern=(oxygen_moves, gases_move)) for one in (brief, step))
            for window, judged in seen.items():
                if judged is None:
                    found.pop(window, None)
                    continue
                began = np.where(sharpest >= 0, sharpest, onset(short.z[WANTED], window=window))
                long = short if judged is brief else _project(judged, pattern=(oxygen_moves, gases_move))
                with np.errstate(invalid="ignore"):
                    persists = short.amplitude[WANTED] >= PERSISTS * long.amplitude[WANTED]
                    at_onset = _advantage(sudden)[np.minimum(began + width - 1, began.size - 1)]
                    is_rival = _advantage(long) + at_onset < -lead
                score = score_where_best(Shift(*(part[:RIVAL] for part in long)), wanted=WANTED)
                score = np.where(np.isfinite(score) & (~persists | is_rival), 0.0, score)
                found[window][name] = Directed(score, long.amplitude[WANTED], began)
    return found


def _advantage(shift: Shift) -> Floats:
    """Twice the log likelihood of the wanted pattern over its rival; 0 where nothing is known. (h,)

    Taken from the level and from the step at the onset: slow honest wandering of the gases can hide in the level
    whether they went along with the oxygen, but not in the step.
    """
    return np.asarray(np.nan_to_num(shift.misfit[RIVAL] - shift.misfit[WANTED]))


def sharpest_step(step: Floats, *, reference: Bools) -> Ints:
    """First hour after the largest step of the last fifteen days, for each hour.

    Parameters
    ----------
    step : (h,) float64
        From `step_of_means` of the shortest width, rises positive. [any]
    reference : (h,) bool
        Accepted hours.

    Returns
    -------
    began : (h,) int64
        −1 where no step stands out: none at least four times the median size of accepted steps. Of equal steps the
        later one counts, as what came before has been judged.
    """
    hours = np.arange(step.size)
    known = np.isfinite(step)
    size = np.abs(step[known & reference])
    if not size.size:
        return np.full(step.size, -1)
    # one key holds the rank of the step and its hour, so that one running maximum gives both
    rank = np.unique(np.where(known, step, -np.inf), return_inverse=True)[1]
    behind = MAX_ONSET_H // 2 - (MAX_ONSET_H + 1) % 2
    key = maximum_filter1d(rank * step.size + hours, MAX_ONSET_H, origin=behind, mode="constant", cval=-1)
    at = key % step.size
    began = np.clip(at - STEP_WIDTHS_H[0] + 1, 0, None)
    return np.where(step[at] >= 4 * np.median(size), began, -1).astype(np.int64)


def _sharpest(steps: list[tuple[int, Floats]], reference: Bools) -> int | None:
    """The width at which honest steps of the gases are smallest: there it is plainest whether they went along."""
    power = {}
    for width, step in steps:
        covariance = honest_covariance(step, reference=reference)
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


class Judged(NamedTuple):
    """Contrasts of oxygen and gases, `(1 + m, h)`, and how they scatter honestly."""

    contrast: Floats
    covariance: Floats


def _judged(contrast: Floats, reference: Bools) -> Judged | None:
    covariance = honest_covariance(contrast, reference=reference)
    return None if covariance is None else Judged(contrast, covariance)


def _project(judged: Judged, *, pattern: tuple[float, float]) -> Shift:
    """The wanted pattern, all gases alone, each gas alone, and the rival: oxygen alone or with the gases."""
    unit = np.eye(len(judged.covariance))
    gases = unit[1:].sum(axis=0)
    oxygen_moves, gases_move = pattern
    wanted, rival = (oxygen_moves * unit[0] + moves * gases for moves in (gases_move, -1.0 - gases_move))
    directions = np.stack([wanted, -gases, *-unit[1:], rival])
    return shift_along(judged.contrast, directions=directions, covariance=judged.covariance)


def direction_scores(data: SiteData, direction: str) -> list[Scores]:
    """Scores of one direction for the registry, one stream a window length."""
    table = hourly_table(data)
    if table is None:
        return []
    ends = np.arange(1, table.n_hours + 1)
    out = []
    for window, shifts in gas_oxygen_shifts(data).items():
        if not shifts:
            continue
        own = [shift.by_direction[direction] for shift in shifts]
        amplitude = np.stack([one.amplitude for one in own])
        out.append(
            Scores(
                targets=tuple(Target(data.site.id, shift.point, shift.channels[direction]) for shift in shifts),
                interval_s=3600,
                start_s=table.start_s,
                ends=ends,
                starts=np.stack([one.starts for one in own]),
                scores=np.stack([one.score for one in own]),
                available=np.broadcast_to(table.available, amplitude.shape),
                n_accepted=np.full(len(shifts), table.n_accepted, dtype=np.int64),
                evidence={"share_pct": 100 * (1 - np.exp(-np.abs(amplitude)))},
                stream=f"{window}h",
            )
        )
    return out
