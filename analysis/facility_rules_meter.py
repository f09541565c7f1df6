"""Rules on one meter: P5 frozen, P6 computed, P7 energy against power, P9 phases, P11 link lost."""

from itertools import pairwise

import numpy as np

from analysis.facility_events import Bools, Figures, Floats, RuleEvent, events_of, make_event, spans

NOMINAL_V = 220.0
PRESENT_SHARE = 0.8
"""Share of the nominal voltage above which a phase has voltage."""
PHASES = 3


def frozen_power(times_s: Floats, power_kw: Floats, voltage_v: Floats, *, least_samples: int = 15) -> list[RuleEvent]:
    """P5: the same power to the last digit while the voltage moves; a standing facility (0 kW) is not frozen."""
    same = np.concatenate(([False], (power_kw[1:] == power_kw[:-1]) & (power_kw[1:] != 0)))
    hits = np.concatenate((same[1:] | same[:-1], same[-1:])) if len(same) else same
    moved = [
        (start, stop)
        for start, stop in _runs_of_one_value(power_kw, hits)
        if len(np.unique(voltage_v[start:stop][np.isfinite(voltage_v[start:stop])])) > 2
    ]
    judged = _mask(len(times_s), moved)
    return events_of(
        "P5",
        times_s,
        judged,
        least_samples=least_samples,
        figures=lambda start, stop: {
            "power_kw": float(power_kw[start]),
            "voltage_span_v": float(np.nanmax(voltage_v[start:stop]) - np.nanmin(voltage_v[start:stop])),
        },
    )


def invented_power(
    times_s: Floats,
    power_kw: Floats,
    voltages_v: Floats,
    currents_a: Floats,
    power_factor: Floats,
    *,
    tolerance: float = 0.002,
    least_samples: int = 60,
) -> list[RuleEvent]:
    """P6: power is U times I to rounding, and the power factor never moves: computed by a gateway, not measured.

    Parameters
    ----------
    power_kw, power_factor : (n,) float64
    voltages_v, currents_a : (n_phases, n) float64
    tolerance : float
        Relative difference that counts as rounding. [1]
    """
    apparent_kva = (voltages_v * currents_a).sum(axis=0) / 1000
    equal = (apparent_kva > 0) & (np.abs(power_kw - apparent_kva) <= tolerance * apparent_kva)
    constant = np.concatenate(([True], power_factor[1:] == power_factor[:-1]))
    hits = equal & constant & np.isfinite(power_factor)

    def figures(start: int, stop: int) -> Figures:
        ratio = power_kw[start:stop] / apparent_kva[start:stop]
        return {"mean_power_over_ui": float(ratio.mean()), "power_factor": float(power_factor[start])}

    return events_of("P6", times_s, hits, least_samples=least_samples, figures=figures)


def energy_mismatch(
    times_s: Floats,
    power_kw: Floats,
    energy_kwh: Floats,
    *,
    window_s: float = 3600.0,
    tolerance: float = 0.03,
    resolution_kwh: float = 0.01,
    least_share_known: float = 0.9,
) -> list[RuleEvent]:
    """P7: the energy register goes back, or moves in an hour by other than the integral of power.

    Windows with gaps in power are not judged by the integral; a register that goes back is judged everywhere. A change
    of the transformer ratio that was applied to one of the two shows here.
    """
    known = np.isfinite(energy_kwh)
    times, energy = times_s[known], energy_kwh[known]
    found = [
        make_event(
            "P7", float(times[n]), float(times[n + 1]), {"step_kwh": float(energy[n + 1] - energy[n])}, severity=3
        )
        for n in np.flatnonzero(np.diff(energy) < -resolution_kwh)
    ]
    judged = _windows(times_s, window_s)
    hits = np.zeros(len(times_s), dtype=np.bool_)
    figures: dict[int, Figures] = {}
    for start, stop in judged:
        integral, register = _integral(times_s, power_kw, energy_kwh, start, stop, least_share_known)
        allowed = tolerance * max(abs(integral), abs(register)) + 2 * resolution_kwh
        if np.isfinite(integral) and np.isfinite(register) and register >= 0 and abs(register - integral) > allowed:
            hits[start:stop] = True
            figures[start] = {"register_kwh": register, "integral_kwh": integral}
    return found + events_of("P7", times_s, hits, figures=lambda start, stop: _summed(figures, start, stop))


