import numpy as np
import pytest

from analysis.detectors.offset import DETECTOR
from analysis.detectors.scaled import DETECTOR as SCALED
from tests.analysis.series import alerts, channel, honest, site


def test_a_constant_taken_off_alerts_and_fits_better_than_a_factor() -> None:
    values = honest(np.random.default_rng(1), 2300, memory=0.6)
    values[1800:2040] -= 20.0
    data = site({channel(): values}, n_accepted=1500)
    found = alerts(data, DETECTOR)
    assert {one.fault for one in found} == {"offset"}
    best = max(one.statistic for one in found)
    assert best > max((one.statistic for one in alerts(data, SCALED)), default=0.0)


def test_a_process_that_settles_lower_by_a_seventh_is_honest() -> None:
    values = honest(np.random.default_rng(4), 2300, memory=0.6)
    values[1800:] -= 0.14 * 50.0
    assert not alerts(site({channel(): values}, n_accepted=1500), DETECTOR)


def test_honest_data_do_not_alert() -> None:
    assert not alerts(site({channel(): honest(np.random.default_rng(2), 3000)}, n_accepted=2000), DETECTOR)


@pytest.mark.parametrize("detector", [DETECTOR, SCALED])
@pytest.mark.parametrize("stand_in", [0.0, 1.0, 2.0])
def test_days_below_the_detection_limit_have_no_level(detector, stand_in: float) -> None:
    values = honest(np.random.default_rng(3), 3000, mean=12.0, spread=2.0, memory=0.6)
    values[2400:2580] = stand_in
    quiet = site({channel(detection_limit=2.0): values}, n_accepted=2000)
    assert not alerts(quiet, detector)
    scores = np.concatenate([one.scores[0, 2450:2580] for one in detector.run(quiet)])
    assert np.isnan(scores).all()
