"""The signals of simulated sites obey the arithmetic of honest instruments, and lie only where the labels say so."""

import numpy as np
import pytest

from simulators.fleet import falsify, outlet, stack, statistics
from simulators.fleet.site import Edition, make_fleet, make_site

START = 1_795_305_600.0  # 2026-11-22 00:00 in China
WEEK = START + np.arange(0.0, 14 * 86400.0, 300.0)
STACK, OUTLET = make_site(2), make_site(3)


@pytest.mark.parametrize("site", [STACK, OUTLET], ids=["stack", "outlet"])
def test_a_signal_is_the_same_whenever_and_with_whatever_it_is_asked_for(site):
    whole = falsify.honest(site, WEEK)
    chosen = np.random.default_rng(3).permutation(len(WEEK))[:200]
    part = falsify.honest(site, WEEK[chosen])
    for code, values in part.values.items():
        np.testing.assert_array_equal(values, whole.values[code][chosen])
        np.testing.assert_array_equal(part.flags[code], whole.flags[code][chosen])


def test_converted_values_and_flow_follow_from_the_other_channels():
    seen = stack.signals(STACK, WEEK)
    oxygen = seen.values["a19001"]
    for code, converted in seen.converted.items():
        has_value = ~np.isnan(converted)
        assert has_value.mean() > 0.9
        np.testing.assert_allclose(
            converted[has_value] * (21.0 - oxygen[has_value]), seen.values[code][has_value] * 15.0, rtol=1e-9
        )
    velocity, temperature = seen.values["a01011"], seen.values["a01012"]
    flow = velocity * STACK.duct_area_m2 * 273.0 / (273.0 + temperature)
    flow *= (101.325 + seen.values["a01013"]) / 101.325 * (1.0 - seen.values["a01014"] / 100.0)
    np.testing.assert_allclose(seen.values["a00000"], flow, rtol=1e-12)


def test_load_drives_flow_and_oxygen_and_a_standing_plant_is_flagged():
    site = next(site for site in make_fleet(40) if site.is_stack and (stack.availability(site, WEEK) == 0).any())
    seen, relative_load = stack.signals(site, WEEK), stack.load(site, WEEK)
    assert np.corrcoef(relative_load, seen.values["a00000"])[0, 1] > 0.95
    is_normal = seen.flags["a19001"] == "N"
    assert np.corrcoef(relative_load[is_normal], seen.values["a19001"][is_normal])[0, 1] < -0.7
    stands = relative_load == 0
    assert set(seen.flags["a01011"][stands]) == {"F"}
    assert seen.values["a01011"][stands].max() < 1.5
    assert np.median(seen.values["a19001"][stands]) == pytest.approx(20.9, abs=0.1)


def test_the_gas_analyser_is_calibrated_twenty_minutes_a_day_and_says_so():
    times = START + np.arange(0.0, 86400.0, 60.0)
    seen = stack.signals(STACK, times)
    is_calibrating = seen.flags["a21026"] == "C"
    assert is_calibrating.sum() == 20
    assert np.ptp(np.flatnonzero(is_calibrating)) == 19
    assert seen.values["a21026"][is_calibrating].max() > 150.0
    assert set(seen.flags["a01011"]) <= {"N", "F"}


def test_water_analysers_hold_a_result_for_two_hours_and_nitrogen_holds_ammonia():
    times = START + np.arange(0.0, 10 * 86400.0, 60.0)
    seen = outlet.signals(OUTLET, times)
    normal = (seen.flags["w01018"] == "N") & (seen.flags["w21001"] == "N")
    assert (seen.values["w21001"] >= seen.values["w21003"])[normal].all()
    steps = np.flatnonzero(np.diff(seen.values["w01018"]) != 0)
    assert set(np.diff(steps)) == {120}
    drawn = outlet.sample_time(OUTLET, times)
    assert (drawn <= times - 3600.0).all()
    assert (drawn > times - 3600.0 - 7200.0).all()


