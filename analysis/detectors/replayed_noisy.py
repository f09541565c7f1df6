"""Old data sent again with a factor or with noise laid over it: a day that resembles an earlier day more than the hour
before.

Each window of a day is projected on every earlier window of the channel. What remains is compared with what a good
forecast from the hour before leaves: two honest days differ by far more. Distances are of the values themselves, not
normalised to unit variance, which would hide the factor and make any two noise windows alike. An image of an earlier
window leaves no more than rounding, which chance cannot do even in quiet days; its gaps are left out. The cost is that
of a matrix product of hourly means.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, is_pollutant, targets
from analysis.detectors.synthetic_noise import memory
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock, row_median

LEAST_CELLS = 6
LONGEST_LAG_H = 400 * 24
KNOWN_SHARE = 0.75
USUAL_CHANGES = 0.7
CLOSE = 0.7  # of the variance that a forecast leaves: what is farther is no candidate
CLOSEST_SHARE = 0.1
NEAR = 0.5  # of it, what an image with a few gaps bridged leaves
ROUNDED = 3.0  # times the variance of rounding: what an image with a factor leaves
_CHUNK_VALUES = 2_000_000
_QUERIES = 16


def close_pairs(levels: Floats, begins: Ints, *, width: int, least: Floats) -> tuple[Ints, Ints, Ints, Floats]:
    """Windows that resemble an earlier one, up to a factor, more closely than a forecast from the cell before.

    Parameters
    ----------
    levels : (n_series, n_cells) float64
        No NaN; gaps filled. [unit of the channel]
    begins : (n_queries,) int64
        First cells of the windows asked about, increasing.
    width : int
        Cells in a window; an earlier window ends before the one asked about begins.
    least : (n_series,) float64
        Variance that a forecast leaves. [square of the channel's unit]

    Returns
    -------
    row, query, lag : (n_pairs,) int64
        Which series, which of `begins`, and how many cells before it the earlier window begins.
    residual : (n_pairs,) float64
        Mean of (window - a·earlier)² with the best a. [square of the channel's unit]
    """
    windows = sliding_window_view(levels, width, axis=1)
    energy = np.einsum("sjw,sjw->sj", windows, windows)
    unit = windows * np.where(energy > 0, 1.0 / np.sqrt(np.maximum(energy, 1e-300)), 0.0)[:, :, None]
    own = energy[:, begins]
    asked = np.sqrt(np.maximum(own - CLOSE * width * least[:, None], 0.0))
    found = []
    for first in range(0, len(begins), _QUERIES):  # only what lies before a query is compared with it
        some = slice(first, first + _QUERIES)
        product = windows[:, begins[some]] @ unit[:, : int(begins[some][-1]) - width + 1].swapaxes(1, 2)
        at = np.flatnonzero(product > asked[:, some, None])
        row, query, window = np.unravel_index(at, product.shape)
        found.append((row, query + first, window, product.ravel()[at]))
    row, query, window, along = (np.concatenate(part) for part in zip(*found, strict=True))
    lag = begins[query] - window
    earlier = (lag >= width) & (lag <= LONGEST_LAG_H)
    row, query, lag, along = row[earlier], query[earlier], lag[earlier], along[earlier]
    return row, query, lag, np.maximum(own[row, query] - along**2, 0.0) / width


def least_of_reference(row: Ints, query: Ints, residual: Floats, least: Floats, *, n_reference: Ints) -> Floats:
    """What a day leaves at best in accepted history, but for its closest tenth; not more than `least`.

    A plant that runs by the day or by the week resembles its own past by nature. (n_series,) [square of the unit]

    Parameters
    ----------
    row, query, residual : (n_pairs,)
        As `close_pairs` gives them.
    n_reference : (n_series,) int64
        Queries that lie in accepted history: the first ones.
    """
    n_queries = int(n_reference.max(initial=0))
    best = np.broadcast_to(least[:, None], (len(least), n_queries)).copy()
    inside = query < n_reference[row]
    np.minimum.at(best, (row[inside], query[inside]), residual[inside])
    best[np.arange(n_queries)[None, :] >= n_reference[:, None]] = np.inf
    if not n_queries:
        return least
    tenth = np.sort(best, axis=1)[np.arange(len(least)), (CLOSEST_SHARE * n_reference).astype(np.int64)]
    return np.where(n_reference > 0, np.minimum(tenth, least), least)


def accumulated(row: Ints, query: Ints, lag: Ints, gain: Floats) -> tuple[Ints, Floats, Ints]:
    """Sum the gains of consecutive queries at one lag.

    Returns
    -------
    order : the pairs in order of (row, lag, query)
    total : (n_pairs,) float64, gain of the run up to and including the pair, in that order
    length : (n_pairs,) int64, queries in the run so far, in that order
    """
    order = np.lexsort((query, lag, row))
    r, q, g = row[order], query[order], lag[order]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (r[1:] != r[:-1]) | (g[1:] != g[:-1]) | (q[1:] != q[:-1] + 1)
    head = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
    sums = np.cumsum(gain[order])
    return order, sums - sums[head] + gain[order][head], np.arange(len(order)) - head + 1


def run(block: SeriesBlock) -> list[Scores]:
    """One stream: for each day, the best lag and as many days before as it holds."""
    width = max(LEAST_CELLS, round(24 * HOUR_S / block.cell_s))
    begins = np.arange(width, block.n_cells - width + 1, width)
    if block.cell_s > 6 * HOUR_S or not len(begins):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        means = block.cells.total / block.cells.count + block.cells.mean_offset
    least = _forecast_variance(means, block)
    moves = _moves(means, begins, width, block.reference_cells)
    best = np.where(_usable(means, begins, width, least) & moves, 0.0, np.nan)
    lags, days = np.zeros_like(best), np.zeros_like(best)
    rows = max(1, _CHUNK_VALUES // max(1, len(begins) * block.n_cells))
    for first in range(0, block.n_series, rows):  # chunks of series that fit the cache, not single series
        some = slice(first, first + rows)
        known = np.minimum(np.searchsorted(begins, block.reference_cells[some] - width, side="right"), len(begins))
        exact = Images(means[some], moves[some], block.resolution[some])
        _best(exact, begins, width, least[some], known, (best[some], lags[some], days[some]))
    last = (begins + width) * block.cell
    evidence = {"lag_h": lags * block.cell_s / HOUR_S, "days": days * width * block.cell_s / 86400.0}
    return [
        Scores(
            targets=targets(block),
            interval_s=block.interval_s,
            start_s=block.start_s,
            ends=last,
            starts=last[None, :] - np.maximum(days, 1.0).astype(np.int64) * width * block.cell,
            scores=best,
            available=block.available[:, last - 1],
            n_accepted=block.n_accepted,
            evidence=evidence,
        )
    ]


def _forecast_variance(means: Floats, block: SeriesBlock) -> Floats:
    """Variance that a forecast from the cell before leaves in the reference, at least that of rounding. (n_series,)"""
    usual = memory(means, block.reference_cells)
    inside = np.arange(means.shape[1])[None, :] < block.reference_cells[:, None]
    known = np.where(inside, means, np.nan)
    centred = known - row_median(known)[:, None]
    left = centred[:, 1:] - usual[:, None] * centred[:, :-1]
    robust = (row_median(np.abs(left)) / 0.6745) ** 2
    return np.maximum(np.nan_to_num(robust), np.nan_to_num(block.resolution) ** 2 / 6.0)


def _usable(means: Floats, begins: Ints, width: int, least: Floats) -> Bools:
    """Windows of which enough is known and that move: one that stands still resembles every other such.

    (n_series, n_queries)
    """
    windows = sliding_window_view(means, width, axis=1)[:, begins]
    known = ~np.isnan(windows)
    n = known.sum(axis=2)
    filled = np.where(known, windows, 0.0)
    mean = filled.sum(axis=2) / np.maximum(n, 1)
    variance = (np.where(known, windows - mean[:, :, None], 0.0) ** 2).sum(axis=2) / np.maximum(n, 1)
    return np.asarray((n >= KNOWN_SHARE * width) & (variance > least[:, None]) & (least > 0)[:, None])


def _moves(means: Floats, begins: Ints, width: int, n_reference: Ints) -> Bools:
    """Windows whose values change about as often as usual: two standstills look alike. (n_series, n_queries)"""
    with np.errstate(invalid="ignore"):
        moved = np.abs(np.diff(means, axis=1, prepend=np.nan)) > 0
    inside = np.arange(means.shape[1])[None, :] < n_reference[:, None]
    usual = (moved & inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    share = sliding_window_view(moved, width, axis=1)[:, begins].mean(axis=2)
    return np.asarray(share >= USUAL_CHANGES * usual[:, None])


def _filled(means: Floats) -> Floats:
    """The last known value in every gap; zero before the first."""
    known = ~np.isnan(means)
    last = np.maximum.accumulate(np.where(known, np.arange(means.shape[1]), 0), axis=1)
    return np.nan_to_num(np.take_along_axis(means, last, axis=1))


class Images(NamedTuple):
    """What tells a window that equals an earlier one, but for a factor and its rounding, from one that resembles it.

    means : (n_series, n_cells) float64, NaN where missing
    moves : (n_series, n_queries) bool, whether the window's values change as usual
    resolution : (n_series,) reporting step
    """

    means: Floats
    moves: Bools
    resolution: Floats

    def gain(self, row: Ints, first: Ints, lag: Ints, *, width: int, least: Floats) -> Floats:
        """Log-likelihood ratio of some pairs as images against what a forecast leaves, or the day itself where it is
        quieter; each change of the value counts, gaps do not. 0 where more than rounding remains. (n_pairs,) [nats]
        """
        at = first[:, None] + np.arange(width)[None, :]
        own, earlier = self.means[row[:, None], at], self.means[row[:, None], at - lag[:, None]]
        known = ~np.isnan(own) & ~np.isnan(earlier)
        n = np.maximum(known.sum(axis=1), 1)
        a, b = np.where(known, own, 0.0), np.where(known, earlier, 0.0)
        energy = np.einsum("pw,pw->p", b, b)
        factor = np.einsum("pw,pw->p", a, b) / np.where(energy > 0, energy, 1.0)
        residual = ((a - factor[:, None] * b) ** 2).sum(axis=1) / n
        variance = np.maximum((a * a).sum(axis=1) / n - (a.sum(axis=1) / n) ** 2, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            changes = (np.abs(np.diff(own, axis=1)) > 0).sum(axis=1)
            rounding = self.resolution[row] ** 2 / 12.0
            nats = 0.5 * changes * np.log(np.minimum(variance, least) / np.maximum(residual, rounding))
            image = (n >= KNOWN_SHARE * width) & (residual <= ROUNDED * rounding)
        return np.where(image, np.maximum(np.nan_to_num(nats), 0.0), 0.0)


def _closest(row: Ints, query: Ints, residual: Floats, moves: Bools, most: Floats) -> Ints:
    """Numbers of the pairs that leave least, and not more than `most`, of each window that moves."""
    near = np.flatnonzero(moves[row, query] & (residual <= most[row]))
    row, query, residual = row[near], query[near], residual[near]
    least = np.full(moves.shape, np.inf)
    np.minimum.at(least, (row, query), residual)
    return near[residual <= least[row, query]]


def _best(
    exact: Images,
    begins: Ints,
    width: int,
    least: Floats,
    n_reference: Ints,
    out: tuple[Floats, Floats, Floats],
) -> None:
    best, lags, days = out
    row, query, lag, residual = close_pairs(_filled(exact.means), begins, width=width, least=least)
    closest = _closest(row, query, residual, exact.moves, NEAR * least)
    least = least_of_reference(row, query, residual, least, n_reference=n_reference)
    images = exact.gain(row[closest], begins[query[closest]], lag[closest], width=width, least=least[row[closest]])
    # days that repeat exactly by nature, such as those of a constant, tell nothing
    asked = ~np.isnan(best[row, query]) & (residual <= CLOSE * least[row]) & (least[row] > 0)
    asked[closest] |= images > 0
    of_image = np.zeros(len(row))
    of_image[closest] = images
    row, query, lag, residual = row[asked], query[asked], lag[asked], residual[asked]
    gain = 0.5 * width * np.log(least[row] / np.maximum(residual, 1e-4 * least[row]))
    gain = np.maximum(gain, of_image[asked])
    order, total, length = accumulated(row, query, lag, gain)
    rising = np.argsort(total, kind="stable")  # the highest is written last and stays
    at = (row[order][rising], query[order][rising])
    best[at] = np.maximum(total[rising] - np.log(exact.means.shape[1]), 0.0)
    lags[at], days[at] = lag[order][rising], length[rising]


DETECTOR = Detector(
    name="replayed_noisy",
    fault="replayed",
    runs_on="block",
    run=run,
    needs=is_pollutant,
    floor=15.0,
    tail="odds",
    believed=0.2,  # one day that resembles another makes the next days do so, too
    specificity=7,
    alternatives=("copied_channel", "synthetic_noise"),
    explanation=Text(
        en="{days:.0f} day(s) of data resemble those of {lag_h:.0f} h before, up to a factor, more closely than "
        "any value resembles the one "
        "before it; the likelihood ratio is e^{score:.0f}",
        zh="{days:.0f} 天的数据与 {lag_h:.0f} 小时之前的数据（允许一个比例系数）高度相似，"
        "超过相邻数值之间的相似程度；似然比约 e^{score:.0f}",
    ),
    innocent_if=Text(
        en="the plant runs a strictly repeated programme, so that one day really equals another",
        zh="工厂严格按固定程序运行，日变化确实重复",
    ),
)
