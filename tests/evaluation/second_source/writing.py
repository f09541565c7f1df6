"""Writes sites as a dataset folder in the format of `gateway analyse`, the truth beside it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tests.evaluation.second_source.plant import UNNAMED, Channel, Point, Site

ZONE = timezone(timedelta(hours=8))
TEXT_ROWS = 30_000  # of larger sites, Parquet


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, ZONE).isoformat()


def write(sites: Iterable[Site], folder: Path) -> int:
    """The dataset below `folder`/dataset and `folder`/truth.json; the number of rows."""
    dataset = folder / "dataset"
    dataset.mkdir(parents=True, exist_ok=True)
    described: list[dict[str, object]] = []
    events: list[list[object]] = []
    parameters: list[list[object]] = []
    truth: list[dict[str, object]] = []
    rows = 0
    for site in sites:
        described.append(describe(site))
        table = observations(site)
        rows += table.num_rows
        if table.num_rows < TEXT_ROWS:
            _write_text(table, dataset / f"observations-{site.id}.csv")
        else:
            pq.write_table(table, dataset / f"observations-{site.id}.parquet")
        for e in site.events:
            point = f"{site.id}/{e.point}" if e.point else ""
            events.append([moment(e.start_s), moment(e.end_s), site.id, point, e.kind, e.note])
        parameters += [[moment(at), f"{site.id}/{point}", channel, name, value, moment(at + 300)]
                       for at, point, channel, name, value in site.parameters]  # fmt: skip
        truth += [asdict(t) for t in site.truth]
    index = {"time_zone": "Asia/Shanghai", "sites": described}
    (dataset / "sites.json").write_text(json.dumps(index), encoding="utf-8")
    _write_rows(dataset / "events.csv", "start,end,site,point,kind,note", events)
    _write_rows(dataset / "parameters.csv", "time,point,channel,parameter,value,reported_at", parameters)
    (folder / "truth.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")
    return rows


def describe(site: Site) -> dict[str, object]:
    """The site's entry in sites.json."""
    entry: dict[str, object] = {
        "id": site.id, "name": f"Site {site.id}", "industry": site.industry, "accepted_until": moment(site.accepted_s),
    }  # fmt: skip
    if site.position:
        entry["longitude"], entry["latitude"] = site.position
    entry["points"] = [_point(point) for point in site.points.values()]
    if site.facilities:
        entry["facilities"] = site.facilities
    return entry


def _point(point: Point) -> dict[str, object]:
    entry: dict[str, object] = {"id": point.id, "medium": point.medium}
    if point.reference_oxygen_pct is not None:
        entry["reference_oxygen_pct"] = point.reference_oxygen_pct
    entry["channels"] = [_channel(c) for c in point.channels.values()]
    return entry


def _channel(channel: Channel) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": channel.id, "quantity": channel.quantity, "statistic": channel.statistic, "unit": channel.unit,
        "interval_s": channel.interval_s,
    }  # fmt: skip
    for key in ("limit", "range_low", "range_high", "detection_limit"):
        if (value := getattr(channel, key)) is not None:
            entry[key] = value
    if channel.range_low is None:
        entry.pop("range_high", None)
    if channel.formula and channel.is_relation_told:
        entry["derived_from"] = list(channel.sources)
        if channel.is_formula_told and channel.formula not in UNNAMED:
            entry["formula"] = channel.formula
    return entry


def observations(site: Site) -> pa.Table:
    """All rows of one site in the order of time, resent rows included."""
    parts = [part for point, channel in site.channels() for part in _rows(site, point, channel)]
    table = pa.concat_tables(parts)
    return table.sort_by([("time", "ascending"), ("received_at", "ascending")])


def _rows(site: Site, point: Point, channel: Channel) -> list[pa.Table]:
    kept = np.flatnonzero(~channel.is_lost)
    values = channel.rounded()
    first = _table(site, point, channel, kept, values[kept], channel.received_s[kept])
    if not channel.resent:
        return [first]
    index = np.array([i for i, _, _ in channel.resent])
    again = np.array([[value, at] for _, value, at in channel.resent])
    return [first, _table(site, point, channel, index, again[:, 0], again[:, 1])]


def _table(
    site: Site, point: Point, channel: Channel, index: np.ndarray, values: np.ndarray, received_s: np.ndarray
) -> pa.Table:
    n = index.size
    flags = channel.flags[index]
    if not site.says_normal:
        flags = np.where(flags == "N", "", flags)
    utc = pa.timestamp("ms", tz="UTC")
    arrived = pa.array(np.nan_to_num(received_s * 1000).astype(np.int64), mask=~np.isfinite(received_s)).cast(utc)
    return pa.table({
        "time": pa.array((site.start_s + index * channel.interval_s) * 1000).cast(utc),
        "point": pa.array([f"{site.id}/{point.id}"] * n, pa.string()),
        "channel": pa.array([channel.id] * n, pa.string()),
        "value": pa.array(values, mask=~np.isfinite(values)),
        "flag": pa.array(flags, pa.string()),
        "received_at": arrived,
    })  # fmt: skip


def _write_text(table: pa.Table, path: Path) -> None:
    """CSV with local time without an offset, as loggers write it."""
    for name in ("time", "received_at"):
        local = table[name].cast(pa.int64()).to_numpy(zero_copy_only=False)
        missing = np.asarray(table[name].is_null())
        stamps = np.nan_to_num(local).astype("datetime64[ms]") + np.timedelta64(8, "h")
        text = np.datetime_as_string(stamps.astype("datetime64[s]"))
        column = pa.array(np.where(missing, "", text), pa.string())
        table = table.set_column(table.schema.get_field_index(name), name, column)
    pa_csv.write_csv(table, path)


def _write_rows(path: Path, header: str, rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header.split(","))
        writer.writerows(rows)
