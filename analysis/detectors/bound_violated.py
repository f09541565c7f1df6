"""Inequalities that hold whatever the plant does: min ≤ mean ≤ max, counters that only rise, total nitrogen above
its ammonia.

And the count of valid parts: an hour with fewer than 45 valid minutes, or a day with fewer than 20 valid hours, may
not be reported as valid (HJ 75-2017 §9; HJ 76-2017). Each is checked only where all that it needs has come.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.detectors.aggregate_audits import collect_parts
from analysis.detectors.aggregates import bound_excess, counter_falls, too_few_valid
from analysis.detectors.arithmetic_mismatch import HONEST_AT_BOUND, sample_scores
from analysis.detectors.identities import reporting_step
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.model.arrays import Floats
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

INSTRUMENT_SHARE = 0.15
"""Two analysers may differ by so much of the reading and still pass their comparison (HJ 355-2019, ammonia above 2
mg/L)."""

Violation = tuple[str, tuple[str, ...], Floats]
"""Point, channels, and how far beyond the bound: 1 is the first certain violation. (n,)"""


def run(data: SiteData) -> list[Scores]:
    """One row of scores an inequality that can be formed and is ever violated."""
    out = []
    for grid in data.grids.values():
        if not grid.n_times:
            continue
        for point, channels, excess in [*_ordered(grid), *_counters(grid), *_nitrogen(grid), *_counts(data, grid)]:
            if (excess >= 1).any():
                target = Target(data.site.id, point, channels)
                figures = {"excess": excess}
                out.append(sample_scores(grid, {target: np.log2(1 + excess)}, evidence=figures))
    return out


def _ordered(grid: Grid) -> Iterator[Violation]:
    """Minimum, mean and maximum of one quantity and interval."""
    by_key: dict[tuple[str, str, str], dict[str, int]] = {}
    for row, channel in enumerate(grid.channels):
        prefix, _, kind = channel.statistic.rpartition("_")
        if kind in ("min", "avg", "max"):
            by_key.setdefault((channel.point, channel.quantity, prefix), {})[kind] = row
    missing = np.full(grid.n_times, np.nan)
    for (point, _, _), rows in by_key.items():
        if len(rows) < 2:
            continue
        low, mean, high = (grid.values[rows[kind]] if kind in rows else missing for kind in ("min", "avg", "max"))
        if "avg" not in rows:
            mean = low
        step = max(reporting_step(grid.values[row]) for row in rows.values())
        channels = tuple(grid.channels[row].id for row in rows.values())
        yield point, channels, bound_excess(low, mean, high, step=step) / 1.0001


def _counters(grid: Grid) -> Iterator[Violation]:
    for row, channel in enumerate(grid.channels):
        if channel.statistic == "total":
            yield (
                channel.point,
                (channel.id,),
                counter_falls(grid.raw[row], step=reporting_step(grid.raw[row])) / 1.0001,
            )


def _nitrogen(grid: Grid) -> Iterator[Violation]:
    rows: dict[tuple[str, str, str], int] = {}
    for row, channel in enumerate(grid.channels):
        rows[channel.point, channel.statistic, channel.quantity] = row
    for (point, statistic, quantity), row in rows.items():
        ammonia = rows.get((point, statistic, "nh3n"))
        if quantity == "tn" and ammonia is not None and statistic in ("avg", "rtd"):
            tn, nh3n = grid.values[row], grid.values[ammonia]
            tolerance = INSTRUMENT_SHARE * np.abs(nh3n) + reporting_step(grid.values[row])
            with np.errstate(invalid="ignore", divide="ignore"):
                yield point, (grid.channels[row].id, grid.channels[ammonia].id), np.maximum(nh3n - tn, 0.0) / tolerance


def _counts(data: SiteData, grid: Grid) -> Iterator[Violation]:
    """Aggregates that count as valid with too few valid parts."""
    for row, channel in enumerate(grid.channels):
        source = _shorter_self(data, grid, channel)
        if source is None:
            continue
        parts = collect_parts(grid, source, source[0].values[source[1]])
        count = grid.interval_s // source[0].interval_s
        invalid = too_few_valid(parts, expected_count=count, interval_s=grid.interval_s)
        excess = np.where(np.isfinite(grid.values[row]), invalid.astype(np.float64), np.nan)
        yield channel.point, (channel.id,), excess


def _shorter_self(data: SiteData, grid: Grid, channel: Channel) -> tuple[Grid, int] | None:
    if channel.formula != "mean" or len(channel.derived_from) != 1:
        return None
    source = data.channel(channel.point, channel.derived_from[0])
    if source is None or source[0].interval_s >= grid.interval_s or grid.interval_s % source[0].interval_s:
        return None
    return source


DETECTOR = Detector(
    name="bound_violated",
    fault="arithmetic_mismatch",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{channels} break a relation that holds whatever the plant does (min ≤ mean ≤ max, a counter that only "
        "rises, total nitrogen "
        "above ammonia, enough valid parts), {excess:.3g} times beyond what rounding and comparison limits allow",
        zh="{channels} 违反了与工况无关的恒成立关系（最小≤平均≤最大、累计值只增、总氮不低于氨氮、有效数据个数），"
        "超出修约与比对允差的 {excess:.3g} 倍",
    ),
    innocent_if=Text(
        en="a meter was exchanged or a register reset, and the logbook shows it",
        zh="若更换过仪表或寄存器清零，且有台账记录，则可排除",
    ),
    floor=1.0,
    kind="exact",
    honest_at_floor=HONEST_AT_BOUND,
    specificity=4,
    alternatives=("instrument_fault", "scaled"),
)
