import numpy as np
import pytest

from analysis.detectors.narrow_band import DETECTOR, quietness
from analysis.detectors.shape import usual_at_level
from tests.analysis import naive
from tests.analysis.series import alerts, block, channel, honest, site


def test_quietness_is_the_smaller_fall() -> None:
    scores = quietness(
        np.array([[1.0, 4.0, 8.0]]),
        np.array([[1.0, 0.5, 0.1]]),
        usual_spread=np.array([[4.0]]),
        usual_noise=np.array([[2.0]]),
        resolution=np.array([0.1]),
    )
    assert scores[0] == pytest.approx([np.log(2.0), 0.0, -np.log(2.0)])


def test_nothing_is_quieter_than_rounding() -> None:
    scores = quietness(
        np.array([[0.0]]),
        np.array([[0.0]]),
        usual_spread=np.array([[4.0]]),
        usual_noise=np.array([[2.0]]),
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


def test_usual_scatter_goes_with_the_level_as_the_plain_loop_has_it() -> None:
    rng = np.random.default_rng(5)
    values = honest(rng, 400)
    series = block(values[None, :], n_accepted=300)
    level = np.exp(rng.normal(3.0, 0.5, (1, 400)))
    scatter = 0.1 * level**1.3 * np.exp(rng.normal(0, 0.2, (1, 400)))
    usual = usual_at_level(series, level, scatter)
    step = float(series.resolution[0])
    for column in (0, 150, 320, 399):
        expected = naive.usual_at_level(level[0, :300].tolist(), scatter[0, :300].tolist(), level[0, column], step)
        assert usual[0, column] == pytest.approx(expected)


def test_without_accepted_windows_nothing_is_usual() -> None:
    series = block(np.full((1, 300), np.nan), n_accepted=200)
    missing = np.full((1, 300), np.nan)
    assert np.isnan(usual_at_level(series, missing, missing)).all()


def test_a_level_that_varies_in_proportion_may_fall_and_its_noise_with_it() -> None:
    rng = np.random.default_rng(6)
    load = np.exp(np.interp(np.arange(2400), np.arange(0, 2401, 100), rng.normal(0.0, 0.5, 25)))
    load[1500:2000] = 0.2
    values = np.round(honest(rng, 2400, step=0.001) * load, 2)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
