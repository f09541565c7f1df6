"""The page says what was measured, what was missed, and what was not measured."""

from __future__ import annotations

from simulators.falsification.site import Truth
from tests.evaluation.figures import BudgetFigures, Cost, weak_cells, weighed
from tests.evaluation.matching import Verdict
from tests.evaluation.report import render, table
from tests.evaluation.scoring import BaselineFigures, ControlVerdict, FalseAlerts, RankingFigures


def verdict(injection: str, level: str, *, found: bool) -> Verdict:
    truth = Truth("S", "A1", ["A1/nox"], True, "scaled", injection, level, "lazy", 0, 864_000)
    return Verdict(truth, found=found, named=found, named_in_three=found, shares_channel=found, hours_to_detect=5.0)


def figures() -> BudgetFigures:
    event = Truth("N", "A1", ["A1/nox"], False, "", "daily_check", "", "", 0, 864_000)
    return BudgetFigures(
        1.0,
        simulated=[
            verdict("I4", "L1", found=True),
            verdict("I4", "L2", found=False),
            verdict("I21", "L1", found=False),
        ],
        false_simulated=FalseAlerts(3, 10.0),
        controls=[ControlVerdict(event, [], False)],
        ranking=RankingFigures(1000, 31, 1.0, 0.5, 0.7),
        p_values=[(0.01, 0.02, 1000)],
        baselines=[BaselineFigures("z-score", 4.0, 0.9, {("I4", "L1"): [False], ("I4", "L2"): [True]})],
    )


def test_aims_are_met_missed_or_not_measured():
    outcome = {aim.name: aim.outcome for aim in weighed([figures()])}
    assert outcome["recall L1 at budget 1"] == "met"  # I21 is not pooled
    assert outcome["recall L2 at budget 1"] == "**missed by 0.95**"
    assert outcome["recall L3 at budget 1"] == "not measured"
    assert outcome["false alerts per site-month at budget 1, simulated"] == "met"
    assert outcome["precision@30"] == "**missed by 0.35**"
    assert outcome["innocent events wrongly alerted"] == "met"


def test_weak_cells_are_listed_with_their_distance():
    assert weak_cells(figures())[0] == "I21 parameter_edited L1: 0.00, aim 0.99 (1 cases)"
    assert weak_cells(figures())[1] == "I4 scaled L2: 0.00, aim 0.95 (1 cases)"


def test_the_page_shows_recall_beside_the_realised_rate_and_the_baseline():
    page = render([figures()], [Cost("injected", 3, 1000, 2.0)], seed=101, heading="# Title\n")
    assert "| 1 | simulated | 0.300 (3 in 10) | 1.00 [0.21, 1.00] | 0.00 [0.00, 0.79] | – | – |" in page
    assert "| z-score | 0.900 | 0.00 [0.00, 0.79] | 1.00 [0.21, 1.00] | – | – |" in page
    assert "| injected | 3 | 1,000 | 2.0 | 500 |" in page
    assert page.startswith("# Title")


def test_a_table_is_markdown():
    assert table(["a", "b"], [[1, 2]]) == ["| a | b |", "|---|---|", "| 1 | 2 |", ""]
