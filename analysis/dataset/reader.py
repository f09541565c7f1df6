"""A dataset folder, read once into partitions of whole sites."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from analysis.dataset.gridding import GRACE_S, arrivals, grid_sites
from analysis.dataset.observations import Notes, observation_files, read_rows
from analysis.dataset.partitions import Spool, first_series, load
from analysis.dataset.presence import Presence
from analysis.dataset.records import read_events, read_ledger
from analysis.dataset.sites import Registry, read_sites
from analysis.model.arrays import AnyArray
from analysis.model.metadata import Event, LedgerEntry, Site
from analysis.model.site import SiteData

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Partition:
    """Whole sites and the files with their rows: all that a worker needs."""

    sites: tuple[Site, ...]
    first_series: int
    files: tuple[Path, ...]
    template: tuple[SiteData, ...]
    utc_offset_s: int
    end_s: float

    def rows(self) -> AnyArray:
        """The rows, from this machine's disk."""
        return load(self.files)

    def grids(self, rows: AnyArray) -> list[SiteData]:
        """The sites with their grids."""
        return grid_sites(
            self.sites,
            rows,
            first_series=self.first_series,
            utc_offset_s=self.utc_offset_s,
            end_s=self.end_s,
            template=self.template,
        )


@dataclass
class Dataset:
    """An open dataset; close it to remove the temporary rows."""

    registry: Registry
    spool: Spool
    points_read: int = 0
    first_time_s: float = math.inf
    last_time_s: float = -math.inf
    end_s: float = -math.inf
    until_s: float = math.inf
    warnings: list[str] = field(default_factory=list)
    partitions: list[Partition] = field(default_factory=list)

    def __enter__(self) -> Dataset:
        return self

    def __exit__(self, *_: object) -> None:
        self.spool.__exit__()


def read_dataset(folder: Path, *, until_s: float = math.inf, progress: Progress = lambda rows: None) -> Dataset:
    """Read everything, as it stood at `until_s`.

    Raises
    ------
    DatasetError
        On the first missing or malformed thing, with its file, line and the form expected.
    """
    notes = Notes()
    registry = read_sites(folder / "sites.json")
    events = read_events(folder / "events.csv", zone=registry.zone, notes=notes)
    ledger = read_ledger(folder / "parameters.csv", zone=registry.zone, notes=notes)
    counts = [len(site.channels) for site in registry.sites]
    dataset = Dataset(registry, Spool(counts), until_s=until_s)
    presence = Presence(len(registry.sites))
    try:
        _read_observations(folder, dataset, presence, notes, progress)
    except BaseException:
        dataset.spool.__exit__()
        raise
    dataset.warnings = _warnings(registry, notes)
    events = [_as_known(event, until_s) for event in events if event.start_s <= until_s]
    template = _templates(registry.sites, events, ledger, presence, notes.flags, until_s)
    starts = first_series(counts)
    offset_s = _utc_offset_s(registry, dataset.last_time_s)
    dataset.partitions = [
        Partition(
            tuple(registry.sites[site] for site in sites),
            int(starts[sites[0]]),
            tuple(files),
            tuple(template[site] for site in sites),
            offset_s,
            until_s if math.isfinite(until_s) else dataset.end_s,
        )
        for sites, files in dataset.spool.partitions()
    ]
    return dataset


def _read_observations(folder: Path, dataset: Dataset, presence: Presence, notes: Notes, progress: Progress) -> None:
    channels = [channel for site in dataset.registry.sites for channel in site.channels]
    numbered = {(channel.path, channel.id): number for number, channel in enumerate(channels)}
    interval_s = np.array([channel.interval_s for channel in channels], dtype=np.float64)
    site_of = np.repeat(np.arange(len(dataset.registry.sites)), [len(site.channels) for site in dataset.registry.sites])
    for path in observation_files(folder):
        for rows in read_rows(path, series=numbered, zone=dataset.registry.zone, notes=notes, progress=progress):
            arrived = arrivals(rows, interval_s[rows["series"]])
            if math.isfinite(dataset.until_s):
                rows, arrived = rows[arrived <= dataset.until_s], arrived[arrived <= dataset.until_s]
            if not len(rows):
                continue
            on_time = arrived <= rows["time"] + interval_s[rows["series"]] + GRACE_S
            presence.add(site_of[rows["series"][on_time]], rows["time"][on_time])
            dataset.spool.add(rows)
            dataset.points_read += len(rows)
            dataset.first_time_s = min(dataset.first_time_s, float(rows["time"].min()))
            ends = rows["time"] + interval_s[rows["series"]]
            dataset.end_s = max(dataset.end_s, float(ends.max()))
            dataset.last_time_s = max(dataset.last_time_s, float(rows["time"].max()))


def _as_known(event: Event, until_s: float) -> Event:
    """An event that still lasts at `until_s` has no known end yet."""
    if event.end_s <= until_s:
        return event
    return Event(event.start_s, math.inf, event.site, event.point, event.kind, event.note)


def _templates(
    sites: Sequence[Site],
    events: list[Event],
    ledger: dict[str, list[LedgerEntry]],
    presence: Presence,
    flags: list[str],
    until_s: float,
) -> list[SiteData]:
    by_site: dict[str, list[Event]] = {}
    for event in events:
        by_site.setdefault(event.site, []).append(event)
    others = presence.others()
    return [
        SiteData(
            site=site,
            grids={},
            events=tuple(sorted(by_site.get(site.id, []), key=lambda event: (event.start_s, event.kind))),
            ledger=tuple(entry for entry in ledger.get(site.id, []) if entry.reported_s <= until_s),
            flag_names=tuple(flags),
            others=others[number],
        )
        for number, site in enumerate(sites)
    ]


def _utc_offset_s(registry: Registry, last_time_s: float) -> int:
    moment = datetime.fromtimestamp(last_time_s if math.isfinite(last_time_s) else 0.0, tz=UTC)
    offset = moment.astimezone(registry.zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _warnings(registry: Registry, notes: Notes) -> list[str]:
    out = []
    if registry.unknown_keys:
        out.append(f"sites.json: unknown keys ignored: {', '.join(registry.unknown_keys)}")
    if notes.unknown_columns:
        out.append(f"unknown columns ignored: {', '.join(sorted(notes.unknown_columns))}")
    if notes.unregistered:
        named = sorted(notes.unregistered)
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        rows = sum(notes.unregistered.values())
        out.append(f"{rows} rows of channels that sites.json does not register ignored: {', '.join(named[:5])}{more}")
    return out
