"""A channel that moves with another one which it has nothing to do with: its values are computed from that channel.

Case of a smelter, 2023: one channel number changed in the industrial computer, and dust and velocity followed the
temperature. The statistic is the correlation of hourly changes over a window, against what the same pair shows in
accepted history and how far that wanders there: what one load drives is alike at times. A mirror image is no copy. A
source that reports more often, such as the flow beside an analyser of two hours, is averaged over its intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.shape import HOUR_S, is_measured, is_pollutant
from analysis.model.arrays import Bools, Floats, Ints, Texts
from analysis.model.block import SeriesBlock, row_median, windowed
from analysis.model.metadata import Channel
from analysis.model.site import SiteData

WINDOWS_H = (24, 72)
LARGEST = 0.9999  # of a correlation, so that its logarithm stays finite
LEAST_CORRELATION = 0.88
FLOOR = 0.7
LARGE = 1.5  # usual changes: larger ones have no more weight
RELATED = 0.75  # pairs that move together so much in accepted history belong together
LEAST_CHANGES = 16
NORMAL_KURTOSIS = 3.0  # n changes of a normal distribution have (Σx²)²/Σx⁴ = n/3
# Quantities of which one contains the other move together by nature, whatever history has shown.
CONTAINED = frozenset(frozenset(pair) for pair in (("nh3n", "tn"), ("no", "nox"), ("no2", "nox"), ("pm25", "pm10")))

# What drives a flow or is driven by it: one load, one fan.
FLOWS = frozenset({"flow", "flow_dry_standard"})
DRIVING = frozenset({"power", "process", "stack_pressure", "velocity"})


def changes(levels: Floats, n_reference: Ints) -> Floats:
    """Changes from cell to cell in units of their usual size: the median of those that are changes, as an analyser may
    hold its value for hours.

    Shapes (n_series, n_cells), (n_series,) cells of reference. [1]
    """
    change = np.diff(levels, axis=1, prepend=np.nan)
    inside = np.arange(levels.shape[1])[None, :] < n_reference[:, None]
    usual = row_median(np.where(inside & (change != 0), np.abs(change), np.nan))[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(usual > 0, change / usual, np.nan)


def joint_changes(one: Floats, other: Floats, *, width: int) -> tuple[Floats, Floats]:
    """Correlation of changes over trailing windows, large ones weighed down.

    When a plant starts or changes its load everything moves, which proves nothing. Both changes of an hour are divided
    by one factor, so that an image stays one: its residual is as small in quiet hours as in others.

    Parameters
    ----------
    one, other : (n_pairs, n_cells) float64
        Changes of the pair in their usual sizes, NaN where missing. [1]
    width : int
        Cells in a window.

    Returns
    -------
    correlation, count : (n_pairs, n_cells) float64
        r about zero mean, and the number of hours in which either moved; NaN where fewer than half are known, where
        too few saw a move, or where too few carry the sum of squares: one joint jump of two analysers
        at rest proves nothing. [1]
    """
    known = ~(np.isnan(one) | np.isnan(other))
    a, b = np.where(known, one, 0.0), np.where(known, other, 0.0)
    weight = LARGE / np.maximum(np.maximum(np.abs(a), np.abs(b)), LARGE)
    a, b = a * weight, b * weight
    n = windowed((known & ((a != 0) | (b != 0))).astype(np.float64), width)
    squares = windowed(a * a, width), windowed(b * b, width)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = windowed(a * b, width) / np.sqrt(squares[0] * squares[1])
        carried = np.minimum(squares[0] ** 2 / windowed(a**4, width), squares[1] ** 2 / windowed(b**4, width))
    covered = windowed(known.astype(np.float64), width) >= width // 2
    enough = covered & (n >= LEAST_CHANGES) & (NORMAL_KURTOSIS * carried >= LEAST_CHANGES)
    return np.where(enough, np.clip(r, -LARGEST, LARGEST), np.nan), n


def coupling_excess(correlation: Floats, count: Floats, *, usual: Floats, width: int) -> Floats:
    """How far a window's correlation lies above the usual one, on Fisher's scale, on which its scatter is even.

    Parameters
    ----------
    correlation, count : (n_pairs, n_cells) float64
        As `joint_changes` gives them.
    usual : (n_pairs,) float64
        Median correlation of the pair in accepted history. [1]
    width : int
        Cells in a window.

    Returns
    -------
    excess : (n_pairs, n_cells) float64
        (artanh r - artanh r_usual)·√(count/width). Correlations below `LEAST_CORRELATION` stay below the floor, and
        pairs usually above `RELATED` are no copies: 0 at most. [1]

    References
    ----------
    .. [1] Fisher (1921), On the "probable error" of a coefficient of correlation, Metron 1, 3-32
    """
    excess = (np.arctanh(correlation) - np.arctanh(usual)[:, None]) * np.sqrt(count / width)
    excess = np.where(usual[:, None] > RELATED, np.minimum(excess, 0.0), excess)
    return np.asarray(np.where(correlation < LEAST_CORRELATION, np.minimum(excess, 0.99 * FLOOR), excess))


def averaged(levels: Floats, *, lead: int, per: int, n_cells: int) -> Floats:
    """Means of `per` consecutive cells, the first of them number `lead`; a cell missing makes the mean missing.

    Shapes (n_series, n) to (n_series, n_cells). [unit of the channel]
    """
    number = lead + np.arange(n_cells * per)
    inside = (number >= 0) & (number < levels.shape[1])
    taken = np.where(inside, levels[:, np.clip(number, 0, max(levels.shape[1] - 1, 0))], np.nan)
    return np.asarray(taken.reshape(len(levels), n_cells, per).mean(axis=2))


def run(site: SiteData) -> list[Scores]:
    """One stream a window length and pair of intervals: for each pollutant the source that it resembles most."""
    blocks = [SeriesBlock.of([grid]) for _, grid in sorted(site.grids.items()) if grid.n_times]
    return [
        scores
        for number, block in enumerate(blocks)
        for finer in blocks[: number + 1]
        for scores in _of_pair(block, finer)
    ]


class Pairs(NamedTuple):
    """Channels of a block and those that they may be copied from, in a block of the same or a shorter interval.

    row, other : (n_pairs,) int64, channel of the block, channel of the finer one
    lead, per : where the block begins, and how long its cells are, in cells of the finer one
    names : (n_pairs,) of the sources
    available : (n_cells,) when both parts of a cell were there [s, UTC]
    """

    row: Ints
    other: Ints
    lead: int
    per: int
    names: Texts
    available: Floats


def pairs_between(block: SeriesBlock, finer: SeriesBlock) -> Pairs | None:
    """All pairs whose resemblance would be strange; None where there are none, or the cells do not fit."""
    lead_s = block.start_s - finer.start_s
    pairs = [
        (row, other)
        for row, channel in enumerate(block.channels)
        if is_pollutant(channel)
        for other, source in enumerate(finer.channels)
        if (other != row or finer is not block) and may_be_copied(channel, source)
    ]
    if not pairs or lead_s % finer.cell_s or block.cell_s % finer.cell_s or not finer.n_cells:
        return None
    row, other = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    lead, per = lead_s // finer.cell_s, block.cell_s // finer.cell_s
    names = np.array([_named(block.channels[r], finer.channels[o]) for r, o in pairs])
    there = _sources_available(finer, lead=lead, per=per, n_cells=block.n_cells)
    return Pairs(row, other, lead, per, names, np.fmax(block.cell_available[0], there))


def _of_pair(block: SeriesBlock, finer: SeriesBlock) -> Iterator[Scores]:
    pairs = pairs_between(block, finer)
    if pairs is None:
        return
    own = changes(means(block), block.reference_cells)
    sources = own
    if finer is not block:
        levels = averaged(means(finer), lead=pairs.lead, per=pairs.per, n_cells=block.n_cells)
        sources = changes(levels, np.full(finer.n_series, block.reference_cells.max()))
    compared = own[pairs.row], sources[pairs.other]
    between = "" if finer is block else f" from {finer.interval_s} s"
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if LEAST_CHANGES <= width <= block.n_cells:
            yield _stream(block, compared, pairs.row, pairs.names, pairs.available, width, f"{hours}h{between}")


def means(block: SeriesBlock) -> Floats:
    """Mean of each cell, NaN where empty. (n_series, n_cells) [unit of the channel, from the block's offset]"""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(block.cells.count > 0, block.cells.total / block.cells.count, np.nan)


def _sources_available(finer: SeriesBlock, *, lead: int, per: int, n_cells: int) -> Floats:
    """When the source's part of each cell was there; never where the source has ended, as more of it may be on its
    way. (n_cells,) [s, UTC]"""
    last = lead + per * np.arange(1, n_cells + 1) - 1
    moment = finer.cell_available[0][np.clip(last, 0, finer.n_cells - 1)]
    return np.where(last < 0, -np.inf, np.where(last < finer.n_cells, moment, np.inf))


def _named(channel: Channel, source: Channel) -> str:
    """The source as its point knows it, with the point where it is another."""
    return source.id if source.point == channel.point else f"{source.point}/{source.id}"


def may_be_copied(channel: Channel, source: Channel) -> bool:
    """Whether a resemblance of these two would be strange: the same quantity, or a registered relation, is not."""
    if channel.site != source.site or source.statistic not in ("rtd", "avg", "cou"):
        return False
    if channel.point == source.point and _belong_together(channel, source):
        return False
    if channel.quantity in FLOWS and (source.medium in DRIVING or source.quantity in DRIVING):
        return False
    return is_measured(source) or source.medium in ("power", "process")


def _belong_together(one: Channel, other: Channel) -> bool:
    """Channels of one point: the same quantity, a registered relation, or one a part of the other."""
    if one.quantity == other.quantity or frozenset((one.quantity, other.quantity)) in CONTAINED:
        return True
    return not {*one.derived_from, one.id}.isdisjoint({*other.derived_from, other.id})


def _stream(
    block: SeriesBlock,
    compared: tuple[Floats, Floats],
    row: Ints,
    names: Texts,
    available: Floats,
    width: int,
    stream: str,
) -> Scores:
    correlation, count = joint_changes(*compared, width=width)
    inside = np.arange(correlation.shape[1])[None, :] < block.reference_cells[row][:, None]
    usual = np.nan_to_num(row_median(np.where(inside, correlation, np.nan)))
    excess = coupling_excess(correlation, count, usual=usual, width=width)
    judged = np.unique(row)
    first = np.searchsorted(row, judged)
    filled = np.where(np.isnan(excess), -np.inf, excess)
    best = np.maximum.reduceat(filled, first, axis=0)
    scores = np.where(np.isfinite(best), best, np.nan)
    pair = _winner(filled, row, judged, best)
    column = np.arange(correlation.shape[1])[None, :]
    return Scores(
        targets=tuple(Target(c.site, c.point, (c.id,)) for c in (block.channels[r] for r in judged)),
        interval_s=block.interval_s,
        start_s=block.start_s,
        ends=block.cell_ends,
        starts=np.broadcast_to(np.maximum(block.cell_ends - width * block.cell, 0), scores.shape),
        scores=scores,
        available=np.broadcast_to(available, scores.shape),
        n_accepted=block.n_accepted[judged],
        evidence={"correlation": correlation[pair, column], "usual_correlation": usual[pair], "source": names[pair]},
        stream=stream,
    )


def _winner(excess: Floats, row: Ints, judged: Ints, best: Floats) -> Ints:
    """Number of the pair with the largest excess of each judged row in each window. (n_judged, n_cells)"""
    number = np.arange(len(row))[:, None]
    is_best: Bools = excess >= best[np.searchsorted(judged, row)]
    return np.asarray(np.maximum.reduceat(np.where(is_best, number, -1), np.searchsorted(row, judged), axis=0))


DETECTOR = Detector(
    name="copied_channel",
    fault="copied_channel",
    runs_on="site",
    run=run,
    floor=FLOOR,
    specificity=8,
    alternatives=("replayed", "synthetic_noise"),
    explanation=Text(
        en="its changes follow {source} with a correlation of {correlation:.3f}; in accepted "
        "history {usual_correlation:.2f}",
        zh="其变化与 {source} 的相关系数达 {correlation:.3f}，验收期仅为 {usual_correlation:.2f}",
    ),
    innocent_if=Text(
        en="one quantity is computed from the other by a registered formula, or one process step now drives both",
        zh="两参数之间存在已登记的换算关系，或同一工序变化同时驱动两者",
    ),
)
