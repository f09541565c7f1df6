"""Which sites reported in which hour: a gap that many sites share is the network's, not one plant's."""

import numpy as np

from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.site import OtherSites

HOUR_S = 3600
DAY_HOURS = 24


class Presence:
    """A table (n_sites, n_hours), grown as rows come."""

    def __init__(self, n_sites: int) -> None:
        self._table: Bools = np.zeros((n_sites, 0), dtype=np.bool_)
        self._first = 0

    def add(self, sites: Ints, times_s: Floats) -> None:
        """Note that the sites reported at these times. [s, UTC]"""
        if not len(times_s):
            return
        hours = (times_s // HOUR_S).astype(np.int64)
        self._grow(int(hours.min()), int(hours.max()) + 1)
        self._table[sites, hours - self._first] = True

    def _grow(self, first: int, end: int) -> None:
        n_sites, n_hours = self._table.shape
        if not n_hours:
            self._first = first - first % DAY_HOURS
            self._table = np.zeros((n_sites, end - self._first), dtype=np.bool_)
            return
        before = max(0, self._first - first)
        before += -before % DAY_HOURS
        after = max(0, end - self._first - n_hours)
        if before or after:
            self._table = np.pad(self._table, ((0, 0), (before, after)))
            self._first -= before

    def others(self) -> list[OtherSites | None]:
        """For each site, the share of the others that fell silent. Hours: those of the table."""
        n_sites, n_hours = self._table.shape
        if n_sites < 2 or not n_hours:
            return [None] * n_sites
        reached = np.cumsum(np.pad(self._table, ((0, 0), (DAY_HOURS, 0))), axis=1, dtype=np.int32)
        expected = reached[:, DAY_HOURS:] - reached[:, :-DAY_HOURS] > 0
        silent = expected & ~self._table
        all_expected, all_silent = expected.sum(axis=0), silent.sum(axis=0)
        out: list[OtherSites | None] = []
        for site in range(n_sites):
            others = (all_expected - expected[site]).astype(np.float64)
            share = np.full(n_hours, np.nan)
            np.divide(all_silent - silent[site], others, out=share, where=others > 0)
            out.append(OtherSites(self._first * HOUR_S, share))
        return out
