from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from analysis.detectors.chance_overlap import first_of_month, habitual, monthly_sum, overlap_score, planned, runs_of
from analysis.detectors.false_flag import DETECTOR, predicted_exceedance, run
from tests.analysis import naive_relations as naive
from tests.analysis.plant import FLAGS, derived_values, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2160, 2880
SEED = 14000  # a stretch of the real series with a steady level


def plant() -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Values, hours above the limit, and the limit (about a twentieth of the hours exceed it)."""
    raw = honest_values(first=SEED)
    values = raw | derived_values(raw)
    limit = float(np.round(np.quantile(values["nox_zs"], 0.95), 1))
    return values, values["nox_zs"] > limit, limit


def site_with(flags: np.ndarray, *, empty: bool = False):
    values, _, limit = plant()
    if empty:
        values = {n: np.where((flags > 0) & (n in ("nox", "nox_zs", "nox_mass")), np.nan, v) for n, v in values.items()}
    marked = dict.fromkeys(("nox", "nox_zs", "nox_mass"), flags)
    return make_site(
        values, accepted=ACCEPTED, flags=marked, options={"nox": {"limit": None}, "nox_zs": {"limit": limit}}
    )


def largest(scores) -> float:
    return max((float(np.nanmax(one.scores)) for one in scores), default=0.0)


def flags_on(hours: np.ndarray, *, seed: int = 3) -> np.ndarray:
    flags = np.zeros(3600, dtype=np.uint8)
    letters = [FLAGS.index(letter) for letter in "MCDF"]
    flags[hours] = np.random.default_rng(seed).choice(letters, hours.size)
    return flags


def exceedances(share: float) -> np.ndarray:
    _, over, _ = plant()
    hours = np.flatnonzero(over[FIRST:LAST]) + FIRST
    return np.random.default_rng(5).permutation(hours)[: max(1, round(share * hours.size))]


@pytest.mark.parametrize("share", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("empty", [False, True])
def test_flags_on_exceedances_stand_out(share: float, *, empty: bool) -> None:
    found = run(site_with(flags_on(exceedances(share)), empty=empty))
    assert largest(found) > 1.3 * DETECTOR.floor
    best = max(found, key=lambda one: float(np.nanmax(one.scores)))
    at = np.unravel_index(np.nanargmax(best.scores), best.scores.shape)
    assert FIRST <= best.starts[at] < LAST
    assert best.evidence["touching"][at] >= 3


def test_maintenance_at_random_and_calibration_at_a_fixed_hour_are_honest() -> None:
    rng = np.random.default_rng(11)
    flags = np.zeros(3600, dtype=np.uint8)
    for start in rng.integers(0, 3590, 30):
        flags[start : start + rng.integers(1, 6)] = FLAGS.index("M")
    flags[9::24] = FLAGS.index("C")
    assert largest(run(site_with(flags))) < DETECTOR.floor


def test_habit_is_daily_or_weekly_and_needs_precedents() -> None:
    daily = np.zeros(24 * 20, dtype=bool)
    daily[5::24] = True
    assert np.flatnonzero(daily & ~habitual(daily)).tolist() == [5, 29, 53]
    weekly = np.zeros(24 * 7 * 5, dtype=bool)
    weekly[30 :: 24 * 7] = True
    assert (weekly & ~habitual(weekly)).sum() == 2
    once = np.zeros(100, dtype=bool)
    once[50:60] = True
    assert not habitual(once).any()


def test_an_exceedance_is_read_off_or_predicted_from_both_neighbours() -> None:
    raw = np.array([40.0, 60.0, np.nan, 48.0, np.nan, 20.0])
    # hour 2 lies between 60 and 48, hour 4 between 48 and 20
    assert predicted_exceedance(raw, limit=55.0).tolist() == [False, True, False, False, False, False]
    assert predicted_exceedance(raw, limit=50.0).tolist() == [False, True, True, False, False, False]


def stopping_site(*, is_told: bool):
    """Stops of a day, marked F and without values; that of the hour before runs far over the limit."""
    values, _, limit = plant()
    flags = np.zeros(3600, dtype=np.uint8)
    for first in range(2300, 2850, 90):
        values["nox_zs"][first - 1] = 3 * limit
        if is_told:
            values["o2"][first : first + 24] = 20.8
        flags[first : first + 24] = FLAGS.index("F")
        values["nox_zs"][first : first + 24] = np.nan
    marked = {"nox_zs": flags}
    return make_site(values, accepted=ACCEPTED, flags=marked, options={"nox_zs": {"limit": limit}})


def test_marks_at_a_stop_are_honest_however_high_the_converted_value_runs() -> None:
    assert largest(run(stopping_site(is_told=False))) > DETECTOR.floor
    assert largest(run(stopping_site(is_told=True))) == 0.0


def test_marks_that_hide_a_daily_peak_are_no_plan() -> None:
    marked, exceeds = np.zeros(480, dtype=bool), np.zeros(480, dtype=bool)
    marked[245::24] = exceeds[245::24] = True
    reference = np.arange(480) < 240
    assert (marked & habitual(marked)).sum() == 7
    plain = ~exceeds | planned(marked, reference)
    assert not habitual(marked, plain=plain).any()
    marked[5:240:24] = exceeds[5:240:24] = True  # in accepted history too: span gas reads above any limit
    plain = ~exceeds | planned(marked, reference)
    assert (marked & ~habitual(marked, plain=plain)).sum() == 3


def test_one_breakdown_is_one_event_however_many_exceedances_it_holds() -> None:
    marked, matters = np.zeros(600, dtype=bool), np.zeros(600, dtype=bool)
    marked[100:160] = True
    matters[100:160:15] = True
    score, touching, runs, _ = overlap_score(marked, matters, possible=np.ones(600, dtype=bool))
    assert (touching[-1], runs[-1]) == (1, 1)
    assert score[-1] < -np.log(0.02)


def test_what_comes_later_changes_no_score() -> None:
    rng = np.random.default_rng(4)
    marked, matters = rng.random(500) > 0.8, rng.random(500) > 0.7
    whole = overlap_score(marked, matters, possible=np.ones(500, dtype=bool), memory=100)[0]
    for n in range(50, 500, 7):
        part = overlap_score(marked[:n], matters[:n], possible=np.ones(n, dtype=bool), memory=100)[0]
        np.testing.assert_array_equal(part[:-1], whole[: n - 1])


def test_runs_and_monthly_sums_agree_with_the_plain_loops() -> None:
    rng = np.random.default_rng(7)
    mask = rng.random(200) > 0.7
    found = runs_of(mask)
    assert list(zip(found.first.tolist(), found.end.tolist(), strict=True)) == naive.runs(mask.tolist())
    at = np.array([3, 50, 50, 120])
    sums = monthly_sum(at, np.array([1.0, 2.0, 3.0, 4.0]), 200, memory=60)
    expected = [sum(w for a, w in zip(at, (1, 2, 3, 4), strict=True) if t - 60 < a <= t) for t in range(200)]
    assert sums.tolist() == expected
    first = first_of_month(np.array([10, 90]), np.array([12, 95]), 200, memory=60)
    assert (first[11], first[60], first[94], first[199]) == (10, 10, 90, 140)


def test_the_chance_of_runs_is_binomial_with_the_share_of_hours_that_matter() -> None:
    matters = np.zeros(600, dtype=bool)
    matters[10::20] = True  # a twentieth
    marked = np.zeros(600, dtype=bool)
    marked[[50, 110, 171, 232]] = True  # the first two touch
    score, touching, runs, _ = overlap_score(marked, matters, possible=np.ones(600, dtype=bool))
    assert (touching[-1], runs[-1]) == (2, 4)
    by_runs, by_spells = -binom.logsf(1, 4, 0.05), -binom.logsf(1, 30, 0.02)
    assert score[-1] == pytest.approx(max(by_runs, by_spells) - np.log(2))


def test_without_a_limit_only_emptied_runs_can_tell_and_without_flags_nothing() -> None:
    values, _, _ = plant()
    flags = {"nox": flags_on(exceedances(1.0))}
    assert run(make_site(values, accepted=ACCEPTED)) == []
    bare = make_site(values, accepted=ACCEPTED, flags=flags, options={"nox": {"limit": None}})
    assert largest(run(bare)) == 0.0
