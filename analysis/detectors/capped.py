"""Values above a limit drawn anew below it: nothing exceeds the cut, and what should have exceeded it crowds below.

Honest high values thin out: near the highest of some weeks there are only a few others. The statistic counts separate
visits to the band below the maximum, half a mean excess wide, against what an exponential tail gives. It needs no
limit; with one, an edge at the limit is what bunching studies look for (Ghanem and Zhang 2014, J. Environ. Econ. Manag.
68, 203-225).
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Text
from analysis.detectors.shape import is_regulated, targets
from analysis.detectors.upper_tail import highest, window_ends, windows
from analysis.model.arrays import Floats, Ints
from analysis.model.block import SeriesBlock

WINDOWS_H = (168, 336, 720)
BAND = 0.5  # of the mean excess
EXPECTED = float(np.exp(BAND))  # visits: the maximum itself, and e^BAND - 1 others of an exponential tail


def crowding(values: Floats, ordered: Floats, count: Ints, *, reach: Floats) -> tuple[Floats, Floats]:
    """Visits to the band below the maximum, as log odds.

    Parameters
    ----------
    values, ordered : (n_series, n_windows, width) float64
        In order of time, and increasing with NaN last. [unit of the channel]
    count : (n_series, n_windows) int64
        Values known.
    reach : (n_series,) float64
        Usual mean excess over the upper quartile, in units of the interquartile range. [1]

    Returns
    -------
    scores : (n_series, n_windows) float64
        k·ln(k/m) − (k − m) of k visits where m are expected, 0 if k ≤ m (Poisson, Chernoff's bound). [nats]
    visits : (n_series, n_windows) float64
    """
    quartile = [
        np.take_along_axis(ordered, (share * np.maximum(count - 1, 0)).astype(np.int64)[:, :, None], axis=2)[:, :, 0]
        for share in (0.25, 0.75)
    ]
    top = np.take_along_axis(ordered, np.maximum(count - 1, 0)[:, :, None], axis=2)[:, :, 0]
    with np.errstate(invalid="ignore"):
        band = np.minimum(BAND * reach[:, None] * (quartile[1] - quartile[0]), 0.5 * (top - quartile[1]))
    with np.errstate(invalid="ignore"):
        inside = values >= (top - band)[:, :, None]
    before = np.concatenate([np.zeros_like(inside[:, :, :1]), inside[:, :, :-1]], axis=2)
    visits = (inside & ~before).sum(axis=2).astype(np.float64)
    many = np.maximum(visits, EXPECTED)
    return np.where(band > 0, many * np.log(many / EXPECTED) - (many - EXPECTED), np.nan), visits


def usual_reach(cells: Floats, n_reference: Ints) -> Floats:
    """Mean excess over the upper quartile in units of the interquartile range, in each reference. (n_series,) [1]"""
    inside = np.arange(cells.shape[1])[None, :] < n_reference[:, None]
    ordered = np.sort(np.where(inside, cells, np.nan), axis=1)
    n = np.count_nonzero(~np.isnan(ordered), axis=1)
    q25, q75 = (
        np.take_along_axis(ordered, (s * np.maximum(n - 1, 0)).astype(np.int64)[:, None], axis=1) for s in (0.25, 0.75)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        above = ordered > q75
        excess = np.where(above, ordered - q75, 0.0).sum(axis=1) / above.sum(axis=1)
        return np.asarray(excess / (q75 - q25)[:, 0])


def run(block: SeriesBlock) -> list[Scores]:
    """One stream a window length."""
    cells = highest(block)
    reach = usual_reach(cells, block.reference_cells)
    out = []
    for hours in WINDOWS_H:
        width, ends = window_ends(block, hours)
        if not len(ends):
            continue
        cut = windows(cells, width, ends)
        ordered = np.sort(cut, axis=2)
        known = np.count_nonzero(~np.isnan(ordered), axis=2)
        scores, visits = crowding(cut, ordered, known, reach=reach)
        scores = np.where(known >= width // 2, scores, np.nan)
        top = np.take_along_axis(ordered, np.maximum(known - 1, 0)[:, :, None], axis=2)[:, :, 0]
        last = ends * block.cell
        out.append(
            Scores(
                targets=targets(block),
                interval_s=block.interval_s,
                start_s=block.start_s,
                ends=last,
                starts=np.broadcast_to(last - width * block.cell, scores.shape),
                scores=scores,
                available=block.available[:, last - 1],
                n_accepted=block.n_accepted,
                evidence={"maximum": top, "visits": visits, "expected_visits": np.full_like(visits, EXPECTED)},
                stream=f"{hours}h",
            )
        )
    return out


DETECTOR = Detector(
    name="capped",
    fault="capped",
    runs_on="block",
    run=run,
    needs=is_regulated,
    floor=5.0,
    tail="odds",
    believed=0.2,  # honest maxima are bounded by load and control, and crowd more than an exponential tail has it
    specificity=6,
    alternatives=("clipped", "selective_gap", "false_flag"),
    explanation=Text(
        en="nothing exceeds {maximum:.5g}, but values crowd just below it: {visits:.0f} separate visits where "
        "about {expected_visits:.1f} are expected",
        zh="没有数值超过 {maximum:.5g}，但大量数值聚集在其下方：出现 {visits:.0f} 次，"
        "而预期约 {expected_visits:.1f} 次",
    ),
    innocent_if=Text(
        en="a control loop holds peaks at a set point (reagent use, inlet data and minute values should show it)",
        zh="控制回路将峰值维持在设定值（应可由药剂用量、进口浓度和分钟数据印证）",
    ),
)
