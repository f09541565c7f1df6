from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.selective_gap import DETECTOR, gap_scores, mean_of_two, neighbours, rank_before, run
from analysis.model.site import OtherSites
from tests.analysis import naive_relations as naive
from tests.analysis.plant import HOUR_S, START_S, derived_values, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2160, 2880
SEED = 14000


def site_without(gone: np.ndarray, **options):
    raw = honest_values(first=SEED)
    values = raw | derived_values(raw)
    present = dict.fromkeys(("nox", "nox_zs", "nox_mass"), ~gone)
    return make_site(values, accepted=ACCEPTED, present=present, **options)


def top_hours(share: float) -> np.ndarray:
    nox = honest_values(first=SEED)["nox"][FIRST:LAST]
    gone = np.zeros(3600, dtype=bool)
    gone[FIRST:LAST] = nox > np.quantile(nox, 1 - share)
    return gone


def largest(scores) -> float:
    return max((float(np.nanmax(one.scores)) for one in scores), default=0.0)


@pytest.mark.parametrize("share", [0.10, 0.05, 0.02])
def test_the_highest_hours_cut_out_stand_out(share: float) -> None:
    (scores,) = run(site_without(top_hours(share)))
    assert np.nanmax(scores.scores[0]) > DETECTOR.floor
    at = int(np.nanargmax(scores.scores[0]))
    assert FIRST <= scores.starts[0, at] < LAST
    assert scores.evidence["high"][0, at] > 0.5 * scores.evidence["gaps"][0, at]


def test_rows_lost_at_random_are_honest() -> None:
    for seed in range(4):
        gone = np.random.default_rng(seed).random(3600) < 0.02
        assert largest(run(site_without(gone))) < DETECTOR.floor


def test_a_long_outage_and_a_daily_gap_are_honest() -> None:
    gone = np.zeros(3600, dtype=bool)
    gone[2500:2700] = True
    gone[4::24] = True
    assert largest(run(site_without(gone))) < DETECTOR.floor


def test_hours_in_which_other_sites_are_silent_too_are_the_networks() -> None:
    from dataclasses import replace

    gone = top_hours(0.05)
    site = site_without(gone)
    assert largest(run(site)) > DETECTOR.floor
    shared = replace(site, others=OtherSites(START_S, np.where(gone, 0.8, 0.0)))
    assert largest(run(shared)) == 0.0


def test_an_empty_value_is_a_gap_and_a_flagged_one_is_not() -> None:
    raw = honest_values(first=SEED)
    gone = top_hours(0.05)
    raw["nox"] = np.where(gone, np.nan, raw["nox"])
    assert largest(run(make_site(raw, accepted=ACCEPTED))) > DETECTOR.floor
    flags = {"nox": gone.astype(np.uint8) * 2}
    assert run(make_site(raw, accepted=ACCEPTED, flags=flags)) == []


def test_ranks_and_neighbours_agree_with_the_plain_loops() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, 120)
    values[rng.random(120) < 0.2] = np.nan
    at, of = np.arange(5, 120, 7), rng.normal(0, 1, 17)
    np.testing.assert_allclose(
        rank_before(values, at, of, scale=24), naive.rank_before(values, at.tolist(), of.tolist(), 24)
    )
    np.testing.assert_array_equal(neighbours(values, reach=3), naive.neighbours(values, 3))


def test_the_prediction_of_a_gap_is_the_mean_of_what_is_beside_it() -> None:
    one, other = np.array([1.0, np.nan, 4.0, np.nan]), np.array([3.0, 5.0, np.nan, np.nan])
    np.testing.assert_array_equal(mean_of_two(one, other), [2.0, 5.0, 4.0, np.nan])


def test_random_gaps_in_a_rising_series_are_honest() -> None:
    values = np.arange(2000.0) + np.random.default_rng(1).normal(0, 5, 2000)
    gone = np.random.default_rng(2).random(2000) < 0.03
    assert gap_scores(np.where(gone, np.nan, values), gone)[0].max() < DETECTOR.floor / 2


def test_gaps_beside_a_stop_are_honest_however_high_the_converted_value_runs() -> None:
    def scores(*, is_told: bool) -> float:
        raw = honest_values(first=SEED)
        values = raw | derived_values(raw)
        gone = np.zeros(3600, dtype=bool)
        for first in range(2300, 2850, 60):
            values["nox_zs"][[first - 1, first + 6]] = 3 * np.nanmax(values["nox_zs"])
            gone[first : first + 6] = True
            if is_told:
                values["o2"][first : first + 6] = 20.8
        return largest(run(make_site(values, accepted=ACCEPTED, present={"nox_zs": ~gone})))

    assert scores(is_told=False) > DETECTOR.floor
    assert scores(is_told=True) == 0.0


def test_gaps_count_once_each_and_not_before_they_end() -> None:
    values = np.tile(np.arange(10.0), 60)
    gone = np.zeros(600, dtype=bool)
    gone[[498, 499, 509, 519]] = True
    values[gone] = np.nan
    _, high, gaps, first = gap_scores(values, gone)
    assert gaps[[499, 500, 510, 520]].tolist() == [0, 1, 2, 3]
    assert high[520] <= gaps[520]
    assert first[520] in (498, 509, 519, 520 - 719 if 520 > 719 else 0)


def test_a_power_meter_has_nothing_to_hide() -> None:
    raw = honest_values(first=SEED)
    gone = raw["load"] > np.quantile(raw["load"], 0.95)
    present = {"load": ~gone}
    assert run(make_site({"load": raw["load"]}, accepted=ACCEPTED, present=present)) == []
    assert HOUR_S == 3600
