from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors import diluted_with_air, diluted_with_zero_gas, oxygen_tampered
from analysis.detectors.expected_level import (
    level_contrasts,
    relation_residual,
    robust_fits,
    trailing_mean,
    without_spikes,
)
from analysis.detectors.gas_oxygen_shift import sharpest_step
from analysis.detectors.joint_shift import honest_covariance, score_where_best, shift_along
from tests.analysis import naive_relations as naive
from tests.analysis.plant import derived_values, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def diluted(share: float) -> dict[str, np.ndarray]:
    """Air in the sample line: all gases and (20.9 − O) by one factor, derived channels recomputed."""
    raw = {name: values.copy() for name, values in honest_values().items()}
    for gas in ("nox", "co"):
        raw[gas][FIRST:LAST] *= 1 - share
    raw["o2"][FIRST:LAST] = 20.9 - (20.9 - raw["o2"][FIRST:LAST]) * (1 - share)
    return raw | derived_values(raw)


def largest(scores, first: int, last: int) -> float:
    return max((float(np.nanmax(one.scores[:, first:last])) for one in scores), default=0.0)


@pytest.mark.parametrize("share", [0.5, 0.3, 0.15, 0.08])
def test_air_in_the_line_stands_out_and_is_neither_zero_gas_nor_an_edit(share: float) -> None:
    site = make_site(diluted(share), accepted=ACCEPTED)
    found = diluted_with_air.run(site)
    assert largest(found, FIRST, LAST) > 1.5 * largest(found, 0, FIRST)
    assert largest(found, FIRST, LAST) > 6
    for other in (diluted_with_zero_gas, oxygen_tampered):
        assert largest(other.run(site), FIRST, LAST) < 4.5


def test_the_share_and_the_interval_are_quoted() -> None:
    site = make_site(diluted(0.3), accepted=ACCEPTED)
    day = next(one for one in diluted_with_air.run(site) if one.stream == "24h")
    inside = FIRST + 100
    assert day.evidence["share_pct"][0, inside] == pytest.approx(30, abs=8)
    assert abs(int(day.starts[0, inside]) - FIRST) <= 6
    # three days after the end nothing is left of it
    assert np.nanmax(day.scores[0, LAST + 72 :]) < 4.5


def test_honest_hours_a_lower_load_and_a_gas_that_moves_alone_stay_below_the_floor() -> None:
    honest = make_site(honest_values(), accepted=ACCEPTED)
    assert largest(diluted_with_air.run(honest), ACCEPTED, 3600) < 4.5
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["nox"][FIRST:LAST] *= 0.7  # a burner was re-set, or the channel scaled: not the sample line
    assert largest(diluted_with_air.run(make_site(raw, accepted=ACCEPTED)), FIRST, LAST) < 4.5


def test_without_oxygen_gas_or_accepted_history_nothing_is_said() -> None:
    values = diluted(0.5)
    assert diluted_with_air.run(make_site(values, accepted=0)) == []
    for missing in (("o2",), ("nox", "co", "nox_zs", "nox_mass")):
        some = {name: v for name, v in values.items() if name not in missing}
        assert diluted_with_air.run(make_site(some, accepted=ACCEPTED)) == []