def test_the_totaliser_is_the_integral_of_the_flow():
    times = START + np.arange(0.0, 86401.0, 10.0)
    volume = outlet.totaliser(OUTLET, times[[0, -1]])
    middles = outlet.flow(OUTLET, times[:-1] + 5.0)
    assert volume[1] - volume[0] == pytest.approx(middles.sum() * 10.0 / 1000.0, rel=1e-6)
    assert (np.diff(outlet.totaliser(OUTLET, times)) > 0).all()


def test_hours_are_made_of_minutes_and_days_of_hours():
    for site in (STACK, OUTLET):
        begin = int(START)
        minutes = [statistics.minute(site, start) for start in range(begin, begin + 3600, 600)]
        hour = statistics.hour(site, begin)
        for code, figures in hour.items():
            valid = [part[code] for part in minutes if part[code].flag == "N"] or [part[code] for part in minutes]
            assert figures.average == pytest.approx(np.mean([part.average for part in valid]))
            assert figures.minimum - 1e-9 <= figures.average <= figures.maximum + 1e-9
        day = statistics.day(site, begin)
        flow = "a00000" if site.is_stack else "w00000"
        hours = [statistics.hour(site, start)[flow] for start in range(begin, begin + 86400, 3600)]
        assert day[flow].total == pytest.approx(sum(part.total for part in hours))


def test_water_volume_and_mean_flow_of_a_period_agree():
    figures = statistics.minute(OUTLET, int(START))["w00000"]
    assert figures.average * 600.0 / 1000.0 == pytest.approx(figures.total)


@pytest.mark.parametrize("name", sorted(falsify.FALSIFICATIONS))
def test_a_falsification_changes_the_signal_where_it_is_labelled_and_nowhere_else(name):
    site = next(s for s in make_fleet(400, falsified_share=1.0) if s.falsification == name and s.is_stack)
    times = START + np.arange(0.0, 7 * 86400.0, 60.0)
    honest, reported = falsify.honest(site, times), falsify.reported(site, times)
    channel = "a19001" if name == "oxygen_lowered" else "a21026"
    labels = falsify.truth(site, begin_s=START, end_s=float(times[-1]) + 60.0)
    assert labels
    is_labelled = np.zeros(len(times), dtype=bool)
    for label in labels:
        assert (label["mn"], label["class"], label["channel"]) == (site.mn, name, channel)
        is_labelled |= (times >= label["begin"]) & (times < label["end"])
    differs = honest.flags[channel] != reported.flags[channel]
    differs |= honest.values[channel] != reported.values[channel]
    assert not differs[~is_labelled].any()
    assert differs[is_labelled].mean() > (0.02 if name in ("clipped_at_limit", "false_flags") else 0.8)


def test_falsified_converted_values_still_agree_with_the_falsified_oxygen():
    site = next(s for s in make_fleet(400, falsified_share=1.0) if s.falsification == "oxygen_lowered")
    seen = falsify.reported(site, WEEK)
    has_value = ~np.isnan(seen.converted["a21026"])
    np.testing.assert_allclose(
        (seen.converted["a21026"] * (21.0 - seen.values["a19001"]))[has_value],
        (seen.values["a21026"] * 15.0)[has_value],
        rtol=1e-9,
    )


def test_a_fleet_has_three_editions_both_kinds_and_is_the_same_for_the_same_seed():
    fleet = make_fleet(20, seed=7)
    assert {site.edition for site in fleet} == set(Edition)
    assert {site.is_stack for site in fleet} == {True, False}
    assert len({site.mn for site in fleet}) == 20
    assert all(len(site.mn) == (14 if site.edition is Edition.E2005 else 24) for site in fleet)
    assert len(frozenset[str]().union(*(site.habits for site in fleet))) == 11
    assert fleet == make_fleet(20, seed=7) != make_fleet(20, seed=8)
