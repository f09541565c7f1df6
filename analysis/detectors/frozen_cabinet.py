"""All instruments of a cabinet, or all sensors of a sonde, hold their values from one moment on.

Who wants a concentration to look better holds that channel; a hung logger or sonde holds them all, oxygen, temperature
and conductivity too. Three quantities are the least, each live by its own history. Where a regulated channel is among
them, nearly all of the point must be: what is sampled together may be forged together, pH and temperature beside.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.shape import HOUR_S, is_regulated
from analysis.detectors.stuck_value import repetition_odds, run_lengths
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

LEAST_QUANTITIES = 3
LEAST_REPEATS = 2
LEAST_NATS = 15.0  # of all held channels together: less is a coincidence of slow channels
NEARLY_ALL = 0.75
_LIVE_NATS = 0.35  # a channel that repeats itself more often than seven times in ten tells nothing


def run(data: SiteData) -> list[Scores]:
    """Quantities held together at the end of each cell, for every point that measures enough of them."""
    out = []
    for grid in data.grids.values():
        for point in dict.fromkeys(channel.point for channel in grid.channels):
            rows = _measured_rows(grid, point)
            if len(rows) >= LEAST_QUANTITIES and grid.n_times:
                ids = tuple(c.id for c in data.site.channels if c.point == point)
                out += _scores_of(grid, rows, Target(data.site.id, point, ids))
    return out


def _measured_rows(grid: Grid, point: str) -> list[int]:
    """One row a quantity: what is measured there, not computed."""
    own = [row for row, channel in enumerate(grid.channels) if channel.point == point and _is_direct(channel)]
    return list({grid.channels[row].quantity: row for row in reversed(own)}.values())


def _is_direct(channel: Channel) -> bool:
    return channel.statistic in ("avg", "rtd") and channel.formula is None and not channel.derived_from


def _scores_of(grid: Grid, rows: list[int], target: Target) -> list[Scores]:
    block = SeriesBlock.of([grid]).rows(np.array(rows))
    at = block.cell_ends - 1
    length, start = run_lengths(block.values)
    if (length[:, at] > LEAST_REPEATS).sum(axis=0).max(initial=0) < LEAST_QUANTITIES:
        return []
    first, further = repetition_odds(block.values, block.reference_cells * block.cell)
    nats = np.minimum(length - 1.0, 1.0) * first[:, None] + np.maximum(length - 2.0, 0.0) * further[:, None]
    held, since = held_together(
        length[:, at],
        start[:, at],
        nats[:, at],
        live=first > _LIVE_NATS,
        regulated=np.array([is_regulated(channel) for channel in block.channels]),
    )
    held[block.cell_ends <= block.reference_cells.max() * block.cell] = 0.0  # odds learned there cannot judge it
    if not held.any():
        return []
    return [
        Scores(
            targets=(target,),
            interval_s=grid.interval_s,
            start_s=grid.start_s,
            ends=block.cell_ends,
            starts=since[None, :],
            scores=held[None, :],
            available=block.cell_available[:1],
            n_accepted=np.zeros(1, dtype=np.int64),
            evidence={"run_h": ((block.cell_ends - since) * grid.interval_s / HOUR_S)[None, :]},
            stream=f"{grid.interval_s} s",
        )
    ]


def held_together(length: Ints, start: Ints, nats: Floats, *, live: Bools, regulated: Bools) -> tuple[Floats, Ints]:
    """Count the channels that have held their value since the same sample.

    Parameters
    ----------
    length, start : (n, m) int64
        Samples of the run that each moment belongs to, and its first one.
    nats : (n, m) float64
        How improbable the run is by the channel's own history.
    live, regulated : (n,) bool
        Channels that usually change; channels that limits are about.

    Returns
    -------
    held : (m,) float64
        Channels held together; 0 where they are too few.
    since : (m,) int64
        First sample of what they hold; 0 where none.
    """
    repeats = (length > LEAST_REPEATS) & live[:, None]
    held, since = np.zeros(length.shape[1]), np.zeros(length.shape[1], dtype=np.int64)
    for anchor in np.flatnonzero(live):  # a handful of channels; all moments at once
        group = repeats & repeats[anchor] & (np.abs(start - start[anchor]) <= 1)
        count = group.sum(axis=0)
        enough = (count >= LEAST_QUANTITIES) & (np.where(group, nats, 0.0).sum(axis=0) >= LEAST_NATS)
        enough &= ~(group & regulated[:, None]).any(axis=0) | (count >= NEARLY_ALL * live.sum())
        better = enough & (count > held)
        held, since = np.where(better, count, held), np.where(better, start[anchor], since)
    return held, since


DETECTOR = Detector(
    name="frozen_cabinet",
    fault="instrument_fault",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{score:.0f} quantities have held their values since the same moment, for {run_h:.1f} h: the sonde, the "
        "cabinet or the logger hangs",
        zh="{score:.0f} 个参数自同一时刻起保持不变，已 {run_h:.1f} 小时：疑为探头、机柜或数采仪卡死",
    ),
    innocent_if=Text(
        en="this is itself an innocent explanation; ask when it was noticed and repaired",
        zh="本身即为无辜解释；需核实何时发现、何时修复",
    ),
    floor=float(LEAST_QUANTITIES),
    kind="exact",
    specificity=1,
)
