import numpy as np
import pytest

from analysis.detectors.replayed import DETECTOR, WINDOW, earlier_equal, step_information, window_hashes
from tests.analysis import naive
from tests.analysis.series import alerts, channel, honest, site


def test_equal_windows_and_only_they_have_equal_hashes() -> None:
    hashes, usable = window_hashes(np.array([[1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 3.0, 2.0]]), width=3)
    assert hashes[0, 2] == hashes[0, 5]
    assert len(set(hashes[0, 2:].tolist())) == 5
    assert usable.tolist() == [[False, False, True, True, True, True, True, True]]


def test_matches_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 3, (6, 400)).astype(np.float64)
    values[rng.random(values.shape) < 0.05] = np.nan
    row, sample, lag = earlier_equal(*window_hashes(values, width=5), width=5)
    assert len(row)
    for number in range(6):
        got = sorted(zip(sample[row == number].tolist(), lag[row == number].tolist(), strict=True))
        assert got == naive.earlier_equal(values[number].tolist(), 5)


def test_a_step_carries_the_collision_entropy_of_its_distribution() -> None:
    values = np.round(np.cumsum(np.random.default_rng(2).normal(0, 5.0, 5000)), 1)
    nats = step_information(values[None, :], np.array([5000]), np.array([0.1]))
    assert nats[0] == pytest.approx(np.log(2 * np.sqrt(np.pi) * 5.0 / 0.1), abs=0.1)


@pytest.mark.parametrize("hours", [168, 48, 12])
def test_an_exact_replay_alerts_after_a_few_values(hours: int) -> None:
    values = honest(np.random.default_rng(3), 2400)
    values[1500 : 1500 + hours] = values[700 : 700 + hours]
    (found,) = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert (found.start_s, found.evidence["lag_h"]) == (1_767_196_800 + 1500 * 3600, 800.0)
    assert found.detected_s <= found.start_s + 2 * WINDOW * 3600


def test_runs_at_the_detection_limit_and_whole_numbers_do_not_alert() -> None:
    low = np.maximum(np.round(honest(np.random.default_rng(4), 2400, mean=1.5, spread=1.0)), 1.0)
    coarse = np.round(honest(np.random.default_rng(5), 2400, mean=8.0, spread=1.0))
    rows = {channel(): low, channel("so2"): coarse}
    assert not alerts(site(rows, n_accepted=1200), DETECTOR)


def test_patterns_of_two_values_in_a_narrow_band_are_no_replay() -> None:
    rng = np.random.default_rng(21)
    values = honest(rng, 2400)
    values[1500:1572] = 50.0 + 0.1 * rng.integers(0, 2, 72)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
