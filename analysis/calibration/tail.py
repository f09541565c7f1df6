"""The tail of honest scores: ranks inside what history has seen, a fitted tail beyond it.

A stream's honest scores are cut into blocks of 6 h, the distance within which alerts are merged; the maximum of each block is one
observation. Above a high order statistic the excesses are taken as exponential with unknown mean. Integrating over that unknown
mean, the predictive tail after k excesses of mean b is (1 + z/(k·b))^-k: heavier than the exponential, the more so the shorter the
history. Scores of overlapping windows are dependent, so k counts windows, not blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.model.arrays import Bools, Floats, Ints

BLOCK_S = 6 * 3600
LEAST_BLOCKS = 8
_TOP_SHARE = 0.1
_LEAST_EXCESSES = 5.0


@dataclass(frozen=True)
class Tail:
    """Honest distribution of block maxima, one row a stream.

    ordered : (n_rows, n_blocks) block maxima, increasing, -inf where none
    n_blocks : (n_rows,) how many are real
    edge, scale, shape, share : (n_rows,) beyond `edge`, exceeded by `share` of the blocks, the generalised Pareto tail
    """

    ordered: Floats
    n_blocks: Ints
    edge: Floats
    scale: Floats
    shape: Floats
    share: Floats

    @property
    def known(self) -> Bools:
        """Rows with enough history to say anything."""
        return self.n_blocks >= LEAST_BLOCKS

    def exceeded_by(self, probability: Floats) -> Floats:
        """The score that a block's maximum exceeds with this probability. (n_rows,)"""
        ratio = np.maximum(self.share / probability, 1.0)
        beyond = self.edge + self.scale * np.expm1(self.shape * np.log(ratio)) / self.shape
        rank = np.clip(np.ceil((1.0 - probability) * self.n_blocks).astype(np.int64), 1, None)
        column = np.clip(self.ordered.shape[1] - self.n_blocks + rank - 1, 0, self.ordered.shape[1] - 1)
        inside = self.ordered[np.arange(len(column)), column]
        return np.asarray(np.where(probability < self.share, beyond, inside))

    def probability(self, row: int, scores: Floats) -> Floats:
        """Probability that a block's maximum reaches these scores, in one row. (n,)"""
        n = int(self.n_blocks[row])
        known = self.ordered[row, self.ordered.shape[1] - n :]
        by_rank = (n - np.searchsorted(known, scores, side="left") + 1.0) / (n + 1.0)
        excess = np.maximum(scores - self.edge[row], 0.0)
        beyond = self.share[row] * (1.0 + self.shape[row] * excess / self.scale[row]) ** (-1.0 / self.shape[row])
        return np.asarray(np.where(scores > self.edge[row], beyond, by_rank), dtype=np.float64)


def fit(maxima: Floats, window_blocks: Floats, *, least_scale: float) -> Tail:
    """Fit the tail of each row.

    Parameters
    ----------
    maxima : (n_rows, n_blocks) block maxima of honest scores, -inf where none
    window_blocks : (n_rows,) length of the scored windows in blocks, ≥ 1: so many neighbours count as one
    least_scale : the fitted mean excess is never taken as smaller: scores with many ties say nothing about it
    """
    ordered = np.sort(maxima, axis=1)
    n = np.isfinite(ordered).sum(axis=1)
    effective = n / window_blocks
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.clip(_LEAST_EXCESSES / effective, _TOP_SHARE, 0.5)
    k = np.clip(np.ceil(np.nan_to_num(top) * n).astype(np.int64), 1, np.maximum(n - 1, 1))
    width = ordered.shape[1]
    column = np.clip(width - k - 1, 0, width - 1)
    edge = ordered[np.arange(len(k)), column]
    edge = np.where(np.isfinite(edge), edge, 0.0)
    rank_from_top = width - np.arange(width)[None, :]
    excess = np.where((rank_from_top <= k[:, None]) & np.isfinite(ordered), ordered - edge[:, None], 0.0)
    scale = excess.sum(axis=1) / k
    shape = 1.0 / np.maximum(k / window_blocks, 1.0)
    return Tail(ordered, n, edge, np.maximum(scale, least_scale), shape, k / np.maximum(n, 1))


def block_maxima(scores: Floats, honest: Bools, block: Ints) -> Floats:
    """Maxima of honest scores over blocks; `block` (n_windows,) does not decrease. (n_rows, n_blocks) -inf where none"""
    if not scores.shape[1]:
        return np.full((scores.shape[0], 1), -np.inf)
    used = np.where(honest & ~np.isnan(scores), scores, -np.inf)
    first = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
    return np.asarray(np.maximum.reduceat(used, first, axis=1))
