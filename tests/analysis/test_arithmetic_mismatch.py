from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors import arithmetic_mismatch, identities
from analysis.detectors.aggregates import (
    bound_excess,
    counter_falls,
    flow_weighted_mean,
    mean_of_parts,
    parts_of,
    sum_of_parts,
    too_few_valid,
)
from analysis.detectors.arithmetic_residual import (
    MIN_REFERENCE_ROWS,
    best_convention,
    bound_ratio,
    learn_tightness,
    mean_residual_z,
)
from analysis.detectors.audit import coarser_by
from analysis.detectors.derived_channels import audits_of
from analysis.detectors.stack_audits import counted_as_zero
from analysis.model.metadata import Channel, Site
from analysis.model.site import SiteData
from tests.analysis import naive_relations as naive
from tests.analysis.plant import derived_values, honest_site, honest_values, make_grid, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def broken_hours(scores) -> np.ndarray:
    """Hours in which any stream scores a finding, by channel."""
    hit = np.zeros(scores[0].scores.shape[1], dtype=bool)
    for one in scores:
        hit |= (one.scores[0] >= 1.0) & (one.ends > ACCEPTED)
    return np.flatnonzero(hit)


def altered(name: str, change) -> dict[str, np.ndarray]:
    raw = honest_values()
    values = raw | derived_values(raw)
    values[name] = values[name].copy()
    values[name][FIRST:LAST] = change(values[name][FIRST:LAST])
    return values


def test_oxygen_conversion_is_that_of_the_standard_and_has_no_value_in_air() -> None:
    value, oxygen = np.array([100.0, 50.0, 80.0]), np.array([6.0, 13.5, 21.0])
    expected, slopes = identities.oxygen_conversion({"value": value, "o2": oxygen}, reference_oxygen_pct=6.0)
    assert (
        expected[:2].tolist()
        == [naive.oxygen_conversion(v, o, 6.0) for v, o in [(100, 6.0), (50, 13.5)]]
        == [100.0, 100.0]
    )
    assert np.isnan(expected[2])
    assert slopes["value"][1] == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["value", "o2"])
def test_slopes_of_the_conversion_agree_with_finite_differences(name: str) -> None:
    sources = {"value": np.array([40.0, 55.0]), "o2": np.array([9.0, 14.0])}
    _, slopes = identities.oxygen_conversion(sources, reference_oxygen_pct=6.0)
    moved = {**sources, name: sources[name] + 1e-6}
    change = identities.oxygen_conversion(moved, reference_oxygen_pct=6.0)[0]
    change = change - identities.oxygen_conversion(sources, reference_oxygen_pct=6.0)[0]
    np.testing.assert_allclose(slopes[name], change / 1e-6, rtol=1e-5)


def test_slopes_of_stack_conditions_agree_with_finite_differences() -> None:
    sources = {
        "velocity": np.array([9.0, 12.0]),
        "temperature": np.array([50.0, 110.0]),
        "pressure": np.array([-200.0, 90.0]),
        "humidity": np.array([8.0, 15.0]),
    }
    base, slopes = identities.stack_conditions(sources)
    for name in sources:
        lower, _ = identities.stack_conditions({**sources, name: sources[name] + 1e-4})
        np.testing.assert_allclose(slopes[name], np.abs(lower - base) / 1e-4, rtol=1e-3)


def test_power_factor_and_nox_by_their_definitions() -> None:
    expected, _ = identities.power_factor({"active": np.array([3.0, 0.0]), "reactive": np.array([4.0, 0.0])})
    assert expected[0] == pytest.approx(0.6)
    assert np.isnan(expected[1])
    nox, _ = identities.no_to_nox({"no": np.array([100.0]), "no2": np.array([10.0])})
    assert nox[0] == pytest.approx(163.3, abs=0.05)


@pytest.mark.parametrize(
    ("values", "step"), [([1.0, 20.0, 3.0], 1.0), ([0.25, 1.5], 0.01), ([7.123456789, 1 / 3], 0.0), ([], 0.0)]
)
def test_reporting_step_is_the_decimal_place_in_use(values: list[float], step: float) -> None:
    assert identities.reporting_step(np.array(values)) == pytest.approx(step)


def test_rounding_alone_never_leaves_its_bound() -> None:
    rng = np.random.default_rng(5)
    value, oxygen = rng.uniform(20, 90, 5000), rng.uniform(5, 18, 5000)
    exact = identities.oxygen_conversion({"value": value, "o2": oxygen}, reference_oxygen_pct=6.0)[0]
    expected, slopes = identities.oxygen_conversion(
        {"value": np.round(value, 1), "o2": np.round(oxygen, 2)}, reference_oxygen_pct=6.0
    )
    bound, sigma = identities.rounding_tolerance(expected, slopes, steps={"value": 0.1, "o2": 0.01}, step=0.1)
    residual = np.round(exact, 1) - expected
    assert (np.abs(residual) <= 1.02 * bound).all()
    assert np.std(residual / sigma) == pytest.approx(1.0, abs=0.1)


