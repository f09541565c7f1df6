"""A pollutant falls from one hour to the next and stays below what load, oxygen and the weeks before lead one to
expect: what scaling and a shifted zero share.

Strategy: log concentration less what its drivers say, in means over the hours just before and just after each possible
onset, all against the weeks before. A step moves the means after it and none of those before; the honest covariance of
the means tells how surely (a matched filter: an innovational search for level shifts, Chen and Liu 1993, J. Am. Stat.
Assoc. 88, 284, without a model of the memory). The baseline trails, so that an honest lasting change is learned again
within weeks. Only falls are looked for: nobody falsifies a pollutant upward.

What the logarithm of the noise does tells the two apart. A factor leaves it as it was; a constant taken off raises it
by as much as the level fell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from analysis.detectors.driving_channels import driver_rows, running_hours, within_experience
from analysis.detectors.expected_level import (
    baseline_before,
    relation_residual,
    trailing_mean,
    without_spikes,
)
from analysis.detectors.hourly_table import HourlyTable, coarse_tables, hourly_table
from analysis.detectors.interface import Scores, Target
from analysis.detectors.joint_shift import honest_covariance, shift_along
from analysis.detectors.once_a_site import once_a_site
from analysis.detectors.shape import is_regulated
from analysis.model.arrays import Bools, Floats
from analysis.model.site import SiteData

DAY_S = 86400
WINDOWS_H = (24, 48)
BEFORE_H = (3, 12, 48)
USUAL_DAYS = 21
LEAST_NOISE_DEVIATION = 0.07
"""Of the logarithm of the noise: what three days of means with heavy tails do by themselves."""


class Step(NamedTuple):
    """One channel and window length. `(n,)` each, window by window."""

    target: Target
    surely: Floats
    """Honest standard deviations by which the level fell, less those by which the means do not look like a step. [1]"""
    fall: Floats
    """Logarithm of the level after over that before. [1]"""
    error: Floats
    """Honest standard deviation of the fall. [1]"""
    noise: Floats
    """Logarithm of the noise of the logarithm after over that before. [1]"""
    deviation: Floats
    """How far the noise changes honestly. [1]"""
    after: Floats
    """Mean of the window. [unit of the channel]"""


@once_a_site
def level_steps(data: SiteData) -> list[tuple[HourlyTable, int, list[Step]]]:
    """Steps of all regulated channels: time base, length of window in samples, one step a channel."""
    found = []
    hourly = hourly_table(data)
    for table in [*([hourly] if hourly is not None else []), *coarse_tables(data)]:
        if not table.has_reference:
            continue
        by_window: dict[int, list[Step]] = {}
        for point in table.points():
            for window, step in _point_steps(table, data, point):
                by_window.setdefault(window, []).append(step)
        found += [(table, window, steps) for window, steps in by_window.items()]
    return found


def _point_steps(table: HourlyTable, data: SiteData, point: str) -> Iterator[tuple[int, Step]]:
    rows = [r for r, c in enumerate(table.channels) if c.point == point and is_regulated(c)]
    if not rows:
        return
    residuals = _residuals(table, data, point=point, rows=rows)
    smooth = without_spikes(residuals)
    per_day = DAY_S // table.step_s
    for place, row in enumerate(rows):
        target = Target(data.site.id, point, (table.channels[row].id,))
        for hours in WINDOWS_H:
            window = hours * 3600 // table.step_s
            if window < 3:
                continue
            judged = step_contrasts(smooth[place], window=window, before=_before(table), per_day=per_day)
            covariance = honest_covariance(judged, reference=table.reference)
            if covariance is None:
                continue
            pattern = np.array([[-1.0, -1.0, *np.zeros(len(judged) - 2)]])
            shift = shift_along(judged, directions=pattern, covariance=covariance)
            fall = -shift.amplitude[0]
            noise, inflation, deviation = noise_change(
                residuals[place], window=window, per_day=per_day, reference=table.reference
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                surely = (shift.z[0] - np.sqrt(np.maximum(shift.misfit[0], 0.0))) / inflation
                error = inflation * np.where(shift.z[0] != 0, shift.amplitude[0] / shift.z[0], np.nan)
            after = trailing_mean(table.values[row][None], window=window, min_count=1)[0]
            yield window, Step(target, surely, fall, error, noise, np.full_like(noise, deviation), after)


def _before(table: HourlyTable) -> tuple[int, ...]:
    return tuple(max(1, hours * 3600 // table.step_s) for hours in BEFORE_H)


def _residuals(table: HourlyTable, data: SiteData, *, point: str, rows: list[int]) -> Floats:
    """Log concentrations less what load, conditions and oxygen say. (k, n)"""
    drivers = driver_rows(table, data, point=point, targets=set(rows))
    oxygen = table.best_row(point=point, quantity="o2")
    if oxygen is not None and oxygen not in drivers and table.coverage[oxygen] >= 0.8:
        drivers = [*drivers, oxygen]
    limits = np.array([table.channels[row].detection_limit or 0.0 for row in rows])
    values = table.values[rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(np.where(values > np.maximum(limits, 0.0)[:, None], values, np.nan))
    predictors = table.values[drivers]
    logs[:, ~within_experience(predictors, reference=table.reference)] = np.nan
    logs[:, ~running_hours(table, data, point=point)] = np.nan
    return relation_residual(predictors, logs, table.reference)


def step_contrasts(residual: Floats, *, window: int, before: tuple[int, ...], per_day: int) -> Floats:
    """Means on both sides of an onset `window` samples ago, each less the baseline.

    Parameters
    ----------
    residual : (n,) float64
        NaN where missing. [any]
    window, before : int
        Length of what follows the onset, and of the means before it, the last first. [samples]
    per_day : int
        Samples in a day. [1]

    Returns
    -------
    contrasts : (2 + len(before), n) float64
        Last two thirds of the window, its first third, then the means before it. [unit of `residual`]
    """
    late = window - window // 3
    out, lag = [], 0
    for length in (late, window - late, *before):
        mean = trailing_mean(residual[None], window=length, min_count=(length + 1) // 2)[0]
        shifted = np.full_like(mean, np.nan)
        shifted[lag:] = mean[: mean.size - lag]
        out.append(shifted)
        lag += length
    return np.stack(out) - baseline_before(residual[None], lag=window, per_day=per_day)


def noise_change(residual: Floats, *, window: int, per_day: int, reference: Bools) -> tuple[Floats, Floats, float]:
    """Logarithm of the mean size of changes in the window over that of the three weeks before it.

    Parameters
    ----------
    residual : (n,) float64
        NaN where missing. [any]
    window, per_day : int
        [samples]
    reference : (n,) bool
        Accepted samples: changes beyond four times their median size count as that, and their windows tell how far the
        noise changes by itself.

    Returns
    -------
    change : (n,) float64
        0 where it is not known. [1]
    inflation : (n,) float64
        Noise of the three weeks before over that of accepted history, at least 1: what has become noisier since judges
        less surely. [1]
    deviation : float
        Its honest standard deviation. [1]
    """
    size = np.abs(np.diff(residual, prepend=np.nan))
    usual = size[reference & np.isfinite(size)]
    bound = 4.0 * float(np.median(usual)) if usual.size else np.inf
    size = np.minimum(size, bound)[None]
    recent = trailing_mean(size, window=window, min_count=(window + 1) // 2)[0]
    memory = USUAL_DAYS * per_day
    long = trailing_mean(size, window=memory, min_count=memory // 8)[0]
    earlier = np.full_like(long, np.nan)
    earlier[window:] = long[: long.size - window]
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log(recent / earlier)
    change = np.where(np.isfinite(change), change, 0.0)
    accepted = np.minimum(usual, bound)
    inflation = np.fmax(earlier / max(float(accepted.mean()), 1e-12), 1.0) if usual.size else np.ones_like(earlier)
    spread = float(np.sqrt(np.mean(change[reference] ** 2))) if reference.any() else 0.0
    return change, inflation, max(spread, LEAST_NOISE_DEVIATION)


def judged_by_noise(surely: Floats, *, fall: Floats, noise: Floats, deviation: Floats, by_factor: bool) -> Floats:
    """The score of one cause: less what the noise does not fit it by, and 0 at most where it fits the other better.

    Parameters
    ----------
    surely, fall, noise, deviation : (k, n) float64
        As in `Step`.
    by_factor : bool
        A factor leaves the noise of the logarithm, a constant taken off raises it by as much as the level falls.

    Returns
    -------
    score : (k, n) float64
        [honest standard deviations]
    """
    unlike_factor, unlike_offset = np.abs(noise) / deviation, np.abs(noise + fall) / deviation
    own, other = (unlike_factor, unlike_offset) if by_factor else (unlike_offset, unlike_factor)
    score = surely - np.maximum(own - 1.0, 0.0)
    return np.where(own > other, np.minimum(score, 0.0), score)


def step_scores(data: SiteData, *, least_fall: float, by_factor: bool) -> list[Scores]:
    """Scores of steps by a factor or by a constant taken off; a fall, a logarithm, counts where it is two standard
    deviations beyond `least_fall`."""
    out = []
    for table, window, steps in level_steps(data):
        surely, fall, error, noise, deviation, after = (
            np.stack([getattr(s, n) for s in steps]) for n in Step._fields[1:]
        )
        score = judged_by_noise(surely, fall=fall, noise=noise, deviation=deviation, by_factor=by_factor)
        with np.errstate(invalid="ignore"):
            score = np.where(-fall - 2.0 * error >= least_fall, score, np.minimum(score, 0.0))
        ends = np.arange(1, table.n_hours + 1)
        out.append(
            Scores(
                targets=tuple(step.target for step in steps),
                interval_s=table.step_s,
                start_s=table.start_s,
                ends=ends,
                starts=np.broadcast_to(np.maximum(ends - window, 0), score.shape),
                scores=score,
                available=np.broadcast_to(np.maximum.accumulate(table.available), score.shape),
                n_accepted=np.full(len(steps), table.n_accepted, dtype=np.int64),
                evidence={
                    "before": after / np.exp(fall),
                    "after": after,
                    "factor": np.exp(fall),
                    "noise_factor": np.exp(noise + fall),
                },
                stream=f"{window * table.step_s // 3600}h",
            )
        )
    return out
