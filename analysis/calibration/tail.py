"""The tail of honest scores: ranks inside what history has seen, a fitted tail beyond it.

A stream's honest scores are cut into blocks of 6 h, the distance within which alerts are merged; the maximum of each
block is one observation. Scores of overlapping windows are dependent: a history of m blocks seen through windows of w
blocks counts as n = m/w.

normal : for log ratios and z-scores. The upper half of the blocks gives the spread about their median; the predictive
    tail with unknown mean and spread is Student's with n - 1 degrees of freedom, the heavier the shorter the history.
exponential : for scores with many ties. Excesses over a high order statistic have an unknown mean b; integrating over
    it, the predictive tail after k excesses is (1 + z/(k*b))^-k.
odds : for log likelihood ratios in nats. Under the honest model one of at least s has a probability of at most e^-s.
    Counted from the largest that history has shown, and no faster than history itself thins out.

Inside history neither may claim more than the rank does: a score that was reached before is not rarer than that.

The next of n + 1 exchangeable blocks exceeds all others with 1/(n + 1): so far history reaches by itself. What a model
claims beyond that, no history of this site can check, and honest sites drift (season, load, service): of the nats that
a tail claims beyond 1/(n + 1) only a share is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import row_median

TailKind = Literal["normal", "exponential", "odds"]
BLOCK_S = 6 * 3600
LEAST_BLOCKS = 8
LEAST_PROBABILITY = 1e-12  # no history supports a smaller claim
LEAST_FREEDOM = 2.0
# Shares of the nats that are believed, such that alerts on honest data, simulated and real, fall as the budget does.
BELIEVED: dict[TailKind, float] = {"normal": 0.6, "exponential": 0.8, "odds": 0.35}
LEAST_NATS = 1e-3  # spread of the top of history, where all of it ties
_TOP_SHARE = 0.1
_LEAST_EXCESSES = 5.0


@dataclass(frozen=True)
class Tail:
    """Honest distribution of block maxima, one row a stream.

    ordered : (n_rows, n_blocks) block maxima, increasing, -inf where none
    n_blocks : (n_rows,) how many are real
    reach : (n_rows,) smallest probability that history can show by itself
    beyond : the fitted tail of each row
    believed : share of the nats beyond `reach` that is believed
    """

    ordered: Floats
    n_blocks: Ints
    reach: Floats
    beyond: NormalTail | ExponentialTail | OddsTail
    believed: float

    @property
    def known(self) -> Bools:
        """Rows with enough history to say anything."""
        return np.asarray(self.n_blocks >= LEAST_BLOCKS)

    def exceeded_by(self, probability: Floats) -> Floats:
        """The score that a block's maximum exceeds with this probability. (n_rows,)"""
        n = self.n_blocks
        rank = np.clip(np.ceil((1.0 - probability) * (n + 1)).astype(np.int64), 1, np.maximum(n, 1))
        column = np.clip(self.ordered.shape[1] - n + rank - 1, 0, self.ordered.shape[1] - 1)
        inside = self.ordered[np.arange(len(column)), column]
        claimed = self.reach * np.minimum(probability / self.reach, 1.0) ** (1.0 / self.believed)
        return np.asarray(
            np.maximum(inside, self.beyond.exceeded_by(np.where(probability < self.reach, claimed, probability)))
        )

    def probability(self, row: int, scores: Floats) -> Floats:
        """Probability that a block's maximum reaches these scores, in one row. (n,)"""
        n = int(self.n_blocks[row])
        known: Floats = self.ordered[row, self.ordered.shape[1] - n :]
        seen = n - np.searchsorted(known, scores, side="left")
        by_rank = np.where(seen > 0, seen / (n + 1.0), 0.0)
        claimed, reach = self.beyond.probability(row, scores), self.reach[row]
        believed = np.where(claimed < reach, reach * (claimed / reach) ** self.believed, claimed)
        return np.asarray(np.maximum(by_rank, np.maximum(believed, LEAST_PROBABILITY)))


@dataclass(frozen=True)
class NormalTail:
    """Student's tail about `centre` with `scale`, `freedom`. (n_rows,)"""

    centre: Floats
    scale: Floats
    freedom: Floats

    def exceeded_by(self, probability: Floats) -> Floats:
        return np.asarray(self.centre - self.scale * special.stdtrit(self.freedom, probability))

    def probability(self, row: int, scores: Floats) -> Floats:
        return np.asarray(special.stdtr(self.freedom[row], (self.centre[row] - scores) / self.scale[row]))


@dataclass(frozen=True)
class ExponentialTail:
    """Beyond `edge`, exceeded by `share` of the blocks, a generalised Pareto tail with `scale`, `shape`. (n_rows,)"""

    edge: Floats
    scale: Floats
    shape: Floats
    share: Floats

    def exceeded_by(self, probability: Floats) -> Floats:
        ratio = np.maximum(self.share / probability, 1.0)
        return np.asarray(self.edge + self.scale * np.expm1(self.shape * np.log(ratio)) / self.shape)

    def probability(self, row: int, scores: Floats) -> Floats:
        excess = np.maximum(scores - self.edge[row], 0.0)
        shrunk = (1.0 + self.shape[row] * excess / self.scale[row]) ** (-1.0 / self.shape[row])
        return np.asarray(np.where(scores > self.edge[row], self.share[row] * shrunk, 1.0))