def test_parts_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(2)
    times = np.sort(rng.choice(4000, 300, replace=False)).astype(float)
    values = np.where(rng.random(300) < 0.1, np.nan, rng.normal(50, 9, 300))
    normal = rng.random(300) > 0.2
    starts = np.arange(0.0, 4500.0, 150.0)
    found = parts_of(starts, interval_s=150.0, times=times, values=values, normal=normal)
    for i, (present, valid, total, low, high) in enumerate(
        naive.parts(starts.tolist(), 150.0, times.tolist(), values.tolist(), normal.tolist())
    ):
        assert (found.present[i], found.valid[i]) == (present, valid)
        assert found.total[i] == pytest.approx(total)
        np.testing.assert_equal([found.lowest[i], found.highest[i]], [low, high])


def test_an_aggregate_with_a_lost_part_is_not_recomputed_and_one_with_a_flagged_part_leaves_it_out() -> None:
    times, values = np.arange(6.0), np.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])
    normal = np.array([True, True, False, True, True, True])
    found = parts_of(np.array([0.0, 3.0]), interval_s=3.0, times=times, values=values, normal=normal)
    assert mean_of_parts(found, expected_count=3).tolist() == [1.5, 20.0]
    assert sum_of_parts(found, expected_count=3).tolist() == [3.0, 60.0]
    lost = parts_of(np.array([0.0]), interval_s=3.0, times=times[[0, 2]], values=values[[0, 2]], normal=normal[[0, 1]])
    assert np.isnan(mean_of_parts(lost, expected_count=3)[0])


def test_flow_weighted_mean_is_weighted_and_validity_counts_are_those_of_the_standard() -> None:
    times, ones = np.arange(60.0) * 60, np.ones(60)
    flow = np.where(np.arange(60) < 30, 1.0, 3.0)
    value = np.where(np.arange(60) < 30, 10.0, 50.0)
    normal = np.ones(60, dtype=bool)
    products = parts_of(np.array([0.0]), interval_s=3600.0, times=times, values=flow * value, normal=normal)
    weights = parts_of(np.array([0.0]), interval_s=3600.0, times=times, values=flow, normal=normal)
    assert flow_weighted_mean(products, weights, arrived=np.array([60.0]), expected_count=60)[0] == pytest.approx(40.0)
    assert np.isnan(flow_weighted_mean(products, weights, arrived=np.array([59.0]), expected_count=60)[0])
    for valid, expected in ((45, False), (44, True)):
        some = parts_of(np.array([0.0]), interval_s=3600.0, times=times, values=ones, normal=np.arange(60) < valid)
        assert too_few_valid(some, expected_count=60, interval_s=3600.0)[0] == expected


def test_bounds_and_counters_by_hand_and_by_the_plain_loop() -> None:
    excess = bound_excess(np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([3.0, 9.0]), step=0.1)
    np.testing.assert_allclose(excess, [0.0, 10.0])
    total = np.array([5.0, 6.0, np.nan, 5.5, 7.0, 0.2, 0.4])
    np.testing.assert_allclose(counter_falls(total, step=0.1), naive.counter_falls(total.tolist(), 0.1))
    assert counter_falls(total, step=0.1)[3] == pytest.approx(5.0)


def test_tightness_needs_rows_widens_for_habit_and_refuses_looseness() -> None:
    n = 400
    residual, ones = np.full(n, 0.03), np.ones(n)
    kind = {"sigma": 0.05 * ones, "expected": 50.0 * ones, "own_step": 0.1}
    few = learn_tightness(residual, bound=0.1 * ones, reference=np.arange(n) < MIN_REFERENCE_ROWS - 1, **kind)
    assert not few.is_usable
    within = learn_tightness(residual, bound=0.1 * ones, reference=ones > 0, **kind)
    assert within.is_usable
    assert within.scale == 1.0
    habit = learn_tightness(5 * residual, bound=0.1 * ones, reference=ones > 0, **kind)
    assert habit.is_usable
    assert habit.scale == pytest.approx(2.25)
    loose = learn_tightness(100 * residual, bound=0.1 * ones, reference=ones > 0, **kind)
    assert not loose.is_usable
    assert bound_ratio(np.array([0.2, np.nan]), bound=np.array([0.1, 0.1]), scale=2.0)[0] == pytest.approx(1.0)


