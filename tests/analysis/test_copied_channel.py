from dataclasses import replace

import numpy as np
import pytest

from analysis.detectors.copied_channel import (
    DETECTOR,
    LARGE,
    averaged,
    changes,
    coupling_excess,
    joint_changes,
    may_be_copied,
)
from analysis.model.site import SiteData
from tests.analysis import naive
from tests.analysis.series import alerts, channel, honest, site

TEMPERATURE = channel("temperature", quantity="stack_temperature", unit="Cel")


def test_correlation_agrees_with_the_plain_loop() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, (2, 1, 60))
    one[0, 40] = np.nan
    r, n = joint_changes(one, other, width=24)
    assert np.isnan(r[0, 22])
    for end in (24, 45, 60):
        window = one[0, end - 24 : end].tolist(), other[0, end - 24 : end].tolist()
        expected = naive.correlation_of_changes(*window, LARGE)
        assert r[0, end - 1] == pytest.approx(expected)
    assert n[0, 59] == 23


def test_excess_is_on_fishers_scale_and_none_for_pairs_that_belong_together() -> None:
    r, n = np.array([[0.99], [0.99], [0.6], [-0.99]]), np.full((4, 1), 18.0)
    excess = coupling_excess(r, n, usual=np.array([0.2, 0.8, 0.2, 0.2]), width=24)
    assert excess[0, 0] == pytest.approx((np.arctanh(0.99) - np.arctanh(0.2)) * np.sqrt(18 / 24))
    assert excess[1, 0] == 0.0
    assert excess[2, 0] < DETECTOR.floor
    assert excess[3, 0] < 0.0


def test_an_image_has_a_correlation_of_one_however_large_its_changes_are() -> None:
    one = np.random.default_rng(7).normal(0, 1, (1, 60)) ** 3
    assert joint_changes(one, 9.0 * one, width=24)[0][0, -1] == pytest.approx(0.9999)


def test_two_channels_that_one_load_moves_from_time_to_time_do_not_alert() -> None:
    rng = np.random.default_rng(8)
    load = np.cumsum(
        np.where(rng.random(2000) < np.where(np.arange(2000) < 1300, 0.05, 0.4), rng.normal(0, 9, 2000), 0)
    )
    values = np.abs(honest(rng, 2000) + 3.0 * load)
    other = honest(rng, 2000, mean=90.0, spread=3.0) + load
    assert not alerts(site({channel(): values, TEMPERATURE: other}, n_accepted=1200), DETECTOR)


def test_an_image_of_the_temperature_alerts() -> None:
    rng = np.random.default_rng(2)
    values, temperature = honest(rng, 2000), honest(rng, 2000, mean=90.0, spread=3.0)
    values[1500:1572] = np.round(50 + 2.5 * (temperature[1500:1572] - 90), 1)
    found = alerts(site({channel(): values, TEMPERATURE: temperature}, n_accepted=1200), DETECTOR)
    assert [(one.fault, one.channels) for one in found] == [("copied_channel", ("nox",))]
    assert found[0].evidence["source"] == "temperature"
    assert "follow temperature " in found[0].explanation["en"]


def test_one_joint_jump_of_two_channels_at_rest_proves_nothing() -> None:
    one, other = np.zeros((2, 1, 60))
    one[0, 40], other[0, 40] = 4.0, 2.0
    assert np.isnan(joint_changes(one, other, width=24)[0]).all()
    rng = np.random.default_rng(6)
    values, temperature = honest(rng, 2000), honest(rng, 2000, mean=90.0, spread=3.0)
    for first in (1500, 1550):
        values[first : first + 24], temperature[first : first + 24] = values[first], temperature[first]
        values[first + 12 : first + 24] += 3.0
        temperature[first + 12 : first + 24] += 1.0
    assert not alerts(site({channel(): values, TEMPERATURE: temperature}, n_accepted=1200), DETECTOR)


