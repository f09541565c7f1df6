import numpy as np
import pytest

from analysis.detectors.stuck_value import (
    DETECTOR,
    coarseness,
    may_repeat,
    recent_odds,
    repetition_odds,
    run,
    run_lengths,
)
from tests.analysis import naive
from tests.analysis.series import START_S, alerts, block, channel, honest, site

NAN = np.nan


def test_run_lengths_of_a_short_series() -> None:
    length, start = run_lengths(np.array([[NAN, 2.0, 2.0, NAN, 2.0, 3.0, 3.0]]))
    assert length.tolist() == [[0, 1, 2, 2, 3, 1, 2]]
    assert start.tolist() == [[0, 1, 1, 1, 1, 5, 5]]


def test_run_lengths_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 3, (20, 200)).astype(np.float64)
    values[rng.random(values.shape) < 0.2] = NAN
    length, start = run_lengths(values)
    for row in range(len(values)):
        expected = naive.run_lengths(values[row].tolist())
        assert length[row].tolist() == [one for one, _ in expected]
        known = length[row] > 0
        assert start[row][known].tolist() == [s for s, k in zip([s for _, s in expected], known, strict=True) if k]


def test_odds_are_the_log_of_the_share_of_repeats() -> None:
    first, further = repetition_odds(np.array([[1.0, 1.0, 2.0, 3.0, 4.0, 9.0]]), np.array([5]))
    assert first[0] == pytest.approx(-np.log((1 + 1) / (4 + 2)))
    assert further[0] == first[0]


def test_a_channel_whose_repeats_come_in_runs_has_smaller_odds_for_going_on() -> None:
    values = np.arange(40.0)
    values[10:16] = 10.0
    first, further = repetition_odds(values[None, :], np.array([40]))
    share = (5 + 1) / (39 + 2)
    assert first[0] == pytest.approx(-np.log(share))
    assert further[0] == pytest.approx(-np.log((4 + 5 * share) / (5 + 5)))


def test_score_is_the_nats_of_the_first_and_the_further_repeats_less_those_of_the_occasions() -> None:
    rng = np.random.default_rng(2)
    values = honest(rng, 400)
    values[300:306] = values[300]
    made = block(values, n_accepted=240)
    scores = run(made)[0]
    first, further = repetition_odds(made.values, np.array([240]))
    assert scores.scores[0, 305] == pytest.approx(first[0] + 4 * further[0] - np.log(6))
    assert scores.starts[0, 305] == 300
    assert scores.scores[0, 301] == 0.0


def test_each_run_of_the_week_before_counts_once() -> None:
    values = np.arange(200.0)
    values[50:60] = 50.0
    values[70:72] = 70.0
    values[100:104] = 100.0
    first, further = recent_odds(values[None, :], np.array([0]), np.array([100]), width=168)
    share = 2 / 99  # the run that is asked about begins with a change
    assert first[0] == pytest.approx(-np.log(share), rel=0.02)
    assert further[0] == pytest.approx(-np.log((1 + 5 * share) / (2 + 5)), rel=0.02)
    assert recent_odds(values[None, :], np.array([0]), np.array([65]), width=168)[0][0] == np.inf


def test_coarseness_is_that_of_the_step_on_which_the_last_values_lie() -> None:
    values = np.array([[50.3, 50.7, 51.0, 52.0, 49.0, 53.0], [50.3, 50.7, 50.1, 52.5, 49.2, 53.0]])
    coarse = coarseness(values, np.array([0, 1, 0]), np.array([5, 5, 4]), np.array([0.1, 0.1]))
    assert coarse.tolist() == pytest.approx([10.0, 1.0, 1.0])


def test_a_logger_that_begins_to_round_to_ten_steps_does_not_alert() -> None:
    false = 0
    for seed in range(12):
        values = honest(np.random.default_rng(200 + seed), 2000, memory=0.97, spread=3.0)
        values[1500:] = np.round(values[1500:])
        false += len(alerts(site({channel(): values}, n_accepted=1200), DETECTOR))
    assert false <= 1


def test_a_constant_is_told_within_three_hours() -> None:
    late = []
    for seed in range(8):
        values = honest(np.random.default_rng(seed), 2000)
        values[1500:1524] = 50.0
        found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
        late += [(one.detected_s - one.start_s) / 3600 for one in found if one.start_s == START_S + 1500 * 3600]
    assert len(late) == 8
    assert np.median(late) <= 3


def test_honest_channels_of_coarse_steps_hardly_ever_alert() -> None:
    months, false = 0.0, 0
    for seed in range(30):
        values = honest(np.random.default_rng(100 + seed), 2600, step=(0.1, 0.5, 1.0)[seed % 3])
        false += len(alerts(site({channel(): values}, n_accepted=1200), DETECTOR))
        months += 1400 / 730
    assert false <= 0.05 * months


def test_values_at_the_detection_limit_and_the_ends_of_the_range_may_repeat() -> None:
    none = np.array([NAN])
    limits = {"detection_limit": np.array([1.0]), "range_low": np.array([0.0]), "range_high": np.array([300.0])}
    repeats = may_repeat(np.array([[0.0, 1.0, 2.0, 300.0]]), **limits, lowest=np.array([-np.inf]))
    assert repeats.tolist() == [[True, True, False, True]]
    nothing = may_repeat(np.array([[0.0]]), detection_limit=none, range_low=none, range_high=none, lowest=none)
    assert nothing.tolist() == [[False]]


@pytest.mark.parametrize("hours", [72, 24, 8])
def test_a_constant_alerts_from_its_first_value(hours: int) -> None:
    values = honest(np.random.default_rng(3), 2000)
    values[1500 : 1500 + hours] = values[1500]
    (found,) = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert found.start_s == START_S + 1500 * 3600
    assert found.fault == "stuck_value"
    assert found.detected_s <= found.start_s + 4 * 3600


def test_204_hours_at_the_detection_limit_do_not_alert() -> None:
    values = np.maximum(honest(np.random.default_rng(4), 2000), 1.0)
    values[1500:1704] = 1.0
    assert not alerts(site({channel(detection_limit=1.0): values}, n_accepted=1200), DETECTOR)


def test_a_channel_that_always_repeats_itself_does_not_alert() -> None:
    values = np.round(honest(np.random.default_rng(5), 2000, mean=8, spread=0.5, memory=0.97))
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
