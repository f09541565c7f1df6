"""Honest sites obey the arithmetic they declare, arrive in order, and are the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulators.falsification import fleet
from simulators.falsification.assembly import build_site
from simulators.falsification.controls import CONTROLS
from simulators.falsification.dataset import write_dataset
from simulators.falsification.site import DAY_S, Channel, Point, Site
from simulators.falsification.turbine import build_turbine, last_year, load

TURBINE = Path(__file__).resolve().parents[1] / "data" / "gasturbine_hourly_2011_2013.csv.gz"


def honest_sites(count: int, kind: str, interval_s: int = 3600) -> list[Site]:
    return [
        build_site(np.random.default_rng([3, k]), f"S{k}", kind, seed=3, interval_s=interval_s) for k in range(count)
    ]


def pairs(sites: list[Site], formula: str) -> list[tuple[Point, Channel, list[Channel]]]:
    return [
        (point, channel, [point[name] for name in channel.sources])
        for site in sites for point in site.points for channel in point.channels if channel.formula == formula
    ]  # fmt: skip


def parts_of(point: Point, sources: list[Channel]) -> list[np.ndarray]:
    return [s.values if point.computes_from_reported else s.held(s.exact) for s in sources]


def test_converted_values_follow_the_oxygen_formula():
    found = pairs(honest_sites(12, "stack"), "oxygen_conversion")
    assert len(found) > 10
    for point, channel, sources in found:
        value, oxygen = parts_of(point, sources)
        room = 21 - oxygen
        expected = value * (21 - point.reference_oxygen_pct) / np.where(room > 0.2, room, np.nan)
        usable = (channel.flags == "") & (room > 0.2)
        excess = 1.0 if channel.jitter is None else 1.0 + channel.jitter
        error = np.abs(channel.values - expected * excess)[usable]
        assert np.nanmax(error) <= 0.5001 * channel.step + 1e-9


def test_mass_is_concentration_times_flow():
    for point, channel, sources in pairs(honest_sites(8, "stack"), "mass"):
        concentration, flow = parts_of(point, sources)
        expected = np.maximum(concentration, 0) * flow * 1e-6
        error = np.abs(channel.values - expected)[channel.flags == ""]
        assert np.nanmax(error) <= 0.5001 * channel.step + 1e-9


def test_flow_gives_one_constant_when_solved_back():
    found = pairs(honest_sites(10, "stack"), "dry_standard_flow")
    assert found
    for point, channel, sources in found:
        velocity, temperature, pressure, humidity = parts_of(point, sources)
        running = velocity > 3
        factor = velocity * 273 / (273 + temperature) * (101_325 + pressure) / 101_325 * (1 - humidity / 100)
        constant = channel.values[running] / factor[running]
        assert np.ptp(constant) / np.median(constant) < 1e-3


def test_hours_are_means_of_their_valid_minutes():
    found = [p for p in pairs(honest_sites(4, "stack", interval_s=900), "mean") if p[1].interval_s == 3600]
    assert found
    for point, channel, (source,) in found:
        values = parts_of(point, [source])[0].reshape(-1, 4)
        good = ((source.flags == "") & np.isfinite(source.values)).reshape(-1, 4)
        enough = good.sum(axis=1) >= 3
        expected = np.nanmean(np.where(good, values, np.nan)[enough], axis=1)
        assert np.nanmax(np.abs(channel.values[enough] - expected)) <= 0.5001 * channel.step + 1e-9
        assert (channel.flags[~enough] != "").all()


def test_total_nitrogen_is_not_below_ammonia():
    for site in honest_sites(12, "outlet"):
        for point in site.points:
            ids = {channel.id for channel in point.channels}
            if {"tn", "nh3n"} <= ids:
                normal = (point["tn"].flags == "") & (point["nh3n"].flags == "")
                assert (point["tn"].values[normal] > 0.8 * point["nh3n"].values[normal]).mean() > 0.995


def test_treatment_runs_while_the_plant_runs():
    for site in honest_sites(6, "stack+power"):
        for facility in site.facilities:
            power = site.point(facility.channel.split("/")[0])["power"]
            if facility.kind == "treatment" and facility.run_kw is not None:
                assert (power.values[24:][site.running[24:]] > facility.run_kw).mean() > 0.95


@pytest.mark.parametrize("kind", ["stack", "outlet+power"])
def test_rows_arrive_after_their_interval_ends(kind: str):
    for site in honest_sites(4, kind):
        for point in site.points:
            for channel in point.channels:
                ends = site.start_s + (np.arange(channel.size) + 1) * channel.interval_s
                assert (channel.received_s >= ends).all()
                for again in channel.resent:
                    assert again.values is None
                    assert (again.received_s > channel.received_s[again.index]).all()


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        write_dataset(fleet.honest(5, 2), folder, truth=tmp_path / f"{folder.name}.json")
    for name in ("sites.json", "observations.parquet"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == []


def test_another_seed_writes_other_sites():
    first, second = (next(fleet.honest(seed, 1)) for seed in (5, 6))
    assert first.points[0].channels[0].values.tolist() != second.points[0].channels[0].values.tolist()


def test_the_dataset_has_the_columns_and_keys_of_the_contract(tmp_path: Path):
    write_dataset(
        fleet.injected(5, fleet.plan(["I21"], ["L1"], 1)), tmp_path / "dataset", truth=tmp_path / "truth.json"
    )
    rows = pq.read_table(tmp_path / "dataset" / "observations.parquet")
    assert rows.column_names == ["time", "point", "channel", "value", "flag", "received_at"]
    described = json.loads((tmp_path / "dataset" / "sites.json").read_text())
    site = described["sites"][0]
    assert described["time_zone"] == "Asia/Shanghai"
    assert {"id", "accepted_until", "points"} <= site.keys()
    known = {channel["id"] for point in site["points"] for channel in point["channels"]}
    for point in site["points"]:
        for channel in point["channels"]:
            assert {"id", "quantity", "statistic", "unit", "interval_s"} <= channel.keys()
            assert set(channel.get("derived_from", [])) <= known
    assert (tmp_path / "dataset" / "parameters.csv").read_text().startswith("time,point,channel,parameter,value,")
    assert "truth" not in {path.stem for path in (tmp_path / "dataset").iterdir()}


@pytest.mark.parametrize("name", CONTROLS)
def test_an_innocent_event_is_labelled_and_not_falsified(name: str):
    site = next(fleet.controls(9, 1, [name]))
    (label,) = site.truth
    assert not label.falsified
    assert label.injection.startswith(name)
    assert site.accepted_s <= label.start_s < label.end_s <= site.end_s


def test_the_real_series_is_reported_as_measured():
    site = build_turbine(
        np.random.default_rng(1), TURBINE, site_id="T", first_row=8000, start_s=0, accepted_days=30, days=60
    )
    nox = site.point("A1")["nox"]
    original = load(TURBINE)["NOX"][8000 : 8000 + nox.size]
    assert np.abs(nox.values - original).max() <= nox.step / 2 + 1e-9
    assert site.point("P1")["power"].values[0] == pytest.approx(load(TURBINE)["TEY"][8000] * 1000, abs=5)


def test_the_real_series_is_judged_in_its_last_year_only():
    first = last_year(TURBINE)
    years = load(TURBINE)["year"]
    orders = fleet.plan(["I1"], ["L1"], 3)
    sites = list(fleet.turbine(4, TURBINE, orders, 3))
    assert len(sites) == 6
    assert years[first] == 2013
    nox = load(TURBINE)["NOX"]
    for site in sites:
        judged = site.point("A1")["nox"]
        start = (site.accepted_s - site.start_s) // 3600
        honest = np.round(np.round(nox[first:] / judged.step) * judged.step, 9)
        window = judged.values[start : start + 5][judged.flags[start : start + 5] == ""]
        assert np.isin(window, honest).all()


def test_a_day_has_twenty_valid_hours_or_a_flag():
    days = [p for p in pairs(honest_sites(12, "stack"), "mean") if p[1].interval_s == DAY_S]
    assert days
    for _, channel, (source,) in days:
        good = ((source.flags == "") & np.isfinite(source.values)).reshape(-1, DAY_S // source.interval_s)
        assert ((good.mean(axis=1) >= 20 / 24) == (channel.flags == "")).all()
