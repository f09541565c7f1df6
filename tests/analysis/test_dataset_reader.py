import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.dataset import DatasetError, read_dataset
from analysis.model.site import SiteData

HEADER = "time,point,channel,value,flag,received_at\n"
HOUR = 3600
START = 1_772_294_400  # 2026-03-01T00:00+08:00


def registered(**changes: object) -> dict[str, object]:
    channel = {"id": "nox", "quantity": "nox", "statistic": "avg", "unit": "mg/m3", "interval_s": HOUR}
    site = {
        "id": "S01",
        "name": "One",
        "industry": "cement",
        "points": [{"id": "A1", "medium": "air", "channels": [channel]}],
    }
    return {"time_zone": "Asia/Shanghai", "sites": [{**site, **changes}]}


def write(folder: Path, rows: str, *, sites: dict[str, object] | None = None, header: str = HEADER) -> Path:
    (folder / "sites.json").write_text(json.dumps(sites or registered(), indent=1))
    (folder / "observations.csv").write_text(header + rows)
    return folder


def read(folder: Path, **options: float) -> SiteData:
    with read_dataset(folder, **options) as dataset:
        (partition,) = dataset.partitions
        (site,) = partition.grids(partition.rows())
        return site


def test_times_with_and_without_offset_fall_on_one_grid(tmp_path: Path) -> None:
    rows = (
        "2026-03-01T01:00:00,S01/A1,nox,1.5,,\n2026-02-28T18:00:00Z,S01/A1,nox,2.5,N,\n"
        "2026-03-01T03:00:00+08:00,S01/A1,nox,,,\n"
    )
    grid = read(write(tmp_path, rows)).grids[HOUR]
    assert grid.start_s == START
    assert np.array_equal(grid.values[0], [np.nan, 1.5, 2.5, np.nan], equal_nan=True)
    assert grid.present[0].tolist() == [False, True, True, True]
    assert grid.available.tolist() == [START + HOUR * i for i in (2, 2, 3, 4)]  # the silent first hour: after the grace


def test_csv_gzip_and_parquet_are_read_as_one(tmp_path: Path) -> None:
    write(tmp_path, "2026-03-01T00:00:00+08:00,S01/A1,nox,1,,\n")
    with gzip.open(tmp_path / "observations_2.csv.gz", "wt") as file:
        file.write("flag,value,channel,point,time,colour\n,2,nox,S01/A1,2026-03-01T01:00:00+08:00,red\n")
    naive_time = pa.array([(START + 2 * HOUR + 8 * HOUR) * 1_000_000], pa.timestamp("us"))
    table = pa.table({"time": naive_time, "point": ["S01/A1"], "channel": ["nox"], "value": [3.0], "flag": ["N"]})
    pq.write_table(table, tmp_path / "observations_3.parquet")
    with read_dataset(tmp_path) as dataset:
        (partition,) = dataset.partitions
        assert partition.grids(partition.rows())[0].grids[HOUR].values[0].tolist() == [1.0, 2.0, 3.0]
        assert dataset.warnings == ["unknown columns ignored: observations_2.csv.gz: colour"]


def test_a_flagged_value_does_not_count_but_is_kept(tmp_path: Path) -> None:
    site = read(write(tmp_path, "2026-03-01T00:00:00+08:00,S01/A1,nox,7,M,\n"))
    grid = site.grids[HOUR]
    assert np.isnan(grid.values[0, 0])
    assert grid.raw[0, 0] == 7.0
    assert site.flag_names[grid.flags[0, 0]] == "M"


def test_a_later_row_is_a_revision_and_an_equal_one_at_the_same_time_is_none(tmp_path: Path) -> None:
    rows = (
        "2026-03-01T00:00:00+08:00,S01/A1,nox,5,,2026-03-09T00:00:00+08:00\n"
        "2026-03-01T00:00:00+08:00,S01/A1,nox,7,,2026-03-01T01:00:05+08:00\n"
        "2026-03-01T00:00:00+08:00,S01/A1,nox,7,,2026-03-01T01:00:05+08:00\n"
    )
    grid = read(write(tmp_path, rows)).grids[HOUR]
    assert grid.values[0, 0] == 7.0
    assert grid.revisions.value.tolist() == [5.0]
    assert grid.revisions.received_s.tolist() == [START + 8 * 86400]


def test_a_row_that_came_late_is_not_in_the_grid(tmp_path: Path) -> None:
    rows = (
        "2026-03-01T00:00:00+08:00,S01/A1,nox,5,,\n2026-03-01T01:00:00+08:00,S01/A1,nox,6,,2026-03-01T03:00:01+08:00\n"
        "2026-03-01T02:00:00+08:00,S01/A1,nox,8,,2026-03-01T03:59:00+08:00\n"
    )
    grid = read(write(tmp_path, rows)).grids[HOUR]
    assert np.array_equal(grid.values[0], [5.0, np.nan, 8.0], equal_nan=True)
    assert (grid.late.column.tolist(), grid.late.value.tolist()) == ([1], [6.0])


