"""Plain-loop twins of the numeric cores of the relation detectors: slow, obvious, and written from the definitions."""

from __future__ import annotations

import math
import statistics

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def trailing_mean(values: Array, *, window: int, min_count: int) -> Array:
    out = np.full(values.shape, np.nan)
    for i in range(values.shape[0]):
        for t in range(values.shape[1]):
            known = [v for v in values[i, max(0, t - window + 1) : t + 1] if not math.isnan(v)]
            if len(known) >= max(min_count, 1):
                out[i, t] = sum(known) / len(known)
    return out


def baseline_before(residual: Array, *, lag: int, per_day: int, days: int) -> Array:
    out = np.zeros(residual.shape)
    for i in range(residual.shape[0]):
        for t in range(residual.shape[1]):
            whole_days = max(0, (t + 1 - lag) // per_day)
            means = []
            for day in range(max(0, whole_days - days), whole_days):
                known = [v for v in residual[i, day * per_day : (day + 1) * per_day] if not math.isnan(v)]
                if len(known) >= per_day // 2:
                    means.append(sum(known) / len(known))
            if len(means) >= 3:
                out[i, t] = statistics.median(means)
    return out


def step_contrasts(residual: Array, *, lengths: list[int], lag: int, per_day: int) -> Array:
    """Means over `lengths`, the last first, one before the other, less the median of the thirty days before `lag`."""
    baseline = baseline_before(residual[None], lag=lag, per_day=per_day, days=30)[0]
    out = np.full((len(lengths), len(residual)), np.nan)
    for t in range(len(residual)):
        end = t + 1
        for i, length in enumerate(lengths):
            known = [v for v in residual[max(0, end - length) : max(0, end)] if not math.isnan(v)]
            if end > 0 and len(known) >= (length + 1) // 2:
                out[i, t] = sum(known) / len(known) - baseline[t]
            end -= length
    return out


def without_spikes(values: Array) -> Array:
    out = values.copy()
    for i in range(values.shape[0]):
        for t in range(2, values.shape[1]):
            three = values[i, t - 2 : t + 1]
            if not np.isnan(three).any():
                out[i, t] = sorted(three)[1]
    return out


def shift_along(contrast: Array, direction: Array, covariance: Array) -> tuple[list[float], list[float]]:
    """z and misfit: the residual sum of squares of the whitened contrast after the best multiple of the direction."""
    root = np.linalg.inv(np.linalg.cholesky(covariance))
    white_direction = root @ direction
    z, misfit = [], []
    for t in range(contrast.shape[1]):
        white = root @ contrast[:, t]
        amplitude = float(white @ white_direction) / float(white_direction @ white_direction)
        z.append(amplitude * float(np.linalg.norm(white_direction)))
        misfit.append(float(np.sum((white - amplitude * white_direction) ** 2)))
    return z, misfit


def robust_fits(design: Array, targets: Array, rows: NDArray[np.bool_]) -> Array:
    """Huber's re-weighted least squares, eight rounds, a ridge of a millionth on all but the constant."""
    out = np.zeros((len(targets), design.shape[1]))
    for i, (target, chosen) in enumerate(zip(targets, rows, strict=True)):
        x, y = design[chosen], target[chosen]
        ridge = np.diag([0.0] + [1e-6 * len(y)] * (design.shape[1] - 1))
        weight = np.ones(len(y))
        for _ in range(8):
            out[i] = np.linalg.solve(x.T @ np.diag(weight) @ x + ridge, x.T @ (weight * y))
            error = [abs(v) for v in y - x @ out[i]]
            bound = 1.5 * 1.4826 * statistics.median(error)
            weight = np.array([min(1.0, bound / e) if e > 0 else 1.0 for e in error])
    return out


def sharpest_step(step: Array, *, reference: NDArray[np.bool_], memory: int, width: int) -> list[int]:
    usual = statistics.median(abs(s) for s, r in zip(step, reference, strict=True) if r and not math.isnan(s))
    out = []
    for t in range(len(step)):
        known = [s for s in range(max(0, t - memory + 1), t + 1) if not math.isnan(step[s])]
        best = max(known, key=lambda s: (step[s], s), default=None)
        stands_out = best is not None and step[best] >= 4 * usual
        out.append(max(best - width + 1, 0) if stands_out and best is not None else -1)
    return out


def consecutive(state: list[bool], known: list[bool]) -> list[float]:
    out, length = [], 0
    for is_so, is_known in zip(state, known, strict=True):
        if is_known:
            length = length + 1 if is_so else 0
        out.append(float(length if is_so and is_known else 0))
    return out


def parts(
    starts: list[float], interval_s: float, times: list[float], values: list[float], normal: list[bool]
) -> list[tuple[int, int, float, float, float]]:
    """present, valid, total, lowest, highest of each interval."""
    out = []
    for start in starts:
        inside = [i for i, t in enumerate(times) if start <= t < start + interval_s]
        valid = [values[i] for i in inside if normal[i] and not math.isnan(values[i])]
        out.append((len(inside), len(valid), sum(valid), min(valid, default=math.nan), max(valid, default=math.nan)))
    return out


def counter_falls(total: list[float], step: float) -> list[float]:
    out, before = [], None
    for value in total:
        if math.isnan(value):
            out.append(math.nan)
            continue
        fell = before is not None and value < before and value >= 0.1 * before
        out.append((before - value) / step if fell and before is not None else 0.0)
        before = value
    return out


def runs(mask: list[bool]) -> list[tuple[int, int]]:
    out, start = [], None
    for i, marked in enumerate([*mask, False]):
        if marked and start is None:
            start = i
        if not marked and start is not None:
            out.append((start, i))
            start = None
    return out


def rank_before(values: Array, at: list[int], of: list[float], scale: int) -> list[float]:
    out = []
    for t, value in zip(at, of, strict=True):
        before = [v for v in values[max(0, t - scale) : t] if not math.isnan(v)]
        if len(before) < scale / 2 or math.isnan(value):
            out.append(math.nan)
        else:
            out.append(sum(v < value for v in before) / len(before))
    return out


def neighbours(values: Array, reach: int) -> tuple[list[float], list[float]]:
    before, after = [], []
    for t in range(len(values)):
        earlier = [values[s] for s in range(t - 1, max(-1, t - reach - 1), -1) if not math.isnan(values[s])]
        later = [values[s] for s in range(t + 1, min(len(values), t + reach + 1)) if not math.isnan(values[s])]
        before.append(earlier[0] if earlier else math.nan)
        after.append(later[0] if later else math.nan)
    return before, after


def oxygen_conversion(value: float, oxygen: float, reference: float) -> float:
    return value * (21 - reference) / (21 - oxygen) if oxygen < 21 else math.nan


def culprits(broken: list[list[bool]], available: list[list[bool]], taking_part: list[list[bool]]) -> list[list[bool]]:
    """By channel and sample: in every broken identity, and in no intact one."""
    samples = len(broken[0])
    out = []
    for part in taking_part:
        row = []
        for t in range(samples):
            failing = [a for a in range(len(broken)) if broken[a][t]]
            intact = [a for a in range(len(broken)) if available[a][t] and not broken[a][t]]
            row.append(bool(failing) and all(part[a] for a in failing) and not any(part[a] for a in intact))
        out.append(row)
    return out
