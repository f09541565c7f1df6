from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors import diluted_with_zero_gas, oxygen_tampered
from analysis.detectors.gas_oxygen_shift import step_of_means
from tests.analysis.plant import derived_values, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def pulled(points: float) -> dict[str, np.ndarray]:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["o2"][FIRST:LAST] -= points
    return raw | derived_values(raw)


def largest(scores, first: int, last: int) -> float:
    return max((float(np.nanmax(one.scores[:, first:last])) for one in scores), default=0.0)


@pytest.mark.parametrize("points", [3.0, 1.5])
def test_oxygen_that_steps_down_while_the_gases_stay_stands_out(points: float) -> None:
    found = oxygen_tampered.run(make_site(pulled(points), accepted=ACCEPTED))
    assert largest(found, FIRST, LAST) > 6
    assert largest(found, ACCEPTED, FIRST) < oxygen_tampered.DETECTOR.floor


def test_a_small_step_is_found_even_where_the_gases_cannot_tell_it_from_zero_gas() -> None:
    site = make_site(pulled(0.8), accepted=ACCEPTED)
    found = max(largest(detector.run(site), FIRST, LAST) for detector in (oxygen_tampered, diluted_with_zero_gas))
    assert found > 6


def test_air_let_in_raises_the_oxygen_and_is_not_this() -> None:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["o2"][FIRST:LAST] += 1.5
    found = oxygen_tampered.run(make_site(raw, accepted=ACCEPTED))
    assert largest(found, FIRST, LAST) < oxygen_tampered.DETECTOR.floor


def test_oxygen_that_follows_the_load_is_honest() -> None:
    found = oxygen_tampered.run(make_site(honest_values(first=7400), accepted=ACCEPTED))
    assert largest(found, ACCEPTED, 3600) < oxygen_tampered.DETECTOR.floor


def test_a_single_wild_reading_is_the_instruments() -> None:
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["o2"][FIRST] = 2.0
    found = oxygen_tampered.run(make_site(raw, accepted=ACCEPTED))
    assert largest(found, FIRST, LAST) < oxygen_tampered.DETECTOR.floor


def test_a_step_is_the_difference_of_two_neighbouring_means() -> None:
    step = step_of_means(np.array([[1.0, 1.0, 3.0, 5.0, np.nan, 5.0]]), width=2)
    np.testing.assert_array_equal(step, [[np.nan, np.nan, 1.0, 3.0, 3.0, 1.0]])
