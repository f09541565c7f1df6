import numpy as np
import pytest

from analysis.detectors.level_step import BASELINE_H, steps
from analysis.detectors.scaled import DETECTOR, joint_fall
from tests.analysis import naive
from tests.analysis.series import alerts, block, channel, honest, site


def test_joint_fall_is_the_smaller_one_less_half_the_disagreement() -> None:
    scores = joint_fall(np.array([-0.5, -0.5, 0.2]), np.array([-0.4, 0.1, -0.9]))
    assert scores.tolist() == pytest.approx([0.35, -0.4, -0.75])


def test_level_steps_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    values = honest(rng, 700)
    values[rng.random(700) < 0.1] = np.nan
    made = steps(block(values, n_accepted=300), 72)
    expected = naive.level_step(values.tolist(), 72, BASELINE_H)
    for got, wanted in zip(made.level[0].tolist(), expected, strict=True):
        assert np.isnan(got) if wanted is None else got == pytest.approx(wanted, abs=1e-9)


def test_half_of_every_value_alerts() -> None:
    values = honest(np.random.default_rng(2), 3000, memory=0.6)
    values[2400:2640] *= 0.5
    found = alerts(site({channel(): values}, n_accepted=2000), DETECTOR)
    assert [one.fault for one in found] == ["scaled"]
    assert found[0].evidence["factor"] == pytest.approx(0.5, abs=0.05)


def test_a_lower_level_with_unchanged_noise_is_not_scaled() -> None:
    values = honest(np.random.default_rng(3), 3000, memory=0.6)
    values[2400:] -= 10.0
    assert not alerts(site({channel(): values}, n_accepted=2000), DETECTOR)
