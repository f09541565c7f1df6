"""One value repeated: a frozen display, a held output, a constant written in.

Strategy: how many valid samples in a row equal the last one, against how often this channel repeats itself honestly,
and how often it goes on once it has. These odds are counted in accepted history, not modelled, and calibration
believes them. One repeat proves nothing and scores nothing. Before a run is accused, the odds are lowered to those of
the week before it, and to those of a coarser reporting step if it and the values before it lie on one: a new analyser,
or another step of the logger, makes honest repeats frequent.
Values at or below the detection limit, at the ends of the range, or at the lowest level that accepted history knows do
not count: there honest instruments repeat themselves for days.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, cell_scores, coarser_steps, is_multiple, is_pollutant
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock

LEAST_HOURS = 2.5
LEAST_REPEATS = 3
MERGED_S = 6 * 3600  # alerts less than so far apart are one
NATS_FLOOR = 6.0
# Going on repeating is taken as likely as a first repeat until so many repeats have been seen.
PRIOR_REPEATS = 5.0
RECENT_S = 7 * 86400
VALUES_OF_STEP = 4  # that lie on a coarser step: by chance one in 10,000 does at a tenfold one


def run_lengths(values: Floats) -> tuple[Ints, Ints]:
    """Count how often the latest value has been repeated.

    Parameters
    ----------
    values : (n_series, n_times) float64
        NaN where missing; a gap neither ends a run nor lengthens it. [unit of the channel]

    Returns
    -------
    length : (n_series, n_times) int64
        Valid samples of the run that the sample belongs to, up to it; 0 before the first valid one.
    start : (n_series, n_times) int64
        First sample of that run.
    """
    valid = ~np.isnan(values)
    number = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    last = np.maximum.accumulate(np.where(valid, number, -1), axis=1)
    before = np.concatenate([np.full((len(values), 1), -1), last[:, :-1]], axis=1)
    previous = np.take_along_axis(values, np.maximum(before, 0), axis=1)
    begins = valid & ((before < 0) | (values != previous))
    start = np.maximum.accumulate(np.where(begins, number, 0), axis=1)
    counted = np.cumsum(valid, axis=1)
    length = counted - np.take_along_axis(counted, start, axis=1) + 1
    return np.where(last >= 0, length, 0), start


def repetition_odds(values: Floats, n_reference: Ints) -> tuple[Floats, Floats]:
    """−ln of the probability of a repeat, from each series' reference.

    Returns
    -------
    first : (n_series,) float64
        That a value equals the one before. [nats]
    further : (n_series,) float64
        That it does so again after a repeat; not more than `first`. [nats]
    """
    number = np.arange(1, values.shape[1])
    with np.errstate(invalid="ignore"):
        step = np.diff(values, axis=1)
    known = ~np.isnan(step) & (number[None, :] < n_reference[:, None])
    equal = known & (step == 0)
    repeats = equal.sum(axis=1)
    share = (repeats + 1.0) / (known.sum(axis=1) + 2.0)
    followed = (equal[:, :-1] & known[:, 1:]).sum(axis=1)
    again = (equal[:, :-1] & equal[:, 1:]).sum(axis=1)
    going_on = (again + PRIOR_REPEATS * share) / (followed + PRIOR_REPEATS)
    return -np.log(share), -np.log(np.maximum(going_on, share))


def may_repeat(
    values: Floats, *, detection_limit: Floats, range_low: Floats, range_high: Floats, lowest: Floats
) -> Bools:
    """Values at which an honest instrument repeats itself. Shapes (n, m) and (n,); NaN limits are no limits."""
    with np.errstate(invalid="ignore"):
        at = values <= np.fmax(detection_limit, lowest)[:, None]
        return at | (values <= range_low[:, None]) | (values >= range_high[:, None])


def recent_odds(values: Floats, row: Ints, start: Ints, *, width: int) -> tuple[Floats, Floats]:
    """The same odds from the `width` samples before runs that begin at `start`; each earlier run counts once, so that
    one constant does not excuse the next. (n_runs,) each [nats]"""
    wanted, row = np.unique(row, return_inverse=True)
    with np.errstate(invalid="ignore"):
        step = np.diff(values[wanted], axis=1, prepend=np.nan)
    equal = step == 0
    later = np.zeros_like(equal)
    later[:, 1:] = equal[:, :-1]
    latest = np.zeros_like(equal)
    latest[:, 2:] = equal[:, :-2]
    begun, gone_on = equal & ~later, equal & later & ~latest
    since = np.maximum(start - width, 0)
    known, begun_n, gone_on_n = (
        sums[row, start] - sums[row, since]
        for sums in (np.cumsum(mask, axis=1) for mask in (~np.isnan(step), begun, gone_on))
    )
    share = np.where(begun_n >= 2, begun_n / np.maximum(known, 1.0), 0.0)
    going_on = (gone_on_n + PRIOR_REPEATS * share) / (begun_n + PRIOR_REPEATS)
    with np.errstate(divide="ignore"):
        return -np.log(share), -np.log(np.maximum(going_on, share))


def coarseness(values: Floats, row: Ints, start: Ints, resolution: Floats) -> Floats:
    """By how much the step is coarser on which the values of runs that begin at `start`, and those before them, lie.

    (n_runs,) at least 1 [1]
    """
    at = start[:, None] - np.arange(VALUES_OF_STEP)[None, :]
    last = np.where(at >= 0, values[row[:, None], np.maximum(at, 0)], np.nan)
    known = np.count_nonzero(~np.isnan(last), axis=1) >= VALUES_OF_STEP - 1
    out = np.ones(len(row))
    for step in coarser_steps(resolution[row]).T:
        on = known & (is_multiple(last, step[:, None]) | np.isnan(last)).all(axis=1)
        out = np.where(on, np.maximum(out, step / resolution[row]), out)
    return out


def run(block: SeriesBlock) -> list[Scores]:
    """One stream: the run that lasts at the end of each cell."""
    length, start = run_lengths(block.values)
    at = block.cell_ends - 1
    length, start = length[:, at], start[:, at]
    value = np.take_along_axis(block.values, start, axis=1)
    hours = (block.cell_ends[None, :] - start) * block.interval_s / HOUR_S
    first, further = repetition_odds(block.values, block.reference_cells * block.cell)
    occasions = np.log(max(MERGED_S // block.interval_s, 1))  # runs may begin at each sample of a block
    scores = _nats(length, first[:, None], further[:, None]) - occasions
    scores[(length < LEAST_REPEATS) | (hours < LEAST_HOURS)] = 0.0
    excused = may_repeat(
        value,
        detection_limit=block.detection_limit,
        range_low=block.range_low,
        range_high=block.range_high,
        lowest=lowest_level(block),
    )
    scores[excused] = 0.0
    row, cell = np.nonzero(scores >= NATS_FLOOR)
    if len(row):
        begun = start[row, cell]
        coarse = np.log(coarseness(block.values, row, begun, block.resolution))
        recent = recent_odds(block.values, row, begun, width=RECENT_S // block.interval_s)
        lowered = [np.minimum(usual[row] - coarse, now) for usual, now in zip((first, further), recent, strict=True)]
        nats = _nats(length[row, cell], *(np.maximum(odds, 0.0) for odds in lowered))
        scores[row, cell] = np.maximum(nats - occasions, 0.0)
    scores[length == 0] = np.nan
    evidence = {"value": value, "repeats": length.astype(np.float64), "run_h": hours, "nats": scores}
    return [cell_scores(block, scores, width=1, evidence=evidence, stream="", starts=start)]


def _nats(length: Ints, first: Floats, further: Floats) -> Floats:
    return np.asarray(np.minimum(length - 1.0, 1.0) * first + np.maximum(length - 2.0, 0.0) * further)


def lowest_level(block: SeriesBlock) -> Floats:
    """The level at which the lowest tenth of each reference's hours touches bottom; −inf if it does not.

    (n_series,)
    """
    low = np.where(np.isfinite(block.cells.low), block.cells.low + block.cells.mean_offset, np.nan)
    inside = np.arange(block.n_cells)[None, :] < block.reference_cells[:, None]
    known = np.where(inside, low, np.nan)
    ordered = np.sort(known, axis=1)
    n = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(n))
    tenth = ordered[rows, np.maximum((0.1 * n).astype(np.int64), 0)]
    least = ordered[rows, 0]
    return np.where((n > 0) & (tenth == least), least, -np.inf)


DETECTOR = Detector(
    name="stuck_value",
    fault="stuck_value",
    runs_on="block",
    run=run,
    needs=is_pollutant,
    floor=NATS_FLOOR,
    tail="odds",
    believed=0.5,  # counted, not modelled; but runs come in clusters
    specificity=7,
    share=3.0,  # the plainest falsification, and the one to be told soonest
    alternatives=("narrow_band", "instrument_fault", "replayed"),
    explanation=Text(
        en="the value {value:.6g} was reported {repeats:.0f} times in a row over {run_h:.1f} h; "
        "in accepted history a repetition so long has odds of about e^-{nats:.0f}",
        zh="数值 {value:.6g} 连续上报 {repeats:.0f} 次，历时 {run_h:.1f} 小时；按验收期历史，"
        "如此长的重复概率约为 e^-{nats:.0f}",
    ),
    innocent_if=Text(
        en="the analyser or its communication hung (look at its status and at other channels of the same cabinet), "
        "or the true "
        "value lay below the detection limit",
        zh="分析仪或通讯卡死（查看其状态及同机柜其他参数），或真实值低于检出限",
    ),
)
