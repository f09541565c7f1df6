from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors import diluted_with_air, diluted_with_zero_gas
from tests.analysis.plant import derived_values, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def diluted(share: float, *, first: int = FIRST, last: int = LAST) -> dict[str, np.ndarray]:
    """Zero gas in the sample line: gases and oxygen by one factor, derived channels recomputed."""
    raw = {name: values.copy() for name, values in honest_values().items()}
    for name in ("nox", "co", "o2"):
        raw[name][first:last] *= 1 - share
    return raw | derived_values(raw)


def largest(scores, first: int, last: int) -> float:
    return max((float(np.nanmax(one.scores[:, first:last])) for one in scores), default=0.0)


@pytest.mark.parametrize("share", [0.5, 0.3, 0.15, 0.08])
def test_zero_gas_in_the_line_stands_out(share: float) -> None:
    site = make_site(diluted(share), accepted=ACCEPTED)
    found = diluted_with_zero_gas.run(site)
    assert largest(found, FIRST, LAST) > 8
    assert largest(diluted_with_air.run(site), FIRST, LAST) < 4.5


def test_the_interval_accused_begins_where_the_gas_was_let_in() -> None:
    day = next(o for o in diluted_with_zero_gas.run(make_site(diluted(0.3), accepted=ACCEPTED)) if o.stream == "24h")
    assert abs(int(day.starts[0, FIRST + 60]) - FIRST) <= 6
    assert day.targets[0].channels == ("nox", "co", "o2", "nox_zs")  # converted values fall with them


def test_a_periodic_back_purge_of_minutes_and_honest_hours_stay_below_the_floor() -> None:
    raw = {name: values.copy() for name, values in honest_values().items()}
    for name in ("nox", "co", "o2"):
        raw[name][3::24] *= 0.97  # two minutes of zero gas in an hourly mean, every night
    for site in (make_site(raw, accepted=ACCEPTED), make_site(honest_values(), accepted=ACCEPTED)):
        assert largest(diluted_with_zero_gas.run(site), ACCEPTED, 3600) < diluted_with_zero_gas.DETECTOR.floor


def test_a_flagged_purge_is_not_looked_at() -> None:
    flags = np.zeros(3600, dtype=np.uint8)
    flags[FIRST : FIRST + 12] = 2
    site = make_site(
        diluted(0.8, last=FIRST + 12),
        accepted=ACCEPTED,
        flags=dict.fromkeys(("nox", "co", "o2", "nox_zs", "nox_mass"), flags),
    )
    assert largest(diluted_with_zero_gas.run(site), ACCEPTED, 3600) < diluted_with_zero_gas.DETECTOR.floor
