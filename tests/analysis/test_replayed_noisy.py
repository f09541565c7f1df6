import numpy as np
import pytest

from analysis.detectors.replayed_noisy import DETECTOR, Images, accumulated, close_pairs, least_of_reference
from tests.analysis import naive
from tests.analysis.series import alerts, channel, honest, site


def test_close_pairs_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    levels = honest(rng, 96)[None, :].repeat(2, axis=0)
    levels[1] = honest(rng, 96)
    levels[0, 60:72] = 0.8 * levels[0, 5:17]
    row, query, lag, residual = close_pairs(levels, np.arange(12, 85, 12), width=12, least=np.array([30.0, 30.0]))
    assert (0, 4, 55) in set(zip(row.tolist(), query.tolist(), lag.tolist(), strict=True))
    begins = np.arange(12, 85, 12)
    expected = {}
    for r in range(2):
        for q, begin in enumerate(begins.tolist()):
            for window in range(begin - 12 + 1):
                left = naive.projection_residual(levels[r, begin : begin + 12], levels[r, window : window + 12])
                if left < 0.7 * 30.0:
                    expected[r, q, begin - window] = left
    got = dict(zip(zip(row.tolist(), query.tolist(), lag.tolist(), strict=True), residual.tolist(), strict=True))
    assert got.keys() == expected.keys()
    assert [got[key] for key in sorted(got)] == pytest.approx([expected[key] for key in sorted(got)], abs=1e-6)


def test_gains_add_up_over_consecutive_days_at_one_lag() -> None:
    row, query, lag = np.array([0, 0, 0, 0]), np.array([3, 4, 6, 4]), np.array([48, 48, 48, 72])
    order, total, length = accumulated(row, query, lag, np.array([5.0, 6.0, 7.0, 1.0]))
    assert order.tolist() == [0, 1, 2, 3]
    assert total.tolist() == [5.0, 11.0, 7.0, 1.0]
    assert length.tolist() == [1, 2, 1, 1]


@pytest.mark.parametrize(("noise", "factor"), [(0.01, 1.0), (0.03, 1.0), (0.0, 0.8)])
def test_a_week_again_with_noise_or_a_factor_alerts(noise: float, factor: float) -> None:
    rng = np.random.default_rng(2)
    values = honest(rng, 2400)
    values[1500:1668] = np.round(values[700:868] * factor * (1 + rng.normal(0, noise, 168)), 1)
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert [one.fault for one in found] == ["replayed"]
    assert found[0].evidence["lag_h"] == 800.0


def test_a_plant_with_a_daily_programme_does_not_alert() -> None:
    day = 10 * np.sin(2 * np.pi * np.arange(2400) / 24)
    values = honest(np.random.default_rng(3), 2400, spread=3.0) + np.round(day, 1)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_a_channel_that_stands_still_resembles_nothing() -> None:
    values = honest(np.random.default_rng(4), 2400)
    values[1400:1450], values[1600:1700] = 5.0, 5.0
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_what_a_day_leaves_at_best_is_learned_from_accepted_days_only() -> None:
    row, query = np.array([0, 0, 0, 0]), np.array([1, 1, 2, 5])
    residual = np.array([4.0, 2.0, 3.0, 0.1])
    least = least_of_reference(row, query, residual, np.array([10.0, 10.0]), n_reference=np.array([3, 0]))
    assert least.tolist() == [2.0, 10.0]


def test_a_flow_that_repeats_its_day_by_nature_does_not_alert() -> None:
    rng = np.random.default_rng(11)
    hour = np.arange(2400) % 24
    daily = 40.0 + 25.0 * np.sin(2 * np.pi * hour / 24) + 12.0 * np.sin(4 * np.pi * hour / 24)
    values = np.round(daily * (1.0 + rng.normal(0, 0.06, 2400)), 1)
    assert not alerts(site({channel("flow", medium="water", unit="m3/h"): values}, n_accepted=1200), DETECTOR)


def image_gain(own, earlier, *, step, least):
    """The plain loop of `Images.gain` for one pair."""
    pairs = [(a, b) for a, b in zip(own, earlier, strict=True) if not np.isnan(a) and not np.isnan(b)]
    factor = sum(a * b for a, b in pairs) / sum(b * b for _, b in pairs)
    residual = sum((a - factor * b) ** 2 for a, b in pairs) / len(pairs)
    if len(pairs) < 0.75 * len(own) or residual > 3 * step**2 / 12:
        return 0.0
    mean = sum(a for a, _ in pairs) / len(pairs)
    variance = sum((a - mean) ** 2 for a, _ in pairs) / len(pairs)
    changes = sum(abs(a - b) > 0 for a, b in zip(own[1:], own[:-1], strict=True))
    return max(0.5 * changes * float(np.log(min(variance, least) / max(residual, step**2 / 12))), 0.0)


def test_images_with_gaps_agree_with_the_plain_loop() -> None:
    values = honest(np.random.default_rng(21), 120)
    values[60:84] = np.round(0.9 * values[20:44], 1)
    values[[25, 62, 70]] = np.nan
    images = Images(values[None, :], np.ones((1, 5), dtype=np.bool_), np.array([0.1]))
    row, first, lag = np.zeros(3, dtype=np.int64), np.array([60, 60, 84]), np.array([40, 41, 24])
    got = images.gain(row, first, lag, width=24, least=np.full(3, 17.0))
    expected = [
        image_gain(values[f : f + 24], values[f - g : f - g + 24], step=0.1, least=17.0)
        for f, g in zip(first.tolist(), lag.tolist(), strict=True)
    ]
    assert expected[0] > 40
    assert expected[1:] == [0.0, 0.0]
    assert got.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("factor", [0.8, 0.9])
def test_two_quiet_days_again_with_a_factor_and_gaps_alert(factor: float) -> None:
    values = honest(np.random.default_rng(22), 2400)
    values[700:748] = honest(np.random.default_rng(23), 48, spread=2.0)
    values[1511:1559] = np.round(values[700:748] * factor, 1)
    values[np.arange(0, 2400, 11)] = np.nan
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert {(one.fault, one.evidence["lag_h"]) for one in found} == {("replayed", 811.0)}


def test_twelve_values_of_a_slow_analyser_again_with_a_factor_alert() -> None:
    found = 0
    for seed in range(6):
        values = honest(np.random.default_rng(40 + seed), 800, mean=12.0, spread=2.5, memory=0.5, step=0.01)
        slow = channel("tn", medium="water", interval_s=14400)
        assert not alerts(site({slow: values.copy()}, n_accepted=360, interval_s=14400), DETECTOR)
        values[521:533] = np.round(values[400:412] * 0.8, 2)
        faults = {one.fault for one in alerts(site({slow: values}, n_accepted=360, interval_s=14400), DETECTOR)}
        found += faults == {"replayed"}
    assert found >= 5


def test_honest_channels_of_coarse_steps_do_not_alert() -> None:
    for seed in range(8):
        spread, memory = (1.0, 2.0, 4.0)[seed % 3], (0.5, 0.9, 0.97)[seed // 3]
        values = honest(np.random.default_rng(60 + seed), 2400, spread=spread, memory=memory, step=1.0)
        assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
