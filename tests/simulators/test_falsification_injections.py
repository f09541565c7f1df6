"""Every falsification does what its label says, where it says, and nothing elsewhere."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from simulators.falsification import fleet
from simulators.falsification.assembly import build_site
from simulators.falsification.catalogue import INJECTIONS, LEVELS, applies, inject
from simulators.falsification.scene import Scene
from simulators.falsification.site import Channel, Site, Truth, grid_window


def falsified(name: str, level: int, variant: str, *, seed: int = 11, interval_s: int = 3600) -> tuple[Site, Site]:
    """An honest site and the same one falsified."""
    for attempt in range(20):
        rng = np.random.default_rng([seed, attempt])
        honest = build_site(rng, "S", "stack+power", seed=seed, interval_s=interval_s)
        false = copy.deepcopy(honest)
        if inject(false, name, level, variant, rng):
            return honest, false
    raise AssertionError(f"{name} fits on none of twenty sites")


def changed(honest: Channel, false: Channel) -> np.ndarray:
    same_values = (honest.values == false.values) | (np.isnan(honest.values) & np.isnan(false.values))
    touched = ~same_values | (honest.flags != false.flags) | (honest.present != false.present)
    for again in false.resent:
        if again.values is not None:
            touched[again.index] |= again.values != honest.values[again.index]
    return touched


def target(site: Site, label: Truth) -> Channel:
    point, channel = label.channels[0].split("/")
    return site.point(point)[channel]


@pytest.mark.parametrize("name", INJECTIONS)
@pytest.mark.parametrize("level", [0, 3])
def test_only_the_labelled_channels_change_and_only_inside_the_interval(name: str, level: int):
    interval_s = 900 if name == "I17" else 3600
    for variant in INJECTIONS[name].variants:
        honest, false = falsified(name, level, variant, interval_s=interval_s)
        (label,) = false.truth
        assert (label.class_name, label.level, label.variant) == (INJECTIONS[name].class_name, LEVELS[level], variant)
        assert false.accepted_s <= label.start_s < label.end_s <= false.end_s
        count = 0
        for before, after in zip(honest.points, false.points, strict=True):
            for was, now in zip(before.channels, after.channels, strict=True):
                where = np.flatnonzero(changed(was, now))
                if f"{after.id}/{now.id}" not in label.channels:
                    assert where.size == 0, now.id
                    continue
                count += where.size
                lo, hi = (label.start_s - false.start_s, label.end_s - false.start_s)
                assert (where * now.interval_s < hi).all()
                assert ((where + 1) * now.interval_s > lo).all()
        assert count > 0


def inside(site: Site, label: Truth, channel: Channel) -> np.ndarray:
    window = grid_window(channel, site.start_s, label.start_s, label.end_s)
    scene = Scene(
        site, site.point(label.point), channel, np.random.default_rng(0), label.start_s, label.end_s, 0, "lazy"
    )
    return channel.values[window][scene.normal()]


def test_a_constant_is_constant():
    _, false = falsified("I1", 1, "lazy")
    assert np.unique(inside(false, false.truth[0], target(false, false.truth[0]))).size == 1


def test_a_clip_repeats_its_maximum():
    _, false = falsified("I7", 0, "lazy")
    values = inside(false, false.truth[0], target(false, false.truth[0]))
    assert 0.15 < (values == values.max()).mean() < 0.3


def test_an_exact_replay_is_found_again_in_the_past():
    _, false = falsified("I8", 0, "lazy")
    label = false.truth[0]
    channel = target(false, label)
    start = (label.start_s - false.start_s) // channel.interval_s
    stop = (label.end_s - false.start_s) // channel.interval_s
    now = channel.values[start:stop]
    best = max((channel.values[s : s + now.size] == now).mean() for s in range(start - now.size + 1))
    assert best > 0.9


def test_air_dilutes_gases_and_the_oxygen_deficit_alike():
    honest, false = falsified("I11", 0, "line")
    label = false.truth[0]
    oxygen = [site.point(label.point)["o2"] for site in (honest, false)]
    window = grid_window(oxygen[1], false.start_s, label.start_s, label.end_s)
    deficit = [20.9 - channel.exact[window] for channel in oxygen]
    usable = (oxygen[0].flags[window] == "") & (deficit[0] > 1)
    assert np.median(deficit[1][usable] / deficit[0][usable]) == pytest.approx(0.5, abs=1e-6)
    converted = [n for n in label.channels if n.endswith("_zs")]
    for name in converted:
        before, after = (site.point(label.point)[name.split("/")[1]].values[window][usable] for site in (honest, false))
        assert np.nanmedian(after / before) == pytest.approx(1.0, abs=0.03)


def test_careful_scaling_carries_into_everything_computed_and_lazy_does_not():
    for variant, follows in (("careful", True), ("lazy", False)):
        honest, false = falsified("I4", 0, variant, seed=12)
        label = false.truth[0]
        name = label.channels[0].split("/")[1]
        zs = next((c for c in false.point(label.point).channels if name in c.sources), None)
        if zs is not None:
            was = honest.point(label.point)[zs.id]
            assert changed(was, zs).any() == follows


def test_exceedances_are_flagged_at_level_one():
    _, false = falsified("I15", 0, "lazy")
    label = false.truth[0]
    point = false.point(label.point)
    flagged = [c for c in point.channels if f"{point.id}/{c.id}" in label.channels and c.limit is not None]
    judged = max(flagged, key=lambda channel: channel.statistic.startswith("zs"))
    window = grid_window(judged, false.start_s, label.start_s, label.end_s)
    over = judged.values[window] > judged.limit
    assert over.sum() >= 5
    assert (judged.flags[window][over] != "").mean() > 0.95


def test_a_late_edit_arrives_after_the_rows_that_it_changes():
    _, false = falsified("I20", 0, "lazy")
    label = false.truth[0]
    channel = target(false, label)
    (edit,) = [again for again in channel.resent if again.values is not None]
    assert (edit.received_s > label.end_s).all()
    assert edit.received_s.max() < false.end_s
    assert label.known_s == edit.received_s.min()
    ratio = edit.values / channel.values[edit.index]
    assert np.nanmedian(ratio) == pytest.approx(0.5, abs=0.05)


def test_treatment_off_draws_nothing_while_the_plant_runs():
    _, false = falsified("I17", 0, "careful")
    label = false.truth[0]
    assert inside(false, label, target(false, label)).max() == 0.0
    assert false.runs(label.start_s, label.end_s).mean() > 0.7


def test_arithmetic_is_off_by_two_steps_at_the_hardest_level():
    honest, false = falsified("I19", 3, "lazy")
    label = false.truth[0]
    now = target(false, label)
    was = target(honest, label)
    gap = (was.values - now.values)[changed(was, now)]
    assert np.nanmax(np.abs(gap - 2 * now.step)) < 1e-6 or np.nanmin(now.values) == 0.0


def test_a_parameter_edit_stands_in_the_ledger_without_an_event():
    honest, false = falsified("I21", 0, "careful")
    assert [row[3:5] for row in false.parameters] == [("slope", 0.5), ("slope", 1.0)]
    assert false.events == honest.events


def test_every_level_of_every_class_fits_on_some_site():
    orders = fleet.plan(list(INJECTIONS), LEVELS, 1)
    built = {(s.truth[0].injection, s.truth[0].level) for s in fleet.injected(21, orders)}
    assert built == {(name, level) for name in INJECTIONS for level in LEVELS}


def test_a_place_needs_three_rows():
    site = build_site(np.random.default_rng(2), "S", "outlet", seed=2, interval_s=3600)
    for _, channel in applies(INJECTIONS["I1"], 3, site):
        assert channel.interval_s <= 3600