def test_mean_residual_sees_a_bias_below_the_rounding_of_one_value() -> None:
    rng = np.random.default_rng(3)
    residual = rng.uniform(-0.05, 0.05, 600)
    residual[300:] = np.clip(residual[300:] + 0.03, -0.05, 0.05)
    bound, sigma = np.full(600, 0.05), np.full(600, 0.1 / np.sqrt(12))
    tightness = learn_tightness(
        residual, bound=bound, sigma=sigma, expected=np.full(600, 9.0), own_step=0.0, reference=np.arange(600) < 300
    )
    z = mean_residual_z(residual, bound=bound, sigma=sigma, tightness=tightness, window=168)
    assert np.nanmax(np.abs(z[:300])) < 4
    assert z[599] > 8


def test_the_convention_is_the_one_that_accepted_rows_keep() -> None:
    reference = np.array([True, True, False])
    ratios = [np.array([3.0, 2.0, 0.0]), np.array([0.5, 0.4, 9.0])]
    assert best_convention(ratios, reference=reference) == 1
    assert best_convention([np.full(3, np.nan)] * 2, reference=reference) == 0


def test_honest_derived_channels_follow_from_their_sources() -> None:
    site = honest_site(accepted=ACCEPTED)
    assert [audit.formula for audit in audits_of(site)] == ["dry_standard_flow", "oxygen_conversion", "mass"]
    assert broken_hours(arithmetic_mismatch.run(site)).size == 0


@pytest.mark.parametrize("name", ["nox_zs", "nox_mass", "flow"])
@pytest.mark.parametrize("factor", [0.9, 0.98, 0.995])
def test_a_derived_channel_that_is_off_by_a_factor_is_found_where_no_value_ends_in_zeros_and_nowhere_else(
    name: str, factor: float
) -> None:
    places = {"nox_zs": 2, "nox_mass": 3, "flow": 0}[name]
    site = make_site(altered(name, lambda x: np.round(factor * x, places)), accepted=ACCEPTED)
    scores = [one for one in arithmetic_mismatch.run(site) if name in one.targets[0].channels]
    found = broken_hours(scores).tolist()
    assert set(found) <= set(range(FIRST, LAST))
    assert len(found) >= 0.65 * (LAST - FIRST)


def test_two_reporting_steps_are_found_where_the_logger_computes_from_what_it_reports() -> None:
    site = make_site(altered("nox_zs", lambda x: x - 0.02), accepted=ACCEPTED)
    found = set(range(FIRST, LAST)) & set(broken_hours(arithmetic_mismatch.run(site)).tolist())
    assert len(found) >= 0.65 * (LAST - FIRST)


@pytest.mark.parametrize("name", ["nox", "nox_zs", "nox_mass", "o2"])
@pytest.mark.parametrize("multiple", [5, 10])
def test_a_logger_that_rounds_to_a_coarser_step_from_one_day_on_sums_no_worse(name: str, multiple: int) -> None:
    step = {"nox": 0.01, "nox_zs": 0.01, "nox_mass": 0.001, "o2": 0.01}[name] * multiple
    raw = honest_values()
    values = raw | derived_values(raw)
    values[name] = np.where(np.arange(3600) < FIRST, values[name], np.round(values[name] / step) * step)
    found = broken_hours(arithmetic_mismatch.run(make_site(values, accepted=ACCEPTED)))
    assert found.size <= (1 if multiple == 5 else 0)  # the first multiple of five says nothing yet


def test_a_value_that_ends_in_zeros_may_be_rounded_more_coarsely() -> None:
    values = np.array([12.34, 12.30, np.nan, 12.35, 12.30, 12.00, 0.0, np.nan, 0.1])
    assert coarser_by(values, step=0.01).tolist() == pytest.approx([0, 0.05, 0, 0.025, 0.05, 0.5, 0, 0, 0])


def test_without_accepted_history_or_formula_nothing_is_said() -> None:
    values = altered("nox_zs", lambda x: 0.5 * x)
    assert arithmetic_mismatch.run(make_site(values, accepted=0)) == []
    unknown = {name: {"formula": None} for name in ("flow", "nox_mass", "nox_zs")}
    silent = make_site(
        values, accepted=ACCEPTED, options=unknown | {"nox_zs": {"formula": None, "reference_oxygen_pct": None}}
    )
    assert arithmetic_mismatch.run(silent) == []


