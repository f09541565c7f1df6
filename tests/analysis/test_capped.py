import numpy as np
import pytest

from analysis.detectors.capped import DETECTOR, EXPECTED, crowding
from tests.analysis import naive
from tests.analysis.series import alerts, channel, honest, site


def test_crowding_counts_visits_to_the_band_below_the_maximum() -> None:
    row = np.array([0.0, 10.0, 1.0, 9.8, 2.0, 9.9, 3.0, 9.95, 4.0, 5.0, 4.5, 5.5])
    ordered = np.sort(row)
    low, high = ordered[int(0.25 * 11)], ordered[int(0.75 * 11)]
    band = min(0.5 * 0.2 * (high - low), 0.5 * (10.0 - high))
    scores, visits = crowding(row[None, None], ordered[None, None], np.array([[12]]), reach=np.array([0.2]))
    k = naive.visits_above(row.tolist(), 10.0 - band)
    assert visits[0, 0] == k
    many = max(k, EXPECTED)
    assert scores[0, 0] == pytest.approx(many * np.log(many / EXPECTED) - (many - EXPECTED))


@pytest.mark.parametrize("quantile", [0.75, 0.9])
def test_high_values_redrawn_below_a_cut_alert(quantile: float) -> None:
    rng = np.random.default_rng(1)
    values = honest(rng, 2400, memory=0.6)
    month = values[1500:2220]
    cut = np.quantile(month, quantile)
    month[month > cut] = np.round(rng.uniform(0.85 * cut, cut, (month > cut).sum()), 1)
    found = alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
    assert [one.fault for one in found] == ["capped"]


def test_honest_data_and_a_lower_level_do_not_alert() -> None:
    values = honest(np.random.default_rng(2), 2400)
    values[1600:] *= 0.86
    assert not alerts(site({channel(): values}, n_accepted=1200), DETECTOR)
