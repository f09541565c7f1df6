"""Windows that stand out against accepted history, with how often honest data would do the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.calibration.budget import REALISED_SHARE, Budget, occasions_per_month
from analysis.calibration.tail import BLOCK_S, Tail, block_maxima, fit
from analysis.detectors.interface import Detector, Scores, Target
from analysis.model.arrays import AnyArray, Bools, Floats, Ints
from analysis.model.block import LEAST_ACCEPTED_CELLS, PROVISIONAL_CELLS, row_median

HOUR_S = 3600
EXACT_EXPECTED = 1e-6  # honest data cannot do it; the figure stands for what was not thought of
EXACT_MARGIN = 1.5  # what accepted history shows of a contradiction is tolerated up to this factor


@dataclass(frozen=True)
class Exceedances:
    """Outstanding windows of one target in one stream, in order of time. All arrays (n,).

    start_s, end_s : interval accused [s, UTC]; available_s : when the window stood
    expected : findings as rare as this that honest data would show per site and month, over all detectors
    score, threshold : on the detector's own scale; accepted : whether the window lies in accepted history
    """

    target: Target
    fault: str
    stream: str
    start_s: Floats
    end_s: Floats
    available_s: Floats
    expected: Floats
    score: Floats
    threshold: float
    accepted: Bools
    reference_blocks: int
    evidence: dict[str, AnyArray]

    def those(self, kept: Bools, *, known_s: float = -math.inf) -> Exceedances | None:
        """Some of the windows, known from a moment on at the earliest; `None` if there are none."""
        if not kept.any():
            return None
        return replace(
            self,
            start_s=self.start_s[kept],
            end_s=self.end_s[kept],
            available_s=np.maximum(self.available_s[kept], known_s),
            expected=self.expected[kept],
            score=self.score[kept],
            accepted=self.accepted[kept],
            evidence={name: figures[kept] for name, figures in self.evidence.items()},
        )


def exceedances(
    detector: Detector, scores: Scores, *, weight: float, rows_of_site: dict[str, int], budget: Budget
) -> Iterator[Exceedances]:
    """Find them.

    Parameters
    ----------
    weight : part of the site's budget that this detector may use
    rows_of_site : independent things that this detector looks at, by site: they share the weight
    """
    if not scores.scores.size:
        return
    reference = reference_samples(scores)
    if detector.kind == "exact":
        threshold, tail, occasions = _exact_threshold(detector, scores, reference), None, None
        asked = threshold
    else:
        tail, occasions = _honest_tail(detector, scores, reference)
        rows = np.array([rows_of_site[target.site] for target in scores.targets], dtype=np.float64)
        per_alert = REALISED_SHARE * occasions * rows / weight  # expected alerts = probability times this
        asked = np.maximum(tail.exceeded_by(np.minimum(budget.candidate_below / per_alert, 1.0)), detector.floor)
        threshold = np.maximum(tail.exceeded_by(np.minimum(budget.alert_below / per_alert, 1.0)), detector.floor)
        asked = np.where(tail.known, asked, np.inf)
        occasions = per_alert
    with np.errstate(invalid="ignore"):
        above = scores.scores >= asked[:, None]
    if detector.kind == "calibrated":
        above &= scores.ends[None, :] > reference[:, None]
    for row in np.flatnonzero(above.any(axis=1)):
        columns = np.flatnonzero(above[row])
        yield _row(detector, scores, int(row), columns, tail, occasions, float(threshold[row]))


def reference_samples(scores: Scores) -> Ints:
    """Samples at the beginning of each row that are its reference: accepted history, or a provisional week."""
    least = LEAST_ACCEPTED_CELLS * HOUR_S // scores.interval_s
    known = ~np.isnan(scores.scores)
    first = scores.ends[np.argmax(known, axis=1)]
    provisional = first + max(1, PROVISIONAL_CELLS * HOUR_S // scores.interval_s)
    return np.where(scores.n_accepted >= max(1, least), scores.n_accepted, provisional)


def _honest_tail(detector: Detector, scores: Scores, reference: Ints) -> tuple[Tail, Floats]:
    block = (scores.ends - 1) * scores.interval_s // BLOCK_S
    honest = scores.ends[None, :] <= reference[:, None]
    # of the reference alone: a window that adapts to what it finds would tell of what came later
    judged = np.where(np.isnan(scores.scores) | ~honest, np.nan, scores.ends[None, :] - scores.starts)
    length = np.nan_to_num(row_median(judged)) * scores.interval_s
    least_scale = detector.floor / 10.0 if detector.least_scale is None else detector.least_scale
    maxima = block_maxima(scores.scores, honest, block)
    tail = fit(
        maxima,
        np.maximum(length / BLOCK_S, 1.0),
        kind=detector.tail,
        least_scale=least_scale,
        believed=detector.believed,
    )
    return tail, np.array([occasions_per_month(one) for one in length.tolist()])


def _exact_threshold(detector: Detector, scores: Scores, reference: Ints) -> Floats:
    accepted = (
        (scores.ends[None, :] <= reference[:, None]) & (scores.n_accepted > 0)[:, None] & ~np.isnan(scores.scores)
    )
    largest = np.max(np.where(accepted, scores.scores, 0.0), axis=1, initial=0.0)
    return np.where(largest >= detector.floor, largest * EXACT_MARGIN, detector.floor)


def exact_chance(ratio: Floats, *, at_floor: float) -> Floats:
    """How likely a contradiction is honest after all: `at_floor` at the threshold, `EXACT_EXPECTED` from twice that on.

    One value a hair beyond what rounding allows is a rounding that was not thought of before it is a falsification.
    """
    return np.asarray(at_floor * (EXACT_EXPECTED / at_floor) ** np.clip(ratio - 1.0, 0.0, 1.0) / ratio)


def _row(
    detector: Detector,
    scores: Scores,
    row: int,
    columns: Ints,
    tail: Tail | None,
    per_alert: Floats | None,
    threshold: float,
) -> Exceedances:
    score = scores.scores[row, columns]
    if tail is None or per_alert is None:
        expected, blocks = exact_chance(score / threshold, at_floor=detector.honest_at_floor), 0
    else:
        expected, blocks = tail.probability(row, score) * per_alert[row], int(tail.n_blocks[row])
    return Exceedances(
        target=scores.targets[row],
        fault=scores.fault or detector.fault,
        stream=scores.stream,
        start_s=scores.start_s + scores.interval_s * scores.starts[row, columns].astype(np.float64),
        end_s=scores.start_s + scores.interval_s * scores.ends[columns].astype(np.float64),
        available_s=scores.available[row, columns],
        expected=expected,
        score=score,
        threshold=threshold,
        accepted=scores.ends[columns] <= scores.n_accepted[row],
        reference_blocks=blocks,
        evidence={name: figures[row, columns] for name, figures in scores.evidence.items()},
    )