def test_the_usual_change_of_an_analyser_that_holds_its_values_is_that_of_its_changes() -> None:
    levels = np.repeat(np.array([0.0, 1.0, 3.0, 1.0, 0.0, 2.0, 30.0]), 3)[None, :]
    change = changes(levels, np.array([18]))
    assert change[0, 3::3].tolist() == [0.5, 1.0, -1.0, -0.5, 1.0, 14.0]


def test_hours_in_which_neither_moved_are_no_evidence() -> None:
    one = np.tile([1.0, 0.0, -1.0, 0.5], 15)[None, :]
    r, n = joint_changes(one, one, width=24)
    assert (r[0, -1], n[0, -1]) == (pytest.approx(0.9999), 18)
    one[0, 1::2] = 0.0
    assert np.isnan(joint_changes(one, one, width=24)[0]).all()


def test_pairs_that_are_related_by_registration_are_left_alone() -> None:
    assert may_be_copied(channel(), TEMPERATURE)
    assert not may_be_copied(channel("nox"), channel("no", derived_from=("nox",)))
    assert not may_be_copied(channel("nox"), channel("nox_2", quantity="nox"))


def test_quantities_of_which_one_contains_the_other_are_left_alone() -> None:
    assert not may_be_copied(channel("tn"), channel("nh3n"))
    assert not may_be_copied(channel("nh3n"), channel("tn"))
    assert may_be_copied(channel("tn"), channel("nh3n", point="A2"))
    assert may_be_copied(channel("tn"), channel("tp"))


def test_a_flow_may_follow_what_drives_it() -> None:
    assert not may_be_copied(channel("flow"), channel("power", point="P1", medium="power"))
    assert not may_be_copied(channel("flow"), channel("velocity"))
    assert may_be_copied(channel("flow"), TEMPERATURE)


def test_a_start_and_stop_of_everything_does_not_alert() -> None:
    rng = np.random.default_rng(3)
    values, temperature = honest(rng, 2000), honest(rng, 2000, mean=90.0, spread=3.0)
    for first in (1500, 1520, 1540):
        values[first : first + 8], temperature[first : first + 8] = 2.0, 25.0
    assert not alerts(site({channel(): values, TEMPERATURE: temperature}, n_accepted=1200), DETECTOR)


def test_means_over_longer_cells_start_where_the_target_does() -> None:
    levels = np.array([[9.0, 1.0, 3.0, 5.0, np.nan, 7.0, 9.0]])
    means = averaged(levels, lead=1, per=2, n_cells=4)
    assert np.array_equal(means, [[2.0, np.nan, 8.0, np.nan]], equal_nan=True)


def two_hourly(rng, *, copied):
    """An analyser of two hours beside an hourly flow, and the site that holds both."""
    cod = channel("cod", medium="water", unit="mg/L", interval_s=7200)
    flow_of = channel("flow", medium="water", unit="m3/h")
    flow, values = honest(rng, 4000, mean=90.0, spread=9.0), honest(rng, 2000)
    if copied:
        values[1500:1572] = np.round(50 + 0.8 * (flow.reshape(-1, 2).mean(axis=1)[1500:1572] - 90), 1)
    slow = site({cod: values}, n_accepted=1200, interval_s=7200)
    fast = site({flow_of: flow}, n_accepted=2400)
    registered = replace(slow.site, channels=(cod, flow_of))
    return SiteData(site=registered, grids={**slow.grids, **fast.grids})


def test_an_image_of_the_mean_of_a_flow_that_reports_more_often_alerts() -> None:
    found = alerts(two_hourly(np.random.default_rng(4), copied=True), DETECTOR)
    assert [(one.fault, one.channels, one.evidence["source"]) for one in found] == [
        ("copied_channel", ("cod",), "flow")
    ]


def test_an_analyser_beside_an_unrelated_flow_does_not_alert() -> None:
    assert not alerts(two_hourly(np.random.default_rng(5), copied=False), DETECTOR)
