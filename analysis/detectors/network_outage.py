"""Nothing came from a site for a while, or from many sites at once: the line, the platform or the power, not a value
that was hidden."""

from __future__ import annotations

import numpy as np

from analysis.detectors.hourly_table import hourly_table
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.selective_gap import shared_outage
from analysis.detectors.treatment_off import consecutive
from analysis.model.arrays import Bools
from analysis.model.site import SiteData

LEAST_CHANNELS = 3
"""Fewer silent channels say little about a line."""


def run(data: SiteData) -> list[Scores]:
    """Hours in a row in which a site was silent as a whole."""
    table = hourly_table(data)
    if table is None or not table.n_hours:
        return []
    came: Bools = np.asarray((table.present > 0).any(axis=0))
    hours_seen = np.flatnonzero(came)
    if not hours_seen.size or len(table.channels) < LEAST_CHANNELS:
        return []
    silent: Bools = np.asarray(~came)
    silent[: hours_seen[0]] = False
    shared = shared_outage(table, data)
    # a stop of the whole network counts for a site of which a single channel still came through, too
    silent |= shared & ((table.present > 0).mean(axis=0) < 0.5)
    hours = consecutive(silent, np.ones_like(silent))
    ends = np.arange(1, table.n_hours + 1)
    return [
        Scores(
            targets=(Target(data.site.id, "", ()),),
            interval_s=3600,
            start_s=table.start_s,
            ends=ends,
            starts=np.maximum(ends - np.maximum(hours, 1), 0).astype(np.int64)[None, :],
            scores=hours[None, :],
            available=table.available[None, :],
            n_accepted=np.array([0]),
            evidence={"shared": shared[None, :].astype(np.float64)},
        )
    ]


DETECTOR = Detector(
    name="network_outage",
    fault="network_outage",
    runs_on="site",
    run=run,
    explanation=Text(
        en="nothing came from the whole site for {score:.0f} h in a row; shared by other sites: {shared:.0f} (1 "
        "yes, 0 no)",
        zh="全站连续 {score:.0f} 小时无任何数据；其他站点同时中断：{shared:.0f}（1 是，0 否）",
    ),
    innocent_if=Text(
        en="this is itself an innocent explanation; ask only why the logger did not send the rows later",
        zh="本身即为无辜解释；仅需核实数采仪为何未补传",
    ),
    floor=1.0,
    kind="exact",
    specificity=1,
)
