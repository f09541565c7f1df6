from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.late_edit import DETECTOR, edit_score, previous_version, run
from analysis.model.site import Revisions
from tests.analysis.plant import HOUR_S, START_S, honest_values, make_site

DAY_S = 86400.0


def resent(
    columns: list[int], values: list[float], *, flags: list[int] | None = None, late_h: float = 30.0
) -> Revisions:
    column = np.array(columns)
    return Revisions(
        row=np.zeros(column.size, dtype=np.int64),
        column=column,
        value=np.array(values),
        flag=np.array(flags or [0] * column.size, dtype=np.uint8),
        received_s=START_S + (column + 1 + late_h) * HOUR_S + np.arange(column.size),
    )


def scores_of(revisions: Revisions):
    return run(make_site(honest_values(), accepted=100, revisions=revisions))


@pytest.mark.parametrize("change", [lambda x: 0.5 * x, lambda x: 0.9 * x, lambda x: x - 0.01, lambda x: np.nan])
def test_any_other_content_is_an_edit_from_the_moment_it_came(change) -> None:
    nox = honest_values()["nox"]
    columns = [500, 501, 777]
    revisions = resent(columns, [float(change(nox[c])) for c in columns])
    (scores,) = scores_of(revisions)
    assert (scores.scores >= DETECTOR.floor).all()
    assert scores.starts[0].tolist() == columns
    assert scores.ends.tolist() == [501, 502, 778]
    np.testing.assert_array_equal(scores.available[0], revisions.received_s)


def test_the_same_again_and_an_empty_value_filled_are_innocent() -> None:
    raw = honest_values()
    raw["nox"][600] = np.nan
    (scores,) = run(make_site(raw, accepted=100, revisions=resent([500, 600], [float(raw["nox"][500]), 71.0])))
    assert scores.scores.tolist() == [[0.0, 0.0]]
    assert run(make_site(raw, accepted=100)) == []


def test_values_moved_by_one_row_are_edits() -> None:
    nox = honest_values()["nox"]
    columns = list(range(900, 924))
    (scores,) = scores_of(resent(columns, [float(nox[c - 1]) for c in columns]))
    moved = [nox[c] != nox[c - 1] for c in columns]
    assert (scores.scores[0] >= 1).tolist() == moved


def test_a_flag_set_afterwards_is_an_edit() -> None:
    nox = honest_values()["nox"]
    (scores,) = scores_of(resent([500], [float(nox[500])], flags=[2]))
    assert scores.scores[0, 0] >= 1


def test_size_delay_and_an_exceedance_that_ends_make_it_graver() -> None:
    before, none = np.full(4, 80.0), np.zeros(4, dtype=bool)
    after = np.array([79.0, 40.0, 40.0, 40.0])
    score = edit_score(before, after, flag_removed=none, delay_d=np.array([0.1, 0.1, 2.0, 0.1]), limit=None)
    assert score[0] < score[1] < score[2]
    assert edit_score(before, after, flag_removed=none, delay_d=np.full(4, 0.1), limit=75.0)[3] == score[3] + 2


def test_a_second_revision_is_compared_with_the_first() -> None:
    value, flag = previous_version(
        np.array([3, 3, 5]), np.array([7.0, 8.0, 9.0]), np.zeros(3, dtype=np.uint8),
        first=np.arange(10.0), first_flag=np.zeros(10, dtype=np.uint8),
    )  # fmt: skip
    assert value.tolist() == [3.0, 7.0, 5.0]
    assert flag.tolist() == [0, 0, 0]
