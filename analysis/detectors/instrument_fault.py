"""Readings that no stack or outlet gives: clearly negative, at or beyond the end of the range, or all channels of a
cabinet frozen.

Nobody forges a negative concentration or an over-range (HJ 75-2017 §9: such data are invalid, not low). Named so
that what else these hours show is not taken for falsification.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.expected_level import trailing_sum
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.model.arrays import Floats
from analysis.model.block import SeriesBlock

SIGNED = frozenset({"stack_pressure", "stack_temperature", "air_temperature", "water_temperature", "orp"})
"""Quantities that may honestly be below zero."""

LEAST_SAMPLES = 3
_WINDOW_S = 6 * 3600
_NEGATIVE = 0.005  # of the range, or of the usual level: noise around zero stays above −0.5 %


def run(block: SeriesBlock) -> list[Scores]:
    """Impossible samples among those of the last six hours, for every series that has one."""
    bad = impossible_samples(
        block.values,
        low=_lowest_possible(block),
        high=np.where(np.isfinite(block.range_high), block.range_high, np.inf),
    )
    rows = np.flatnonzero(bad.any(axis=1))
    if not rows.size:
        return []
    window = max(LEAST_SAMPLES, _WINDOW_S // block.interval_s)
    count = trailing_sum(bad[rows].astype(np.float64), window=window)
    ends = np.arange(block.cell, block.n_times + 1, block.cell)
    if not ends.size:
        return []
    return [
        Scores(
            targets=tuple(
                Target(block.channels[row].site, block.channels[row].point, (block.channels[row].id,)) for row in rows
            ),
            interval_s=block.interval_s,
            start_s=block.start_s,
            ends=ends,
            starts=np.broadcast_to(np.maximum(ends - window, 0), (rows.size, ends.size)),
            scores=count[:, ends - 1],
            available=block.available[rows][:, ends - 1],
            n_accepted=np.zeros(rows.size, dtype=np.int64),
            evidence={"value": block.values[rows][:, ends - 1]},
        )
    ]


def _lowest_possible(block: SeriesBlock) -> Floats:
    """(n_series,) −inf for what may be negative."""
    scale = np.where(np.isfinite(block.range_high), block.range_high, np.abs(np.nan_to_num(block.typical)))
    floor = -np.maximum(_NEGATIVE * scale, np.nan_to_num(block.detection_limit))
    signed = np.array([channel.quantity in SIGNED for channel in block.channels])
    return np.asarray(np.where(signed, -np.inf, floor))


def impossible_samples(values: Floats, *, low: Floats, high: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Samples below the lowest possible value, or at or above the end of the range.

    Parameters
    ----------
    values : (n_series, n_times) float64
        NaN where missing. [unit of each channel]
    low, high : (n_series,) float64
        ∓inf where there is no such end. [unit of each channel]

    Returns
    -------
    impossible : (n_series, n_times) bool
    """
    with np.errstate(invalid="ignore"):
        return np.asarray((values < low[:, None]) | (values >= high[:, None]))


DETECTOR = Detector(
    name="instrument_fault",
    fault="instrument_fault",
    runs_on="block",
    run=run,
    explanation=Text(
        en="{score:.0f} readings within six hours are impossible: clearly below zero, or at or beyond the end of "
        "the range ({value:.4g})",
        zh="六小时内有 {score:.0f} 个读数不可能出现：明显为负，或达到、超出量程上限（{value:.4g}）",
    ),
    innocent_if=Text(
        en="this is itself an innocent explanation, if the maintenance log shows the fault and its repair",
        zh="若运维记录中有该故障及修复，本身即为无辜解释",
    ),
    floor=float(LEAST_SAMPLES),
    kind="exact",
    specificity=1,
)
