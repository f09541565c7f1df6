"""Rules on production and treatment together: P1 off, P2 idle, P3 order, P4 load ratio, P13 emissions unchanged."""

from collections.abc import Callable

import numpy as np

from analysis.facility_events import Bools, Figures, Floats, RuleEvent, events_of, make_event
from analysis.facility_states import IDLE, OFF, RUN, UNKNOWN, States

EMISSION_BAND = 1.5
"""Quartile ranges above the level of running treatment within which an emission counts as unchanged."""


def treatment_off(
    times_s: Floats,
    production: States,
    treatment: States,
    *,
    delay_s: float = 0.0,
    production_kw: Floats | None = None,
    treatment_kw: Floats | None = None,
) -> list[RuleEvent]:
    """P1: production runs and treatment is off.

    The dwell of the states already takes out flicker, so that the default has no further delay: the event is there with
    the sample that confirms it, and its severity grows with its duration.

    Parameters
    ----------
    times_s : (n,) float64
    production, treatment : (n,) int8
        States, combined over what is linked.
    delay_s : float
        Contradictions shorter than this are no event. [s]
    production_kw, treatment_kw : (n,) float64, optional
        For the figures.
    """
    hits = (production == RUN) & (treatment == OFF)
    return events_of("P1", times_s, hits, least_s=delay_s, figures=_mean_powers(production_kw, treatment_kw))


def idle_treatment(
    times_s: Floats,
    production: States,
    treatment: States,
    *,
    least_s: float = 600.0,
    production_kw: Floats | None = None,
    treatment_kw: Floats | None = None,
) -> list[RuleEvent]:
    """P2: production runs and treatment only idles, for `least_s`: the fan turns but does no work."""
    hits = (production == RUN) & (treatment == IDLE)
    return events_of("P2", times_s, hits, least_s=least_s, figures=_mean_powers(production_kw, treatment_kw))


def start_stop_order(
    times_s: Floats, production: States, treatment: States, *, lead_s: float = 0.0, lag_s: float = 0.0
) -> list[RuleEvent]:
    """P3: treatment must run `lead_s` before production starts and `lag_s` after it stops.

    A start or stop next to unknown states is not judged. RTO, SCR and biofilters need warm-up and purge.
    """
    runs = production == RUN
    was_known = np.concatenate(([UNKNOWN], production[:-1])) != UNKNOWN
    before = np.concatenate(([False], runs[:-1]))
    starts = np.flatnonzero(runs & ~before & was_known)
    stops = np.flatnonzero(~runs & before & (production != UNKNOWN))
    found = [_order_event(times_s, treatment, float(times_s[n]) - lead_s, float(times_s[n]), "start") for n in starts]
    found += [_order_event(times_s, treatment, float(times_s[n]), float(times_s[n]) + lag_s, "stop") for n in stops]
    return sorted((event for event in found if event is not None), key=lambda event: event.start_s)


def _order_event(times_s: Floats, treatment: States, start_s: float, end_s: float, what: str) -> RuleEvent | None:
    inside = (times_s >= start_s) & (times_s <= end_s)
    states = treatment[inside]
    is_judged = len(states) > 0 and start_s >= times_s[0] and end_s <= times_s[-1] and not (states == UNKNOWN).any()
    missing = np.count_nonzero(states != RUN)
    if not is_judged or missing == 0:
        return None
    width_s = (end_s - start_s) * missing / len(states)
    key = "lead" if what == "start" else "lag"
    figures = {f"required_{key}_s": end_s - start_s, "not_running_s": width_s, "is_start": float(what == "start")}
    return make_event("P3", start_s, end_s, figures, severity=2)


def low_load_ratio(
    times_s: Floats,
    production_kw: Floats,
    treatment_kw: Floats,
    production: States,
    treatment: States,
    *,
    least_ratio: float,
    least_s: float = 1800.0,
) -> list[RuleEvent]:
    """P4: treatment draws less per kilowatt of production than its learned 5th percentile: frequency lowered."""
    both = (production == RUN) & (treatment == RUN) & (production_kw > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(both, treatment_kw / production_kw, np.nan)
    hits: Bools = both & (ratio < least_ratio)

    def figures(start: int, stop: int) -> Figures:
        return {"mean_ratio": float(np.nanmean(ratio[start:stop])), "least_ratio": least_ratio}

    return events_of("P4", times_s, hits, least_s=least_s, figures=figures)


def unchanged_emission(
    times_s: Floats, production: States, treatment: States, emission: Floats, *, least_s: float = 1800.0
) -> list[RuleEvent]:
    """P13: treatment is off while production runs, and the reported emission stays where treatment keeps it.

    `emission` is a concentration at the outlet, on the same times. Its level with treatment running is the median, its
    usual spread the quartile range. Without such a level in the data there is nothing to compare with and no event.
    """
    treated = emission[(production == RUN) & (treatment == RUN) & np.isfinite(emission)]
    if not len(treated):
        return []
    low, median, high = np.quantile(treated, [0.25, 0.5, 0.75])
    usual_most = float(median + EMISSION_BAND * max(high - low, 0.05 * abs(median)))
    hits = (production == RUN) & (treatment == OFF) & (emission <= usual_most)

    def figures(start: int, stop: int) -> Figures:
        mean = float(np.mean(emission[start:stop]))
        return {"mean_emission": mean, "usual_emission": float(median), "usual_most": usual_most}

    return events_of("P13", times_s, hits, least_s=least_s, figures=figures, severity=3)


def _mean_powers(production_kw: Floats | None, treatment_kw: Floats | None) -> Callable[[int, int], Figures]:
    named = {"production_kw": production_kw, "treatment_kw": treatment_kw}

    def figures(start: int, stop: int) -> Figures:
        return {name: float(np.nanmean(power[start:stop])) for name, power in named.items() if power is not None}

    return figures
