"""Writes sites in the format that `gateway analyse` reads: a folder of sites.json, observations and side tables.

The truth labels go to `truth.json` **beside** the folder's contents under a name that the program ignores, so that
nothing of them can leak into an analysis.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from simulators.falsification.site import Channel, Point, Site, Truth

SHANGHAI = timezone(timedelta(hours=8))
OBSERVATIONS = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        ("point", pa.dictionary(pa.int32(), pa.string())),
        ("channel", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("flag", pa.dictionary(pa.int32(), pa.string())),
        ("received_at", pa.timestamp("us", tz="UTC")),
    ]
)


def write_dataset(
    sites: Iterable[Site], out: Path, *, file_format: str = "parquet", truth: Path | None = None
) -> list[Truth]:
    """Write the dataset folder `out`; with `truth` also the labels. Sites are consumed one by one."""
    out.mkdir(parents=True, exist_ok=True)
    described: list[dict[str, Any]] = []
    labels: list[Truth] = []
    parameters: list[list[object]] = []
    events: list[list[object]] = []
    with _observations(out, file_format) as sink:
        for site in sites:
            described.append(describe(site))
            labels += site.truth
            parameters += [
                [iso(t), f"{site.id}/{p}", c, name, value, iso(r)] for t, p, c, name, value, r in site.parameters
            ]
            events += [
                [iso(a), iso(b), site.id, f"{site.id}/{p}" if p else "", kind, note]
                for a, b, p, kind, note in site.events
            ]
            sink.write(pa.concat_tables(tables(site)).unify_dictionaries())
    (out / "sites.json").write_text(
        json.dumps({"time_zone": "Asia/Shanghai", "sites": described}, ensure_ascii=False, indent=1)
    )
    if parameters:
        _rows(out / "parameters.csv", ["time", "point", "channel", "parameter", "value", "reported_at"], parameters)
    if events:
        _rows(out / "events.csv", ["start", "end", "site", "point", "kind", "note"], events)
    if truth is not None:
        truth.write_text(json.dumps([asdict(label) for label in labels], indent=1))
    return labels


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, SHANGHAI).isoformat()


def describe(site: Site) -> dict[str, Any]:
    """The site's entry in sites.json."""
    facilities: list[dict[str, Any]] = []
    for facility in site.facilities:
        entry: dict[str, Any] = {"id": facility.id, "kind": facility.kind, "channel": facility.channel}
        if facility.run_kw is not None:
            entry["run_kw"] = facility.run_kw
        if facility.treats:
            entry["treats"] = list(facility.treats)
        if facility.serves:
            entry["serves"] = list(facility.serves)
        facilities.append(entry)
    return {
        "id": site.id, "name": site.id, "industry": site.industry,
        "longitude": site.longitude, "latitude": site.latitude,
        "accepted_until": iso(site.accepted_s), "points": [_describe_point(point) for point in site.points],
        "facilities": facilities,
    }  # fmt: skip


def _describe_point(point: Point) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": point.id, "medium": point.medium}
    if point.reference_oxygen_pct is not None:
        entry["reference_oxygen_pct"] = point.reference_oxygen_pct
    entry["channels"] = [_describe_channel(channel) for channel in point.channels]
    return entry


def _describe_channel(channel: Channel) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": channel.id, "quantity": channel.quantity, "statistic": channel.statistic, "unit": channel.unit,
        "interval_s": channel.interval_s,
    }  # fmt: skip
    if channel.limit is not None and "limit" in channel.declares:
        entry["limit"] = channel.limit
    if "range" in channel.declares:
        entry |= {
            k: v for k, v in (("range_low", channel.range_low), ("range_high", channel.range_high)) if v is not None
        }
    if channel.detection_limit is not None and "detection_limit" in channel.declares:
        entry["detection_limit"] = channel.detection_limit
    if channel.sources and channel.declares_sources:
        entry["derived_from"] = list(channel.sources)
        if channel.declares_formula:
            entry["formula"] = channel.formula
    return entry


def tables(site: Site) -> Iterable[pa.Table]:
    """The rows of a site, one table a channel: first transmissions in order of time, then what was sent again."""
    for point in site.points:
        for channel in point.channels:
            yield _table(f"{site.id}/{point.id}", site.start_s, channel)


def _table(point: str, start_s: int, channel: Channel) -> pa.Table:
    first = np.flatnonzero(channel.present)
    index = [first, *[again.index for again in channel.resent]]
    values = [
        channel.values[first],
        *[channel.values[a.index] if a.values is None else a.values for a in channel.resent],
    ]
    received = [channel.received_s[first], *[again.received_s for again in channel.resent]]
    rows, all_values = np.concatenate(index), np.concatenate(values)
    n = rows.size
    names, codes = np.unique(channel.flags[rows], return_inverse=True)
    return pa.table(
        [
            pa.array((start_s + rows * channel.interval_s) * 1_000_000, OBSERVATIONS.field("time").type),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([point])),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([channel.id])),
            pa.array(all_values, mask=~np.isfinite(all_values)),
            pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names.tolist(), pa.string())),
            pa.array(np.round(np.concatenate(received) * 1e6).astype(np.int64), OBSERVATIONS.field("received_at").type),
        ],
        schema=OBSERVATIONS,
    )


class _CsvSink:
    """CSV has neither dictionaries nor time stamps: both become text."""

    def __init__(self, path: Path) -> None:
        self._out = pa.CompressedOutputStream(str(path), "gzip")
        self._header = True

    def __enter__(self) -> _CsvSink:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def write(self, table: pa.Table) -> None:
        stamps = [pa.array([t.isoformat() for t in table[name].to_pylist()]) for name in ("time", "received_at")]
        text = [table[name].cast(pa.string()) for name in ("point", "channel", "flag")]
        plain = pa.table([stamps[0], text[0], text[1], table["value"], text[2], stamps[1]], names=OBSERVATIONS.names)
        pacsv.write_csv(plain, self._out, pacsv.WriteOptions(include_header=self._header, quoting_style="none"))
        self._header = False


def _observations(out: Path, file_format: str) -> Any:
    for old in out.glob("observations*"):
        old.unlink()
    if file_format == "csv.gz":
        return _CsvSink(out / "observations.csv.gz")
    if file_format == "parquet":
        return pq.ParquetWriter(out / "observations.parquet", OBSERVATIONS, compression="zstd")
    raise ValueError(f"file format {file_format!r}: parquet or csv.gz")


def _rows(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
