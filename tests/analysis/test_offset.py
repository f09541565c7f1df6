import numpy as np
import pytest

from analysis.detectors.offset import DETECTOR, lone_fall
from analysis.detectors.scaled import DETECTOR as SCALED
from tests.analysis.series import alerts, channel, honest, site


def test_lone_fall_is_less_any_change_of_noise() -> None:
    scores = lone_fall(np.array([-0.5, -0.5, 0.2]), np.array([0.0, -0.4, 0.0]))
    assert scores.tolist() == pytest.approx([0.5, 0.1, -0.2])


def test_a_constant_taken_off_alerts() -> None:
    values = honest(np.random.default_rng(1), 3000, memory=0.6)
    values[2400:2640] -= 20.0
    found = alerts(site({channel(): values}, n_accepted=2000), DETECTOR)
    assert [one.fault for one in found] == ["offset"]


def test_honest_data_do_not_alert() -> None:
    assert not alerts(site({channel(): honest(np.random.default_rng(2), 3000)}, n_accepted=2000), DETECTOR)


@pytest.mark.parametrize("detector", [DETECTOR, SCALED])
@pytest.mark.parametrize("stand_in", [0.0, 1.0, 2.0])
def test_days_below_the_detection_limit_have_no_level(detector, stand_in: float) -> None:
    values = honest(np.random.default_rng(3), 3000, mean=12.0, spread=2.0, memory=0.6)
    values[2400:2580] = stand_in
    quiet = site({channel(detection_limit=2.0): values}, n_accepted=2000)
    assert not alerts(quiet, detector)
    assert alerts(site({channel(): np.maximum(values, 0.1)}, n_accepted=2000), DETECTOR)
