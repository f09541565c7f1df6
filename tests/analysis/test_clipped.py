import numpy as np

from analysis.detectors.clipped import DETECTOR, visits_to_maximum
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
