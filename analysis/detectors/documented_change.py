"""A channel changed where the records say that someone worked on it: another noise or level at a documented
maintenance, or a parameter set within a documented calibration.

The step must show at the event itself, in the first two days after it against the time before: what begins days later
has nothing to do with it. It is taken as the new state for a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.parameter_edited import is_documented
from analysis.detectors.shape import HOUR_S, is_measured
from analysis.model.arrays import Floats, Ints
from analysis.model.block import SeriesBlock
from analysis.model.metadata import DOCUMENTED, Event
from analysis.model.site import Grid, SiteData

NOISE_H, LEVEL_H, BEFORE_H = 48, 12, 336
LEAST_NOISE, LEAST_LEVEL = 0.25, 0.05  # logarithms of ratios
SPREADS = 3.0  # honest scatter of such ratios that a change must exceed
FORCE_S = 30 * 86400


class Change(NamedTuple):
    """Logarithms of ratios after to before, over the least that counts; `row` of the grid, cells of begin and proof."""

    row: int
    since: int
    proved: int
    noise: float
    level: float


def run(data: SiteData) -> list[Scores]:
    """One row of scores a change: 1 at the least that counts."""
    out = []
    for grid in data.grids.values():
        works = [event for event in data.events if event.kind == "maintenance" and np.isfinite(event.end_s)]
        if works and grid.n_times and any(is_measured(channel) for channel in grid.channels):
            block = SeriesBlock.of([grid])
            out += [_of_change(data, grid, block, change) for change in changes_at(block, works)]
    return out + list(_set_parameters(data))


def changes_at(block: SeriesBlock, works: list[Event]) -> Iterator[Change]:
    """Channels whose noise or level stepped at a maintenance of their point."""
    noise_w, level_w, before_w = (block.window_cells(h * HOUR_S) for h in (NOISE_H, LEVEL_H, BEFORE_H))
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = 0.5 * np.log(block.window(noise_w).step_variance)
        level = np.log(block.window(level_w).mean)
    noise, level = (np.where(np.isfinite(one), one, np.nan) for one in (noise, level))
    noise_scatter = scatter(noise, block.reference_cells)
    lag = level_w + 1
    level_scatter = scatter(level[:, lag:] - level[:, :-lag], block.reference_cells - lag)
    for event in works:
        since = int((event.start_s - block.start_s) // block.cell_s)
        done = int(-(-(event.end_s - block.start_s) // block.cell_s))
        proved = done + noise_w
        if since < level_w or proved > block.n_cells:
            continue
        own = [
            row
            for row, c in enumerate(block.channels)
            # what happened within the reference is part of it
            if is_measured(c) and event.point in (None, "", c.point) and since >= block.reference_cells[row]
        ]
        for row in own:
            past = noise[row, max(0, since - before_w) : since]
            past = past[np.isfinite(past)]
            usual = float(np.median(past)) if past.size else np.nan
            louder = abs(noise[row, proved - 1] - usual) / max(LEAST_NOISE, SPREADS * noise_scatter[row])
            moved = abs(level[row, done + level_w - 1] - level[row, since - 1]) / max(
                LEAST_LEVEL, SPREADS * level_scatter[row]
            )
            if max(np.nan_to_num(louder), np.nan_to_num(moved)) >= 1:
                yield Change(row, since, proved, float(np.nan_to_num(louder)), float(np.nan_to_num(moved)))


def scatter(values: Floats, n_reference: Ints) -> Floats:
    """Half the span of the middle two thirds of each row's reference. (n,) inf where there is none"""
    out = np.full(len(values), np.inf)
    inside = np.where(np.arange(values.shape[1])[None, :] < n_reference[:, None], values, np.nan)
    known = np.isfinite(inside).sum(axis=1) >= NOISE_H
    if known.any():
        low, high = np.nanquantile(inside[known], [1 / 6, 5 / 6], axis=1)
        out[known] = (high - low) / 2
    return out


def _of_change(data: SiteData, grid: Grid, block: SeriesBlock, change: Change) -> Scores:
    since, first = change.since * block.cell, change.proved * block.cell
    return _in_force(
        data, grid, change.row, since=since, first=first, score=max(change.noise, change.level), known_s=-np.inf
    )


def _set_parameters(data: SiteData) -> Iterator[Scores]:
    """Ledger entries within a documented event, each from the begin of the event on."""
    for entry in data.ledger:
        found = data.channel(entry.point.rpartition("/")[2], entry.channel)
        if found is None or not is_documented(entry, data.events):
            continue
        grid, row = found
        begin = min(e.start_s for e in data.events if e.kind in DOCUMENTED and e.start_s <= entry.time_s <= e.end_s)
        since, first = (int(np.clip(grid.column_of(s), 0, grid.n_times - 1)) for s in (begin, entry.time_s))
        yield _in_force(data, grid, row, since=since, first=first + 1, score=1.0, known_s=entry.reported_s)


def _in_force(data: SiteData, grid: Grid, row: int, *, since: int, first: int, score: float, known_s: float) -> Scores:
    per_day = max(1, 86400 // grid.interval_s)
    last = int(min(grid.n_times, since + FORCE_S // grid.interval_s))
    ends = np.unique(np.minimum(np.arange(first, max(last, first) + per_day, per_day), max(last, first)))
    channel = grid.channels[row]
    return Scores(
        targets=(Target(data.site.id, channel.point, with_derived(data, channel.point, channel.id)),),
        interval_s=grid.interval_s,
        start_s=grid.start_s,
        ends=ends.astype(np.int64),
        starts=np.full((1, ends.size), since, dtype=np.int64),
        scores=np.full((1, ends.size), score),
        available=np.maximum(grid.available[ends - 1], known_s)[None, :],
        n_accepted=np.zeros(1, dtype=np.int64),
    )


def with_derived(data: SiteData, point: str, channel_id: str) -> tuple[str, ...]:
    """A channel and all that is computed from it."""
    own = [channel for channel in data.site.channels if channel.point == point]
    names = {channel_id}
    for _ in range(4):
        names |= {channel.id for channel in own if not names.isdisjoint(channel.derived_from)}
    return tuple(channel.id for channel in own if channel.id in names)


DETECTOR = Detector(
    name="documented_change",
    fault="process_change",
    runs_on="site",
    run=run,
    explanation=Text(
        en="noise or level changed where a maintenance or calibration is on record ({score:.1f} times the least change "
        "that counts)",
        zh="噪声或水平在有记录的维护或校准处发生变化（为最小可计变化的 {score:.1f} 倍）",
    ),
    innocent_if=Text(
        en="this is itself an innocent explanation, if the record of the work agrees",
        zh="若与该次工作的记录一致，本身即为无辜解释",
    ),
    floor=1.0,
    kind="exact",
    specificity=1,
)
