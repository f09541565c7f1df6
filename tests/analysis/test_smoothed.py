import numpy as np
import pytest

from analysis.detectors.smoothed import DETECTOR, roughness, run
from tests.analysis.series import alerts, block, channel, honest, site


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


def test_less_noise_is_usual_at_a_lower_level_and_no_more_at_a_higher_one() -> None:
    rng = np.random.default_rng(3)
    load = np.exp(np.interp(np.arange(2400), np.arange(0, 2401, 100), rng.normal(0.0, 0.5, 25)))
    load[1500:1800], load[1800:] = 0.3, 3.0
    values = np.round(honest(rng, 2400, step=0.001) * load, 2)
    for scores in run(block(values[None, :], n_accepted=1200)):
        usual = scores.evidence["usual_noise"][0]
        assert usual[1790] < 0.6 * usual[2390]
        assert usual[2390] == np.nanmax(usual)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
