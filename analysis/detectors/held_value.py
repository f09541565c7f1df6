"""A value held over every other report: neighbours repeat far more often than they ever did, without one long run."""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, broadcast, cell_scores, is_regulated
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock, windowed

WINDOWS_H = (24, 72, 168)


def repetition_surplus(repeated: Floats, steps: Floats, *, usual_share: Floats) -> Floats:
    """Log-likelihood gain of the observed share of repeats over the usual share.

    Parameters
    ----------
    repeated, steps : (n_series, n_windows) float64
        Number of neighbours that are equal, and of neighbours.
    usual_share : (n_series,) float64
        Share in accepted history, inside (0, 1). [1]

    Returns
    -------
    scores : (n_series, n_windows) float64
        steps · KL(observed ‖ usual) where more repeats than usual, otherwise 0. [nats]
    """
    usual = usual_share[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = repeated / steps
        gain = share * np.log(np.maximum(share, 1e-12) / usual)
        gain += (1.0 - share) * np.log(np.maximum(1.0 - share, 1e-12) / (1.0 - usual))
    return np.asarray(np.where(share > usual, steps * gain, 0.0 * share))


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length."""
    used = block.n_cells * block.cell
    shape = (block.n_series, block.n_cells, block.cell)
    with np.errstate(invalid="ignore"):
        step = np.diff(block.values[:, :used], axis=1, prepend=np.nan)
    same = step == 0
    same[:, 1:] &= ~same[:, :-1]  # a long run is one repeat: that is what stuck_value is for
    equal = same.reshape(shape).sum(axis=2, dtype=np.float64)
    steps = block.cells.steps
    inside = np.arange(block.n_cells)[None, :] < block.reference_cells[:, None]
    usual = ((equal * inside).sum(axis=1) + 1.0) / ((steps * inside).sum(axis=1) + 2.0)
    out = []
    for hours in WINDOWS_H:
        width = block.window_cells(hours * HOUR_S)
        if width * block.cell < 12 or width > block.n_cells:
            continue
        count = windowed(steps, width)
        repeated = windowed(equal, width)
        enough = count >= 0.4 * width * block.cell
        scores = np.where(enough, repetition_surplus(repeated, count, usual_share=usual), np.nan)
        share = np.where(count > 0, repeated / np.maximum(count, 1.0), np.nan)
        evidence = {"share": share, "usual_share": broadcast(usual, scores)}
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


DETECTOR = Detector(
    name="held_value",
    fault="smoothed",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=9.0,
    tail="odds",
    specificity=4,
    alternatives=("stuck_value", "instrument_fault"),
    explanation=Text(
        en="{share:.0%} of the values repeat the one before, usually {usual_share:.1%}",
        zh="{share:.0%} 的数值与前一值相同，通常仅 {usual_share:.1%}",
    ),
    innocent_if=Text(
        en="the analysis cycle was lengthened or the reporting step made coarser, and this was reported; or the "
        "level lies near the detection limit",
        zh="分析周期延长或上报分辨率降低且已报备；或浓度接近检出限",
    ),
)
