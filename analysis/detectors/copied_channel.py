"""A channel that moves with another one which it has nothing to do with: its values are computed from that channel.

Case of a smelter, 2023: one channel number changed in the industrial computer, and dust and velocity followed the temperature. The
statistic is the correlation of hourly changes over a window, against what the same pair shows in accepted history: pairs that
belong together (converted and raw, mass and flow, NO and NOx) are alike there already.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.shape import HOUR_S, is_measured, is_pollutant
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock, row_median, windowed
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

WINDOWS_H = (24, 72, 168)
LARGEST = 0.9999  # of a correlation, so that its transform stays finite
LEAST_CHANGES = 10


def joint_changes(one: Floats, other: Floats, *, width: int) -> Floats:
    """Fisher transform of the correlation of changes over trailing windows.

    Parameters
    ----------
    one, other : (n_pairs, n_cells) float64
        Levels of the pair, NaN where missing.
    width : int
        Cells in a window.

    Returns
    -------
    transform : (n_pairs, n_cells) float64
        atanh |r|; NaN where fewer than half of the changes, or than ten, are known, or one does not change. [1]

    References
    ----------
    .. [1] Fisher (1921), On the probable error of a coefficient of correlation, Metron 1, 3-32
    """
    a, b = np.diff(one, axis=1, prepend=np.nan), np.diff(other, axis=1, prepend=np.nan)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = np.where(known, a, 0.0), np.where(known, b, 0.0)
    n = windowed(known.astype(np.float64), width)
    enough = n >= max(LEAST_CHANGES, width // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = windowed(a * b, width) / np.sqrt(windowed(a * a, width) * windowed(b * b, width))
    return np.asarray(np.where(enough, np.arctanh(np.minimum(np.abs(r), LARGEST)), np.nan))


def run(site: SiteData) -> list[Scores]:
    """One stream a window length and interval: for each pollutant the source that it resembles most beyond the usual."""
    return [scores for grid in site.grids.values() if len(grid.channels) > 1 for scores in _of_grid(grid)]


def _of_grid(grid: Grid) -> list[Scores]:
    block = SeriesBlock.of([grid])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(block.cells.count > 0, block.cells.total / block.cells.count, np.nan)
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
            out.append(_stream(block, means, row, other, width, f"{hours}h"))
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


def _stream(block: SeriesBlock, means: Floats, row: Ints, other: Ints, width: int, name: str) -> Scores:
    transform = joint_changes(means[row], means[other], width=width)
    inside = np.arange(transform.shape[1])[None, :] < block.reference_cells[row][:, None]
    usual = row_median(np.where(inside, transform, np.nan))
    gain = np.maximum(transform - usual[:, None], 0.0)
    judged = np.unique(row)
    first = np.searchsorted(row, judged)
    filled = np.where(np.isnan(gain), -1.0, gain)
    best = np.maximum.reduceat(filled, first, axis=0)
    scores = np.where(best >= 0, best, np.nan)
    pair = _winner(filled, row, judged, best)
    column = np.arange(transform.shape[1])[None, :]
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
            "correlation": np.tanh(transform[pair, column]),
            "usual_correlation": np.tanh(usual)[pair],
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
    floor=0.8,
    specificity=8,
    alternatives=("replayed", "synthetic_noise"),
    explanation=Text(
        en="its changes follow another channel of the site with a correlation of {correlation:.3f}; in accepted history {usual_correlation:.2f}",
        zh="其变化与本站另一参数的相关系数达 {correlation:.3f}，验收期仅为 {usual_correlation:.2f}",
    ),
    innocent_if=Text(
        en="one quantity is computed from the other by a registered formula, or one process step now drives both",
        zh="两参数之间存在已登记的换算关系，或同一工序变化同时驱动两者",
    ),
)
