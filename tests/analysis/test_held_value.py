import numpy as np
import pytest

from analysis.detectors.held_value import DETECTOR, repetition_surplus
from tests.analysis.series import alerts, channel, honest, site


def test_surplus_is_the_divergence_from_the_usual_share() -> None:
    scores = repetition_surplus(np.array([[10.0, 1.0]]), np.array([[20.0, 20.0]]), usual_share=np.array([0.1]))
    expected = 20 * (0.5 * np.log(0.5 / 0.1) + 0.5 * np.log(0.5 / 0.9))
    assert scores[0].tolist() == pytest.approx([expected, 0.0])


def test_every_second_value_held_alerts() -> None:
    values = honest(np.random.default_rng(1), 2000)
    values[1500:1668] = np.repeat(values[1500:1668:2], 2)
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert [one.fault for one in found] == ["smoothed"]


def test_an_analyser_that_always_held_its_values_does_not_alert() -> None:
    values = np.repeat(honest(np.random.default_rng(2), 1000), 2)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
