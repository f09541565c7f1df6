"""One derived channel under one identity: what it should read, and what it may differ by.

Everything is on the time base of the derived channel. For each channel that takes part, `implied` says what the rest
of the identity asks of it: where an input was altered and the derived channel was not, the honest values can be read
off there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.detectors import identities
from analysis.model.arrays import Bools, Floats
from analysis.model.metadata import Channel
from analysis.model.site import Grid

Series = tuple[Grid, int]
"""A row of a grid."""

LEAST_FIT_ROWS = 5
LEAST_STEP_ROWS = 24
COARSER = (5, 10, 100)
"""Multiples of its step that an instrument or logger may be set to round to from one day on."""
BENT = 1.02  # the identities are not straight over a coarser step
TWICE = 5  # so many honest values are multiples of five that the one before must be, too
MOST_COARSE = 0.25  # of the value: nobody rounds further
FIT_MARGIN = 1.1


@dataclass(frozen=True)
class Audit:
    """One identity of one derived channel, on its own grid.

    expected, residual, bound, sigma : (n,) float64, NaN where a part is missing [unit of the channel]
    doubt : (n,) float64, the part of the bound that readings for "less than" ask for [unit of the channel]
    coarse : (n,) float64, what a coarser rounding of the values themselves would add to the bound [unit of the channel]
    own_step : reporting step of the derived channel, 0 where its formula has fitted constants [its unit]
    implied : channel id → (n,) float64, what the rest of the identity says that channel should read; the derived
    channel included
    """

    channel: Channel
    grid: Grid
    row: int
    formula: str
    sources: tuple[Channel, ...]
    expected: Floats
    residual: Floats
    bound: Floats
    sigma: Floats
    doubt: Floats
    coarse: Floats
    own_step: float
    implied: dict[str, Floats]

    @property
    def reference(self) -> Bools:
        """(n,) accepted rows."""
        return np.arange(self.grid.n_times) < self.grid.n_accepted


def aligned(grid: Grid, source: Series) -> Floats | None:
    """A source's values on the samples of another grid of the same interval."""
    other, row = source
    if other is grid:
        return np.asarray(other.values[row])
    if other.interval_s != grid.interval_s or (other.start_s - grid.start_s) % grid.interval_s:
        return None
    shift = (other.start_s - grid.start_s) // grid.interval_s
    out = np.full(grid.n_times, np.nan)
    columns = np.arange(grid.n_times) - shift
    inside = (columns >= 0) & (columns < other.n_times)
    out[inside] = other.values[row, columns[inside]]
    return out


def channel_of(source: Series) -> Channel:
    return source[0].channels[source[1]]


def step_of(source: Series) -> float:
    """The reporting step of accepted history, or of all where there is too little of it."""
    values, n_accepted = source[0].values[source[1]], source[0].n_accepted
    is_enough = np.isfinite(values[:n_accepted]).sum() >= LEAST_STEP_ROWS
    return identities.reporting_step(values[:n_accepted] if is_enough else values)


def coarser_by(values: Floats, *, step: float) -> Floats:
    """What a value that ends in zeros may have been rounded by beyond its step: half of the coarser step, once more
    after the first rounding. (n,) [unit of `values`]

    One honest value in ten ends in a zero and is judged less sharply than its neighbours; that is the price of telling
    a logger's new setting from a wrong sum at its first row.
    """
    out = np.zeros(values.shape)
    if step <= 0:
        return out
    place = np.round(values / step)
    valid = np.flatnonzero(np.isfinite(place))
    for multiple in COARSER:
        with np.errstate(invalid="ignore"):
            ends_in_zeros = (np.mod(place, multiple) == 0) & (multiple * step <= MOST_COARSE * np.abs(values))
        if multiple == TWICE:
            ends_in_zeros[valid[1:]] &= ends_in_zeros[valid[:-1]]
        out[ends_in_zeros] = multiple * step / 2
    return out


def below_detection(source: Series, values: Floats) -> Floats:
    """How far an honest value may lie from one that stands for "less than": the detection limit, else 0.

    Some loggers compute with the reading before the limit is put in its place.
    """
    limit = channel_of(source).detection_limit or 0.0
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where((values <= limit) & (values >= 0), limit, 0.0))


def inside_range(source: Series, values: Floats) -> Floats:
    """NaN at the end of the range, where the reading says "at least"."""
    high = channel_of(source).range_high
    with np.errstate(invalid="ignore"):
        return values if high is None else np.where(values < high, values, np.nan)


def make_audit(
    grid: Grid,
    row: int,
    *,
    formula: str,
    sources: list[Series],
    expected: Floats,
    slopes: dict[str, Floats],
    steps: dict[str, float],
    implied: dict[str, Floats],
    fitted: bool = False,
    doubt: Floats | None = None,
) -> Audit:
    """Form the residual and its bounds; `fitted` widens them a little where constants were learned and not written
    down, `doubt` by what a reading for "less than" may hide. `steps` begins with those of `sources`, in their order."""
    channel = grid.channels[row]
    own_step = step_of((grid, row))
    coarse = coarser_by(grid.values[row], step=own_step)
    for (role, step), source in zip(steps.items(), sources, strict=False):
        if (values := aligned(grid, source)) is not None:
            coarse += BENT * np.nan_to_num(np.abs(slopes[role])) * coarser_by(values, step=step)
    bound, sigma = identities.rounding_tolerance(expected, slopes, steps=steps, step=own_step)
    if fitted:
        # no sharper than the rounding of the inputs that the constant was learned from
        bound, own_step = FIT_MARGIN * bound, 0.0
    doubt = np.zeros_like(expected) if doubt is None else doubt
    return Audit(
        channel=channel,
        grid=grid,
        row=row,
        formula=formula,
        sources=tuple(channel_of(source) for source in sources),
        expected=expected,
        residual=grid.values[row] - expected,
        bound=bound + doubt,
        sigma=sigma,
        doubt=doubt,
        coarse=coarse,
        own_step=own_step,
        implied={channel.id: expected} | implied,
    )


def fit_constant(reported: Floats, shape: Floats, *, accepted: int) -> float | None:
    """The one constant of reported = constant · shape, from accepted rows: least squares over those near the median
    ratio.

    The median alone is as coarse as the rounding of a single row.
    """
    y, x = reported[:accepted], shape[:accepted]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = y / x
    known = np.isfinite(ratio) & (ratio != 0)
    if known.sum() < LEAST_FIT_ROWS:
        return None
    y, x = y[known], x[known]
    error = np.abs(y - float(np.median(ratio[known])) * x)
    near = error <= 3 * np.median(error) + 1e-12
    return float((x[near] @ y[near]) / (x[near] @ x[near]))
