"""Which channels the single-channel detectors look at, and how their windows become `Scores`."""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Scores, Target
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.block import SeriesBlock
from analysis.model.metadata import Channel

HOUR_S = 3600
MEASURED = frozenset({"rtd", "avg", "zs_rtd", "zs_avg"})
# What supports a measurement: judged by what rests on it, not by its shape. Steady by nature, driven by the weather, or
# a state.
AUXILIARY = frozenset(
    [
        "stack_temperature",
        "stack_pressure",
        "humidity",
        "velocity",
        "water_temperature",
        "air_temperature",
        "air_pressure",
        "air_humidity",
        "wind_speed",
        "wind_direction",
        "rain",
        "level",
        "voltage",
        "current",
        "power",
        "energy",
        "reactive_energy",
        "power_factor",
    ]
)
SUPPORTING = frozenset(["o2", "co2", "flow", "flow_dry_standard", "ph", "dissolved_oxygen", "conductivity"])
DERIVED_KEEP = frozenset({None, "affine", "no_to_nox"})


def is_measured(channel: Channel) -> bool:
    """A mean or reading of anything that air or water is judged by."""
    return channel.medium in ("air", "water", "ambient") and channel.statistic in MEASURED


def is_pollutant(channel: Channel) -> bool:
    """Measured, not an auxiliary, and not computed from other channels in a way that changes its shape."""
    return is_measured(channel) and channel.quantity not in AUXILIARY and channel.formula in DERIVED_KEEP


def is_regulated(channel: Channel) -> bool:
    """A pollutant proper: what limits are about, and what a forger wants to look better."""
    return is_pollutant(channel) and channel.quantity not in SUPPORTING


def targets(block: SeriesBlock) -> tuple[Target, ...]:
    """One target a series."""
    return tuple(Target(channel.site, channel.point, (channel.id,)) for channel in block.channels)


def cell_scores(
    block: SeriesBlock,
    scores: Floats,
    *,
    width: int,
    evidence: dict[str, Floats],
    stream: str,
    starts: Ints | None = None,
) -> Scores:
    """Scores of windows of `width` cells that end at each cell.

    `starts` (n_series, n_cells) samples, default: the window's.
    """
    first = np.maximum(block.cell_ends - width * block.cell, 0)
    return Scores(
        targets=targets(block),
        interval_s=block.interval_s,
        start_s=block.start_s,
        ends=block.cell_ends,
        starts=np.broadcast_to(first, scores.shape) if starts is None else starts,
        scores=scores,
        available=block.cell_available,
        n_accepted=block.n_accepted,
        evidence=evidence,
        stream=stream,
    )


def coarser_steps(resolution: Floats) -> Floats:
    """Reporting steps of whole digits from a series' own on: 1, 2, 5, 10 … times a power of ten. (n_series, 7)"""
    with np.errstate(divide="ignore", invalid="ignore"):
        decade = 10.0 ** np.floor(np.log10(resolution) + 1e-9)
    steps = decade[:, None] * np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
    return np.where(steps > 1.5 * resolution[:, None], steps, np.nan)


def is_multiple(values: Floats, step: Floats) -> Bools:
    """Whether values lie on a reporting step, but for the float's own rounding; False where either is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        count = values / step
        return np.asarray(np.abs(count - np.rint(count)) <= 1e-6 * np.maximum(np.abs(count), 1.0))


def broadcast(rows: Floats, like: Floats) -> Floats:
    """A figure of each series, as evidence of each window."""
    return np.broadcast_to(rows[:, None], like.shape)


STEEPEST = 2.0  # noise grows with the level at most so: twice the power of a purely multiplicative one
LEVEL_VARIANCE = 0.01  # of the logarithm: levels that differ by less than a tenth say nothing of a slope


def usual_at_level(block: SeriesBlock, level: Floats, scatter: Floats) -> Floats:
    """What accepted windows at the same level scatter: a power of the level, fitted to them.

    Parameters
    ----------
    level, scatter : (n_series, n_windows) float64
        Mean of each window, and a spread or noise of it. [unit of the channel]

    Returns
    -------
    usual : (n_series, n_windows) float64
        exp(median(ln scatter − b·ln level) + b·ln level), 0 ≤ b ≤ 2; levels above all of the reference count as its
        highest. [unit of the channel]
    """
    least = block.resolution[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = np.log(np.maximum(level, least)), np.log(np.maximum(scatter, least / 4.0))
    inside = (np.arange(x.shape[1]) < block.reference_cells[:, None]) & ~np.isnan(x) & ~np.isnan(y)
    n = np.maximum(inside.sum(axis=1), 1)[:, None]
    x_mean = np.where(inside, x, 0.0).sum(axis=1)[:, None] / n
    y_mean = np.where(inside, y, 0.0).sum(axis=1)[:, None] / n
    dx = np.where(inside, x - x_mean, 0.0)
    covariance = (dx * np.where(inside, y - y_mean, 0.0)).sum(axis=1)[:, None] / n
    slope = np.clip(covariance / ((dx * dx).sum(axis=1)[:, None] / n + LEVEL_VARIANCE), 0.0, STEEPEST)
    highest = np.where(inside, x, -np.inf).max(axis=1, initial=-np.inf)[:, None]
    x = np.minimum(x, np.where(np.isfinite(highest), highest, np.nan))
    return np.asarray(np.exp(block.reference_median(y - slope * x)[:, None] + slope * x))
