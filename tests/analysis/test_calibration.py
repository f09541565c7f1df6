import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.calibration import Budget
from analysis.calibration.budget import occasions_per_month, weights
from analysis.calibration.exceedances import EXACT_EXPECTED, exact_chance
from analysis.calibration.tail import BELIEVED, TailKind, block_maxima, fit
from analysis.detectors import registered
from tests.analysis import naive


def test_block_maxima_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 1, (4, 60))
    scores[rng.random(scores.shape) < 0.2] = np.nan
    honest = np.broadcast_to(np.arange(60) < 40, scores.shape)
    block = np.sort(rng.integers(0, 12, 60))
    got = block_maxima(scores, honest, block)
    for row in range(4):
        assert got[row].tolist() == naive.block_maxima(scores[row].tolist(), honest[row].tolist(), block.tolist())


def test_inside_history_the_rank_decides() -> None:
    tail = fit(np.arange(99.0)[None, :], np.ones(1), kind="normal", least_scale=0.1)
    assert tail.probability(0, np.array([89.5]))[0] >= 9 / 100


def test_beyond_the_reach_of_history_a_share_of_what_student_claims_is_believed() -> None:
    history = np.random.default_rng(2).normal(0, 1, (1, 120))
    tail = fit(history, np.full(1, 4.0), kind="normal", least_scale=0.01)
    median = np.median(history)
    above = history[history > median] - median
    scale = np.sqrt((above**2).mean() * (1 + 1 / 30))
    claimed, reach = stats.t.sf((6.0 - median) / scale, 29), 1 / 31
    assert claimed < reach
    got = tail.probability(0, np.array([6.0]))[0]
    assert got == pytest.approx(reach * (claimed / reach) ** BELIEVED["normal"])


def test_odds_are_believed_in_part_and_beyond_what_history_has_shown() -> None:
    tail = fit(np.array([[3.5, 3.8, 4.0, 3.9]]), np.ones(1), kind="odds", least_scale=1.0, believed=0.25)
    assert tail.probability(0, np.array([24.0]))[0] == pytest.approx(np.exp(-0.25 * 20.0) / 5)


def test_odds_claim_no_less_than_the_model_itself() -> None:
    tail = fit(np.zeros((1, 400)), np.ones(1), kind="odds", least_scale=1.0, believed=0.5)
    assert tail.probability(0, np.array([5.0]))[0] == pytest.approx(np.exp(-5.0))
    assert tail.exceeded_by(np.array([1e-3]))[0] == pytest.approx(-np.log(1e-3))


def test_odds_fall_no_faster_than_history_thins_out() -> None:
    rng = np.random.default_rng(4)
    wide, narrow = rng.exponential(40.0, (1, 200)), 50.0 + rng.exponential(0.4, (1, 200))
    for history, rate in ((wide, None), (narrow, 0.3)):
        tail = fit(history, np.ones(1), kind="odds", least_scale=1.0, believed=0.3)
        top = np.sort(history[0])[-21:]
        rate = 1.0 / (top[1:] - top[0]).mean() if rate is None else rate
        beyond = tail.probability(0, history.max() + np.array([1.0, 11.0]))
        assert np.log(beyond[0] / beyond[1]) == pytest.approx(10.0 * rate)


@pytest.mark.parametrize("kind", ["normal", "exponential", "odds"])
@given(probability=st.floats(1e-9, 0.5), seed=st.integers(0, 50))
def test_a_threshold_is_exceeded_with_the_probability_asked_for_or_less(
    kind: TailKind, probability: float, seed: int
) -> None:
    history = np.random.default_rng(seed).exponential(1.0, (1, 80))
    tail = fit(history, np.full(1, 2.0), kind=kind, least_scale=0.05)
    threshold = tail.exceeded_by(np.array([probability]))
    assert tail.probability(0, threshold * 1.001 + 1e-9)[0] <= probability * 1.01 + 1e-12


@pytest.mark.parametrize(("probability", "least"), [(0.05, 0.4), (0.01, 0.05)])
def test_stated_probabilities_hold_on_fresh_honest_data(probability: float, least: float) -> None:
    rng = np.random.default_rng(3)
    tail = fit(rng.normal(0, 1, (400, 60)), np.ones(400), kind="normal", least_scale=0.01)
    threshold = tail.exceeded_by(np.full(400, probability))
    exceeded = int((rng.normal(0, 1, (400, 60)) > threshold[:, None]).sum())
    assert least < exceeded / (probability * 400 * 60) < 1.1


def test_the_budget_is_shared_out_whole() -> None:
    parts = weights(registered())
    accusing = [d.name for d in registered() if d.kind == "calibrated" and d.fault not in ("process_change",)]
    assert sum(parts[name] for name in accusing) == pytest.approx(1.0)
    assert occasions_per_month(3600.0) == 120
    assert occasions_per_month(48 * 3600.0) == 30
    with pytest.raises(ValueError, match="above 0"):
        Budget(0.0)


def test_a_contradiction_a_hair_beyond_its_bound_is_less_certain_than_one_far_beyond() -> None:
    ratio = np.array([1.0, 1.5, 2.0, 8.0])
    chance = exact_chance(ratio, at_floor=0.01)
    assert chance[0] == pytest.approx(0.01)
    assert chance[2] == pytest.approx(EXACT_EXPECTED / 2)
    assert (np.diff(chance) < 0).all()
    np.testing.assert_allclose(exact_chance(ratio, at_floor=EXACT_EXPECTED), EXACT_EXPECTED / ratio)


@pytest.mark.parametrize("kind", ["normal", "exponential", "odds"])
def test_what_is_believed_less_must_exceed_by_more(kind: TailKind) -> None:
    history = np.random.default_rng(5).exponential(0.5, (1, 80))
    more, less = (fit(history, np.ones(1), kind=kind, least_scale=0.1, believed=share) for share in (0.6, 0.3))
    probability = np.array([1e-5])
    assert less.exceeded_by(probability)[0] > more.exceeded_by(probability)[0] + 0.5
