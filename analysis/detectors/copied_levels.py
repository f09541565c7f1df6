"""A slow analyser whose few values are those of another channel, but for a factor, an offset and their rounding.

Of an analyser of two or four hours a window of days holds too few changes to speak of their correlation, but levels
that a straight line through another channel explains to the last digits are no chance: each change of the value that
the line foretells counts the nats by which it narrows the analyser's usual change down. A source that reports more
often is averaged over the analyser's intervals, or read at their beginning.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.detectors.copied_channel import averaged, means, pairs_between
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.shape import HOUR_S
from analysis.model.arrays import Floats, Ints, Texts
from analysis.model.block import SeriesBlock, row_median, windowed
from analysis.model.site import SiteData

WINDOWS_H = (72, 168)
LEAST_VALUES = 8
LEAST_SHARE = 0.5  # of a window's values that must be known
CLOSE = 0.98  # squared correlation: what is less is no candidate
RELATED = 0.6  # the same, usual in accepted history: such pairs belong together


def squared_correlation(one: Floats, other: Floats, *, width: int) -> Floats:
    """Squared correlation of levels over trailing windows, from sums; NaN where too little is known.

    Shapes (n_pairs, n_cells) twice, of values about zero, to (n_pairs, n_cells). [1]
    """
    known = ~(np.isnan(one) | np.isnan(other))
    a, b = np.where(known, one, 0.0), np.where(known, other, 0.0)
    n, sum_a, sum_b, aa, bb, ab = (windowed(x, width) for x in (known.astype(np.float64), a, b, a * a, b * b, a * b))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (aa - sum_a**2 / n) * (bb - sum_b**2 / n)
        squared = np.where(spread > 1e-12 * aa * bb, (ab - sum_a * sum_b / n) ** 2 / spread, 0.0)
        return np.where(n >= max(LEAST_VALUES, LEAST_SHARE * width), squared, np.nan)


def line_nats(own: Floats, source: Floats, *, resolution: Floats) -> Floats:
    """−ln of the chance that a straight line foretells so many changes so closely.

    Parameters
    ----------
    own, source : (n_windows, width) float64
        Levels, NaN where missing. [unit of the channel]
    resolution : (n_windows,) float64
        Reporting step of `own`: what is left is not taken as less than its rounding. [unit of the channel]

    Returns
    -------
    nats : (n_windows,) float64
        ½·(k - 1)·ln(c²/r²): k changes, of both channels the fewer; c the median change over √2, as of independent
        values, so that one jump of both says little; r² the mean square that the line leaves. [nats]
    """
    known = ~(np.isnan(own) | np.isnan(source))
    n = np.maximum(known.sum(axis=1), 1)
    y, x = (np.where(known, v, 0.0) for v in (own, source))
    y, x = (np.where(known, v - (v.sum(axis=1) / n)[:, None], 0.0) for v in (y, x))
    slope = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-300)
    left = np.maximum(((y - slope[:, None] * x) ** 2).sum(axis=1) / n, resolution**2 / 12.0)
    y, x = (np.where(known, v, np.nan) for v in (own, source))
    change, moved = np.abs(np.diff(y, axis=1)), np.abs(np.diff(x, axis=1))
    with np.errstate(invalid="ignore"):
        changes = np.minimum((change > 0).sum(axis=1), (moved > 0).sum(axis=1))
    usual = np.nan_to_num(row_median(np.where(change > 0, change, np.nan)) / 0.6745) ** 2 / 2.0
    with np.errstate(divide="ignore"):
        nats = 0.5 * np.maximum(changes - 1.0, 0.0) * np.log(usual / left)
    return np.asarray(np.maximum(nats, 0.0))


def run(site: SiteData) -> list[Scores]:
    """One stream a window length and pair of intervals, for analysers slower than an hour."""
    blocks = [SeriesBlock.of([grid]) for _, grid in sorted(site.grids.items()) if grid.n_times]
    return [
        scores
        for number, block in enumerate(blocks)
        if block.cell_s > HOUR_S
        for finer in blocks[: number + 1]
        for scores in _of_pair(block, finer)
    ]


def _of_pair(block: SeriesBlock, finer: SeriesBlock) -> Iterator[Scores]:
    pairs = pairs_between(block, finer)
    if pairs is None:
        return
    of_source, lead, per = means(finer), pairs.lead, pairs.per
    sources = [averaged(of_source, lead=lead, per=per, n_cells=block.n_cells)]
    if per > 1:
        read = of_source[:, lead % per :: per]
        sources.append(averaged(read, lead=lead // per, per=1, n_cells=block.n_cells))
    order = np.argsort(np.tile(pairs.row, len(sources)), kind="stable")  # pairs of one analyser side by side
    row, names = np.tile(pairs.row, len(sources))[order], np.tile(pairs.names, len(sources))[order]
    compared = means(block)[row], np.concatenate([one[pairs.other] for one in sources])[order]
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if LEAST_VALUES <= width <= block.n_cells:
            between = "" if finer is block else f" from {finer.interval_s} s"
            yield _stream(block, compared, row, names, pairs.available, width, f"{hours}h{between}")


def _stream(
    block: SeriesBlock,
    compared: tuple[Floats, Floats],
    row: Ints,
    names: Texts,
    available: Floats,
    width: int,
    stream: str,
) -> Scores:
    squared = squared_correlation(*compared, width=width)
    inside = np.arange(block.n_cells)[None, :] < block.reference_cells[row][:, None]
    usual = np.nan_to_num(row_median(np.where(inside, squared, np.nan)))
    judged, target = np.unique(row, return_inverse=True)
    known = np.zeros((len(judged), block.n_cells), dtype=np.bool_)
    np.logical_or.at(known, target, ~np.isnan(squared))
    scores = np.where(known, 0.0, np.nan)
    source = np.full(scores.shape, "", dtype=names.dtype)
    with np.errstate(invalid="ignore"):
        pair, end = np.nonzero((squared >= CLOSE) & (usual < RELATED)[:, None])
    at = end[:, None] - np.arange(width - 1, -1, -1)[None, :]
    own, other = (levels[pair[:, None], at] for levels in compared)
    nats = line_nats(own, other, resolution=block.resolution[row[pair]]) - np.log(np.bincount(target)[target[pair]])
    rising = np.argsort(nats, kind="stable")  # the highest is written last and stays
    to = target[pair][rising], end[rising]
    scores[to], source[to] = np.maximum(nats[rising], 0.0), names[pair][rising]
    return Scores(
        targets=tuple(Target(c.site, c.point, (c.id,)) for c in (block.channels[r] for r in judged)),
        interval_s=block.interval_s,
        start_s=block.start_s,
        ends=block.cell_ends,
        starts=np.broadcast_to(np.maximum(block.cell_ends - width * block.cell, 0), scores.shape),
        scores=scores,
        available=np.broadcast_to(available, scores.shape),
        n_accepted=block.n_accepted[judged],
        evidence={"source": source, "nats": scores},
        stream=stream,
    )


DETECTOR = Detector(
    name="copied_levels",
    fault="copied_channel",
    runs_on="site",
    run=run,
    floor=15.0,
    tail="odds",
    share=0.3,  # slow analysers only
    specificity=8,
    alternatives=("replayed", "synthetic_noise"),
    explanation=Text(
        en="its values are those of {source} on a straight line, but for their rounding; chance does that with odds "
        "of e^-{nats:.0f}",
        zh="其数值与 {source} 呈严格线性关系，偏差仅在修约范围内；偶然发生的概率约为 e^-{nats:.0f}",
    ),
    innocent_if=Text(
        en="one quantity is computed from the other by a formula that is not registered",
        zh="两参数之间存在未登记的换算关系",
    ),
)
