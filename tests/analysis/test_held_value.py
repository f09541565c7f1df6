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


def test_an_analyser_that_corrects_what_it_holds_for_drift_does_not_alert() -> None:
    values = np.repeat(honest(np.random.default_rng(3), 1000, step=0.001), 2)
    values[1:1400:2] += 0.001
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_a_coarser_reporting_step_does_not_alert() -> None:
    values = honest(np.random.default_rng(4), 2000, memory=0.97, spread=3.0)
    values[1500:] = np.round(values[1500:])
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_readings_of_zero_below_the_detection_limit_do_not_alert() -> None:
    values = honest(np.random.default_rng(5), 2000)
    values[1500:1668:3] = values[1501:1668:3] = 0.0
    assert not alerts(site({channel(detection_limit=1.0): values}, n_accepted=1200), DETECTOR)
