"""A dataset on disk with all that scoring needs to know of its sites, made in one pass so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from simulators.falsification.dataset import SHANGHAI, write_dataset
from simulators.falsification.noise import FloatArray
from simulators.falsification.site import HOUR_S, Site, Truth
from tests.evaluation import baselines


@dataclass(slots=True)
class SiteRecord:
    id: str
    start_s: int
    accepted_s: int
    end_s: int
    truth: list[Truth]
    interval_s: dict[str, int]  # of `point/channel`
    served: dict[str, frozenset[str]]  # channels of the outlets that a treatment meter's facility serves
    scores: dict[str, FloatArray]  # hourly scores of the baselines

    @property
    def months(self) -> float:
        return (self.end_s - self.accepted_s) / (730.0 * HOUR_S)

    @property
    def accepted_hours(self) -> int:
        return (self.accepted_s - self.start_s) // HOUR_S


@dataclass(slots=True)
class Cohort:
    name: str
    dataset: Path
    sites: list[SiteRecord] = field(default_factory=list)
    rows: int = 0

    @property
    def falsified(self) -> list[tuple[SiteRecord, Truth]]:
        return [(site, truth) for site in self.sites for truth in site.truth if truth.falsified]

    @property
    def honest(self) -> list[SiteRecord]:
        return [site for site in self.sites if not site.truth]


def build(name: str, sites: Iterable[Site], folder: Path, *, with_baselines: bool) -> Cohort:
    """Write the sites as a dataset below `folder` and keep their records."""
    cohort = Cohort(name, folder / name / "dataset")
    write_dataset(
        _observed(sites, cohort, with_baselines=with_baselines), cohort.dataset, truth=folder / name / "truth.json"
    )
    return cohort


def months_of(site: SiteRecord) -> Iterator[str]:
    """The calendar months of the judged period, `2025-04`."""
    current = datetime.fromtimestamp(site.accepted_s, SHANGHAI)
    last = datetime.fromtimestamp(site.end_s - 1, SHANGHAI)
    year, month = current.year, current.month
    while (year, month) <= (last.year, last.month):
        yield f"{year}-{month:02d}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def month_bounds(period: str) -> tuple[float, float]:
    year, month = (int(part) for part in period.split("-"))
    first = datetime(year, month, 1, tzinfo=SHANGHAI)
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=SHANGHAI)
    return first.timestamp(), following.timestamp()


def _observed(sites: Iterable[Site], cohort: Cohort, *, with_baselines: bool) -> Iterator[Site]:
    for site in sites:
        scores = baselines.hourly_scores(site) if with_baselines else {}
        cohort.sites.append(_record(site, scores))
        cohort.rows += sum(int(channel.present.sum()) for point in site.points for channel in point.channels)
        yield site


def _record(site: Site, scores: dict[str, FloatArray]) -> SiteRecord:
    intervals = {f"{p.id}/{c.id}": c.interval_s for p in site.points for c in p.channels}
    served = {
        facility.channel: frozenset(f"{p}/{c.id}" for p in facility.serves for c in site.point(p).channels)
        for facility in site.facilities
    }
    return SiteRecord(site.id, site.start_s, site.accepted_s, site.end_s, list(site.truth), intervals, served, scores)
