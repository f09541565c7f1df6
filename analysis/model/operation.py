"""When the source behind a point runs: what is measured while it stands still is neither honest nor forged production
data.

A stack stands still when its oxygen is near ambient air or its gas hardly moves; an outlet when no water flows. A start
is left out for some hours more, because values settle. Points without such channels are taken as running.
"""

from __future__ import annotations

import numpy as np

from analysis.model.arrays import Bools, Floats
from analysis.model.site import Grid

AMBIENT_OXYGEN_PCT = 19.5  # dry air has 20.9; HJ 75 conversion explodes above 19
STILL_SHARE = 0.15  # of the median of what moves
SETTLING_S = 3 * 3600
_FLOWS = ("velocity", "flow_dry_standard", "flow")


def running(grid: Grid) -> Bools:
    """For each series, whether its point runs at each sample; True where nothing tells. (n_series, n_times)"""
    out = np.ones(grid.values.shape, dtype=np.bool_)
    for point in dict.fromkeys(channel.point for channel in grid.channels):
        rows = [row for row, channel in enumerate(grid.channels) if channel.point == point]
        still = _still(grid, rows)
        if still is not None and still.any():
            out[rows] = ~_prolonged(still, max(1, SETTLING_S // grid.interval_s))
    return out


def _still(grid: Grid, rows: list[int]) -> Bools | None:
    for row in rows:
        channel = grid.channels[row]
        if channel.medium == "air" and channel.quantity == "o2" and channel.statistic in ("avg", "rtd"):
            with np.errstate(invalid="ignore"):
                return np.asarray(grid.raw[row] > AMBIENT_OXYGEN_PCT)
    for row in rows:
        channel = grid.channels[row]
        if (
            channel.medium in ("air", "water")
            and channel.quantity in _FLOWS
            and channel.statistic in ("avg", "rtd", "cou")
        ):
            return _slow(grid.raw[row], grid.n_accepted)
    return None


def _slow(flow: Floats, n_accepted: int) -> Bools | None:
    known = flow[:n_accepted]
    moving = known[known > 0]
    if not len(moving):
        return None
    with np.errstate(invalid="ignore"):
        return np.asarray(flow < STILL_SHARE * np.median(moving))


def _prolonged(still: Bools, samples: int) -> Bools:
    """Also the samples that follow within `samples`. (n_times,)"""
    number = np.arange(len(still))
    last = np.maximum.accumulate(np.where(still, number, -samples - 1))
    return np.asarray(number - last <= samples)
