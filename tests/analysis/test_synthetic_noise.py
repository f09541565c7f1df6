import numpy as np
import pytest

from analysis.detectors.synthetic_noise import DETECTOR, forgetfulness, looks_drawn, memory
from tests.analysis.series import alerts, channel, honest, site


def test_forgetfulness_compares_residual_variances() -> None:
    scores = forgetfulness(
        np.array([[100.0, 100.0]]), np.array([[4.0, 4.0]]), np.array([[4.0, 1.0]]), usual=np.array([0.75]), drawn=0.0
    )
    white = 50 * np.log((0.25**2 * 4 + 1.5 * 4) / 4)
    remembering = 50 * np.log((0.25**2 * 4 + 1.5 * 1) / 4)
    assert scores[0].tolist() == pytest.approx([white, remembering])
    assert white > 0 > remembering


def test_memory_is_the_correlation_of_neighbours() -> None:
    values = honest(np.random.default_rng(1), 20_000, memory=0.8, step=0.001)
    assert memory(values[None, :], np.array([20_000]))[0] == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_drawn_numbers_alert(spread: float) -> None:
    rng = np.random.default_rng(2)
    values = honest(rng, 2000)
    values[1500:1668] = np.round(50 + rng.normal(0, 8.0 * spread, 168), 1)
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert [one.fault for one in found] == ["synthetic_noise"]


def test_a_water_analyser_that_is_nearly_white_does_not_alert() -> None:
    values = honest(np.random.default_rng(3), 1200, memory=0.1)
    water = channel("cod", medium="water", interval_s=7200)
    assert not alerts(site({water: values}, n_accepted=700, interval_s=7200), DETECTOR)


def test_a_spike_or_a_restless_window_is_not_drawn() -> None:
    count, variance = np.full((1, 3), 100.0), np.full((1, 3), 4.0)
    drawn = looks_drawn(count, variance, np.array([[4.0, 5.5, 4.0]]), farthest=np.array([[6.0, 6.0, 11.0]]))
    assert drawn.tolist() == [[True, False, False]]


def test_spikes_of_starts_do_not_alert() -> None:
    values = honest(np.random.default_rng(4), 2000)
    values[1500:1900:80] += 150.0
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