def phase_fault(
    times_s: Floats,
    voltages_v: Floats,
    currents_a: Floats,
    powers_kw: Floats,
    *,
    least_current_a: float = 0.5,
    least_samples: int = 15,
) -> list[RuleEvent]:
    """P9: one phase has voltage and no current, or negative power, or all three are the same to the last digit.

    Parameters
    ----------
    voltages_v, currents_a, powers_kw : (3, n) float64
    least_current_a : float
        Mean current of the other phases from which a phase without any is missing. [A]
    """
    for name, array in (("voltages", voltages_v), ("currents", currents_a), ("powers", powers_kw)):
        if array.shape != (PHASES, len(times_s)):
            raise ValueError(f"{name} must be (3, {len(times_s)}), got {array.shape}")
    others_a = (currents_a.sum(axis=0) - currents_a) / 2
    has_voltage = voltages_v > PRESENT_SHARE * NOMINAL_V
    lost = (has_voltage & (currents_a == 0) & (others_a >= least_current_a)).any(axis=0)
    negative = ((powers_kw < 0).sum(axis=0) == 1) & ((powers_kw > 0).sum(axis=0) == 2)
    same = (powers_kw[0] == powers_kw[1]) & (powers_kw[1] == powers_kw[2]) & (powers_kw[0] != 0)
    same &= (currents_a[0] == currents_a[1]) & (currents_a[1] == currents_a[2])
    same &= (voltages_v[0] == voltages_v[1]) & (voltages_v[1] == voltages_v[2])
    found = []
    for kind, hits in (("lost", lost), ("negative", negative), ("identical", same)):
        found += events_of(
            "P9",
            times_s,
            hits,
            least_samples=least_samples,
            figures=lambda start, stop, kind=kind: {  # type: ignore[misc]
                f"is_{kind}": 1.0,
                **{f"current_{p}_a": float(np.nanmean(currents_a[n, start:stop])) for n, p in enumerate("abc")},
                **{f"power_{p}_kw": float(np.nanmean(powers_kw[n, start:stop])) for n, p in enumerate("abc")},
            },
        )
    return sorted(found, key=lambda event: event.start_s)


def lost_link(
    times_s: Floats,
    is_present: Bools,
    neighbours_present: Bools,
    *,
    is_night: Bools | None = None,
    least_s: float = 600.0,
    least_share: float = 0.5,
) -> list[RuleEvent]:
    """P11: a meter sends nothing while most meters of its feeder do; worse by night.

    Parameters
    ----------
    is_present : (n,) bool
    neighbours_present : (k, n) bool
        Meters of the same feeder or gateway; without any nothing can be told.
    """
    if not len(neighbours_present):
        return []
    share = neighbours_present.mean(axis=0)
    hits = ~is_present & (share >= least_share)

    def figures(start: int, stop: int) -> Figures:
        night = 0.0 if is_night is None else float(is_night[start:stop].mean())
        return {"neighbours_up": float(share[start:stop].mean()), "night_share": night}

    return events_of("P11", times_s, hits, least_s=least_s, figures=figures)


def _runs_of_one_value(values: Floats, hits: Bools) -> list[tuple[int, int]]:
    """Rows of hits, cut where the value changes."""
    found = []
    for start, stop in spans(hits):
        cuts = start + 1 + np.flatnonzero(np.diff(values[start:stop]) != 0)
        edges = [start, *cuts.tolist(), stop]
        found += list(pairwise(edges))
    return found


def _mask(length: int, ranges: list[tuple[int, int]]) -> Bools:
    mask = np.zeros(length, dtype=np.bool_)
    for start, stop in ranges:
        mask[start:stop] = True
    return mask


def _windows(times_s: Floats, window_s: float) -> list[tuple[int, int]]:
    """Whole windows from the first sample on, as sample ranges that share their edge samples."""
    if len(times_s) < 2:
        return []
    edges = np.arange(times_s[0], times_s[-1] + 1e-6, window_s)
    at = np.searchsorted(times_s, edges)
    return [(a, b) for a, b in pairwise(at.tolist()) if b - a > 1]


def _integral(
    times_s: Floats, power_kw: Floats, energy_kwh: Floats, start: int, stop: int, least_share: float
) -> tuple[float, float]:
    """Integral of power and step of the register over samples start … stop; NaN where it cannot be told. [kWh]"""
    part = slice(start, stop + 1)
    known = np.isfinite(power_kw[part])
    if known.mean() < least_share or not known[0] or not known[-1]:
        return float("nan"), float("nan")
    times, power = times_s[part][known], power_kw[part][known]
    integral = float(np.sum((power[1:] + power[:-1]) / 2 * np.diff(times)) / 3600)
    return integral, float(energy_kwh[stop] - energy_kwh[start])


def _summed(figures: dict[int, Figures], start: int, stop: int) -> Figures:
    inside = [row for at, row in figures.items() if start <= at < stop]
    register, integral = (sum(row[name] for row in inside) for name in ("register_kwh", "integral_kwh"))
    return {
        "register_kwh": register,
        "integral_kwh": integral,
        "ratio": register / integral if integral else float("inf"),
    }
