"""Windows of days, cut from each series at a coarse step, for the detectors that look at the highest values.

An hour is represented by its highest value: a cap on minutes shows in hourly maxima as well.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analysis.detectors.shape import HOUR_S
from analysis.model.arrays import Floats, Ints
from analysis.model.block import SeriesBlock

HOP_H = 12
LEAST_SAMPLES = 40


def highest(block: SeriesBlock) -> Floats:
    """Highest value of each cell, NaN where none. (n_series, n_cells)"""
    high = block.cells.high
    return np.where(np.isfinite(high), high + block.cells.mean_offset, np.nan)


def window_ends(block: SeriesBlock, hours: int) -> tuple[int, Ints]:
    """Width in cells, and the ends of the windows in cells; none if the series is too short or too sparse."""
    width = block.window_cells(hours * HOUR_S)
    if width < LEAST_SAMPLES or width > block.n_cells:
        return width, np.empty(0, dtype=np.int64)
    step = max(1, HOP_H * HOUR_S // block.cell_s)
    return width, np.arange(width, block.n_cells + 1, step)


def windows(cells: Floats, width: int, ends: Ints) -> Floats:
    """The windows as a view. (n_series, n_windows, width)"""
    return sliding_window_view(cells, width, axis=1)[:, ends - width]
