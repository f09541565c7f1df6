import numpy as np
import pytest

from analysis.detectors.level_step import judged_by_noise, level_steps, noise_change, step_contrasts
from analysis.detectors.scaled import DETECTOR, run
from tests.analysis import naive_relations as naive
from tests.analysis.series import alerts, channel, honest, site

ACCEPTED, FIRST, LAST = 1500, 1800, 2040


def series(seed: int, n: int = 2300) -> np.ndarray:
    return honest(np.random.default_rng(seed), n, memory=0.6)


def test_a_factor_leaves_the_noise_of_the_logarithm_and_a_constant_raises_it_by_the_fall() -> None:
    surely, fall = np.full((1, 3), 6.0), np.full((1, 3), -0.5)
    noise, deviation = np.array([[0.0, 0.5, 0.25]]), np.full((1, 3), 0.1)
    as_factor = judged_by_noise(surely, fall=fall, noise=noise, deviation=deviation, by_factor=True)
    as_offset = judged_by_noise(surely, fall=fall, noise=noise, deviation=deviation, by_factor=False)
    assert as_factor[0].tolist() == pytest.approx([6.0, 0.0, 6.0 - 1.5])
    assert as_offset[0].tolist() == pytest.approx([0.0, 6.0, 6.0 - 1.5])


def test_means_around_an_onset_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    residual = rng.normal(0, 1, 300)
    residual[rng.random(300) < 0.15] = np.nan
    made = step_contrasts(residual, window=9, before=(2, 5), per_day=6)
    expected = naive.step_contrasts(residual, lengths=[6, 3, 2, 5], lag=9, per_day=6)
    np.testing.assert_allclose(made, expected, atol=1e-9)


def test_the_change_of_noise_is_that_of_mean_changes_against_the_weeks_before() -> None:
    residual = np.tile([0.0, 1.0], 600)
    residual[1000:] *= 2.0
    change, inflation, deviation = noise_change(residual, window=24, per_day=24, reference=np.arange(1200) < 600)
    assert change[1023] == pytest.approx(np.log(2.0), abs=0.05)
    assert change[999] == pytest.approx(0.0, abs=1e-9)
    assert deviation == 0.07
    assert inflation[1023] == pytest.approx(1.0)
    assert inflation[1199] == pytest.approx(1.0 + 176 / 504, abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.7])
def test_every_value_times_a_factor_alerts(factor: float) -> None:
    values = series(2)
    values[FIRST:LAST] *= factor
    found = alerts(site({channel(): values}, n_accepted=ACCEPTED), DETECTOR)
    assert [one.fault for one in found] == ["scaled"]
    assert found[0].evidence["factor"] == pytest.approx(factor, abs=0.05)
    assert abs(found[0].start_s - (1_767_196_800 + 3600 * FIRST)) <= 12 * 3600


def test_honest_data_and_a_lower_level_with_unchanged_noise_are_not_scaled() -> None:
    assert not alerts(site({channel(): series(4)}, n_accepted=ACCEPTED), DETECTOR)
    values = series(3)
    values[FIRST:] -= 20.0
    assert not alerts(site({channel(): values}, n_accepted=ACCEPTED), DETECTOR)


def test_a_lower_level_that_load_and_oxygen_explain_is_no_step() -> None:
    rng = np.random.default_rng(6)
    oxygen = honest(rng, 2300, mean=8.0, spread=1.0, memory=0.9, step=0.01)
    oxygen[FIRST:LAST] += 1.5
    nox = np.round(honest(rng, 2300, memory=0.6) * (21 - oxygen) / 13, 1)
    rows = {channel(): nox, channel("o2", unit="%", range_high=25.0): oxygen}
    assert not alerts(site(rows, n_accepted=ACCEPTED), DETECTOR)
    assert alerts(
        site({channel(): np.where(np.arange(2300) // 240 == 8, nox * 0.6, nox)}, n_accepted=ACCEPTED), DETECTOR
    )


def test_a_score_uses_nothing_that_came_later() -> None:
    values = series(5)
    values[FIRST:LAST] *= 0.7
    whole, part = (run(site({channel(): v}, n_accepted=ACCEPTED)) for v in (values, values[:1900]))
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(one.scores[:, :1900], other.scores, rtol=1e-9, atol=1e-9)


def test_without_accepted_history_nothing_is_said() -> None:
    assert level_steps(site({channel(): series(7)}, n_accepted=0)) == []
