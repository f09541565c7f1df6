"""The arithmetic that a derived channel must obey, with the partial derivatives that carry rounding through it.

Each identity gives the expected value and its derivative by every source; `rounding_tolerance` turns the reporting
steps into the largest residual that honest rounding can make, and the standard deviation that it makes on average.
Nothing here knows thresholds. Conventions: NaN in, NaN out; where a formula has no value (oxygen at or above 21 %)
the expected value is NaN, never a negative one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Expected = tuple[Array, dict[str, Array]]
"""Expected values `(n,)` and the derivative `(n,)` by each source that is rounded."""

AMBIENT_OXYGEN_PCT = 21.0  # the constant of the standards' formula (GB 13223-2011 §5.1.3), not the 20.9 % of the air
STANDARD_PRESSURE_PA = 101325.0
ICE_POINT_K = 273.0  # HJ 75-2017 appendix C writes 273; loggers with 273.15 are covered by trying both
NO_TO_NO2 = 46.0055 / 30.0061  # mass of NO counted as NO2, 1.533

MAX_DECIMALS = 7


def reporting_step(values: Array) -> float:
    """The decimal place that a channel is reported to.

    Parameters
    ----------
    values : (n,) float64
        NaN where missing. [any]

    Returns
    -------
    step : float
        0.1 for one decimal place, …; 0 when there is none up to seven places, or no values. [unit of `values`]
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0
    # a double of this size cannot carry more places than about fifteen digits allow
    for places in range(MAX_DECIMALS + 1):
        shifted = known * 10.0**places
        exact = np.abs(shifted - np.round(shifted)) <= 1e-6 + 4e-16 * np.abs(shifted)
        if exact.mean() >= 0.999:
            return float(10.0**-places)
    return 0.0


def oxygen_conversion(sources: Mapping[str, Array], *, reference_oxygen_pct: float) -> Expected:
    """Concentration at the reference oxygen content, C·(21 − Oref)/(21 − O) (GB 13223-2011 §5.1.3, HJ 75-2017
    appendix C).

    Sources: `value` [mg/m3, dry], `o2` [%, dry].
    """
    left = AMBIENT_OXYGEN_PCT - sources["o2"]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(left > 0, (AMBIENT_OXYGEN_PCT - reference_oxygen_pct) / left, np.nan)
        expected = sources["value"] * factor
        return expected, {"value": factor, "o2": expected / left}


def product(sources: Mapping[str, Array], *, constant: float) -> Expected:
    """Mass rate of concentration and dry standard flow, constant·C·Q (HJ 75-2017 appendix C: kg/h = mg/m3 · m3/h ·
    1e-6).

    Sources: `concentration`, `flow`; the constant carries the units and the length of the interval.
    """
    concentration, flow = sources["concentration"], sources["flow"]
    return constant * concentration * flow, {"concentration": constant * flow, "flow": constant * concentration}


def stack_conditions(sources: Mapping[str, Array], *, ice_point_k: float = ICE_POINT_K) -> Expected:
    """What the dry standard flow is proportional to: V·T0/(T0+t)·(Ba+Ps)/101325·(1 − Xsw) (HJ 75-2017 appendix C).

    Sources: `velocity` [m/s]; any of `temperature` [Cel], `pressure` [Pa, gauge], `ambient_pressure` [Pa, absolute],
    `humidity` [%]. What is absent counts as constant: it goes into the one constant that is solved for.
    """
    velocity = sources["velocity"]
    zero = np.zeros_like(velocity)
    kelvin = ice_point_k + sources["temperature"] if "temperature" in sources else zero + ice_point_k
    ambient = sources.get("ambient_pressure", zero + STANDARD_PRESSURE_PA)
    absolute = ambient + sources.get("pressure", zero)
    dry = 1.0 - sources.get("humidity", zero) / 100.0
    expected = velocity * (ice_point_k / kelvin) * (absolute / STANDARD_PRESSURE_PA) * dry
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = {
            "velocity": (ice_point_k / kelvin) * (absolute / STANDARD_PRESSURE_PA) * dry,
            "temperature": expected / kelvin,
            "pressure": expected / absolute,
            "ambient_pressure": expected / absolute,
            "humidity": expected / dry / 100.0,
        }
    return expected, {name: slope for name, slope in slopes.items() if name in sources}


def power_factor(sources: Mapping[str, Array]) -> Expected:
    """Active over apparent, P/√(P² + Q²) (power or energy of one interval). Sources: `active`, `reactive`."""
    active, reactive = sources["active"], sources["reactive"]
    apparent = np.hypot(active, reactive)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(apparent > 0, active / apparent, np.nan)
        slopes = {"active": reactive**2 / apparent**3, "reactive": active * reactive / apparent**3}
    return expected, slopes


def no_to_nox(sources: Mapping[str, Array]) -> Expected:
    """Nitrogen oxides counted as NO2: 1.533·NO, and NO2 where it is measured (HJ 75-2017 §3). Sources: `no`,
    optionally `no2`."""
    no = sources["no"]
    expected = NO_TO_NO2 * no + sources.get("no2", np.zeros_like(no))
    return expected, {name: np.full_like(no, NO_TO_NO2 if name == "no" else 1.0) for name in sources}


def straight_line(sources: Mapping[str, Array], *, slope: float, intercept: float) -> Expected:
    """slope·x + intercept. Sources: `x`."""
    return slope * sources["x"] + intercept, {"x": np.full_like(sources["x"], slope)}


IDENTITIES: dict[str, Callable[..., Expected]] = {
    "oxygen_conversion": oxygen_conversion,
    "mass": product,
    "dry_standard_flow": stack_conditions,
    "power_factor": power_factor,
    "no_to_nox": no_to_nox,
    "affine": straight_line,
    "rate": straight_line,
}


def rounding_tolerance(
    expected: Array, slopes: Mapping[str, Array], *, steps: Mapping[str, float], step: float
) -> tuple[Array, Array]:
    """What rounding alone can do to a residual.

    Parameters
    ----------
    expected : (n,) float64
        From an identity. [unit of the derived channel]
    slopes : mapping of (n,) float64
        Derivatives by the sources.
    steps : mapping of float
        Reporting step of each source. [unit of the source]
    step : float
        Reporting step of the derived channel. [its unit]

    Returns
    -------
    bound, sigma : (n,) float64
        The largest residual, half a step of each term (to first order, and 1e-6 of the value, as loggers compute in
        single precision); its standard deviation if the roundings are independent and uniform. [unit of the derived
        channel]
    """
    terms = np.stack([np.full_like(expected, step)] + [np.abs(slope) * steps[name] for name, slope in slopes.items()])
    floor = 1e-9 * np.abs(expected) + 1e-12
    return terms.sum(axis=0) / 2 * (1 + 1e-6) + 1e-6 * np.abs(expected) + floor, np.sqrt(
        (terms**2).sum(axis=0) / 12
    ) + floor
