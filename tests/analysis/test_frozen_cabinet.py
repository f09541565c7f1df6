from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.detectors.frozen_cabinet import DETECTOR, held_together, run
from tests.analysis import naive
from tests.analysis.plant import honest_site, honest_values, make_site
from tests.analysis.series import alerts

FIRST, LAST = 2500, 2530
OUTLET = ("nox", "co", "o2", "temp", "pressure", "humidity", "velocity")


def frozen(*names: str):
    raw = honest_values()
    for name in names:
        raw[name][FIRST:LAST] = raw[name][FIRST]
    return make_site(raw, accepted=2160)


def hours_held(data) -> list[int]:
    found = [np.flatnonzero(row >= DETECTOR.floor) for one in run(data) for row in one.scores]
    return sorted(int(hour) for hours in found for hour in hours)


def test_a_cabinet_that_hangs_is_told_at_the_third_equal_row() -> None:
    assert hours_held(frozen(*OUTLET)) == list(range(FIRST + 2, LAST))
    (scores,) = run(frozen(*OUTLET))
    assert scores.starts[0, FIRST + 5] == FIRST
    assert scores.scores[0, FIRST + 5] == len(OUTLET)


def test_held_pollutants_alone_are_no_fault_of_the_cabinet() -> None:
    assert hours_held(frozen("nox", "co")) == []
    assert hours_held(frozen("nox", "co", "o2", "temp")) == []
    assert hours_held(honest_site(accepted=2160)) == []


def test_sensors_that_no_limit_is_about_need_not_be_all() -> None:
    assert hours_held(frozen("temp", "pressure", "humidity")) == list(range(FIRST + 2, LAST))


def test_it_agrees_with_plain_loops() -> None:
    rng = np.random.default_rng(3)
    length, start = rng.integers(1, 6, (6, 200)), rng.integers(0, 3, (6, 200))
    nats = 4.0 * length
    live, regulated = np.array([1, 1, 1, 0, 1, 1], dtype=bool), np.array([1, 0, 0, 0, 0, 0], dtype=bool)
    held, since = held_together(length, start, nats, live=live, regulated=regulated)
    twin = naive.held_together(length, start, nats, live, regulated)
    assert held.tolist() == [one[0] for one in twin]
    assert since.tolist() == [one[1] for one in twin]
    assert (held > 0).sum() > 5


def test_nobody_is_accused_of_what_a_hung_cabinet_shows() -> None:
    from analysis.battery import Settings, analyse_sites
    from analysis.detectors import registered
    from analysis.detectors.stuck_value import DETECTOR as STUCK

    assert alerts(frozen(*OUTLET), STUCK)
    both = [one for one in registered() if one.name in ("stuck_value", "narrow_band", "frozen_cabinet")]
    found = analyse_sites([frozen(*OUTLET)], Settings(1.0, "Asia/Shanghai"), both)
    assert not [one for one in found if one.alert and one.end_s > FIRST * 3600]
    assert "instrument_fault" in {one.fault for one in found}


def test_a_point_with_two_quantities_is_not_judged() -> None:
    data = frozen("nox", "temp")
    rows = [0, 3]
    grid = data.grids[3600]
    few = replace(
        grid,
        channels=tuple(grid.channels[row] for row in rows),
        **{name: getattr(grid, name)[rows] for name in ("values", "raw", "flags", "present", "arrival")},
    )
    assert run(replace(data, grids={3600: few})) == []
