"""The second source writes what the dataset format asks for, the same for the same seed, and its labels are true."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.dataset.reader import read_dataset
from tests.evaluation.second_source import cohorts, turbine
from tests.evaluation.second_source.innocent import CONTROLS
from tests.evaluation.second_source.outcome import Outcome, build
from tests.evaluation.second_source.placing import CLASSES, LEVELS
from tests.evaluation.second_source.plant import Channel, Point, Site
from tests.evaluation.second_source.section import text

SEED = 11
DAY_S = 86400


def _site(injection: str, level: str) -> Site:
    return next(cohorts.injected(SEED, 1, (injection,), (level,)))


def _accused(site: Site) -> list[tuple[Channel, slice]]:
    truth = site.truth[0]
    named = [name.split("/") for name in truth.channels]
    channels = [site.points[point].channels[channel] for point, channel in named]
    return [(c, c.window(site.start_s, truth.start_s, truth.end_s)) for c in channels]


def test_the_program_reads_the_dataset_without_a_warning(tmp_path: Path) -> None:
    sites = [*cohorts.honest(SEED, 2), _site("I20", "L1"), *cohorts.innocent(SEED, 1, ("equal_again",))]
    cohort = build("mixed", sites, tmp_path)
    with read_dataset(cohort.dataset) as dataset:
        assert dataset.warnings == []
        assert dataset.points_read == cohort.rows


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for run in ("one", "two"):
        build(run, cohorts.honest(SEED, 2), tmp_path)
    first = sorted((tmp_path / "one").rglob("*.*"))
    second = sorted((tmp_path / "two").rglob("*.*"))
    assert [p.name for p in first] == [p.name for p in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("injection", CLASSES)
def test_every_class_lies_in_the_judged_period(injection: str) -> None:
    for level in LEVELS[::3]:
        site = _site(injection, level)
        truth = site.truth[0]
        assert truth.class_name == CLASSES[injection]
        assert site.accepted_s < truth.start_s < truth.end_s < site.end_s
        assert {name.split("/")[0] for name in truth.channels} <= set(site.points)
        assert all(rows.stop > rows.start for _, rows in _accused(site)[:1])


@pytest.mark.parametrize("name", CONTROLS)
def test_every_innocent_event_is_labelled_as_such(name: str) -> None:
    (site,) = cohorts.innocent(SEED, 1, (name,))
    (truth,) = site.truth
    assert not truth.falsified
    assert site.accepted_s <= truth.start_s < truth.end_s <= site.end_s


def test_a_constant_is_one_value() -> None:
    channel, rows = _accused(_site("I1", "L1"))[0]
    normal = channel.rounded()[rows][channel.flags[rows] == "N"]
    assert np.unique(normal[np.isfinite(normal)]).size == 1


def test_a_clip_leaves_equal_maxima() -> None:
    channel, rows = _accused(_site("I7", "L2"))[0]
    values = channel.rounded()[rows][channel.flags[rows] == "N"]
    assert np.mean(values == np.nanmax(values)) > 0.05


def test_a_replay_equals_an_earlier_window() -> None:
    channel, rows = _accused(_site("I8", "L1"))[0]
    values, width = channel.rounded(), rows.stop - rows.start
    per_day = DAY_S // channel.interval_s
    shares = [
        np.mean(values[rows] == values[rows.start - lag : rows.stop - lag])
        for lag in range(width, rows.start + 1, per_day)
    ]
    assert max(shares) > 0.85  # calibrations and gaps of either window stay their own


def test_flagged_hours_exceed_the_limit() -> None:
    site = _site("I15", "L1")
    judged = [(c, rows) for c, rows in _accused(site) if c.limit is not None]
    finest, rows = min(judged, key=lambda pair: pair[0].interval_s)
    assert finest.limit is not None
    still_normal = finest.exact[rows][finest.flags[rows] == "N"]
    per_hour = max(1, 3600 // finest.interval_s)
    assert np.nanquantile(still_normal, 0.999) <= finest.limit * (1.0 if per_hour == 1 else 1.6)


def test_a_late_edit_comes_after_its_rows_and_differs() -> None:
    site = _site("I20", "L2")
    channel, rows = _accused(site)[0]
    sent = channel.rounded()
    assert channel.resent
    for index, value, received_s in channel.resent:
        assert rows.start <= index < rows.stop
        assert value != sent[index]
        assert received_s >= site.truth[0].known_s > site.truth[0].end_s


def test_equal_retransmission_repeats_what_was_sent() -> None:
    (site,) = cohorts.innocent(SEED, 1, ("equal_again",))
    for _, channel in site.channels():
        sent = channel.rounded()
        assert all(value == sent[index] for index, value, _ in channel.resent)


def test_derived_values_of_honest_sites_follow_from_what_is_sent() -> None:
    """Within the worst case of all roundings, be the logger computing from exact or from rounded numbers."""
    for site in cohorts.honest(SEED, 6):
        for point in site.points.values():
            for channel in point.channels.values():
                if channel.formula == "oxygen_conversion":
                    _check_conversion(point, channel)


def _check_conversion(point: Point, channel: Channel) -> None:
    gas, oxygen = (point.channels[name] for name in channel.sources)
    assert point.reference_oxygen_pct is not None
    room = 21.0 - oxygen.rounded()
    near = (channel.flags == "N") & (room > 2.0) & (gas.exact > (gas.detection_limit or 0.0))
    factor = (21.0 - point.reference_oxygen_pct) / np.where(near, room, 1.0)
    expected = gas.rounded() * factor
    half_gas, half_oxygen = float(np.max(gas.step)) / 2, float(np.max(oxygen.step)) / 2
    allowed = half_gas * factor + np.abs(expected) * half_oxygen / np.where(near, room - half_oxygen, 1.0)
    allowed = 1.1 * allowed + float(np.max(channel.step)) / 2
    assert np.all(np.abs(channel.rounded() - expected)[near] <= allowed[near] + 1e-9)


def test_a_sum_adds_the_normal_parts_and_nothing_for_the_others() -> None:
    hours = Channel("kg", "nox", "cou", "kg", 3600, np.arange(48.0), 0.001)
    hours.flags[:3] = "C"
    hours.flags[24:30] = "C"
    day = Channel("kg_day", "nox", "cou", "kg", DAY_S, np.zeros(2), 0.001, "sum", ("kg",))
    Point("A1", "air", {"kg": hours, "kg_day": day}).derive()
    assert day.exact[0] == pytest.approx(sum(range(3, 24)))
    assert np.isnan(day.exact[1])  # 18 valid hours make no day


def test_sites_of_the_real_series_hold_no_frozen_analyser() -> None:
    for k in range(5):
        site = turbine.turbine(np.random.default_rng(k), "T", history_d=45, judged_d=36)
        nox = site.points["A1"].channels["nox"].exact
        begins = np.flatnonzero(np.diff(nox) != 0)
        assert np.diff(begins).max() <= turbine.LONGEST_HOLD


def test_the_truth_file_says_what_the_sites_bear(tmp_path: Path) -> None:
    site = _site("I4", "L2")
    build("one", [site], tmp_path)
    (written,) = json.loads((tmp_path / "one" / "truth.json").read_text(encoding="utf-8"))
    assert (written["injection"], written["start_s"]) == ("I4", site.truth[0].start_s)


def test_a_failed_run_is_told_on_the_page() -> None:
    lines = list(text([Outcome(1.0, crashes=["honest: exit 1"])], SEED))
    assert lines[-1] == "The program failed at budget 1: honest: exit 1"
