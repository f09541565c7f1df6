"""Old data sent again, digit for digit: a window of values that equals an earlier window of the same channel.

Every window gets a hash, so that equal windows are found by sorting, in time linear in the data but for the sort; no
distance is computed. How strange a repetition is follows from how many bits a step of this channel carries: a channel
that reports whole numbers near its detection limit repeats itself honestly, one with noise of many reporting steps
never does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import cell_scores, is_pollutant
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock, row_median

Hashes = NDArray[np.uint64]
WINDOW = 6  # samples; runs of matching windows make longer ones
FAST_WINDOW = 30  # for intervals below ten minutes, of whose windows one in `THINNING` is looked up
THINNING = 8
FAST_S = 600
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio (Knuth, TAOCP 3, 6.4): invertible modulo 2^64
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))


def window_hashes(values: Floats, *, width: int) -> tuple[Hashes, Bools]:
    """Polynomial hash, modulo 2^64, of the `width` values up to each sample.

    Returns
    -------
    hashes : (n_series, n_times) uint64
        Equal windows have equal hashes.
    usable : (n_series, n_times) bool
        The window is complete and half of its steps change the value.
    """
    n_times = values.shape[1]
    valid = ~np.isnan(values)
    bits = (np.where(valid, values, 0.0) + 0.0).view(np.uint64)  # + 0.0 makes one of the two zeros
    bits = (bits ^ (bits >> np.uint64(29))) * _MULTIPLIER
    powers, inverses = _powers(_MULTIPLIER, n_times), _powers(_INVERSE, n_times)
    sums = np.cumsum(bits * powers, axis=1, dtype=np.uint64)
    hashes = sums.copy()
    hashes[:, width:] -= sums[:, :-width]
    hashes *= inverses
    with np.errstate(invalid="ignore"):
        moved = np.abs(np.diff(values, axis=1, prepend=np.nan)) > 0
    count = np.cumsum(np.stack([valid, moved]), axis=2, dtype=np.int32)
    count[:, :, width:] -= count[:, :, :-width].copy()
    usable = (count[0] == width) & (count[1] >= width // 2)
    usable[:, : width - 1] = False
    return hashes, usable


def _powers(base: np.uint64, n: int) -> Hashes:
    return np.cumprod(np.concatenate([[np.uint64(1)], np.full(max(n - 1, 0), base)]), dtype=np.uint64)[:n]


def earlier_equal(hashes: Hashes, usable: Bools, *, width: int) -> tuple[Ints, Ints, Ints]:
    """Windows that have an equal one before them which does not overlap: their row, sample, and the lag.

    (n_found,) each
    """
    row, sample = np.nonzero(usable)
    key = hashes[row, sample] ^ (row.astype(np.uint64) * _INVERSE)
    order = np.argsort(key, kind="stable")
    same = (key[order][1:] == key[order][:-1]) & (row[order][1:] == row[order][:-1])
    later, before = order[1:][same], order[:-1][same]
    lag = sample[later] - sample[before]
    apart = lag >= width
    return row[later][apart], sample[later][apart], lag[apart]


def step_information(values: Floats, n_reference: Ints, resolution: Floats) -> Floats:
    """Nats by which a step of each channel tells two stretches apart: collision entropy of its usual changes.
    (n_series,)

    Of a normal distribution with standard deviation s reported in steps q it is ln(2·√π·s/q).
    """
    inside = np.arange(1, values.shape[1])[None, :] < n_reference[:, None]
    change = np.where(inside, np.abs(np.diff(values, axis=1)), np.nan)
    change[change == 0] = np.nan
    usual = row_median(change) / 0.6745
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = np.log(2.0 * np.sqrt(np.pi) * usual / resolution)
    return np.asarray(np.maximum(np.nan_to_num(nats), 0.0))


def run(block: SeriesBlock) -> list[Scores]:
    """One stream: the best match that ends in each cell."""
    fast = block.interval_s < FAST_S
    width = FAST_WINDOW if fast else WINDOW
    if block.n_times < 2 * width or not block.n_cells:
        return []
    hashes, usable = window_hashes(block.values, width=width)
    if fast:
        usable &= hashes % np.uint64(THINNING) == 0
    row, sample, lag = earlier_equal(hashes, usable, width=width)
    scores = np.where(
        np.isnan(block.values[:, : block.n_cells * block.cell]).reshape(block.n_series, block.n_cells, -1).all(axis=2),
        np.nan,
        0.0,
    )
    starts = np.broadcast_to(block.cell_ends - 1, scores.shape).copy()
    lags, lengths = np.zeros_like(scores), np.zeros_like(scores)
    if len(row):
        _fill(block, row, sample, lag, width, 4 * width if fast else width, (scores, starts, lags, lengths))
    evidence = {"lag_h": lags * block.interval_s / 3600.0, "samples": lengths}
    return [cell_scores(block, scores, width=1, evidence=evidence, stream="", starts=starts)]


def _fill(
    block: SeriesBlock,
    row: Ints,
    sample: Ints,
    lag: Ints,
    width: int,
    gap: int,
    out: tuple[Floats, Ints, Floats, Floats],
) -> None:
    """Join matches of one lag into runs and write the growing run into the cells where it ends."""
    order = np.lexsort((sample, lag, row))
    row, sample, lag = row[order], sample[order], lag[order]
    fresh = np.ones(len(row), dtype=np.bool_)
    fresh[1:] = (row[1:] != row[:-1]) | (lag[1:] != lag[:-1]) | (sample[1:] - sample[:-1] > gap)
    head = np.maximum.accumulate(np.where(fresh, np.arange(len(row)), 0))
    start = sample[head] - width + 1
    with np.errstate(invalid="ignore"):
        moved = np.cumsum(np.abs(np.diff(block.values, axis=1, prepend=np.nan)) > 0, axis=1)
    informative: Ints = moved[row, sample] - moved[row, start]
    usual = step_information(block.values, block.reference_cells * block.cell, block.resolution)
    seen = block.values[row[:, None], sample[:, None] - np.arange(width)[None, :]]
    # within a band of k reporting steps a value tells no more than which of them it is
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = np.fmin(usual[row], np.log1p((seen.max(axis=1) - seen.min(axis=1)) / block.resolution[row]))
    score = informative * nats - 2.0 * np.log(block.n_times)
    cell = sample // block.cell
    inside = cell < block.n_cells
    order = np.lexsort((score, cell, row))
    order = order[inside[order]]
    scores, starts, lags, lengths = out
    at = (row[order], cell[order])  # of several in a cell the highest comes last and stays
    scores[at] = np.maximum(score[order], 0.0)
    starts[at], lags[at], lengths[at] = start[order], lag[order], sample[order] - start[order] + 1


DETECTOR = Detector(
    name="replayed",
    fault="replayed",
    runs_on="block",
    run=run,
    needs=is_pollutant,
    floor=10.0,
    kind="exact",
    specificity=9,
    alternatives=("copied_channel", "stuck_value"),
    explanation=Text(
        en="{samples:.0f} values in a row equal, digit for digit, those of {lag_h:.0f} h before; chance does that "
        "with odds of e^-{score:.0f}",
        zh="连续 {samples:.0f} 个数值与 {lag_h:.0f} 小时之前的数据逐位相同；偶然发生的概率约为 e^-{score:.0f}",
    ),
    innocent_if=Text(
        en="the logger re-sent a stored file under new times after a fault of its clock",
        zh="数采仪时钟故障后以新时间重发了存储文件",
    ),
)
