"""A channel that moves with another one which it has nothing to do with: its values are computed from that channel.

Case of a smelter, 2023: one channel number changed in the industrial computer, and dust and velocity followed the
temperature. The statistic is the correlation of hourly changes over a window, against what the same pair shows in
accepted history: pairs that belong together (converted and raw, mass and flow, NO and NOx) are alike there already.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.shape import HOUR_S, is_measured, is_pollutant
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock, row_median, windowed
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

WINDOWS_H = (24, 72)
LARGEST = 0.9999  # of a correlation, so that its logarithm stays finite
LEAST_CORRELATION = 0.93
RELATED = 0.75  # pairs that move together so much in accepted history belong together
LEAST_CHANGES = 10


def changes(levels: Floats, n_reference: Ints) -> Floats:
    """Changes from cell to cell, cut at four times their usual size: at a start or stop everything moves, which proves
    nothing.

    Shapes (n_series, n_cells), (n_series,) cells of reference. [unit of the channel]
    """
    change = np.diff(levels, axis=1, prepend=np.nan)
    inside = np.arange(levels.shape[1])[None, :] < n_reference[:, None]
    usual = row_median(np.where(inside, np.abs(change), np.nan))[:, None]
    with np.errstate(invalid="ignore"):
        return np.clip(change, -4.0 * usual, 4.0 * usual)


def joint_changes(one: Floats, other: Floats, *, width: int) -> tuple[Floats, Floats]:
    """Correlation of changes over trailing windows.

    Parameters
    ----------
    one, other : (n_pairs, n_cells) float64
        Changes of the pair, NaN where missing.
    width : int
        Cells in a window.

    Returns
    -------
    correlation, count : (n_pairs, n_cells) float64
        |r| about zero mean, and the number of changes; NaN where fewer than half of them, or than ten, are known. [1]
    """
    known = ~(np.isnan(one) | np.isnan(other))
    a, b = np.where(known, one, 0.0), np.where(known, other, 0.0)
    n = windowed(known.astype(np.float64), width)
    enough = n >= max(LEAST_CHANGES, width // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.abs(windowed(a * b, width)) / np.sqrt(windowed(a * a, width) * windowed(b * b, width))
    return np.where(enough, np.minimum(r, LARGEST), np.nan), n


def coupling_gain(correlation: Floats, count: Floats, *, usual: Floats) -> Floats:
    """Log likelihood ratio of the window's correlation over the usual one, n/2 · ln((1 - r_usual²)/(1 - r²)). [nats]

    Shapes (n_pairs, n_cells), usual (n_pairs,). Correlations below
    `LEAST_CORRELATION`, and pairs usually above `RELATED`, are no copies: 0 at most.
    """
    gain = 0.5 * count * np.log((1.0 - usual[:, None] ** 2) / (1.0 - correlation**2))
    gain = np.where(usual[:, None] > RELATED, np.minimum(gain, 0.0), gain)
    return np.asarray(np.where(correlation < LEAST_CORRELATION, np.minimum(gain, 0.0), gain))


def run(site: SiteData) -> list[Scores]:
    """One stream a window length and interval: for each pollutant the source that it resembles most."""
    return [scores for grid in site.grids.values() if len(grid.channels) > 1 for scores in _of_grid(grid)]


def _of_grid(grid: Grid) -> list[Scores]:
    block = SeriesBlock.of([grid])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(block.cells.count > 0, block.cells.total / block.cells.count, np.nan)
    change = changes(means, block.reference_cells)
    pairs = [
        (row, other)
        for row, channel in enumerate(grid.channels)
        if is_pollutant(channel)
        for other, source in enumerate(grid.channels)
        if other != row and may_be_copied(channel, source)
    ]
    out = []
    if not pairs:
        return []
    row, other = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if LEAST_CHANGES <= width <= block.n_cells:
            out.append(_stream(block, change, row, other, width, f"{hours}h"))
    return out


def may_be_copied(channel: Channel, source: Channel) -> bool:
    """Whether a resemblance of these two would be strange: the same quantity, or a registered relation, is not."""
    if channel.site != source.site or source.statistic not in ("rtd", "avg", "cou"):
        return False
    if channel.point == source.point and (channel.quantity == source.quantity or _related(channel, source)):
        return False
    return is_measured(source) or source.medium in ("power", "process")


def _related(one: Channel, other: Channel) -> bool:
    shared = {*one.derived_from, one.id} & {*other.derived_from, other.id}
    return bool(shared)


def _stream(block: SeriesBlock, change: Floats, row: Ints, other: Ints, width: int, name: str) -> Scores:
    correlation, count = joint_changes(change[row], change[other], width=width)
    inside = np.arange(correlation.shape[1])[None, :] < block.reference_cells[row][:, None]
    usual = np.nan_to_num(row_median(np.where(inside, correlation, np.nan)))
    gain = coupling_gain(correlation, count, usual=usual)
    judged = np.unique(row)
    first = np.searchsorted(row, judged)
    filled = np.where(np.isnan(gain), -np.inf, gain)
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
        available=block.cell_available[judged],
        n_accepted=block.n_accepted[judged],
        evidence={
            "correlation": correlation[pair, column],
            "usual_correlation": usual[pair],
            "source_row": other[pair].astype(np.float64),
        },
        stream=name,
    )


def _winner(gain: Floats, row: Ints, judged: Ints, best: Floats) -> Ints:
    """Number of the pair with the largest gain of each judged row in each window. (n_judged, n_cells)"""
    number = np.arange(len(row))[:, None]
    is_best: Bools = gain >= best[np.searchsorted(judged, row)]
    return np.asarray(np.maximum.reduceat(np.where(is_best, number, -1), np.searchsorted(row, judged), axis=0))


DETECTOR = Detector(
    name="copied_channel",
    fault="copied_channel",
    runs_on="site",
    run=run,
    floor=10.0,
    tail="odds",
    specificity=8,
    alternatives=("replayed", "synthetic_noise"),
    explanation=Text(
        en="its changes follow another channel of the site with a correlation of {correlation:.3f}; in accepted "
        "history {usual_correlation:.2f}",
        zh="其变化与本站另一参数的相关系数达 {correlation:.3f}，验收期仅为 {usual_correlation:.2f}",
    ),
    innocent_if=Text(
        en="one quantity is computed from the other by a registered formula, or one process step now drives both",
        zh="两参数之间存在已登记的换算关系，或同一工序变化同时驱动两者",
    ),
)
