"""A value held over every other report: neighbours repeat far more often than they ever did, without one long run."""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import HOUR_S, broadcast, cell_scores, coarser_steps, is_multiple, is_regulated
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock, windowed

WINDOWS_H = (24, 72, 168)
FLOOR = 9.0
HARDLY = 2.5  # reporting steps: an analyser that holds its value between cycles may correct it for drift
NEARLY_ALL, MOSTLY = 0.97, 0.8  # of the values on a reporting step: now, and in accepted history


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
    values = block.quantified.values[:, : block.n_cells * block.cell]
    with np.errstate(invalid="ignore"):
        step = np.diff(values, axis=1, prepend=np.nan)
        same = np.abs(step) <= HARDLY * block.resolution[:, None]
    same[:, 1:] &= ~same[:, :-1]  # a long run is one repeat: that is what stuck_value is for
    equal, steps = _by_cell(block, same), block.quantified.cells.steps
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
        with np.errstate(invalid="ignore"):
            asked = np.flatnonzero((scores >= FLOOR).any(axis=1))
        if len(asked):
            coarse = on_coarser_step(block, values, asked, width)
            scores[asked] = np.where(coarse, np.minimum(scores[asked], 0.0), scores[asked])
        share = np.where(count > 0, repeated / np.maximum(count, 1.0), np.nan)
        evidence = {"share": share, "usual_share": broadcast(usual, scores)}
        out.append(cell_scores(block, scores, width=width, evidence=evidence, stream=f"{hours}h"))
    return out


def on_coarser_step(block: SeriesBlock, values: Floats, rows: Ints, width: int) -> Bools:
    """Windows the last quarter of which lies on a reporting step on which accepted history does not lie.

    A new analyser, or another step of the logger, repeats itself more often. (n_rows, n_cells)
    """
    inside = np.arange(block.n_cells)[None, :] < block.reference_cells[rows][:, None]
    known = _by_cell(block, ~np.isnan(values))[rows]
    short = max(1, width // 4)
    out = np.zeros((len(rows), block.n_cells), dtype=np.bool_)
    for step in coarser_steps(block.resolution[rows]).T:
        on = _by_cell(block, is_multiple(values[rows], step[:, None]))
        usual = (on * inside).sum(axis=1) / np.maximum((known * inside).sum(axis=1), 1.0)
        with np.errstate(invalid="ignore"):
            now = windowed(on, short) / np.maximum(windowed(known, short), 1.0)
            out |= (usual < MOSTLY)[:, None] & (now >= NEARLY_ALL)
    return out


def _by_cell(block: SeriesBlock, mask: Bools) -> Floats:
    shape = (len(mask), block.n_cells, block.cell)
    return np.asarray(mask.reshape(shape).sum(axis=2, dtype=np.float64))


DETECTOR = Detector(
    name="held_value",
    fault="smoothed",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=FLOOR,
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