def test_until_leaves_out_what_had_not_come(tmp_path: Path) -> None:
    write(tmp_path, "2026-03-01T00:00:00+08:00,S01/A1,nox,5,,\n2026-03-01T01:00:00+08:00,S01/A1,nox,6,,\n")
    (tmp_path / "events.csv").write_text(
        "start,end,site,point,kind,note\n2026-03-01T00:30:00+08:00,2026-03-02T00:00:00+08:00,S01,S01/A1,maintenance,\n"
        "2026-03-01T02:30:00+08:00,2026-03-02T00:00:00+08:00,S01,,door,\n"
    )
    site = read(tmp_path, until_s=START + 1.5 * HOUR)
    assert site.grids[HOUR].values[0].tolist() == [5.0]
    assert [(event.kind, event.end_s) for event in site.events] == [("maintenance", float("inf"))]


def test_unregistered_channels_and_unknown_keys_are_named_once(tmp_path: Path) -> None:
    write(tmp_path, "2026-03-01T00:00:00+08:00,S01/A1,so2,5,,\n" * 3, sites=registered(colour="red"))
    with read_dataset(tmp_path) as dataset:
        assert dataset.warnings == [
            "sites.json: unknown keys ignored: site.colour",
            "3 rows of channels that sites.json does not register ignored: S01/A1/so2",
        ]


GOOD = "2026-03-01T00:00:00+08:00,S01/A1,nox,5,,\n"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("2026-03-01T01:00:00+08:00,S01/A1,nox,high,,\n", ["line 3", "a number or empty", "'high'"]),
        ("yesterday,S01/A1,nox,5,,\n", ["line 3", "2026-03-01T00:00:00+08:00", "'yesterday'"]),
        (",S01/A1,nox,5,,\n", ["line 3", "time must be"]),
        ("2026-03-01T01:00:00+08:00,S01,nox,5,,\n", ["line 3", "site/point"]),
        ("2026-03-01T01:00:00+08:00,S01/A1,nox,inf,,\n", ["line 3", "finite"]),
        ("2026-03-01T01:00:00+08:00,S01/A1,nox,5\n", ["line 3", "6 columns expected"]),
        ("2026-03-01T01:00:00+08:00,S01/A1,nox,5,,soon\n", ["line 3", "received_at must be"]),
    ],
)
def test_a_malformed_row_names_file_line_and_form(tmp_path: Path, bad: str, words: list[str]) -> None:
    with pytest.raises(DatasetError) as raised, read_dataset(write(tmp_path, GOOD + bad)):
        pass
    assert all(word in str(raised.value) for word in ["observations.csv", *words])


def test_a_missing_column_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"sites\.json"), read_dataset(tmp_path):
        pass
    write(tmp_path, "", header="time,point,channel,flag\n")
    with (
        pytest.raises(DatasetError, match=r"observations\.csv, line 1: column value is missing"),
        read_dataset(tmp_path),
    ):
        pass
    (tmp_path / "observations.csv").unlink()
    with pytest.raises(DatasetError, match="observations"), read_dataset(tmp_path):
        pass


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ({"statistic": "median"}, "`statistic` must be one of"),
        ({"interval_s": 0.5}, "`interval_s` must be a whole number"),
        ({"limit": "fifty"}, "`limit` must be a number"),
        ({"id": ""}, "`id` must be a text"),
        ({"derived_from": "o2"}, "`derived_from` must be a list"),
        ({"formula": "magic"}, "`formula` must be one of"),
    ],
)
def test_a_malformed_registration_names_its_line(tmp_path: Path, channel: dict[str, object], expected: str) -> None:
    sites = registered()
    sites["sites"][0]["points"][0]["channels"][0].update(channel)  # type: ignore[index]
    with pytest.raises(DatasetError) as raised, read_dataset(write(tmp_path, GOOD, sites=sites)):
        pass
    text = (tmp_path / "sites.json").read_text().splitlines()
    assert raised.value.line is not None
    assert text[raised.value.line - 1].strip() == "{"
    assert f"sites.json, line {raised.value.line}: {expected}" in str(raised.value)


def test_broken_json_names_its_line(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "sites.json").write_text('{"time_zone": "Asia/Shanghai",\n "sites": [}')
    with pytest.raises(DatasetError, match=r"sites\.json, line 2"), read_dataset(tmp_path):
        pass
