from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.reporting_step_changed import DETECTOR, LEAST_NATS, coarser_steps, decimal_step, run
from tests.analysis import naive
from tests.analysis.series import block, channel, honest

ACCEPTED, FIRST, N = 720, 1000, 1400


def stepped(factor: float, *, seed: int = 1) -> np.ndarray:
    values = honest(np.random.default_rng(seed), N, step=0.1)
    values[FIRST:] = np.round(values[FIRST:] / (0.1 * factor)) * 0.1 * factor
    return values


def told(values: np.ndarray, **changes: object) -> list[int]:
    data = block(values, n_accepted=ACCEPTED, channels=(channel("nox", **changes),))
    return [int(hour) for one in run(data) for hour in np.flatnonzero(one.scores[0] >= DETECTOR.floor)]


@pytest.mark.parametrize(("factor", "most"), [(10, 10), (5, 16), (2, 40)])
def test_a_coarser_step_is_told_soon_and_as_long_as_it_lasts(factor: int, most: int) -> None:
    hours = told(stepped(factor))
    assert FIRST < hours[0] <= FIRST + most
    assert hours == list(range(hours[0], N))
    (scores,) = run(block(stepped(factor), n_accepted=ACCEPTED, channels=(channel("nox"),)))
    assert abs(scores.starts[0, -1] - FIRST) <= 2
    assert scores.evidence["new_step"][0, -1] == pytest.approx(0.1 * factor)


def test_honest_values_a_finer_step_and_a_constant_are_not_coarser() -> None:
    assert told(honest(np.random.default_rng(2), N)) == []
    finer = honest(np.random.default_rng(3), N, step=1.0)
    finer[FIRST:] = honest(np.random.default_rng(4), N - FIRST, step=0.1)
    assert told(finer) == []
    held = honest(np.random.default_rng(5), N)
    held[FIRST:] = 50.0
    assert told(held) == []


def test_readings_for_less_than_tell_no_step() -> None:
    values = honest(np.random.default_rng(6), N)
    values[FIRST:] = np.where(np.arange(N - FIRST) % 2 == 0, 0.0, 1.0)
    assert told(values, detection_limit=1.0) == []


def test_it_agrees_with_plain_loops() -> None:
    values = np.concatenate([stepped(10)[900:1020], [np.nan, 40.3, np.nan, 41.0, 41.0]])
    nats, start, factor = coarser_steps(values[None, :], step=np.array([0.1]), n_reference=np.array([90]))
    twin = naive.coarser_steps(values.tolist(), 0.1, 90)
    shown = nats[0] >= LEAST_NATS
    assert shown.any()
    assert shown.tolist() == [one[0] >= LEAST_NATS for one in twin]
    np.testing.assert_allclose(nats[0, shown], [one[0] for one in twin if one[0] >= LEAST_NATS])
    assert start[0, shown].tolist() == [one[1] for one, is_shown in zip(twin, shown, strict=True) if is_shown]
    assert factor[0, shown].tolist() == [one[2] for one, is_shown in zip(twin, shown, strict=True) if is_shown]


def test_the_accepted_step_is_the_decimal_place_of_the_reference() -> None:
    values = np.array([[1.25, 2.5, 3.0, 9.123], [10.0, 20.0, 30.0, 0.5], [1 / 3, 2 / 7, 1 / 9, 1.0]])
    step = decimal_step(values, np.full(3, 3))
    assert step[:2].tolist() == [0.01, 1.0]
    assert np.isnan(step[2])
