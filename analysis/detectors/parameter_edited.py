"""A parameter of an instrument or logger changed, and no calibration or maintenance is on record for it.

Range, slope, intercept, velocity coefficient, reference oxygen: HJ 212-2017 carries them, and Order 820 of the State
Council (生态环境监测条例, art. 25) names unauthorised settings. The first entry of a parameter is its setting; every
later one with another value is a change. The data interval accused lasts while the changed value is in force, at
most a month: by then it is the setting.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.model.metadata import DOCUMENTED, Event, LedgerEntry
from analysis.model.site import Grid, SiteData

NEUTRAL = {"slope": 1.0, "intercept": 0.0}
"""Settings of an instrument that reports what it measures."""

MAX_FORCE_S = 30 * 86400.0
_GRADES = 4.0  # a change by a factor of e adds so much


def run(data: SiteData) -> list[Scores]:
    """One row of scores a change: a score for each day, or part of one, that the changed value is in force."""
    history: dict[tuple[str, str, str], list[LedgerEntry]] = defaultdict(list)
    for entry in data.ledger:
        history[entry.point, entry.channel, entry.parameter].append(entry)
    out = []
    for entries in history.values():
        ordered = _with_neutral_start(data, sorted(entries, key=lambda e: (e.time_s, e.reported_s)))
        following_ones: list[LedgerEntry | None] = [*ordered[2:], None]
        for (before, after), following in zip(pairwise(ordered), following_ones, strict=False):
            grid = _grid_of(data, after)
            if grid is not None and after.value != before.value and not is_documented(after, data.events):
                out.append(_change_scores(data, grid, before, after, following))
    return out


def _with_neutral_start(data: SiteData, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """A ledger that only logs changes does not tell the setting before the first: of slope and intercept it is
    known."""
    first, accepted_s = entries[0], data.site.accepted_until_s
    neutral = NEUTRAL.get(first.parameter)
    if neutral is None or accepted_s is None or first.time_s <= accepted_s:
        return entries
    return [replace(first, value=neutral), *entries]


def is_documented(entry: LedgerEntry, events: tuple[Event, ...]) -> bool:
    """Whether a change falls within a calibration or maintenance of its point or site."""
    point = entry.point.rpartition("/")[2]
    return any(
        event.kind in DOCUMENTED and event.start_s <= entry.time_s <= event.end_s and event.point in (None, "", point)
        for event in events
    )


def _grid_of(data: SiteData, entry: LedgerEntry) -> Grid | None:
    found = data.channel(entry.point.rpartition("/")[2], entry.channel)
    if found is not None:
        return found[0]
    grids = [grid for grid in data.grids.values() if grid.n_times]
    return min(grids, key=lambda grid: grid.interval_s) if grids else None


def _change_scores(
    data: SiteData, grid: Grid, before: LedgerEntry, after: LedgerEntry, following: LedgerEntry | None
) -> Scores:
    end_s = min(following.time_s if following else np.inf, after.time_s + MAX_FORCE_S)
    first = int(np.clip(grid.column_of(after.time_s), 0, grid.n_times - 1))
    last = int(np.clip(-(-(end_s - grid.start_s) // grid.interval_s), first + 1, grid.n_times))
    per_day = max(1, 86400 // grid.interval_s)
    ends = np.unique(np.minimum(np.arange(first + 1, last + per_day, per_day), last)).astype(np.int64)
    # the change is known when it is reported; that it lasts, when the data have come
    available = np.maximum(grid.available[ends - 1], after.reported_s)
    available[0] = after.reported_s
    score = 1.0 + _GRADES * abs(relative_change(before.value, after.value))
    channels = (after.channel,) if data.channel(after.point.rpartition("/")[2], after.channel) else ()
    return Scores(
        targets=(Target(data.site.id, after.point.rpartition("/")[2], channels),),
        interval_s=grid.interval_s,
        start_s=grid.start_s,
        ends=ends,
        starts=np.full((1, ends.size), first, dtype=np.int64),
        scores=np.full((1, ends.size), score),
        available=available[None, :],
        n_accepted=np.array([grid.n_accepted]),
        evidence={
            "was": np.full((1, ends.size), before.value),
            "became": np.full((1, ends.size), after.value),
            "level_ratio": _level_ratio(grid, after, first, ends)[None, :],
        },
        stream=after.parameter,
    )


def relative_change(before: float, after: float) -> float:
    """Logarithm of the ratio, or the difference where a sign or a zero forbids it, held within ±3."""
    change = float(np.log(after / before)) if before * after > 0 else after - before
    return float(np.clip(change, -3.0, 3.0))


def _level_ratio(
    grid: Grid, entry: LedgerEntry, first: int, ends: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Mean of the channel since the change over its mean of the day before; NaN where either is missing."""
    row = next((r for r, c in enumerate(grid.channels) if c.id == entry.channel), None)
    if row is None:
        return np.full(ends.shape, np.nan)
    values = grid.values[row]
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    start = max(0, first - max(1, 86400 // grid.interval_s))
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = (total[first] - total[start]) / (count[first] - count[start])
        return np.asarray((total[ends] - total[first]) / (count[ends] - count[first]) / usual)


DETECTOR = Detector(
    name="parameter_edited",
    fault="parameter_edited",
    runs_on="site",
    run=run,
    explanation=Text(
        en="a parameter was changed from {was:.6g} to {became:.6g} outside any documented calibration or "
        "maintenance; since then the channel "
        "stands at {level_ratio:.2f} times its level of the day before",
        zh="参数由 {was:.6g} 改为 {became:.6g}，不在任何有记录的校准或维护时段内；此后该通道均值为前一日的 "
        "{level_ratio:.2f} 倍",
    ),
    innocent_if=Text(
        en="the change was authorised, and its record is missing here only",
        zh="若该修改已经批准，仅此处缺少记录，则可排除",
    ),
    floor=1.0,
    kind="exact",
    specificity=7,
    alternatives=("scaled", "offset", "flow_coefficient_edited"),
)
