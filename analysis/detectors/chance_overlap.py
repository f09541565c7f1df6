"""How improbable is it that so many marked runs fell on the hours that matter?

Runs, not hours, are counted: hours inside a run are no independent evidence. The chance of one run is the share of
the month that it could have been moved to and still touch such an hour, so that long runs and frequent hours count
for little. Everything looks back over `MEMORY_H` only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from analysis.detectors.expected_level import trailing_sum
from analysis.model.arrays import Bools, Floats, Ints

MEMORY_H = 30 * 24
"""A month, in hours; callers with longer samples pass theirs."""

MERGE_SAMPLES = 6
_COVERED = 0.8
_LEAST_CHANCE = 0.02  # least chance of one run: a single coincidence is never proof


class Runs(NamedTuple):
    """Maximal runs of a mask: hours [first, end). `(r,)` each."""

    first: Ints
    end: Ints


def runs_of(mask: Bools) -> Runs:
    """Runs of True, in order of time."""
    edges = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return Runs(np.flatnonzero(edges == 1).astype(np.int64), np.flatnonzero(edges == -1).astype(np.int64))


def merged(runs: Runs, *, gap: int = MERGE_SAMPLES) -> Runs:
    """Runs less than `gap` samples apart taken as one: a breakdown of a day is one event, however often it is
    interrupted."""
    if not runs.first.size:
        return runs
    apart = runs.first[1:] - runs.end[:-1] >= gap
    return Runs(runs.first[np.append(True, apart)], runs.end[np.append(apart, True)])


def habitual(marked: Bools, *, per_day: int = 24, looks: int = 7, least: int = 3) -> Bools:
    """Marked hours that repeat at a fixed hour of the day or of the week: calibrations and back-purges by plan.

    Parameters
    ----------
    marked : (h,) bool
    lags : tuple of int
        Periods looked for. [h]
    looks, least : int
        At a daily period an hour is habitual if `least` of the `looks` periods before it were marked too, an hour
        either way; at a longer one, if the last two were.

    Returns
    -------
    habitual : (h,) bool
    """
    near = marked.copy()
    near[1:] |= marked[:-1]
    near[:-1] |= marked[1:]
    out = np.zeros_like(marked)
    for lag, periods, needed in ((per_day, looks, least), (7 * per_day, 2, 2)):
        count = np.zeros(marked.size, dtype=np.int64)
        for k in range(1, periods + 1):
            if k * lag < marked.size:
                count[k * lag :] += near[: -k * lag]
        out |= marked & (count >= needed)
    return out


def overlap_score(
    marked: Bools, matters: Bools, *, possible: Bools, memory: int = MEMORY_H
) -> tuple[Floats, Floats, Floats, Ints]:
    """−ln of the chance that as many runs touch the hours that matter, looking back a month.

    Parameters
    ----------
    marked : (h,) bool
        Hours of the runs.
    matters : (h,) bool
        Hours that a falsifier would mark.
    possible : (h,) bool
        Hours that a run could have fallen on.
    memory : int
        Samples in a month. [1]

    Returns
    -------
    score : (h,) float64
        0 where no run ended within the month. [1]
    touching, runs : (h,) float64
        Runs that touch, and all runs, of the month. [1]
    first : (h,) int64
        First hour of the first touching run of the month; a month back where there is none.
    """
    n = marked.size
    runs = merged(runs_of(marked))
    touches = _touch(runs, matters & marked)
    by_runs = _touch_score(runs, touches, matters & possible, possible, memory=memory)
    # the other margin of the same table: how many of the exceedances are marked, and marked throughout
    spells = merged(runs_of(matters & possible))
    by_spells = _cover_score(spells, matters & possible, marked, possible, memory=memory)
    n_runs, n_touch = (monthly_sum(runs.end - 1, w, n, memory=memory) for w in (np.ones(touches.size), touches))
    score = np.maximum(np.maximum(by_runs, by_spells) - np.log(2), 0.0)
    first = first_of_month(runs.first[touches], runs.end[touches], n, memory=memory)
    return np.where(n_touch > 0, score, 0.0), n_touch, n_runs, first


def _touch(runs: Runs, other: Bools) -> Bools:
    """Whether each run holds an hour of another mask."""
    hits = np.concatenate([[0], np.cumsum(other)])
    return np.asarray(hits[runs.end] - hits[runs.first] > 0)


def _cover_score(spells: Runs, matters: Bools, marked: Bools, possible: Bools, *, memory: int) -> Floats:
    """−ln of the chance that so many spells of the month are marked throughout: at most that of one hour, for each
    spell."""
    inside, covered = (np.concatenate([[0], np.cumsum(mask)]) for mask in (matters, matters & marked))
    share = (covered[spells.end] - covered[spells.first]) / np.maximum(inside[spells.end] - inside[spells.first], 1)
    n_spells, n_covered = (
        monthly_sum(spells.end - 1, weight, possible.size, memory=memory)
        for weight in (np.ones(share.size), share >= _COVERED)
    )
    room = trailing_sum(possible.astype(np.float64), window=memory)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = trailing_sum(marked.astype(np.float64), window=memory) / room
    chance = np.clip(np.nan_to_num(chance, nan=1.0), _LEAST_CHANCE, 1.0)
    return np.where(n_covered > 0, -binom.logsf(n_covered - 1, n_spells, chance), 0.0)


def _touch_score(runs: Runs, touches: Bools, other: Bools, possible: Bools, *, memory: int) -> Floats:
    """−ln of the chance that so many runs of the month touch the hours of another mask."""
    n = possible.size
    at_end, length = runs.end - 1, runs.end - runs.first
    n_runs, n_touch, hours = (
        monthly_sum(at_end, weight, n, memory=memory) for weight in (np.ones(length.size), touches, length)
    )
    share = trailing_sum(other.astype(np.float64), window=memory)
    room = trailing_sum(possible.astype(np.float64), window=memory)
    blocks = trailing_sum(np.diff(other.astype(np.int8), prepend=0).clip(min=0).astype(np.float64), window=memory)
    with np.errstate(invalid="ignore", divide="ignore"):
        # a run of length m touches a block of length b from m + b − 1 places
        chance = (share + blocks * np.maximum(hours / n_runs - 1, 0)) / room
    chance = np.clip(np.nan_to_num(chance, nan=1.0), _LEAST_CHANCE, 1.0)
    return np.where(n_touch > 0, -binom.logsf(n_touch - 1, n_runs, chance), 0.0)


def monthly_sum(at: Ints, weight: Floats | Bools | Ints, n: int, *, memory: int = MEMORY_H) -> Floats:
    """Sums over the month before each hour of what happens at given hours. (n,)"""
    per_hour = np.zeros(n)
    np.add.at(per_hour, at, np.asarray(weight, dtype=np.float64))
    return trailing_sum(per_hour, window=memory)


def first_of_month(first: Ints, end: Ints, n: int, *, memory: int = MEMORY_H) -> Ints:
    """For each sample, the start of the earliest of the runs that ended within the month before it.

    Parameters
    ----------
    first, end : (r,) int64
        Runs, in order of time.
    n, memory : int
        Samples, and samples in a month. [1]

    Returns
    -------
    start : (n,) int64
        A month back where no run ended: the window that was looked at.
    """
    samples = np.arange(n)
    window = np.maximum(samples - memory + 1, 0)
    if not first.size:
        return window
    index = np.searchsorted(end - 1, window, side="left")
    start = np.append(first, n)[np.minimum(index, first.size)]
    return np.asarray(np.where(start <= samples, start, window), dtype=np.int64)
