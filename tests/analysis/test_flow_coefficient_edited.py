from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors import flow_coefficient_edited
from analysis.detectors.level_shift import level_shift, onset
from tests.analysis.plant import derived_values, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def edited(factor: float) -> dict[str, np.ndarray]:
    """The coefficient itself: velocity, flow and mass all follow, every identity holds."""
    raw = {name: values.copy() for name, values in honest_values().items()}
    raw["velocity"][FIRST:LAST] = np.round(factor * raw["velocity"][FIRST:LAST], 2)
    return raw | derived_values(raw)


def largest(scores, first: int, last: int) -> float:
    return max((float(np.nanmax(one.scores[:, first:last])) for one in scores), default=0.0)


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.85, 0.93, 1.3])
def test_flow_that_leaves_the_load_stands_out(factor: float) -> None:
    found = flow_coefficient_edited.run(make_site(edited(factor), accepted=ACCEPTED))
    assert largest(found, FIRST, LAST) > 6
    assert largest(found, FIRST, LAST) > 1.4 * largest(found, 0, FIRST)
    day = next(one for one in found if one.stream == "24h")
    assert day.evidence["change_pct"][0, FIRST + 60] == pytest.approx(100 * (factor - 1), abs=4)


def test_flow_that_follows_the_load_is_honest() -> None:
    for first in (0, 7400):
        raw = honest_values(first=first)
        found = flow_coefficient_edited.run(make_site(raw | derived_values(raw), accepted=ACCEPTED))
        assert largest(found, ACCEPTED, 3600) < 1.3 * max(largest(found, 0, ACCEPTED), 4.0)


def test_without_a_load_or_accepted_history_nothing_is_said() -> None:
    values = edited(0.5)
    assert flow_coefficient_edited.run(make_site(values, accepted=0)) == []
    alone = {name: values[name] for name in ("velocity", "flow")}
    assert flow_coefficient_edited.run(make_site(alone, accepted=ACCEPTED, facilities=())) == []


def test_the_onset_is_the_hour_after_the_last_quiet_one() -> None:
    z = np.array([0.2, 0.1, 3.0, 4.0, 5.0, 5.0, 5.0])
    assert onset(z, window=24).tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_a_shift_that_is_over_scores_nothing_more() -> None:
    rng = np.random.default_rng(2)
    residual = rng.normal(0, 1, 1500)
    residual[1000:1100] += 3
    shift = level_shift(residual, reference=np.arange(1500) < 900, window=72)
    assert shift is not None
    assert shift.z[1090] > 8
    assert abs(shift.z[1115]) < 4
    assert level_shift(residual, reference=np.arange(1500) < 10, window=72) is None


def test_a_level_that_hardly_moved_in_accepted_hours_may_wander_by_what_any_meter_does() -> None:
    rng = np.random.default_rng(4)
    residual = rng.normal(0, 0.002, 1500)
    residual[1000:] += 0.01
    sharp, blunt = (
        level_shift(residual, reference=np.arange(1500) < 900, window=24, least_deviation=least)
        for least in (0.0, flow_coefficient_edited.LEAST_DEVIATION)
    )
    assert sharp is not None
    assert blunt is not None
    assert sharp.z[1030] > 8
    assert abs(blunt.z[1030]) < 4
