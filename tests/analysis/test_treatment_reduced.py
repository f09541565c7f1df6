from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.treatment_off import run_reduced
from tests.analysis.plant import honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2524


def with_power(factor: float) -> dict[str, np.ndarray]:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["treat"][FIRST:LAST] *= factor
    return raw


def largest(scores, first: int, last: int) -> float:
    return max((float(np.nanmax(one.scores[:, first:last])) for one in scores), default=0.0)


@pytest.mark.parametrize("factor", [0.6, 0.8])
def test_treatment_that_draws_less_at_the_same_production_stands_out(factor: float) -> None:
    found = run_reduced(make_site(with_power(factor), accepted=ACCEPTED))
    assert largest(found, FIRST, LAST) > 10
    assert largest(found, 0, FIRST) < 4.5


def test_treatment_that_draws_more_or_as_ever_does_not() -> None:
    for factor in (1.0, 1.4):
        assert largest(run_reduced(make_site(with_power(factor), accepted=ACCEPTED)), ACCEPTED, LAST) < 4.5


def test_without_accepted_history_nothing_is_said() -> None:
    assert run_reduced(make_site(with_power(0.6), accepted=0)) == []
