"""Proportions, precision and the budget of the baselines, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.falsification.site import Channel
from tests.evaluation import baselines
from tests.evaluation.measures import average_precision, chance, precision_at, quantile, share, wilson


def test_wilson_interval_of_a_published_example():
    # Newcombe 1998, Stat. Med. 17, 857-872, table I: 81 of 263 and 0 of 20
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_share_of_nothing_says_so():
    assert str(share([])) == "–"
    assert str(share([True, True])).startswith("1.00 [")


def test_quantile_is_linear():
    assert quantile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.5
    assert quantile([3.0, 1.0], 0.9) == pytest.approx(2.8)


def test_precision_and_average_precision():
    order = [True, False, True, False]
    assert precision_at(order, 2) == 0.5
    assert average_precision(order) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([False]) == 0.0


def test_chance_of_a_month_at_one_alert_a_month():
    assert chance(1.0, 730.0) == pytest.approx(1 - np.exp(-1))


def channel(values: np.ndarray) -> Channel:
    return Channel("x", "nox", "avg", "mg/m3", 3600, values, 0.001, None, 0.0, 100.0)


def test_each_baseline_sees_what_it_is_made_for():
    rng = np.random.default_rng(5)
    values = 50 + rng.normal(0, 5, 400)
    values[300] = 150
    values[340:380] = values[340]
    x = channel(values)
    accepted = values[:200]
    assert np.nanargmax(baselines.z_score(values, accepted, x)) == 300
    assert np.nanargmax(baselines.interquartile_range(values, accepted, x)) == 300
    runs = baselines.constant_run(values, accepted, x)
    assert set(np.flatnonzero(runs >= 40)) == set(range(340, 380))
    band = baselines.two_percent_of_range(values, accepted, x)
    assert band[345:375].min() >= 4 * band[:300].max()
    assert np.nanmax(baselines.gross_range_spike_rate_flat(values, accepted, x)[300:302]) > 5


def test_the_band_test_is_silent_without_a_declared_range():
    x = channel(np.ones(50))
    x.declares = frozenset()
    assert np.isnan(baselines.two_percent_of_range(np.ones(50), np.ones(20), x)).all()


def test_calibration_meets_the_budget_on_the_accepted_histories():
    rng = np.random.default_rng(1)
    histories = [rng.exponential(1.0, 7300) for _ in range(5)]  # fifty site-months
    for budget in (1.0, 0.2):
        threshold = baselines.calibrate(histories, budget)
        raised = sum(len(baselines.alerts(h, threshold, 0.0, 0, h.size)) for h in histories)
        assert 0.5 * budget * 50 <= raised <= budget * 50
    lower = baselines.calibrate(histories, 1.0)
    assert lower < baselines.calibrate(histories, 0.2)


def test_hours_take_the_highest_score_of_their_samples():
    scores = np.array([1.0, 4.0, np.nan, 2.0, np.nan, np.nan])
    assert baselines.to_hours(scores, 1800, 3)[:2].tolist() == [4.0, 2.0]
    assert np.isnan(baselines.to_hours(scores, 1800, 3)[2])
    assert baselines.to_hours(np.array([1.0, 2.0]), 7200, 4).tolist() == [1.0, 1.0, 2.0, 2.0]
