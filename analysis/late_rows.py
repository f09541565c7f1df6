"""Rows that came too late for the windows around them: the site as it stood after each day on which many of them came.

The first look leaves late rows out, because they were not there. When half a day of them or more arrives within one day
(UTC), the site is looked at again with them filled in, and whatever then stands out in windows that they touch is known
from the end of that day. Fixed days, not the data, decide when: a dataset cut at any time gives the same views up to
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.calibration import Exceedances
from analysis.model.arrays import Floats
from analysis.model.site import NORMAL, Grid, SiteData

DAY_S = 86400
LEAST_FILLED_S = 12 * 3600


@dataclass(frozen=True)
class LateView:
    """A site with late rows filled in.

    `known_s` : when this was so; filled_s : times of the rows that came last. [s, UTC]
    """

    data: SiteData
    known_s: float
    filled_s: Floats


def late_views(data: SiteData) -> Iterator[LateView]:
    """The views of a site, in order of time."""
    days = sorted({day for grid in data.grids.values() for day in (grid.late.received_s // DAY_S).tolist()})
    for day in days:
        filled = [_times(grid, day) for grid in data.grids.values()]
        spans = [len(times) * grid.interval_s for times, grid in zip(filled, data.grids.values(), strict=True)]
        if max(spans) >= LEAST_FILLED_S:
            grids = {interval_s: filled_until(grid, day) for interval_s, grid in data.grids.items()}
            times = np.unique(np.concatenate(filled))
            yield LateView(replace(data, grids=grids), (day + 1) * DAY_S, times)


def _times(grid: Grid, day: float) -> Floats:
    columns = np.unique(grid.late.column[grid.late.received_s // DAY_S == day])
    return grid.start_s + columns * float(grid.interval_s)


def filled_until(grid: Grid, day: float) -> Grid:
    """The grid with all late rows that came up to and including a day."""
    late = grid.late
    come = late.received_s // DAY_S <= day
    at = (late.row[come], late.column[come])
    values, raw, flags = grid.values.copy(), grid.raw.copy(), grid.flags.copy()
    present, arrival = grid.present.copy(), grid.arrival.copy()
    raw[at], flags[at], present[at], arrival[at] = late.value[come], late.flag[come], True, late.received_s[come]
    values[at] = np.where(late.flag[come] == NORMAL, late.value[come], np.nan)
    return replace(grid, values=values, raw=raw, flags=flags, present=present, arrival=arrival)


def touched(part: Exceedances, view: LateView) -> Exceedances | None:
    """Those windows that hold a row which came last, known from the view's time on; `None` if there are none."""
    first = np.searchsorted(view.filled_s, part.start_s, side="left")
    end = np.searchsorted(view.filled_s, part.end_s, side="left")
    return part.those(end > first, known_s=view.known_s)