@dataclass(frozen=True)
class OddsTail:
    """reach·e^-(rate·(s - shown)) beyond `shown`, the largest of history and 0; no less than e^-s. (n_rows,)"""

    shown: Floats
    rate: Floats
    reach: Floats

    def exceeded_by(self, probability: Floats) -> Floats:
        beyond = self.shown + np.log(np.maximum(self.reach / probability, 1.0)) / self.rate
        return np.asarray(np.maximum(beyond, -np.log(probability)))

    def probability(self, row: int, scores: Floats) -> Floats:
        excess = scores - self.shown[row]
        beyond = self.reach[row] * np.exp(-self.rate[row] * np.maximum(excess, 0.0))
        return np.asarray(np.where(excess >= 0.0, np.maximum(beyond, np.exp(-np.maximum(scores, 0.0))), 1.0))


def fit(
    maxima: Floats, window_blocks: Floats, *, kind: TailKind, least_scale: float, believed: float | None = None
) -> Tail:
    """Fit the tail of each row.

    Parameters
    ----------
    maxima : (n_rows, n_blocks) block maxima of honest scores, -inf where none
    window_blocks : (n_rows,) length of the scored windows in blocks, ≥ 1: so many neighbours count as one
    kind : which tail
    least_scale : the fitted spread is never taken as smaller: scores with many ties say nothing about it
    believed : share of the nats beyond the reach of history that is believed; that of the kind unless given
    """
    ordered = np.sort(maxima, axis=1)
    n = np.isfinite(ordered).sum(axis=1)
    effective = n / window_blocks
    reach = 1.0 / (effective + 1.0)
    share = BELIEVED[kind] if believed is None else believed
    if kind == "odds":
        return Tail(ordered, n, reach, _odds(ordered, n, effective, share), 1.0)
    return Tail(ordered, n, reach, _FITS[kind](ordered, n, effective, least_scale), share)


def _normal(ordered: Floats, n: Ints, effective: Floats, least_scale: float) -> NormalTail:
    values = np.where(np.isfinite(ordered), ordered, np.nan)
    centre = np.nan_to_num(row_median(values))
    above = np.where(values > centre[:, None], values - centre[:, None], 0.0)
    half = np.maximum(np.count_nonzero(above, axis=1), 1)
    spread = np.sqrt((above * above).sum(axis=1) / half)
    scale = np.maximum(spread, least_scale) * np.sqrt(1.0 + 1.0 / np.maximum(effective, 1.0))
    return NormalTail(centre, scale, np.maximum(effective - 1.0, LEAST_FREEDOM))


def _exponential(ordered: Floats, n: Ints, effective: Floats, least_scale: float) -> ExponentialTail:
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.clip(_LEAST_EXCESSES / effective, _TOP_SHARE, 0.5)
    k = np.clip(np.ceil(np.nan_to_num(top) * n).astype(np.int64), 1, np.maximum(n - 1, 1))
    width = ordered.shape[1]
    edge = ordered[np.arange(len(k)), np.clip(width - k - 1, 0, width - 1)]
    edge = np.where(np.isfinite(edge), edge, 0.0)
    rank_from_top = width - np.arange(width)[None, :]
    excess = np.where((rank_from_top <= k[:, None]) & np.isfinite(ordered), ordered - edge[:, None], 0.0)
    scale = np.maximum(excess.sum(axis=1) / k, least_scale)
    k_effective = k * effective / np.maximum(n, 1)
    return ExponentialTail(edge, scale, 1.0 / np.maximum(k_effective, 1.0), k / np.maximum(n, 1))


def _odds(ordered: Floats, n: Ints, effective: Floats, believed: float) -> OddsTail:
    fall = 1.0 / _exponential(ordered, n, effective, LEAST_NATS).scale
    shown = np.maximum(ordered.max(axis=1, initial=0.0), 0.0)
    return OddsTail(shown, np.minimum(fall, believed), 1.0 / (effective + 1.0))


_FITS: dict[TailKind, Callable[[Floats, Ints, Floats, float], NormalTail | ExponentialTail]] = {
    "normal": _normal,
    "exponential": _exponential,
}


def block_maxima(scores: Floats, honest: Bools, block: Ints) -> Floats:
    """Maxima of honest scores over blocks; `block` (n_windows,) does not decrease.

    (n_rows, n_blocks) -inf where none
    """
    if not scores.shape[1]:
        return np.full((scores.shape[0], 1), -np.inf)
    used = np.where(honest & ~np.isnan(scores), scores, -np.inf)
    first = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
    return np.asarray(np.maximum.reduceat(used, first, axis=1))
