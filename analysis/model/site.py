"""A site's observations on regular grids, one per interval: channel-major float64, NaN the only spelling of missing.

Two views of a value. `values` holds what counts: rows that came on time with flag `N`. `raw` holds whatever number
came, flagged or not, for the detectors that judge the flags. A second row of the same key is a revision: the first
stays in the grid, the later ones are listed in `revisions`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from analysis.model.arrays import Bools, Codes, Floats, Ints
from analysis.model.metadata import Channel, Event, LedgerEntry, Site

NORMAL = 0


@dataclass(frozen=True)
class Revisions:
    """Later rows of keys that had come before, in order of arrival.

    `row`, `column` point into the grid; `value` is NaN when empty; `flag` indexes `SiteData.flag_names`; `received_s`
    [s, UTC].
    """

    row: Ints
    column: Ints
    value: Floats
    flag: Codes
    received_s: Floats

    @staticmethod
    def none() -> "Revisions":
        """An empty list."""
        empty = np.empty(0, dtype=np.int64)
        return Revisions(empty, empty, np.empty(0), np.empty(0, dtype=np.uint8), np.empty(0))

    def moved(self, columns: int) -> "Revisions":
        """The same, counted from another first column."""
        return Revisions(self.row, self.column + columns, self.value, self.flag, self.received_s)

    def of_rows(self, taken: slice) -> "Revisions":
        """Those of some consecutive rows, numbered from the first of them."""
        own = (self.row >= taken.start) & (self.row < taken.stop)
        return Revisions(
            self.row[own] - taken.start, self.column[own], self.value[own], self.flag[own], self.received_s[own]
        )


@dataclass(frozen=True)
class Grid:
    """All series of one interval of a site. Sample i covers [start_s + i·interval_s, start_s + (i+1)·interval_s).

    values, raw, arrival : (n_series, n_times) float64; `arrival` is when the row came, NaN where none. [s, UTC]
    flags : (n_series, n_times) uint8, index into `SiteData.flag_names`, 0 is `N`
    present : (n_series, n_times) bool, a row came (perhaps with an empty value)
    available : (n_times,) the moment at which every row up to and including the sample was there; never decreases. [s,
        UTC]
    n_accepted : samples at the beginning that lie wholly before `accepted_until`
    revisions : later rows of keys that had come before
    late : first rows that came too late for the windows around them; not in `values`, `raw`, `flags`, `present`,
        `arrival`
    """

    interval_s: int
    start_s: int
    channels: tuple[Channel, ...]
    values: Floats
    raw: Floats
    flags: Codes
    present: Bools
    arrival: Floats
    available: Floats
    n_accepted: int = 0
    revisions: Revisions = field(default_factory=Revisions.none)
    late: Revisions = field(default_factory=Revisions.none)

    @property
    def n_times(self) -> int:
        return int(self.values.shape[1])

    @property
    def times_s(self) -> Floats:
        """Start of each sample. (n_times,) [s, UTC]"""
        return self.start_s + self.interval_s * np.arange(self.n_times, dtype=np.float64)

    def column_of(self, time_s: float) -> int:
        """The sample that holds a moment; may lie outside the grid."""
        return int((time_s - self.start_s) // self.interval_s)


@dataclass(frozen=True)
class OtherSites:
    """What the rest of the dataset did, hour by hour.

    silent_share : (n_hours,) share of the other sites, of those that reported in the 24 hours before, from which
        nothing came on time in that hour; NaN where there are no others
    """

    start_s: int
    silent_share: Floats


@dataclass(frozen=True, eq=False)
class SiteData:
    """Everything a site detector may look at."""

    site: Site
    grids: dict[int, Grid]
    events: tuple[Event, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    flag_names: tuple[str, ...] = ("N",)
    others: OtherSites | None = None

    def find(
        self,
        *,
        quantity: str | None = None,
        point: str | None = None,
        medium: str | None = None,
        statistic: str | None = None,
    ) -> Iterator[tuple[Grid, int]]:
        """Series with the given properties, as (grid, row), shortest interval first, in the registered order."""
        wanted = {"quantity": quantity, "point": point, "medium": medium, "statistic": statistic}
        asked = {name: value for name, value in wanted.items() if value is not None}
        for interval_s in sorted(self.grids):
            grid = self.grids[interval_s]
            for row, channel in enumerate(grid.channels):
                if all(getattr(channel, name) == value for name, value in asked.items()):
                    yield grid, row

    def channel(self, point: str, channel_id: str) -> tuple[Grid, int] | None:
        """The series with this id at this point, or `None`."""
        for grid in self.grids.values():
            for row, channel in enumerate(grid.channels):
                if channel.point == point and channel.id == channel_id:
                    return grid, row
        return None