def test_a_score_uses_nothing_that_came_later() -> None:
    values = diluted(0.3)
    cut = {name: v[:2620] for name, v in values.items()}
    whole, part = (diluted_with_air.run(make_site(v, accepted=ACCEPTED)) for v in (values, cut))
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(one.scores[:, :2620], other.scores, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(one.starts[:, :2620], other.starts)


def test_means_baselines_and_medians_agree_with_the_plain_loops() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(100, 3, (3, 260))
    values[rng.random(values.shape) < 0.2] = np.nan
    np.testing.assert_allclose(
        trailing_mean(values, window=7, min_count=4), naive.trailing_mean(values, window=7, min_count=4)
    )
    for window, contrast in level_contrasts(values, windows=(9, 30), per_day=4).items():
        before = naive.baseline_before(values, lag=window, per_day=4, days=30)
        mean = naive.trailing_mean(values, window=window, min_count=(window + 1) // 2)
        np.testing.assert_allclose(contrast, mean - before, atol=1e-9)
    np.testing.assert_array_equal(without_spikes(values), naive.without_spikes(values))


def test_a_contrast_is_the_recent_mean_less_the_median_of_the_days_before() -> None:
    residual = np.zeros((1, 24 * 12))
    residual[0, 24 * 10 :] = 2.0
    contrast = level_contrasts(residual, windows=(24,), per_day=24)[24][0]
    assert contrast[24 * 10 - 1] == pytest.approx(0.0, abs=1e-12)
    assert contrast[24 * 10 + 11] == pytest.approx(1.0)
    assert contrast[24 * 11 - 1] == pytest.approx(2.0)


def test_a_lasting_change_is_re_learned_within_half_of_the_memory() -> None:
    residual = np.zeros((1, 24 * 80))
    residual[0, 24 * 40 :] = 1.0
    contrast = level_contrasts(residual, windows=(24,), per_day=24)[24][0]
    assert contrast[24 * 50] == pytest.approx(1.0)
    assert contrast[24 * 60] == pytest.approx(0.0)


def test_residuals_in_the_reference_come_from_fits_that_did_not_see_them() -> None:
    rng = np.random.default_rng(6)
    load = rng.uniform(80, 160, 500)
    target = 0.5 + 0.02 * load + rng.normal(0, 0.1, 500)
    reference = np.arange(500) < 300
    residual = relation_residual(load[None, :], target[None, :], reference)[0]
    assert np.std(residual) == pytest.approx(0.1, rel=0.1)
    moved = target.copy()
    moved[10] += 5.0
    # a stray of one fold moves the residuals of others only as far as a robust fit lets it
    again = relation_residual(load[None, :], moved[None, :], reference)[0]
    assert again[10] == pytest.approx(residual[10] + 5.0, abs=0.02)
    assert np.abs(again - residual)[300:].max() < 0.02


def test_too_short_a_reference_gives_no_residual() -> None:
    load, target = np.arange(100.0)[None, :], np.arange(100.0)[None, :]
    assert np.isnan(relation_residual(load, target, np.arange(100) < 20)).all()


def test_projection_and_misfit_agree_with_whitening_sample_by_sample() -> None:
    rng = np.random.default_rng(9)
    mix = rng.normal(0, 1, (3, 3))
    contrast = mix @ rng.normal(0, 1, (3, 400))
    covariance = honest_covariance(contrast, reference=np.ones(400, dtype=bool))
    assert covariance is not None
    directions = np.array([[-1.0, -1.0, 0.5], [0.0, -1.0, 0.0]])
    found = shift_along(contrast, directions=directions, covariance=covariance)
    for place, direction in enumerate(directions):
        z, misfit = naive.shift_along(contrast, direction, covariance)
        np.testing.assert_allclose(found.z[place], z)
        np.testing.assert_allclose(found.misfit[place], misfit, atol=1e-9)
    assert np.std(found.z[0]) == pytest.approx(1.0, abs=0.15)


def test_only_the_direction_that_explains_best_scores() -> None:
    covariance = np.eye(2)
    contrast = np.array([[-4.0, -4.0, 0.0], [-4.0, 0.0, np.nan]])
    shift = shift_along(contrast, directions=np.array([[-1.0, -1.0], [-1.0, 0.0]]), covariance=covariance)
    np.testing.assert_allclose(score_where_best(shift, wanted=0)[:2], [np.sqrt(32.0), 0.0])
    np.testing.assert_allclose(score_where_best(shift, wanted=1)[:2], [0.0, 4.0])
    assert np.isnan(score_where_best(shift, wanted=0)[2])


def test_fits_made_at_once_agree_with_fits_one_by_one() -> None:
    rng = np.random.default_rng(12)
    design = np.stack([np.ones(300), rng.normal(0, 1, 300), rng.normal(0, 1, 300)], axis=1)
    targets = design @ np.array([1.0, 2.0, -0.5]) + rng.standard_t(2, (4, 300))
    rows = rng.random((4, 300)) < 0.8
    np.testing.assert_allclose(
        robust_fits(design, targets, rows), naive.robust_fits(design, targets, rows), rtol=1e-9, atol=1e-9
    )


def test_the_sharpest_step_is_the_largest_of_fifteen_days_and_the_later_of_equals() -> None:
    rng = np.random.default_rng(13)
    step = np.round(rng.normal(0, 1, 900), 1)
    step[rng.random(900) < 0.1] = np.nan
    reference = np.arange(900) < 300
    found = sharpest_step(step, reference=reference)
    assert found.tolist() == naive.sharpest_step(step, reference=reference, memory=360, width=3)
    assert (found >= 0).any()
    assert (sharpest_step(np.full(900, np.nan), reference=reference) == -1).all()
