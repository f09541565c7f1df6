"""Identities between channels of one interval: mass, dry standard flow, power factor, NOx from NO, straight lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.detectors import identities
from analysis.detectors.arithmetic_residual import best_convention
from analysis.detectors.audit import (
    LEAST_FIT_ROWS,
    Audit,
    Series,
    aligned,
    below_detection,
    channel_of,
    fit_constant,
    inside_range,
    make_audit,
    step_of,
)
from analysis.detectors.identities import reporting_step
from analysis.model.arrays import Floats
from analysis.model.site import Grid, SiteData

PA_PER = {"Pa": 1.0, "hPa": 100.0, "kPa": 1000.0, "mbar": 100.0, "MPa": 1e6}


def mass_audit(data: SiteData, grid: Grid, row: int, sources: list[Series]) -> Audit | None:
    flow = next((s for s in sources if channel_of(s).quantity.startswith("flow")), None)
    concentration = next((s for s in sources if s is not flow), None)
    if flow is None or concentration is None:
        return None
    c, q = aligned(grid, concentration), aligned(grid, flow)
    if c is None or q is None:
        return None
    c, reported = inside_range(concentration, c), grid.values[row]
    learned = fit_constant(reported, c * q, accepted=grid.n_accepted)
    if learned is None:
        return None
    # a constant of the standard is a round number; what rounding makes of the learned one is not
    constant = _rounded_constant(learned)
    c = counted_as_zero(c, reported, constant * c * q)
    expected, slopes = identities.product({"concentration": c, "flow": q}, constant=constant)
    with np.errstate(divide="ignore", invalid="ignore"):
        implied = {
            channel_of(concentration).id: reported / (constant * q),
            channel_of(flow).id: reported / (constant * c),
        }
    steps = {"concentration": step_of(concentration), "flow": step_of(flow)}
    # the roundings of both factors multiply too, which counts where one of them is small
    slopes["both"] = np.full(grid.n_times, constant)
    steps["both"] = steps["concentration"] * steps["flow"] / 2
    return make_audit(
        grid,
        row,
        formula="mass",
        sources=[concentration, flow],
        expected=expected,
        slopes=slopes,
        steps=steps,
        implied=implied,
        doubt=np.nan_to_num(np.abs(constant * q)) * below_detection(concentration, c),
    )


def counted_as_zero(concentration: Floats, reported: Floats, product: Floats) -> Floats:
    """Negative concentrations as 0 where the device counted them so: both ways are in use.

    Parameters
    ----------
    concentration : (n,) float64
        [mg/m3 or mg/L]
    reported, product : (n,) float64
        The mass that was reported, and that of the concentration as it is. [unit of the mass]

    Returns
    -------
    counted : (n,) float64
        [unit of the concentration]
    """
    with np.errstate(invalid="ignore"):
        return np.where((concentration < 0) & (np.abs(reported) < np.abs(reported - product)), 0.0, concentration)


ROUND_FACTORS = (1.0, 3.6, 6.0, 24.0, 8.64, 1 / 3.6, 1 / 6.0, 1 / 24.0)
"""Between units of time and mass a factor is one of these times a power of ten."""


def _rounded_constant(learned: float) -> float:
    """The nearest product of a unit factor and a power of ten, if it is within half a percent; else what was
    learned."""
    for factor in ROUND_FACTORS:
        power = np.round(np.log10(abs(learned) / factor))
        nominal = factor * 10.0**power
        if abs(abs(learned) / nominal - 1) < 0.005:
            return float(np.sign(learned) * nominal)
    return learned


def dry_standard_flow_audit(data: SiteData, grid: Grid, row: int, sources: list[Series]) -> Audit | None:
    named, steps, ids = _stack_sources(grid, sources)
    if "velocity" not in named:
        return None
    reported = grid.values[row]
    candidates = []
    for ice_point_k in (identities.ICE_POINT_K, identities.ICE_POINT_K + 0.15):
        shape, slopes = identities.stack_conditions(named, ice_point_k=ice_point_k)
        constant = fit_constant(reported, shape, accepted=grid.n_accepted)
        if constant is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            implied = {ids["velocity"]: named["velocity"] * reported / (constant * shape)}
        candidates.append(
            make_audit(
                grid,
                row,
                formula="dry_standard_flow",
                sources=sources,
                expected=constant * shape,
                slopes={name: constant * slope for name, slope in slopes.items()},
                steps=steps,
                implied=implied,
                fitted=True,
            )
        )
    ratios = [np.abs(audit.residual) / audit.bound for audit in candidates]
    return candidates[best_convention(ratios, reference=candidates[0].reference)]


STACK_ROLES = {
    "velocity": "velocity",
    "stack_temperature": "temperature",
    "stack_pressure": "pressure",
    "air_pressure": "ambient_pressure",
    "humidity": "humidity",
}


def _stack_sources(grid: Grid, sources: list[Series]) -> tuple[dict[str, Floats], dict[str, float], dict[str, str]]:
    named, steps, ids = {}, {}, {}
    for source in sources:
        channel = channel_of(source)
        role = STACK_ROLES.get(channel.quantity)
        values = aligned(grid, source)
        if role is None or values is None:
            continue
        factor = PA_PER.get(channel.unit, 1.0) if "pressure" in role else 1.0
        named[role], steps[role], ids[role] = values * factor, step_of(source) * factor, channel.id
    return named, steps, ids


def audit_by_roles(
    roles: dict[str, tuple[str, ...]], identity: Callable[..., identities.Expected], *, formula: str
) -> Callable[[SiteData, Grid, int, list[Series]], Audit | None]:
    """A builder for an identity without constants: roles by quantity."""

    def build(data: SiteData, grid: Grid, row: int, sources: list[Series]) -> Audit | None:
        named, steps = {}, {}
        for source in sources:
            values = aligned(grid, source)
            role = next((r for r, quantities in roles.items() if channel_of(source).quantity in quantities), None)
            if role is None or values is None:
                return None
            named[role], steps[role] = values, step_of(source)
        if next(iter(roles)) not in named or (formula == "power_factor" and len(named) < 2):
            return None
        expected, slopes = identity(named)
        return make_audit(
            grid,
            row,
            formula=formula,
            sources=sources,
            expected=expected,
            slopes=slopes,
            steps=steps,
            implied={},
            # 46/30, 46.0055/30.0061 and 1.533 are all in use
            fitted=formula == "no_to_nox",
        )

    return build


def line_audit(data: SiteData, grid: Grid, row: int, sources: list[Series]) -> Audit | None:
    """Affine, and a rate that is an amount times a constant: slope and intercept from accepted rows, by the median
    of slopes."""
    x, y = aligned(grid, sources[0]), grid.values[row]
    if x is None or len(sources) != 1:
        return None
    formula = grid.channels[row].formula or "affine"
    known = np.flatnonzero(np.isfinite(x[: grid.n_accepted]) & np.isfinite(y[: grid.n_accepted]))
    if known.size < LEAST_FIT_ROWS:
        return None
    slope, intercept = _fitted_line(x[known], y[known], through_origin=formula == "rate")
    if intercept and abs(intercept) < reporting_step(y):
        # ppm to mg/m3 and the like: a line through the origin also holds beyond the values that were seen
        slope, intercept = fit_constant(y[known], x[known], accepted=known.size) or slope, 0.0
    expected, slopes = identities.straight_line({"x": x}, slope=slope, intercept=intercept)
    implied = {channel_of(sources[0]).id: (y - intercept) / slope} if slope else {}
    steps = {"x": step_of(sources[0])}
    return make_audit(
        grid,
        row,
        formula=formula,
        sources=sources,
        expected=expected,
        slopes=slopes,
        steps=steps,
        implied=implied,
        fitted=True,
    )


def _fitted_line(x: Floats, y: Floats, *, through_origin: bool) -> tuple[float, float]:
    """Slope and intercept: least squares over the rows near a line that single strays cannot move."""
    if through_origin:
        constant = fit_constant(y, x, accepted=x.size)
        return (0.0 if constant is None else _rounded_constant(constant)), 0.0
    order = np.argsort(x, kind="stable")
    third = max(1, x.size // 3)
    low, high = order[:third], order[-third:]
    run = x[high] - x[low]
    slope = float(np.median((y[high] - y[low])[run > 0] / run[run > 0])) if (run > 0).any() else 0.0
    error = y - slope * x
    error = np.abs(error - np.median(error))
    near = error <= 3 * np.median(error) + 1e-12
    centre = float(x[near].mean())
    spread = x[near] - centre
    if not (spread @ spread) > 0:
        return slope, float(np.median(y - slope * x))
    slope = float((spread @ y[near]) / (spread @ spread))
    return slope, float(y[near].mean() - slope * centre)
