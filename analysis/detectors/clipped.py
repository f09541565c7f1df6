"""An upper cut: everything above a value is reported as that value, so that the maximum comes again and again.

The statistic counts separate visits to the highest value of a window. How unlikely a second visit is follows from the
spacing of high values in accepted history; staying there counts as much as repeats are rare. The end of the measuring
range is no cut: there every instrument stops.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import is_regulated, targets
from analysis.detectors.stuck_value import repetition_odds
from analysis.detectors.upper_tail import highest, window_ends, windows
from analysis.model.arrays import Floats, Ints
from analysis.model.block import SeriesBlock

WINDOWS_H = (168, 336, 720)


def visits_to_maximum(values: Floats) -> tuple[Floats, Ints]:
    """The highest value of each window and how often it is reached anew, consecutive equals counted once.

    Shapes (…, width) to (…,); NaN is missing, an empty window has NaN and 0.
    """
    top = np.max(np.where(np.isnan(values), -np.inf, values), axis=-1)
    at = values == top[..., None]
    before = np.concatenate([np.zeros_like(at[..., :1]), at[..., :-1]], axis=-1)
    return np.where(np.isfinite(top), top, np.nan), (at & ~before).sum(axis=-1)


def closest(ordered: Floats) -> Floats:
    """The distance that a twentieth of the neighbours among different values, sorted with NaN last, do not exceed.

    Shapes (n_series, n) to (n_series,), NaN where all are equal.
    """
    apart = np.diff(ordered, axis=1)
    with np.errstate(invalid="ignore"):
        apart[apart <= 1e-9 * np.abs(ordered[:, 1:])] = np.nan  # crumbs of the float's own rounding
    apart.sort(axis=1)
    n = np.count_nonzero(~np.isnan(apart), axis=1)
    return np.asarray(apart[np.arange(len(n)), n // 20])


def return_odds(cells: Floats, n_reference: Ints, resolution: Floats) -> Floats:
    """−ln of the chance that a value above the 90 % quantile equals the highest by rounding. (n_series,) [nats]

    High values lie about exponentially above the quantile, with the mean excess b: one reporting step q of that is q/b.
    Of few values hardly two follow each other one step apart, but among all of them some lie so close.
    """
    inside = np.arange(cells.shape[1])[None, :] < n_reference[:, None]
    ordered = np.sort(np.where(inside, cells, np.nan), axis=1)
    n = np.count_nonzero(~np.isnan(ordered), axis=1)
    resolution = np.fmin(resolution, closest(ordered))
    edge = np.take_along_axis(ordered, np.maximum((0.9 * n).astype(np.int64), 0)[:, None], axis=1)
    excess = np.where(ordered > edge, ordered - edge, 0.0)
    mean = excess.sum(axis=1) / np.maximum((excess > 0).sum(axis=1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(mean / resolution)
    return np.asarray(np.maximum(np.nan_to_num(odds, neginf=0.0, posinf=0.0), 0.0))


def run(block: SeriesBlock) -> list[Scores]:
    """One stream: of the windows that end at a moment the one that says most; a month of history holds no second month
    to compare with, but weeks."""
    judged = [(width, ends) for width, ends in (window_ends(block, hours) for hours in WINDOWS_H) if len(ends)]
    if not judged:
        return []
    shortest, ends = judged[0]
    cells = highest(block)
    odds = return_odds(cells, block.reference_cells, block.resolution)
    repeat, _ = repetition_odds(cells, block.reference_cells)
    best = np.full((block.n_series, len(ends)), np.nan)
    maximum, visited, starts = best.copy(), best.copy(), np.zeros(best.shape, dtype=np.int64)
    for width, _ in judged:
        some = ends[ends >= width]
        cut = windows(cells, width, some)
        top, visits = visits_to_maximum(cut)
        scores = _surplus(cut, top, visits, odds=odds, repeat=repeat)
        with np.errstate(invalid="ignore"):
            scores = np.where(top >= block.range_high[:, None], np.minimum(scores, 0.0), scores)
        late = slice(len(ends) - len(some), None)
        better = scores > np.nan_to_num(best[:, late], nan=-np.inf)
        first = np.broadcast_to((some - width) * block.cell, scores.shape)
        for held, now in ((best, scores), (maximum, top), (visited, visits), (starts, first)):
            held[:, late] = np.where(better, now, held[:, late])
    last = ends * block.cell
    return [
        Scores(
            targets=targets(block),
            interval_s=block.interval_s,
            start_s=block.start_s,
            ends=last,
            starts=np.where(np.isnan(best), last - shortest * block.cell, starts),
            scores=best,
            available=block.available[:, last - 1],
            n_accepted=block.n_accepted,
            evidence={"maximum": maximum, "visits": visited},
        )
    ]


def _surplus(cut: Floats, top: Floats, visits: Ints, *, odds: Floats, repeat: Floats) -> Floats:
    """−ln of the chance of so many visits to the top, NaN where half of the window is missing.

    Shapes (n_series, n_windows, width), (n_series, n_windows) twice, (n_series,) twice. [nats]
    """
    known = np.count_nonzero(~np.isnan(cut), axis=2)
    # the first visit is free; of the others each may be any of the high tenth of the window's values
    chances = np.log(np.maximum(0.1 * known, 1.0))
    scores = np.maximum(visits - 1.0, 0.0) * np.maximum(odds[:, None] - 1.0, 0.0) - chances
    staying = (cut == top[:, :, None]).sum(axis=2) - visits
    scores += np.where(visits > 1, np.minimum(staying, visits) * repeat[:, None], 0.0)
    return np.where(known >= cut.shape[2] // 2, scores, np.nan)


DETECTOR = Detector(
    name="clipped",
    fault="clipped",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=6.0,
    tail="odds",
    believed=0.8,  # honest maxima hardly ever tie
    specificity=8,
    alternatives=("capped", "stuck_value"),
    explanation=Text(
        en="the highest value {maximum:.6g} was reached {visits:.0f} separate times and never exceeded; honest "
        "values hardly ever tie at the top",
        zh="最高值 {maximum:.6g} 先后出现 {visits:.0f} 次且从未被超过；真实数据的最大值极少重复",
    ),
    innocent_if=Text(
        en="the value is the end of a range that is not registered, or a control loop holds the quantity at a set "
        "point",
        zh="该值为未登记的量程上限，或控制回路将其维持在设定值",
    ),
)
