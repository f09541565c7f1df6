import numpy as np

from analysis.detectors.clipped import DETECTOR, closest, return_odds, visits_to_maximum
from tests.analysis import naive
from tests.analysis.series import alerts, channel, honest, site


def test_consecutive_maxima_are_one_visit() -> None:
    top, visits = visits_to_maximum(np.array([3.0, 5.0, 5.0, np.nan, 5.0, 2.0, 5.0]))
    assert (top, visits) == (5.0, 3)


def test_visits_agree_with_the_plain_loop() -> None:
    rows = np.random.default_rng(1).integers(0, 9, (30, 50)).astype(np.float64)
    top, visits = visits_to_maximum(rows)
    assert list(zip(top.tolist(), visits.tolist(), strict=True)) == [
        naive.visits_to_maximum(row) for row in rows.tolist()
    ]


def test_a_month_cut_at_a_quantile_alerts() -> None:
    values = honest(np.random.default_rng(2), 2400)
    values[1500:2220] = np.minimum(values[1500:2220], np.round(np.quantile(values[1500:2220], 0.9), 1))
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert {one.fault for one in found} == {"clipped"}


def test_the_end_of_the_range_is_no_cut() -> None:
    values = np.minimum(honest(np.random.default_rng(3), 2400, mean=285.0, spread=20.0), 300.0)
    values[:1200] = np.minimum(values[:1200], 299.0 - np.arange(1200) % 7 / 10)
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_honest_data_do_not_alert() -> None:
    assert not alerts(site({channel(): honest(np.random.default_rng(4), 2400)}, n_accepted=1200), DETECTOR)


def test_a_cut_at_the_97_percent_quantile_of_a_fine_channel_alerts() -> None:
    found = 0
    for seed in range(6):
        values = honest(np.random.default_rng(10 + seed), 2400, step=0.01)
        values[1500:2220] = np.minimum(values[1500:2220], np.round(np.quantile(values[1500:2220], 0.97), 2))
        found += {one.fault for one in alerts(site({channel(): values}, n_accepted=1200), DETECTOR)} == {"clipped"}
    assert found >= 5


def test_honest_channels_of_coarse_steps_do_not_alert() -> None:
    for seed in range(12):
        values = honest(np.random.default_rng(30 + seed), 2400, step=(0.1, 0.5, 1.0)[seed % 3], memory=0.95)
        assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)


def test_the_reporting_step_shows_among_all_values_where_neighbours_in_time_hide_it() -> None:
    values = np.random.default_rng(6).permutation(np.arange(150.0, 220.0))[None, :] / 100.0
    n = np.array([values.shape[1]])
    np.testing.assert_allclose(closest(np.sort(values, axis=1)), 0.01)
    coarse, fine = (return_odds(values, n, np.array([step])) for step in (0.04, 0.01))
    np.testing.assert_allclose(coarse, fine)


def held(seed, n, *, rows=4):
    """An analyser whose cycle is `rows` of its reports."""
    cycles = honest(np.random.default_rng(seed), -(-n // rows), mean=2.1, spread=0.35, memory=0.3, step=0.01)
    return np.repeat(cycles, rows)[:n]


def test_a_cut_of_a_slow_analyser_that_repeats_its_cycle_alerts_and_its_honest_cycles_do_not() -> None:
    slow, found = {"interval_s": 7200, "range_high": 20.0}, 0
    for seed in range(6):
        values = held(50 + seed, 972)
        honest_site = site({channel(**slow): values.copy()}, n_accepted=360, interval_s=7200)
        assert not alerts(honest_site, DETECTOR)
        values[382:742] = np.minimum(values[382:742], np.round(np.quantile(values[382:742], 0.9), 2))
        cut_site = site({channel(**slow): values}, n_accepted=360, interval_s=7200)
        found += {one.fault for one in alerts(cut_site, DETECTOR)} == {"clipped"}
    assert found == 6
