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
_PLANNED_TIMES = 3
_PLANNED_RATIO = 2.0  # times as often as at an average time of day
_LEAST_CHANCE = 0.02  # least chance of one run: a single coincidence is never proof


class Runs(NamedTuple):
    """Maximal runs of a mask: hours [first, end). `(r,)` each."""

    first: Ints
    end: Ints


def runs_of(mask: Bools) -> Runs:
    """Runs of True, in order of time."""
    edges = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return Runs(np.flatnonzero(edges == 1).astype(np.int64), np.flatnonzero(edges == -1).astype(np.int64))


def first_of_event(runs: Runs, *, gap: int = MERGE_SAMPLES) -> Bools:
    """Which runs begin an event: runs less than `gap` samples apart are one, as a breakdown of a day is, however often
    it is interrupted. (r,)"""
    return np.append(True, runs.first[1:] - runs.end[:-1] >= gap)[: runs.first.size]


def _so_far(weight: Bools | Ints, begins: Bools) -> Ints:
    """Sum over an event up to each of its runs. (r,)"""
    total = np.cumsum(weight).astype(np.int64)
    if not total.size:
        return total
    first = np.maximum.accumulate(np.where(begins, np.arange(total.size), 0))
    return np.asarray(total - (total - weight)[first], dtype=np.int64)


def _change(state: Bools, begins: Bools) -> Ints:
    """By how much an event's state changes at each of its runs, counted from nothing. (r,)"""
    now = state.astype(np.int64)
    before = np.concatenate([[0], now[:-1]])[: now.size]
    return np.asarray(now - np.where(begins, 0, before), dtype=np.int64)


def habitual(marked: Bools, *, plain: Bools | None = None, per_day: int = 24, looks: int = 7, least: int = 3) -> Bools:
    """Marked hours that repeat at a fixed hour of the day or of the week: calibrations and back-purges by plan.

    Parameters
    ----------
    marked : (h,) bool
    plain : (h,) bool, optional
        Hours whose marks may be precedents; all unless given. Marks that hide something show no plan: what is high at
        one time of day would be hidden daily.
    per_day : int
        Samples a day.
    looks, least : int
        At a daily period an hour is habitual if `least` of the `looks` periods before it were marked too, an hour
        either way; at a weekly one, if the last two were.

    Returns
    -------
    habitual : (h,) bool
    """
    precedent = marked if plain is None else marked & plain
    near = precedent.copy()
    if per_day >= 24:
        near[1:] |= precedent[:-1]
        near[:-1] |= precedent[1:]
    out = np.zeros_like(marked)
    for lag, periods, needed in ((per_day, looks, least), (7 * per_day, 2, 2)):
        count = np.zeros(marked.size, dtype=np.int64)
        for k in range(1, periods + 1):
            if k * lag < marked.size:
                count[k * lag :] += near[: -k * lag]
        out |= marked & (count >= needed)
    return out


def planned(marked: Bools, reference: Bools, *, per_day: int = 24) -> Bools:
    """Samples of accepted history, and those at a time of day at which accepted history was marked again and again.

    Parameters
    ----------
    marked, reference : (h,) bool
    per_day : int
        Samples a day.

    Returns
    -------
    planned : (h,) bool
        Where marks may be precedents even if they hide something: span gas reads above any limit.
    """
    of_day = np.arange(marked.size) % per_day
    times = np.bincount(of_day[marked & reference], minlength=per_day)
    often = times >= max(_PLANNED_TIMES, _PLANNED_RATIO * times.mean())
    return np.asarray(reference | often[of_day])


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
    runs = runs_of(marked)
    begins = first_of_event(runs)
    touches = _so_far(_touch(runs, matters & marked), begins) > 0
    by_runs = _touch_score(runs, touches, matters & possible, possible, memory=memory)
    # the other margin of the same table: how many of the exceedances are marked, and marked throughout
    by_spells = _cover_score(matters & possible, marked, possible, memory=memory)
    n_runs, n_touch = (
        monthly_sum(runs.end - 1, weight, n, memory=memory) for weight in (begins, _change(touches, begins))
    )
    score = np.maximum(np.maximum(by_runs, by_spells) - np.log(2), 0.0)
    hits = _touch(runs, matters & marked)
    first = first_of_month(runs.first[hits], runs.end[hits], n, memory=memory)
    return np.where(n_touch > 0, score, 0.0), n_touch, n_runs, first


def _touch(runs: Runs, other: Bools) -> Bools:
    """Whether each run holds an hour of another mask."""
    return _inside(runs, other) > 0


def _inside(runs: Runs, other: Bools) -> Ints:
    """How many hours of another mask each run holds. (r,)"""
    hits = np.concatenate([[0], np.cumsum(other)])
    return np.asarray(hits[runs.end] - hits[runs.first], dtype=np.int64)


def _cover_score(matters: Bools, marked: Bools, possible: Bools, *, memory: int) -> Floats:
    """−ln of the chance that so many spells of the month are marked throughout: at most that of one hour, for each
    spell. Spells within one run of marks are one."""
    spells = runs_of(matters)
    unmarked = np.concatenate([[0], np.cumsum(~marked)])
    between = unmarked[spells.first[1:]] - unmarked[spells.end[:-1]]
    begins = first_of_event(spells) & np.append(True, between > 0)[: spells.first.size]
    hours, covered = (_so_far(_inside(spells, mask), begins) for mask in (matters, matters & marked))
    is_covered = covered >= _COVERED * np.maximum(hours, 1)
    n_spells, n_covered = (
        monthly_sum(spells.end - 1, weight, possible.size, memory=memory)
        for weight in (begins, _change(is_covered, begins))
    )
    room = trailing_sum(possible.astype(np.float64), window=memory)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = trailing_sum(marked.astype(np.float64), window=memory) / room
    chance = np.clip(np.nan_to_num(chance, nan=1.0), _LEAST_CHANCE, 1.0)
    return np.where(n_covered > 0, -binom.logsf(n_covered - 1, np.maximum(n_spells, n_covered), chance), 0.0)


def _touch_score(runs: Runs, touches: Bools, other: Bools, possible: Bools, *, memory: int) -> Floats:
    """−ln of the chance that so many events of the month touch the hours of another mask.

    `touches` tells of each run whether its event has touched so far.
    """
    n = possible.size
    begins = first_of_event(runs)
    reached = np.concatenate([[0], runs.end[:-1]])[: runs.end.size]
    length = runs.end - np.where(begins, runs.first, reached)
    n_runs, n_touch, hours = (
        monthly_sum(runs.end - 1, weight, n, memory=memory) for weight in (begins, _change(touches, begins), length)
    )
    share = trailing_sum(other.astype(np.float64), window=memory)
    room = trailing_sum(possible.astype(np.float64), window=memory)
    blocks = trailing_sum(np.diff(other.astype(np.int8), prepend=0).clip(min=0).astype(np.float64), window=memory)
    n_runs = np.maximum(n_runs, n_touch)  # an event may begin before the month and touch within it
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
