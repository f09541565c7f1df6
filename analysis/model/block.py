"""Many series of equal length, from one site or a thousand, side by side: what the single-channel detectors work on.

Sums over an hour (a *cell*: an hour, or one sample where samples are longer) are taken once and shared; windows are
then sums of cells, which costs next to nothing. Row operations only: what is computed for a series does not depend on
its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.model import operation
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.metadata import Channel
from analysis.model.site import Grid

CELL_S = 3600
PROVISIONAL_CELLS = 168  # a week: reference of a site without accepted history; unverified, so nothing in it is accused
LEAST_ACCEPTED_CELLS = 48


def _optional(channels: Sequence[Channel], name: str) -> Floats:
    values = [getattr(channel, name) for channel in channels]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@dataclass(frozen=True)
class Cells:
    """Sums of each series over cells. All (n_series, n_cells); `count`, `steps` are numbers of valid samples and
    differences.

    `mean_offset` (n_series, 1) was subtracted before summing, so that squares keep their digits.
    """

    count: Floats
    total: Floats
    squares: Floats
    steps: Floats
    step_squares: Floats
    low: Floats
    high: Floats
    mean_offset: Floats


class SeriesBlock:
    """Series of one interval and one time base.

    values : (n_series, n_times) float64, NaN where missing, flagged, or the source stands still
    n_accepted : (n_series,) samples of accepted history
    available : (n_series, n_times) moment at which the sample, and all before it, was there [s, UTC]
    running : (n_series, n_times) whether the source runs, as `analysis.model.operation` sees it
    """

    def __init__(
        self,
        *,
        interval_s: int,
        start_s: int,
        channels: tuple[Channel, ...],
        values: Floats,
        n_accepted: Ints,
        available: Floats,
        running: Bools | None = None,
    ) -> None:
        if values.shape != (len(channels), available.shape[1]):
            raise ValueError(
                f"values {values.shape} do not fit {len(channels)} channels and {available.shape[1]} times"
            )
        self.interval_s = interval_s
        self.start_s = start_s
        self.channels = channels
        self.running = np.ones(values.shape, dtype=np.bool_) if running is None else running
        self.values = values if running is None or running.all() else np.where(running, values, np.nan)
        self.n_accepted = n_accepted
        self.available = available

    @classmethod
    def of(cls, grids: Sequence[Grid]) -> "SeriesBlock":
        """Stack the grids of several sites; they must share interval, start and length."""
        first = grids[0]
        return cls(
            interval_s=first.interval_s,
            start_s=first.start_s,
            channels=tuple(channel for grid in grids for channel in grid.channels),
            values=first.values if len(grids) == 1 else np.concatenate([grid.values for grid in grids]),
            n_accepted=np.concatenate([np.full(len(grid.channels), grid.n_accepted, dtype=np.int64) for grid in grids]),
            available=np.concatenate(
                [np.broadcast_to(grid.available, (len(grid.channels), grid.n_times)) for grid in grids]
            ),
            running=np.concatenate([operation.running(grid) for grid in grids]),
        )

    def rows(self, selected: Ints) -> "SeriesBlock":
        """The same block with some of its series."""
        return SeriesBlock(
            interval_s=self.interval_s,
            start_s=self.start_s,
            channels=tuple(self.channels[row] for row in selected),
            values=self.values[selected],
            n_accepted=self.n_accepted[selected],
            available=self.available[selected],
            running=self.running[selected],
        )

    @property
    def n_series(self) -> int:
        return int(self.values.shape[0])

    @property
    def n_times(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def limit(self) -> Floats:
        """(n_series,) NaN where none."""
        return _optional(self.channels, "limit")

    @cached_property
    def range_low(self) -> Floats:
        """(n_series,) NaN where none."""
        return _optional(self.channels, "range_low")

    @cached_property
    def range_high(self) -> Floats:
        """(n_series,) NaN where none."""
        return _optional(self.channels, "range_high")

    @cached_property
    def detection_limit(self) -> Floats:
        """(n_series,) NaN where none."""
        return _optional(self.channels, "detection_limit")

    @property
    def cell(self) -> int:
        """Samples in a cell."""
        return max(1, CELL_S // self.interval_s)

    @property
    def cell_s(self) -> int:
        """Duration of a cell. [s]"""
        return self.cell * self.interval_s

    @property
    def n_cells(self) -> int:
        """Whole cells; a last unfinished one is left out."""
        return self.n_times // self.cell

    @cached_property
    def reference_cells(self) -> Ints:
        """Cells of each series that serve as its reference: the accepted ones, or a provisional week. (n_series,)"""
        accepted = self.n_accepted // self.cell
        return np.where(accepted >= LEAST_ACCEPTED_CELLS, accepted, np.minimum(PROVISIONAL_CELLS, self.n_cells))

    @cached_property
    def cells(self) -> Cells:
        """Sums over cells, in one pass over the samples."""
        used = self.n_cells * self.cell
        shape = (self.n_series, self.n_cells, self.cell)
        offset = np.nan_to_num(self.typical)[:, None]
        centred = self.values[:, :used] - offset
        valid = ~np.isnan(centred)
        filled = np.where(valid, centred, 0.0)
        step = np.diff(centred, axis=1, prepend=np.nan)
        stepped = ~np.isnan(step)
        np.nan_to_num(step, copy=False)
        by_cell = filled.reshape(shape)
        return Cells(
            count=valid.reshape(shape).sum(axis=2, dtype=np.float64),
            total=by_cell.sum(axis=2),
            squares=np.einsum("sct,sct->sc", by_cell, by_cell),
            steps=stepped.reshape(shape).sum(axis=2, dtype=np.float64),
            step_squares=np.einsum("sct,sct->sc", step.reshape(shape), step.reshape(shape)),
            low=np.where(valid, centred, np.inf).reshape(shape).min(axis=2),
            high=np.where(valid, centred, -np.inf).reshape(shape).max(axis=2),
            mean_offset=offset,
        )

    @cached_property
    def cell_ends(self) -> Ints:
        """One past the last sample of each cell. (n_cells,)"""
        return (np.arange(self.n_cells, dtype=np.int64) + 1) * self.cell

    @cached_property
    def cell_available(self) -> Floats:
        """When each cell was complete. (n_series, n_cells) [s, UTC]"""
        return self.available[:, self.cell_ends - 1]

    def window_cells(self, duration_s: float) -> int:
        """Cells in a window of about this duration, at least one."""
        return max(1, round(duration_s / self.cell_s))

    def window(self, width: int) -> "Moments":
        """Moments of windows of `width` cells, made once; readings for "less than" have no shape and are left out."""
        if width not in self._windows:
            self._windows[width] = moments(self.quantified.cells, width)
        return self._windows[width]

    @cached_property
    def quantified(self) -> "SeriesBlock":
        """The same series without the samples that only say "less than" (at or below the detection limit): of them no
        level is known."""
        with np.errstate(invalid="ignore"):
            unknown = self.values <= self.detection_limit[:, None]
        if not unknown.any():
            return self
        return SeriesBlock(
            interval_s=self.interval_s,
            start_s=self.start_s,
            channels=self.channels,
            values=np.where(unknown, np.nan, self.values),
            n_accepted=self.n_accepted,
            available=self.available,
            running=self.running,
        )

    @cached_property
    def _windows(self) -> "dict[int, Moments]":
        return {}

    def reference_median(self, per_cell: Floats) -> Floats:
        """Median over each row's reference cells. (n_series,) NaN where all are NaN"""
        number = np.arange(per_cell.shape[1])
        kept = np.where(number[None, :] < self.reference_cells[:, None], per_cell, np.nan)
        return row_median(kept)

    @cached_property
    def resolution(self) -> Floats:
        """Reporting step: the least common non-zero |Δ| of the reference, robustly.

        (n_series,) [unit of the channel]
        """
        return reporting_step(self.values, self.reference_cells * self.cell)

    @cached_property
    def typical(self) -> Floats:
        """A value from the beginning of each series, near its level: only for centring sums.

        (n_series,) NaN if all is missing
        """
        first = np.argmax(~np.isnan(self.values), axis=1)
        return (
            np.asarray(self.values[np.arange(self.n_series), first]) if self.n_times else np.full(self.n_series, np.nan)
        )


