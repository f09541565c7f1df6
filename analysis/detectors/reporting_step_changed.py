"""Values come in a coarser step than before: another analyser, another setting of the logger.

Equal neighbours, short runs and lost digits then follow by themselves. The coarser step is told by changes that all
fall on its grid: one in ten of honest values does, six in a row do not. A finer step is left alone, as computed values
look the same.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, cell_scores, is_measured
from analysis.model.arrays import Floats, Ints
from analysis.model.block import SeriesBlock

FACTORS = (2, 5, 10)
LEAST_NATS = 14.0
MAX_PLACES = 5
_ON_GRID = 0.99  # of accepted values
_LEAST_CHANGES = 50


def run(block: SeriesBlock) -> list[Scores]:
    """One stream: nats against the changes up to the end of each cell falling on a coarser grid by chance."""
    n_reference = block.reference_cells * block.cell
    step = decimal_step(block.values, n_reference)
    with np.errstate(invalid="ignore"):
        counted = np.where(block.values > np.fmax(block.detection_limit, 0.0)[:, None], block.values, np.nan)
    nats, start, factor = coarser_steps(counted, step=step, n_reference=n_reference)
    nats[np.arange(block.n_times)[None, :] < n_reference[:, None]] = 0.0  # odds learned there cannot judge it
    if not (nats >= LEAST_NATS).any():
        return []
    at = block.cell_ends - 1
    first = start[:, at]
    evidence = {
        "step": np.broadcast_to(step[:, None], first.shape),
        "new_step": step[:, None] * factor[:, at],
        "run_h": (block.cell_ends[None, :] - first) * block.interval_s / HOUR_S,
    }
    return [cell_scores(block, nats[:, at], width=1, evidence=evidence, stream="", starts=first)]


def decimal_step(values: Floats, n_reference: Ints) -> Floats:
    """The decimal place that each row is reported to in its reference. (n,) NaN where it has none."""
    width = min(int(n_reference.max(initial=0)), 4096, values.shape[1])
    known = np.where(np.arange(width)[None, :] < n_reference[:, None], values[:, :width], np.nan)
    there = np.maximum(np.isfinite(known).sum(axis=1), 1)
    out = np.full(values.shape[0], np.nan)
    for places in range(MAX_PLACES, -1, -1):
        scaled = known * 10.0**places
        with np.errstate(invalid="ignore"):
            on = np.abs(scaled - np.round(scaled)) <= 1e-6 + 1e-12 * np.abs(scaled)
        out[on.sum(axis=1) >= _ON_GRID * there] = 10.0**-places
    return out


def coarser_steps(values: Floats, *, step: Floats, n_reference: Ints) -> tuple[Floats, Ints, Ints]:
    """How surely the latest changes of each row keep to a multiple of its step.

    Parameters
    ----------
    values : (n, m) float64
        NaN where missing, or where a value says "less than". [unit of the channel]
    step : (n,) float64
        Accepted reporting step, NaN where unknown. [unit of the channel]
    n_reference : (n,) int64
        Samples of reference.

    Returns
    -------
    nats : (n, m) float64
        Number of changes since the last value off the coarser grid, times −ln of how often an accepted change falls
        on it; the largest over `FACTORS`. Below `LEAST_NATS` it may be less than that, to save the work.
    start : (n, m) int64
        First sample after the last one off that grid.
    factor : (n, m) int64
        The coarser step in accepted steps.
    """
    n, m = values.shape
    valid = np.isfinite(values) & np.isfinite(step)[:, None]
    place = np.zeros((n, m), dtype=np.int64)
    np.rint(values / step[:, None], out=place, where=valid, casting="unsafe")
    number = np.arange(m)
    if valid.all():
        filled = place
    else:
        filled = np.take_along_axis(place, np.maximum.accumulate(np.where(valid, number, 0), axis=1), axis=1)
    changed = valid.copy()
    changed[:, 1:] &= filled[:, 1:] != filled[:, :-1]
    reference = changed & (number < n_reference[:, None])
    changes = reference.sum(axis=1)
    best = np.zeros((n, m))
    start, factor = np.zeros((n, m), dtype=np.int64), np.ones((n, m), dtype=np.int64)
    for multiple in FACTORS:
        on = place % multiple == 0
        odds = -np.log(((reference & on).sum(axis=1) + 1.0) / (changes + 2.0))
        odds[changes < _LEAST_CHANGES] = 0.0
        count = np.cumsum(changed & on, axis=1, dtype=np.int32)
        off = valid & ~on
        count -= np.maximum.accumulate(np.where(off, count, np.int32(0)), axis=1)
        rows = np.flatnonzero(count.max(axis=1, initial=0) * odds >= LEAST_NATS)
        nats = count[rows] * odds[rows, None]
        better = nats > best[rows]
        best[rows] = np.where(better, nats, best[rows])
        since = np.maximum.accumulate(np.where(off[rows], number + 1, 0), axis=1)
        start[rows] = np.where(better, since, start[rows])
        factor[rows] = np.where(better, multiple, factor[rows])
    return best, start, factor


DETECTOR = Detector(
    name="reporting_step_changed",
    fault="process_change",
    runs_on="block",
    run=run,
    needs=is_measured,
    explanation=Text(
        en="for {run_h:.0f} h all values have come in steps of {new_step:.6g} instead of {step:.6g}: another analyser, "
        "or another setting of the logger",
        zh="{run_h:.0f} 小时以来所有数值均以 {new_step:.6g} 为步长上报（原为 {step:.6g}）：疑似更换分析仪或"
        "数采仪设置变更",
    ),
    innocent_if=Text(
        en="this is itself an innocent explanation, if the instrument's record shows the change",
        zh="若仪器档案中有该变更记录，本身即为无辜解释",
    ),
    floor=LEAST_NATS,
    kind="exact",
    specificity=1,
)
