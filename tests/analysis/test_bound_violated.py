from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.detectors.bound_violated import run
from analysis.model.metadata import Channel, Site
from analysis.model.site import SiteData
from tests.analysis.plant import make_grid

HOURS = 600


def channel(name: str, quantity: str, statistic: str, *, interval_s: int = 3600, **options) -> Channel:
    return Channel("S01", "W1", name, "water", quantity, statistic, "mg/L", interval_s, **options)


def site_of(channels: tuple[Channel, ...], values: list[np.ndarray], *more) -> SiteData:
    grids = {channels[0].interval_s: make_grid(channels, np.stack(values), accepted=HOURS // 2)}
    for grid in more:
        grids[grid.interval_s] = grid
    return SiteData(site=Site("S01", "plant", "sewage", channels), grids=grids)


def findings(site: SiteData) -> dict[tuple[str, ...], list[int]]:
    return {one.targets[0].channels: np.flatnonzero(one.scores[0] >= 1).tolist() for one in run(site)}


def extremes() -> tuple[tuple[Channel, ...], list[np.ndarray]]:
    mean = np.round(30 + 5 * np.sin(np.arange(HOURS) / 7.0), 1)
    names = (("cod_min", "min"), ("cod", "avg"), ("cod_max", "max"))
    return tuple(channel(n, "cod", s) for n, s in names), [mean - 2, mean, mean + 3]


def test_a_mean_outside_its_extremes_is_found() -> None:
    channels, values = extremes()
    assert findings(site_of(channels, values)) == {}
    values[1][400] = values[2][400] + 0.3
    assert findings(site_of(channels, values)) == {("cod_min", "cod", "cod_max"): [400]}


def test_rounding_beside_a_bound_is_none() -> None:
    channels, values = extremes()
    values[1][400] = values[2][400] + 0.05
    assert findings(site_of(channels, [np.round(v, 1) for v in values])) in ({}, {("cod_min", "cod", "cod_max"): []})


def test_a_counter_that_falls_is_found_and_one_that_is_reset_is_not() -> None:
    total = 1000 + np.cumsum(np.full(HOURS, 2.0))
    total[400:] -= 50
    assert findings(site_of((channel("sum", "flow", "total"),), [total])) == {("sum",): [400]}
    reset = 1000 + np.cumsum(np.full(HOURS, 2.0))
    reset[400:] -= reset[400] - 1
    assert findings(site_of((channel("sum", "flow", "total"),), [reset])) == {}


def test_ammonia_above_total_nitrogen_is_found_beyond_what_two_instruments_may_differ() -> None:
    nh3n = np.full(HOURS, 8.0)
    tn = np.full(HOURS, 10.0)
    tn[400], tn[401] = 7.5, 5.0
    channels = (channel("tn", "tn", "avg"), channel("nh3n", "nh3n", "avg"))
    assert findings(site_of(channels, [tn, nh3n])) == {("tn", "nh3n"): [401]}


@pytest.mark.parametrize(("valid", "expected"), [(45, []), (44, [3])])
def test_an_hour_that_counts_with_too_few_valid_minutes_is_found(valid: int, expected: list[int]) -> None:
    minutes = channel("cod_m", "cod", "rtd", interval_s=60)
    hour = channel("cod", "cod", "avg", derived_from=("cod_m",), formula="mean")
    values = np.full((1, 60 * 6), 30.0)
    flags = np.zeros((1, 60 * 6), dtype=np.uint8)
    flags[0, 3 * 60 + valid : 4 * 60] = 2
    grid = make_grid((minutes,), values, accepted=0, flags=flags)
    site = site_of((hour,), [np.full(6, 30.0)], grid)
    found = findings(site)
    assert found.get(("cod",), []) == expected
    # a lost minute makes no mismatch: nobody knows what it held
    present = np.ones((1, 60 * 6), dtype=bool)
    present[0, 3 * 60] = False
    lossy = replace(
        site, grids={**site.grids, 60: make_grid((minutes,), values, accepted=0, flags=flags, present=present)}
    )
    assert findings(lossy) == {}
