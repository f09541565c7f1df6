"""All detectors on one partition: arrays in, findings out.

What runs in this process, a worker process or a Dask worker is this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from analysis.calibration import Budget, Exceedances, exceedances
from analysis.calibration.budget import weights
from analysis.detectors import INNOCENT, Detector, Scores, registered
from analysis.findings import Finding, episodes, judge
from analysis.late_rows import late_views, touched
from analysis.model.block import SeriesBlock
from analysis.model.site import Grid, SiteData

Quantities = dict[tuple[str, str, str], str]


@dataclass(frozen=True)
class Settings:
    """What the user may choose."""

    alerts_per_site_month: float
    zone_name: str
    until_s: float = math.inf


def analyse_sites(
    sites: Sequence[SiteData], settings: Settings, detectors: Sequence[Detector] | None = None
) -> list[Finding]:
    """Findings of some sites, site by site, in order of detection."""
    chosen = registered() if detectors is None else tuple(detectors)
    budget = Budget(settings.alerts_per_site_month)
    zone = ZoneInfo(settings.zone_name)
    outstanding: dict[str, dict[Key, list[Exceedances]]] = _look(sites, chosen, budget)
    for data in sites:
        for view in late_views(data):
            for key, parts in _look([view.data], chosen, budget)[data.site.id].items():
                held = [one for one in (touched(part, view) for part in parts) if one is not None]
                outstanding[data.site.id].setdefault(key, []).extend(held)
    named = {detector.name: detector for detector in chosen}
    out = []
    for data in sites:
        found = [
            episode
            for key, parts in sorted(outstanding[data.site.id].items())
            if (known := known_by(parts, settings.until_s))
            for episode in episodes(named[key[0]], known)
        ]
        out += judge(found, budget=budget, accepted_until_s=data.site.accepted_until_s, zone=zone)
    return out


def known_by(parts: Sequence[Exceedances], until_s: float) -> list[Exceedances]:
    """The windows that stood at a moment: what was not there yet may look like silence."""
    known = (part.those(part.available_s <= until_s) for part in parts)
    return [part for part in known if part is not None]


# (detector, innocent or not, point, channels): what is joined into episodes. Which falsification it is may
# change as more is known.
Key = tuple[str, bool, str, tuple[str, ...]]


def _look(
    sites: Sequence[SiteData], detectors: Sequence[Detector], budget: Budget
) -> dict[str, dict[Key, list[Exceedances]]]:
    """What stands out at each site, by detector, innocence and target."""
    share = weights(detectors)
    quantities = {(c.site, c.point, c.id): c.quantity for data in sites for c in data.site.channels}
    blocks = Blocks(sites)
    out: dict[str, dict[Key, list[Exceedances]]] = {data.site.id: {} for data in sites}
    for detector in detectors:
        scores = list(_scores(detector, sites, blocks))
        rows = _independent_rows(scores, quantities)
        for one in scores:
            weight = share.get(detector.name, 1.0)
            for part in exceedances(detector, one, weight=weight, rows_of_site=rows, budget=budget):
                key = (detector.name, part.fault in INNOCENT, part.target.point, part.target.channels)
                out[part.target.site].setdefault(key, []).append(part)
    return out


class Blocks:
    """Blocks of the series that share interval, start and length.

    Those that a detector selects are made once and shared with their sums.
    """

    def __init__(self, sites: Sequence[SiteData]) -> None:
        alike: dict[tuple[int, int, int], list[Grid]] = {}
        for data in sites:
            for grid in data.grids.values():
                alike.setdefault((grid.interval_s, grid.start_s, grid.n_times), []).append(grid)
        self._whole = [SeriesBlock.of(alike[key]) for key in sorted(alike) if key[2]]
        self._selected: dict[tuple[int, bytes], SeriesBlock] = {}

    def of(self, detector: Detector) -> Iterable[SeriesBlock]:
        """The blocks that a detector wants to see."""
        for number, block in enumerate(self._whole):
            if detector.needs is None:
                yield block
                continue
            wanted = np.array([detector.needs(channel) for channel in block.channels], dtype=np.bool_)
            if wanted.all():
                yield block
            elif wanted.any():
                key = (number, wanted.tobytes())
                if key not in self._selected:
                    self._selected[key] = block.rows(np.flatnonzero(wanted))
                yield self._selected[key]


def _scores(detector: Detector, sites: Sequence[SiteData], blocks: Blocks) -> Iterable[Scores]:
    if detector.runs_on == "block":
        for block in blocks.of(detector):
            yield from detector.run(block)  # type: ignore[arg-type]
    else:
        for data in sites:
            yield from detector.run(data)  # type: ignore[arg-type]


def _independent_rows(held: Sequence[Scores], quantities: Quantities) -> dict[str, int]:
    """By site, how many different things a detector looks at: quantities of points, not windows and statistics."""
    seen: dict[str, set[tuple[str, ...]]] = {}
    for one in held:
        for target in one.targets:
            names = {quantities.get((target.site, target.point, channel), channel) for channel in target.channels}
            seen.setdefault(target.site, set()).add((target.point, *sorted(names)))
    return {site: len(things) for site, things in seen.items()}
