import numpy as np
import pytest

from analysis.detectors.smoothed import DETECTOR, roughness
from tests.analysis.series import alerts, channel, honest, site


def test_roughness_is_noise_over_variance_and_silent_where_nothing_moves() -> None:
    ratio = roughness(np.array([[1.0, 1.0]]), np.array([[4.0, 0.001]]), resolution=np.array([0.1]))
    assert ratio[0, 0] == 0.25
    assert np.isnan(ratio[0, 1])


@pytest.mark.parametrize("width", [6, 12])
def test_a_moving_mean_alerts(width: int) -> None:
    values = honest(np.random.default_rng(1), 2000, memory=0.7)
    values[1500:1668] = np.convolve(values, np.full(width, 1 / width), "same")[1500:1668]
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert [one.fault for one in found] == ["smoothed"]


def test_honest_data_with_a_lasting_step_of_the_level_do_not_alert() -> None:
    values = honest(np.random.default_rng(2), 2000, memory=0.7)
    values[1500:] *= 0.86
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
