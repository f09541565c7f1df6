"""Days below the detection limit show one repeated value: no detector of level or shape may accuse them."""

import numpy as np
import pytest

from analysis.detectors import narrow_band, offset, scaled, smoothed, stuck_value, synthetic_noise
from tests.analysis.series import START_S, alerts, channel, honest, site

MODULES = (narrow_band, offset, scaled, smoothed, stuck_value, synthetic_noise)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.DETECTOR.name)
@pytest.mark.parametrize("hours", [30, 200])
def test_days_below_the_detection_limit_are_innocent(module, hours: int) -> None:
    for stand_in in (0.0, 1.0, 2.0):
        values = honest(np.random.default_rng(3), 3000, mean=12.0, spread=2.0, memory=0.6)
        values[2400 : 2400 + hours] = stand_in
        quiet = site({channel(detection_limit=2.0): values}, n_accepted=2000)
        # with the whole budget to itself a detector may alert elsewhere
        first_s, end_s = (START_S + hour * 3600 for hour in (2400, 2400 + hours))
        assert not [one for one in alerts(quiet, module.DETECTOR) if one.end_s > first_s and one.start_s < end_s]


def test_the_same_days_are_accused_where_no_limit_explains_them() -> None:
    values = honest(np.random.default_rng(3), 3000, mean=12.0, spread=2.0, memory=0.6)
    values[2400:2600] = 2.0
    plain = site({channel(): values}, n_accepted=2000)
    assert {one.DETECTOR.name for one in MODULES if alerts(plain, one.DETECTOR)} >= {"stuck_value", "smoothed"}
