"""One value repeated: a frozen display, a held output, a constant written in.

Strategy: how many valid samples in a row equal the last one, against how often this channel repeats itself honestly,
and how often it goes on once it has. These odds are counted in accepted history, not modelled: the score is twice the
nats, so that calibration, which believes half of a likelihood ratio, believes the count.
Values at or below the detection limit, at the ends of the range, or at the lowest level that accepted history knows do
not count: there honest instruments repeat themselves for days.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, cell_scores, is_pollutant
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock

LEAST_HOURS = 2.5
NATS_FLOOR = 6.0
BELIEF = 2.0  # scores per nat
# Going on repeating is taken as likely as a first repeat until so many repeats have been seen.
PRIOR_REPEATS = 5.0


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


def run(block: SeriesBlock) -> list[Scores]:
    """One stream: the run that lasts at the end of each cell."""
    length, start = run_lengths(block.values)
    at = block.cell_ends - 1
    length, start = length[:, at], start[:, at]
    value = np.take_along_axis(block.values, start, axis=1)
    hours = (block.cell_ends[None, :] - start) * block.interval_s / HOUR_S
    first, further = repetition_odds(block.values, block.reference_cells * block.cell)
    nats = np.minimum(length - 1.0, 1.0) * first[:, None] + np.maximum(length - 2.0, 0.0) * further[:, None]
    nats[hours < LEAST_HOURS] = np.minimum(nats, NATS_FLOOR - 1.0)[hours < LEAST_HOURS]
    scores = BELIEF * nats
    lowest = lowest_level(block)
    excused = may_repeat(
        value,
        detection_limit=block.detection_limit,
        range_low=block.range_low,
        range_high=block.range_high,
        lowest=lowest,
    )
    scores[excused] = 0.0
    scores[length == 0] = np.nan
    evidence = {"value": value, "repeats": length.astype(np.float64), "run_h": hours, "nats": nats}
    return [cell_scores(block, scores, width=1, evidence=evidence, stream="", starts=start)]


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
    floor=BELIEF * NATS_FLOOR,
    tail="odds",
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
