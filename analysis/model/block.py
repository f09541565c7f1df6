"""Many series of equal length, from one site or a thousand, side by side: what the single-channel detectors work on.

Sums over an hour (a *cell*: an hour, or one sample where samples are longer) are taken once and shared; windows are then sums of
cells, which costs next to nothing. Row operations only: what is computed for a series does not depend on its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.model.arrays import Floats, Ints
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
    """Sums of each series over cells. All (n_series, n_cells); `count`, `steps` are numbers of valid samples and differences.

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

    values : (n_series, n_times) float64, NaN where missing
    n_accepted : (n_series,) samples of accepted history
    available : (n_series, n_times) moment at which the sample, and all before it, was there [s, UTC]
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
    ) -> None:
        if values.shape != (len(channels), available.shape[1]):
            raise ValueError(
                f"values {values.shape} do not fit {len(channels)} channels and {available.shape[1]} times"
            )
        self.interval_s = interval_s
        self.start_s = start_s
        self.channels = channels
        self.values = values
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
    def typical(self) -> Floats:
        """A value from the beginning of each series, near its level: only for centring sums. (n_series,) NaN if all is missing"""
        first = np.argmax(~np.isnan(self.values), axis=1)
        return (
            np.asarray(self.values[np.arange(self.n_series), first]) if self.n_times else np.full(self.n_series, np.nan)
        )


def windowed(cells: Floats, width: int) -> Floats:
    """Sums of `width` consecutive cells ending at each cell; NaN before the first full window. (n_series, n_cells)"""
    sums = np.cumsum(cells, axis=1)
    out = np.full_like(sums, np.nan)
    if width <= sums.shape[1]:
        out[:, width - 1] = sums[:, width - 1]
        out[:, width:] = sums[:, width:] - sums[:, :-width]
    return out
