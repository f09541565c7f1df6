"""A site's channels side by side, hour by hour: what the detectors that compare channels work on.

Relations between channels are judged on hourly means: that is the interval of the emission standards, it makes
series of five seconds and of an hour comparable, and it keeps a comparison cheap. Hours are counted from the first
one of the site.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.detectors.once_a_site import once_a_site
from analysis.model.arrays import Bools, Floats
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

HOUR_S = 3600
HOURS_PER_DAY = 24

LEAST_ACCEPTED_H = 48

STATISTIC_ORDER = ("avg", "rtd", "cou")
"""Which statistic speaks for a quantity when several are there: the hourly mean first."""


@dataclass(frozen=True, eq=False)
class HourlyTable:
    """All series of a site with an interval up to an hour.

    values, raw : (n, h) float64, hourly means of what counts, and of whatever number came; NaN where none
    present, flagged : (n, h) float64, share of the hour's samples that came, and of those that came with a flag
    other than N available : (h,) float64, when everything up to the end of the hour was there [s, UTC]
    n_accepted : hours of accepted history
    """

    start_s: int
    channels: tuple[Channel, ...]
    values: Floats
    raw: Floats
    present: Floats
    flagged: Floats
    available: Floats
    n_accepted: int
    step_s: int = HOUR_S

    @property
    def n_hours(self) -> int:
        return int(self.available.size)

    @property
    def has_reference(self) -> bool:
        """Whether accepted history is long enough to learn a relation from."""
        return self.n_accepted >= LEAST_ACCEPTED_H

    @cached_property
    def reference(self) -> Bools:
        """(h,) accepted hours."""
        return np.arange(self.n_hours) < self.n_accepted

    @cached_property
    def coverage(self) -> Floats:
        """(n,) share of the accepted hours in which anything came from the site that have a value of the channel."""
        active = self.reference & (self.present > 0).any(axis=0)
        known = np.isfinite(self.values[:, active])
        return np.asarray(known.mean(axis=1)) if active.any() else np.zeros(len(self.channels))

    @cached_property
    def row_of(self) -> dict[tuple[str, str], int]:
        """Row by (point, channel id)."""
        return {(channel.point, channel.id): row for row, channel in enumerate(self.channels)}

    def rows(self, *, point: str | None = None, quantity: str | None = None) -> list[int]:
        """Rows with a plain statistic (no converted values, extremes or counters), best statistic and longest
        interval first."""
        found = [
            row
            for row, channel in enumerate(self.channels)
            if point in (None, channel.point)
            and quantity in (None, channel.quantity)
            and channel.statistic in STATISTIC_ORDER
        ]
        return sorted(found, key=lambda row: self._preference(self.channels[row]))

    @staticmethod
    def _preference(channel: Channel) -> tuple[int, int]:
        return STATISTIC_ORDER.index(channel.statistic), -channel.interval_s

    def best_row(self, *, point: str, quantity: str) -> int | None:
        """The row that speaks for a quantity at a point, or None."""
        return next(iter(self.rows(point=point, quantity=quantity)), None)

    def points(self) -> list[str]:
        """Points in the registered order."""
        return list(dict.fromkeys(channel.point for channel in self.channels))


@once_a_site
def hourly_table(data: SiteData) -> HourlyTable | None:
    """Build the table; None for a site without a series of an hour or less. The last sites are remembered: many
    detectors ask."""
    grids = [grid for interval_s, grid in sorted(data.grids.items()) if HOUR_S % interval_s == 0 and grid.n_times]
    if not grids:
        return None
    start = min(int(grid.start_s // HOUR_S) for grid in grids)
    # a last hour that has only begun is left out: its mean may still change
    end = max(int((grid.start_s + grid.n_times * grid.interval_s) // HOUR_S) for grid in grids)
    hours = max(end - start, 0)
    parts = [_by_hour(grid, start=start, hours=hours) for grid in grids]
    accepted = min((grid.start_s + grid.n_accepted * grid.interval_s) // HOUR_S - start for grid in grids)
    return HourlyTable(
        start_s=start * HOUR_S,
        channels=tuple(channel for grid in grids for channel in grid.channels),
        values=np.concatenate([part[0] for part in parts]),
        raw=np.concatenate([part[1] for part in parts]),
        present=np.concatenate([part[2] for part in parts]),
        flagged=np.concatenate([part[3] for part in parts]),
        available=np.maximum.accumulate(np.max([part[4] for part in parts], axis=0)) if hours else np.empty(0),
        n_accepted=max(int(accepted), 0) if any(grid.n_accepted for grid in grids) else 0,
    )


def _by_hour(grid: Grid, *, start: int, hours: int) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    per_hour = HOUR_S // grid.interval_s
    lead = int(grid.start_s - start * HOUR_S) // grid.interval_s

    def cut(rows: NDArray[np.float64], fill: float) -> Floats:
        padded = np.full((rows.shape[0], hours * per_hour), fill)
        width = min(rows.shape[1], hours * per_hour - lead)
        padded[:, lead : lead + width] = rows[:, :width]
        return padded.reshape(rows.shape[0], hours, per_hour)

    flagged = cut((grid.present & (grid.flags != 0)).astype(np.float64), 0.0).mean(axis=2)
    present = cut(grid.present.astype(np.float64), 0.0).mean(axis=2)
    ends = (start + 1 + np.arange(hours)) * float(HOUR_S)
    latest = np.max(cut(grid.available[None, :], -np.inf)[0], axis=1)
    return (
        _mean_of_known(cut(grid.values, np.nan)),
        _mean_of_known(cut(grid.raw, np.nan)),
        present,
        flagged,
        np.maximum(latest, ends),
    )


def _mean_of_known(blocks: Floats) -> Floats:
    """Mean over the last axis of what is there."""
    if blocks.shape[2] == 1:
        return blocks[:, :, 0]
    known = np.isfinite(blocks)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.where(known, blocks, 0.0).sum(axis=2) / np.where(known.any(axis=2), known.sum(axis=2), np.nan)
        )


@once_a_site
def coarse_tables(data: SiteData) -> tuple[HourlyTable, ...]:
    """The same for series of several hours, such as water analysers of two or four; `step_s` is their interval."""
    return tuple(
        HourlyTable(
            start_s=grid.start_s,
            channels=grid.channels,
            values=grid.values,
            raw=grid.raw,
            present=grid.present.astype(np.float64),
            flagged=(grid.present & (grid.flags != 0)).astype(np.float64),
            available=grid.available,
            n_accepted=grid.n_accepted,
            step_s=interval_s,
        )
        for interval_s, grid in sorted(data.grids.items())
        if HOUR_S < interval_s < HOURS_PER_DAY * HOUR_S and grid.n_times
    )
