"""A sudden step of a level, and whether the noise stepped with it: what scaling and a shifted zero share.

Strategy: the mean of the last days against that of the weeks before, in units of how such means wander honestly. The
baseline trails, so that an honest lasting change is learned again within weeks. Readings for "less than" have no level
and are left out. Only downward steps are looked for: nobody falsifies a pollutant upward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.detectors.shape import HOUR_S
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock

WINDOWS_H = (72, 168)
BASELINE_H = 504


@dataclass(frozen=True)
class Steps:
    """Windows ending at each cell against the three weeks before them. All (n_series, n_cells).

    level, noise : logarithms of mean and noise, window over baseline; before, after : the
    means [unit of the channel]
    """

    level: Floats
    noise: Floats
    before: Floats
    after: Floats


def steps(block: SeriesBlock, hours: int) -> Steps | None:
    """Compare; `None` where the series is shorter than baseline and window."""
    width, baseline = block.window_cells(hours * HOUR_S), block.window_cells(BASELINE_H * HOUR_S)
    if width < 6 or width + baseline // 2 > block.n_cells:
        return None
    cells = block.quantified.cells
    count, total = windowed_padded(cells.count, width), windowed_padded(cells.total, width)
    changes, squares = windowed_padded(cells.steps, width), windowed_padded(cells.step_squares, width)
    long = [
        windowed_padded(sums, width + baseline) for sums in (cells.count, cells.total, cells.steps, cells.step_squares)
    ]
    old_count, old_total, old_changes, old_squares = (
        whole - part for whole, part in zip(long, (count, total, changes, squares), strict=True)
    )
    enough = (count >= 0.5 * width * block.cell) & (old_count >= 0.3 * baseline * block.cell)
    with np.errstate(divide="ignore", invalid="ignore"):
        after = np.where(enough, total / count, np.nan) + cells.mean_offset
        before = old_total / old_count + cells.mean_offset
        level = np.log(after / before)
        noise = 0.5 * np.log((squares / changes) / (old_squares / old_changes))
    sound = (before > 0) & (after > 0)
    return Steps(np.where(sound, level, np.nan), np.where(sound, noise, np.nan), before, after)


def windowed_padded(sums: Floats, width: int) -> Floats:
    """Sums of up to `width` cells ending at each cell, fewer at the beginning. (n_series, n_cells)"""
    out = np.cumsum(sums, axis=1)
    if width < out.shape[1]:
        out[:, width:] -= out[:, :-width].copy()
    return out
