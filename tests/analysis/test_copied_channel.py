import numpy as np
import pytest

from analysis.detectors.copied_channel import DETECTOR, coupling_gain, joint_changes, may_be_copied
from tests.analysis import naive
from tests.analysis.series import alerts, channel, honest, site

TEMPERATURE = channel("temperature", quantity="stack_temperature", unit="Cel")


def test_correlation_agrees_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, (2, 1, 60))
    one[0, 40] = np.nan
    r, n = joint_changes(one, other, width=24)
    assert np.isnan(r[0, 22])
    for end in (24, 45, 60):
        expected = naive.correlation_of_changes(one[0, end - 24 : end].tolist(), other[0, end - 24 : end].tolist())
        assert r[0, end - 1] == pytest.approx(expected)
    assert n[0, 59] == 23


def test_gain_is_a_likelihood_ratio_and_none_for_pairs_that_belong_together() -> None:
    r, n = np.array([[0.99], [0.99], [0.6]]), np.full((3, 1), 24.0)
    gain = coupling_gain(r, n, usual=np.array([0.2, 0.8, 0.2]))
    assert gain[:, 0].tolist() == pytest.approx([12 * np.log((1 - 0.04) / (1 - 0.99**2)), 0.0, 0.0])


def test_an_image_of_the_temperature_alerts() -> None:
    rng = np.random.default_rng(2)
    values, temperature = honest(rng, 2000), honest(rng, 2000, mean=90.0, spread=3.0)
    values[1500:1572] = np.round(50 + 2.5 * (temperature[1500:1572] - 90), 1)
    found = alerts(site({channel(): values, TEMPERATURE: temperature}, n_accepted=1200), DETECTOR)
    assert [(one.fault, one.channels) for one in found] == [("copied_channel", ("nox",))]


def test_pairs_that_are_related_by_registration_are_left_alone() -> None:
    assert may_be_copied(channel(), TEMPERATURE)
    assert not may_be_copied(channel("nox"), channel("no", derived_from=("nox",)))
    assert not may_be_copied(channel("nox"), channel("nox_2", quantity="nox"))


def test_a_start_and_stop_of_everything_does_not_alert() -> None:
    rng = np.random.default_rng(3)
    values, temperature = honest(rng, 2000), honest(rng, 2000, mean=90.0, spread=3.0)
    for first in (1500, 1520, 1540):
        values[first : first + 8], temperature[first : first + 8] = 2.0, 25.0
    assert not alerts(site({channel(): values, TEMPERATURE: temperature}, n_accepted=1200), DETECTOR)
