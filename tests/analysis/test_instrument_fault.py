from __future__ import annotations

import numpy as np

from analysis.detectors.instrument_fault import DETECTOR, impossible_samples, run
from analysis.model.block import SeriesBlock
from tests.analysis.plant import honest_values, make_site

FIRST = 2500


def block_of(raw: dict[str, np.ndarray]) -> SeriesBlock:
    return SeriesBlock.of([make_site(raw).grids[3600]])


def accused(raw: dict[str, np.ndarray]) -> dict[str, list[int]]:
    """Channel → hours whose window holds enough impossible samples."""
    found = {}
    for one in run(block_of(raw)):
        for target, scores in zip(one.targets, one.scores, strict=True):
            hours = np.flatnonzero(scores >= DETECTOR.floor)
            if hours.size:
                found[target.channels[0]] = hours.tolist()
    return found


def test_negative_and_over_range_readings_are_the_instruments() -> None:
    raw = honest_values()
    raw["nox"][FIRST : FIRST + 6] = -20.0
    assert accused(raw) == {"nox": list(range(FIRST + 2, FIRST + 9))}
    raw = honest_values()
    raw["nox"][FIRST : FIRST + 3] = 300.0
    assert accused(raw) == {"nox": list(range(FIRST + 2, FIRST + 6))}


def test_noise_around_zero_a_single_spike_and_gauge_pressure_are_none() -> None:
    raw = honest_values()
    raw["co"][FIRST : FIRST + 50] = np.tile([0.001, -0.001], 25)
    raw["nox"][FIRST] = 300.0
    assert (raw["pressure"] < 0).mean() > 0.9
    assert accused(raw) == {}


def test_an_end_that_is_not_known_is_not_judged() -> None:
    values = np.array([[-5.0, 0.0, 1e9, np.nan]])
    assert not impossible_samples(values, low=np.array([-np.inf]), high=np.array([np.inf])).any()
    found = impossible_samples(values, low=np.array([-1.0]), high=np.array([100.0]))
    assert found.tolist() == [[True, False, True, False]]
