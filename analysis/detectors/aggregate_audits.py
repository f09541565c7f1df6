"""Aggregates of shorter intervals, and means and sums over the channels of one interval."""

from __future__ import annotations

import numpy as np

from analysis.detectors.aggregates import Parts, flow_weighted_mean, mean_of_parts, parts_of, sum_of_parts
from analysis.detectors.audit import Audit, Series, aligned, below_detection, channel_of, make_audit, step_of
from analysis.model.arrays import Floats
from analysis.model.site import Grid, SiteData


def aggregate_audit(data: SiteData, grid: Grid, row: int, sources: list[Series]) -> Audit | None:
    """Mean, sum, or flow-weighted mean of shorter intervals; mean and sum of several channels of the same interval."""
    formula = grid.channels[row].formula or "mean"
    if all(source[0].interval_s == grid.interval_s for source in sources):
        return _across_channels(grid, row, sources, formula=formula)
    main = next((s for s in sources if not channel_of(s).quantity.startswith("flow")), sources[0])
    part_s = main[0].interval_s
    longest = max(source[0].interval_s for source in sources)
    if longest > part_s or grid.interval_s % part_s or part_s >= grid.interval_s:
        return None
    expected = _recomputed(grid, main, sources, formula=formula, count=grid.interval_s // part_s)
    if expected is None:
        return None
    slope = grid.interval_s / part_s if formula == "sum" else 1.0
    hidden = collect_parts(grid, main, below_detection(main, main[0].values[main[1]]))
    return make_audit(
        grid,
        row,
        formula=formula,
        sources=sources,
        expected=expected,
        slopes={"part": np.full(grid.n_times, slope)},
        steps={"part": step_of(main)},
        implied={},
        doubt=_hidden(hidden, formula=formula),
    )


def _recomputed(grid: Grid, main: Series, sources: list[Series], *, formula: str, count: int) -> Floats | None:
    values = main[0].values[main[1]]
    if formula == "sum":
        return sum_of_parts(collect_parts(grid, main, values), expected_count=count)
    if formula == "mean":
        return mean_of_parts(collect_parts(grid, main, values), expected_count=count)
    flow = next((s for s in sources if s is not main), None)
    weights = None if flow is None else _on_parts(main[0], flow)
    if flow is None or weights is None:
        return None
    products = values * weights
    return flow_weighted_mean(
        collect_parts(grid, main, products),
        collect_parts(grid, main, np.where(np.isfinite(products), weights, np.nan)),
        arrived=_arrived(grid, main, flow, weights),
        expected_count=count,
    )


def _hidden(below: Parts, *, formula: str) -> Floats:
    """What readings for "less than" among the parts may move the aggregate by."""
    if formula == "sum":
        return below.total
    if formula == "mean":
        return np.asarray(below.total / np.maximum(below.valid, 1.0))
    return np.nan_to_num(below.highest)  # all of the weight may lie on them


def _on_parts(parts_grid: Grid, flow: Series) -> Floats | None:
    """The flow on the samples of the concentration: its own, or the means of whole shorter intervals."""
    own = flow[0]
    if own.interval_s >= parts_grid.interval_s or parts_grid.interval_s % own.interval_s:
        return aligned(parts_grid, flow)
    count = parts_grid.interval_s // own.interval_s
    parts = collect_parts(parts_grid, flow, own.values[flow[1]])
    # with some of it flagged, devices differ in what they take
    return np.where(parts.valid == count, mean_of_parts(parts, expected_count=count), np.nan)


def _arrived(grid: Grid, main: Series, flow: Series, weights: Floats) -> Floats:
    """Parts of the aggregate whose flow came."""
    if flow[0].interval_s == main[0].interval_s:
        return collect_parts(grid, flow, flow[0].values[flow[1]]).present
    return collect_parts(grid, main, weights).valid


def collect_parts(grid: Grid, source: Series, values: Floats) -> Parts:
    """The parts of each sample of a grid, from a series of a shorter interval."""
    parts_grid, row = source
    arrived = parts_grid.present[row]
    return parts_of(
        grid.times_s,
        interval_s=grid.interval_s,
        times=parts_grid.times_s[arrived],
        values=values[arrived],
        normal=np.isfinite(values[arrived]),
    )


def _across_channels(grid: Grid, row: int, sources: list[Series], *, formula: str) -> Audit | None:
    parts = [aligned(grid, source) for source in sources]
    if any(values is None for values in parts):
        return None
    stacked = np.stack([values for values in parts if values is not None])
    share = 1.0 if formula == "sum" else 1.0 / len(sources)
    expected = share * stacked.sum(axis=0)
    slopes = {str(i): np.full(grid.n_times, share) for i in range(len(sources))}
    steps = {str(i): step_of(source) for i, source in enumerate(sources)}
    rest = expected[None, :] - share * stacked
    implied = {channel_of(s).id: (grid.values[row] - rest[i]) / share for i, s in enumerate(sources)}
    return make_audit(
        grid, row, formula=formula, sources=sources, expected=expected, slopes=slopes, steps=steps, implied=implied
    )