@dataclass(frozen=True)
class Moments:
    """Of windows ending at each cell; NaN where less than half of the window is there. All (n_series, n_cells).

    `count` samples, `mean`, `variance` about the mean, `step_variance` half the mean squared difference of neighbours.
    """

    count: Floats
    mean: Floats
    variance: Floats
    step_variance: Floats


def moments(cells: Cells, width: int) -> Moments:
    """Moments of windows of `width` cells from the sums of cells."""
    per_cell = cells.count.max(initial=1.0)
    count, steps = windowed(cells.count, width), windowed(cells.steps, width)
    enough = (count >= 0.5 * width * per_cell) & (count >= 3) & (steps >= 0.4 * width * per_cell) & (steps >= 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = windowed(cells.total, width) / count
        variance = np.maximum(windowed(cells.squares, width) / count - mean * mean, 0.0)
        step_variance = np.maximum(windowed(cells.step_squares, width), 0.0) / (2.0 * steps)
    blank = np.where(enough, 0.0, np.nan)
    return Moments(count, mean + cells.mean_offset + blank, variance + blank, step_variance + blank)


def row_median(values: Floats) -> Floats:
    """Median of each row, NaN left out; NaN for an empty row. (n_rows,)"""
    ordered = np.sort(values, axis=1)  # NaN last
    n = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(n))
    low, high = ordered[rows, np.maximum((n - 1) // 2, 0)], ordered[rows, np.maximum(n // 2, 0)]
    return np.asarray(np.where(n > 0, (low + high) / 2.0, np.nan))


def reporting_step(values: Floats, n_reference: Ints) -> Floats:
    """The step in which each row reports: the 2 % quantile of non-zero |Δ| in its reference, at least the float's own.
    (n_rows,)

    A quantile rather than the minimum: sums and differences of steps leave crumbs of rounding.
    """
    width = min(values.shape[1], int(n_reference.max(initial=0)), 4096)
    change = np.abs(np.diff(values[:, :width], axis=1))
    change[change <= 1e-9 * np.nanmax(np.abs(values[:, :width]), axis=1, initial=1e-300)[:, None]] = np.nan
    change[:, :][np.arange(1, width)[None, :] >= n_reference[:, None]] = np.nan
    ordered = np.sort(change, axis=1)
    n = np.count_nonzero(~np.isnan(ordered), axis=1)
    if not ordered.shape[1]:
        return np.full(values.shape[0], np.nan)
    return np.asarray(ordered[np.arange(len(n)), np.clip((0.02 * n).astype(np.int64), 0, ordered.shape[1] - 1)])


def windowed(cells: Floats, width: int) -> Floats:
    """Sums of `width` consecutive cells ending at each cell; NaN before the first full window. (n_series, n_cells)"""
    sums = np.cumsum(cells, axis=1)
    out = np.full_like(sums, np.nan)
    if width <= sums.shape[1]:
        out[:, width - 1] = sums[:, width - 1]
        out[:, width:] = sums[:, width:] - sums[:, :-width]
    return out