def test_a_score_uses_nothing_that_came_later() -> None:
    values = altered("nox_zs", lambda x: 0.98 * x)
    whole = arithmetic_mismatch.run(make_site(values, accepted=ACCEPTED))
    cut = arithmetic_mismatch.run(make_site({name: v[:2600] for name, v in values.items()}, accepted=ACCEPTED))
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one.scores[:, :2600], other.scores, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("carried", [0.02, 0.3])
def test_small_roundings_of_the_sources_are_not_taken_for_a_logger_that_computes_from_what_it_reports(
    carried: float,
) -> None:
    """A source that moves the result by a few hundredths of a step seldom carries it out of half a step."""
    rng = np.random.default_rng(8)
    n, ones = 300, np.ones(300)
    own, added = rng.uniform(-0.05, 0.05, n), rng.uniform(-0.05 * carried, 0.05 * carried, n)
    sigma = 0.1 * np.hypot(1, carried) / np.sqrt(12) * ones
    kind = {"bound": 0.05 * (1 + carried) * ones, "sigma": sigma, "expected": 9 * ones, "own_step": 0.1}
    honest = learn_tightness(np.clip(own + added, -0.05, 0.05), reference=np.arange(n) < 50, **kind)
    assert honest.own_bound == 0.0
    exact = learn_tightness(np.resize(own, 6000), reference=np.ones(6000) > 0, **{
        name: np.resize(v, 6000) if isinstance(v, np.ndarray) else v for name, v in kind.items()
    })  # fmt: skip
    assert exact.own_bound == pytest.approx(0.05, rel=1e-4)


def test_both_ways_of_counting_a_negative_concentration_are_honest() -> None:
    concentration = np.array([-2.0, -2.0, -2.0, 3.0])
    product = 0.1 * concentration
    reported = np.array([0.0, -0.2, 0.9, 0.0])
    assert counted_as_zero(concentration, reported, product).tolist() == [0.0, -2.0, 0.0, 3.0]


@pytest.mark.parametrize(
    ("channel", "options", "reading", "computed"),
    [("nox", {"range_high": 150.0}, 150.0, 190.0), ("nox", {"detection_limit": 2.0}, 2.0, 0.4)],
)
def test_a_mass_from_the_reading_before_it_was_cut_to_range_or_limit_is_no_mismatch(
    channel: str, options: dict[str, float], reading: float, computed: float
) -> None:
    raw = honest_values()
    flow = (raw | derived_values(raw))["flow"]
    values = altered("nox_mass", lambda x: np.round(computed * flow[FIRST:LAST] * 1e-6, 3))
    values[channel] = values[channel].copy()
    values[channel][FIRST:LAST] = reading
    site = make_site(values, accepted=ACCEPTED, options={channel: options})
    mass = [one for one in arithmetic_mismatch.run(site) if "nox_mass" in one.targets[0].channels]
    assert mass
    assert broken_hours(mass).size == 0
    without = [
        one for one in arithmetic_mismatch.run(make_site(values, accepted=ACCEPTED))
        if "nox_mass" in one.targets[0].channels
    ]  # fmt: skip
    assert broken_hours(without).tolist() == list(range(FIRST, LAST))


def test_nox_by_any_of_the_usual_molar_masses_is_no_mismatch() -> None:
    no = np.round(np.random.default_rng(4).uniform(200, 400, 4000), 0)
    expected, slopes = identities.no_to_nox({"no": no})
    bound, _ = identities.rounding_tolerance(expected, slopes, steps={"no": 1.0}, step=1.0)
    assert (np.abs(np.round(46 / 30 * no) - expected) > 0.5).any()
    assert (np.abs(np.round(46 / 30 * no) - expected) <= bound).all()


def test_a_day_weighted_by_a_flow_of_shorter_intervals_is_audited() -> None:
    """An ammonia analyser of four hours beside an hourly flow, as at a water outlet."""
    rng = np.random.default_rng(6)
    days = 120
    nh3n = np.round(rng.uniform(1, 9, 6 * days), 2)
    flow = np.round(rng.uniform(20, 80, 24 * days), 0)
    weights = flow.reshape(-1, 4).mean(axis=1)
    day = np.round((nh3n * weights).reshape(days, 6).sum(axis=1) / weights.reshape(days, 6).sum(axis=1), 2)
    day[110] -= 0.5

    def channel(name: str, quantity: str, interval_s: int, **options: object) -> Channel:
        return Channel("S01", "W1", name, "water", quantity, "avg", "mg/L", interval_s, **options)

    channels = (
        channel("nh3n", "nh3n", 14400),
        channel("flow", "flow", 3600),
        channel("nh3n_day", "nh3n", 86400, formula="flow_weighted_mean", derived_from=("nh3n", "flow")),
    )
    rows = zip(channels, (nh3n, flow, day), strict=True)
    grids = {c.interval_s: make_grid((c,), values[None, :], accepted=90 * 86400 // c.interval_s) for c, values in rows}
    found = arithmetic_mismatch.run(SiteData(site=Site("S01", "plant", "sewage", channels), grids=grids))
    assert [np.flatnonzero(one.scores[0] >= 1).tolist() for one in found if not one.stream] == [[110]]
