import numpy as np
import pytest

from analysis.detectors.narrow_band import DETECTOR, quietness
from tests.analysis import naive
from tests.analysis.series import alerts, block, channel, honest, site


def test_quietness_is_the_smaller_fall() -> None:
    scores = quietness(
        np.array([[1.0, 4.0, 8.0]]),
        np.array([[1.0, 0.5, 0.1]]),
        usual_spread=np.array([4.0]),
        usual_noise=np.array([2.0]),
        resolution=np.array([0.1]),
    )
    assert scores[0] == pytest.approx([np.log(2.0), 0.0, -np.log(2.0)])


def test_nothing_is_quieter_than_rounding() -> None:
    scores = quietness(
        np.array([[0.0]]),
        np.array([[0.0]]),
        usual_spread=np.array([4.0]),
        usual_noise=np.array([2.0]),
        resolution=np.array([4.0]),
    )
    assert scores[0, 0] == pytest.approx(np.log(2.0))


def test_window_moments_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(1e4, 3.0, (5, 120))
    values[rng.random(values.shape) < 0.3] = np.nan
    window = block(values, n_accepted=0).window(24)
    for row in range(5):
        for column, expected in enumerate(naive.window_moments(values[row].tolist(), 24)):
            got = (window.mean[row, column], window.variance[row, column], window.step_variance[row, column])
            if expected is None:
                assert np.isnan(got[0])
            else:
                assert got == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("half_width", [0.002, 0.005])
def test_values_held_in_a_band_alert(half_width: float) -> None:
    rng = np.random.default_rng(2)
    values = honest(rng, 2000, step=0.01)
    values[1500:1572] = np.round(50 * (1 + rng.uniform(-half_width, half_width, 72)), 2)
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert [one.fault for one in found] == ["narrow_band"]
    assert found[0].evidence["share_of_range"] < 0.02


def test_a_new_sensor_with_less_noise_of_its_own_does_not_alert() -> None:
    rng = np.random.default_rng(3)
    values = honest(rng, 2000)
    values[:1500] = np.round(values[:1500] + rng.normal(0, 2.0, 1500), 1)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_a_plant_that_stands_still_does_not_alert() -> None:
    rng = np.random.default_rng(4)
    values, oxygen = honest(rng, 2000), honest(rng, 2000, mean=8.0, spread=0.5)
    values[1500:1600], oxygen[1500:1600] = np.abs(rng.normal(0, 0.1, 100)), 20.8
    rows = {channel(): values, channel("o2", quantity="o2", unit="%", range_high=25.0): oxygen}
    assert not alerts(site(rows, n_accepted=1200), DETECTOR)
