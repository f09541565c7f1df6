"""Rows of a partition onto the grids of its sites.

A row that came more than `GRACE_S` after the end of its interval is late: it was not there when the windows around it
were judged, so it is left out of the grid here and judged when it came (see `analysis.battery`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.model.arrays import AnyArray, Floats, Ints
from analysis.model.metadata import Channel, Site
from analysis.model.site import NORMAL, Grid, Revisions, SiteData

GRACE_S = 3600.0
DAY_S = 86400
SILENT_S = 31 * DAY_S  # so long a silence is kept as empty samples after a site's last row


def arrivals(rows: AnyArray, interval_s: Floats | int) -> Floats:
    """When each row came: at the end of its interval where not told. [s, UTC]"""
    return np.where(np.isnan(rows["received"]), rows["time"] + interval_s, rows["received"])


def grid_sites(
    sites: Sequence[Site],
    rows: AnyArray,
    *,
    first_series: int,
    utc_offset_s: int,
    end_s: float,
    template: Sequence[SiteData],
) -> list[SiteData]:
    """Fill grids.

    Parameters
    ----------
    sites : the partition's sites; their channels are numbered on from `first_series`, in order
    rows : dtype `ROW`, already cut at `--until`
    utc_offset_s : days begin here; grids start with a day so that windows keep their place when data are added or cut
    end_s : the end of the data, or the moment at which they were cut: a site silent until then has empty samples [s,
        UTC]
    template : one `SiteData` a site, whose events, ledger and flags are kept
    """
    channels = [channel for site in sites for channel in site.channels]
    interval = np.array([channel.interval_s for channel in channels], dtype=np.int64)
    site_of = np.repeat(np.arange(len(sites)), [len(site.channels) for site in sites])
    local = rows["series"] - first_series
    grids: list[dict[int, Grid]] = [{} for _ in sites]
    for interval_s in sorted(set(interval.tolist())):
        members = np.flatnonzero(interval == interval_s)
        row_of = np.full(len(channels), -1, dtype=np.int64)
        row_of[members] = np.arange(len(members))
        chosen = rows if len(members) == len(channels) else rows[interval[local] == interval_s]
        stacked = _stack(chosen, row_of[chosen["series"] - first_series], len(members), interval_s, utc_offset_s, end_s)
        for index, site in enumerate(sites):
            own = np.flatnonzero(site_of[members] == index)
            if len(own):
                taken = slice(int(own[0]), int(own[-1]) + 1)
                names = tuple(channels[member] for member in members[taken])
                grid = _site_grid(stacked, taken, names, site)
                if grid.n_times:  # a site that has not reported has no grid
                    grids[index][interval_s] = grid
    return [replace(one, grids=grids[index]) for index, one in enumerate(template)]


def _stack(rows: AnyArray, row: Ints, n_rows: int, interval_s: int, utc_offset_s: int, end_s: float) -> Grid:
    block = max(DAY_S, interval_s)
    if len(rows):
        start_s = int((rows["time"].min() + utc_offset_s) // block) * block - utc_offset_s
        column = ((rows["time"] - start_s) // interval_s).astype(np.int64)
        n_times = max(int(column.max()) + 1, int((end_s - start_s) // interval_s))
    else:
        start_s, column, n_times = 0, np.empty(0, dtype=np.int64), 0
    received = arrivals(rows, interval_s)
    first, later = _versions(row * n_times + column, rows, received)
    shape = (n_rows, n_times)
    values, raw, arrival = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    flags, present = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.bool_)
    on_time = received[first] <= rows["time"][first] + interval_s + GRACE_S
    number = np.arange(len(rows))[first]
    late = number[~on_time]
    late = late[np.argsort(received[late], kind="stable")]
    first = first if on_time.all() else number[on_time]
    at = (row[first], column[first])
    raw[at], flags[at], arrival[at], present[at] = rows["value"][first], rows["flag"][first], received[first], True
    values = np.where(flags == NORMAL, raw, np.nan) if flags.any() else raw
    return Grid(
        interval_s=interval_s,
        start_s=start_s,
        channels=(),
        values=values,
        raw=raw,
        flags=flags,
        present=present,
        arrival=arrival,
        available=np.empty(0),
        revisions=Revisions(row[later], column[later], rows["value"][later], rows["flag"][later], received[later]),
        late=Revisions(row[late], column[late], rows["value"][late], rows["flag"][late], received[late]),
    )


def _versions(key: Ints, rows: AnyArray, received: Floats) -> tuple[AnyArray, Ints]:
    """Which rows are the first of their key (an index or a slice), and which are revisions, by arrival."""
    number = np.arange(len(key))
    if not len(key):
        return number, number
    last = np.zeros(int(key.max()) + 1, dtype=np.int64)
    last[key] = number
    if not (last[key] != number).any():
        return slice(None), number[:0]  # type: ignore[return-value]
    order = np.lexsort((number, received, key))
    fresh = np.diff(key[order], prepend=-1) != 0
    head = order[np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))]
    same_time = rows["time"][order] == rows["time"][head]
    before = np.concatenate([order[:1], order[:-1]])
    told = (received[order] != received[before]) | (rows["flag"][order] != rows["flag"][before])
    told |= ~(
        (rows["value"][order] == rows["value"][before])
        | (np.isnan(rows["value"][order]) & np.isnan(rows["value"][before]))
    )
    later = order[~fresh & same_time & told]
    return np.sort(order[fresh]), later[np.argsort(received[later], kind="stable")]


def _site_grid(stacked: Grid, taken: slice, channels: tuple[Channel, ...], site: Site) -> Grid:
    """The rows of one site, cut to the days on which it reported and the silence after them.

    That nothing came is known when the time for it is over.
    """
    used = np.flatnonzero(stacked.present[taken].any(axis=0))
    own_late, own_revisions = stacked.late.of_rows(taken), stacked.revisions.of_rows(taken)
    columns = np.concatenate([used[:1], used[-1:], own_late.column])
    per_day = max(1, DAY_S // stacked.interval_s)
    first = int(columns.min()) // per_day * per_day if len(columns) else 0
    silent = SILENT_S // stacked.interval_s
    end = min(int(columns.max()) + 1 + silent, stacked.n_times) if len(columns) else 0
    cut = (taken, slice(first, end))
    start_s = stacked.start_s + first * stacked.interval_s
    ends = start_s + stacked.interval_s * np.arange(1, end - first + 1, dtype=np.float64)
    arrival = stacked.arrival[cut]
    latest = np.max(np.where(np.isnan(arrival), -np.inf, arrival), axis=0, initial=-np.inf)
    accepted = 0
    if site.accepted_until_s is not None:
        accepted = int(np.clip((site.accepted_until_s - start_s) // stacked.interval_s, 0, end - first))
    return replace(
        stacked,
        start_s=start_s,
        channels=channels,
        values=stacked.values[cut],
        raw=stacked.raw[cut],
        flags=stacked.flags[cut],
        present=stacked.present[cut],
        arrival=arrival,
        available=np.maximum.accumulate(np.where(np.isfinite(latest), latest, ends + GRACE_S)),
        n_accepted=accepted,
        revisions=own_revisions.moved(-first),
        late=own_late.moved(-first),
    )
