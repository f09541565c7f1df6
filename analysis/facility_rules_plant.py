"""Rules on a plant as a whole: P8 sums of meters, P10 stop and limit orders, P12 work by night."""

import numpy as np

from analysis.facility_events import Bools, Figures, Floats, RuleEvent, events_of, make_event
from analysis.facility_states import RUN, States

DAY_S = 86_400.0
LEAST_PART_SAMPLES = 60
"""Minutes of a day and of a night that are needed to compare the two."""


def unbalanced_sum(
    times_s: Floats,
    plant_kw: Floats,
    parts_kw: Floats,
    *,
    tolerance: float = 0.05,
    unmetered_share: float = 0.3,
    least_s: float = 900.0,
) -> list[RuleEvent]:
    """P8: sub-meters add up to more than the plant meter, or the plant draws far more than they show.

    Parameters
    ----------
    plant_kw : (n,) float64
    parts_kw : (k, n) float64
        All sub-meters; a sample at which one is missing is not judged.
    tolerance, unmetered_share : float
        Excess of the sum, and share of the plant's power that no sub-meter shows, that are still usual. [1]
    """
    total = parts_kw.sum(axis=0)
    found = []
    for kind, hits in (
        ("sum_above_plant", total > plant_kw * (1 + tolerance)),
        ("unmetered", plant_kw * (1 - unmetered_share) > total),
    ):

        def figures(start: int, stop: int, kind: str = kind) -> Figures:
            plant, parts = float(plant_kw[start:stop].mean()), float(total[start:stop].mean())
            return {f"is_{kind}": 1.0, "plant_kw": plant, "sum_kw": parts}

        found += events_of("P8", times_s, hits, least_s=least_s, figures=figures)
    return sorted(found, key=lambda event: event.start_s)


def order_broken(
    times_s: Floats,
    power_kw: Floats,
    states: States,
    *,
    order_start_s: float,
    order_end_s: float,
    allowed_share: float = 0.0,
    baseline_kw: float | None = None,
) -> list[RuleEvent]:
    """P10: while an order is in force the facility runs (stop order), or draws more than its share of the baseline.

    `allowed_share` 0 is a stop order; a limit order of 50 % is 0.5 and needs `baseline_kw`, the mean of honest days.

    Raises
    ------
    ValueError
        If a limit order comes without its baseline.
    """
    inside = (times_s >= order_start_s) & (times_s < order_end_s)
    if allowed_share == 0:
        powers = np.where(inside & (states == RUN), power_kw, np.nan)
        return events_of(
            "P10",
            times_s,
            inside & (states == RUN),
            figures=lambda start, stop: {"mean_kw": float(np.nanmean(powers[start:stop])), "allowed_share": 0.0},
        )
    if baseline_kw is None:
        raise ValueError("a limit order needs the baseline that it limits")
    known = power_kw[inside & np.isfinite(power_kw)]
    if not len(known) or known.mean() <= allowed_share * baseline_kw:
        return []
    share = float(known.mean() / baseline_kw)
    figures = {"mean_kw": float(known.mean()), "share": share, "allowed_share": allowed_share}
    return [make_event("P10", order_start_s, min(order_end_s, float(times_s[-1])), figures, severity=3)]


def night_work(
    times_s: Floats, power_kw: Floats, is_night: Bools, *, day_starts_s: float = 0.0, most_ratio: float = 1.5
) -> list[RuleEvent]:
    """P12: mean power by night above `most_ratio` times that of the day, where the permit says day shifts.

    `is_night` marks the samples outside the permitted shifts; a day counts from `day_starts_s` (time of day, UTC) on,
    so that one night stays in one piece. One event a day. (1.5: the figure of a district that published its screening.)
    """
    day = np.floor((times_s - day_starts_s) / DAY_S)
    found = []
    for number in np.unique(day):
        here = (day == number) & np.isfinite(power_kw)
        night, light = power_kw[here & is_night], power_kw[here & ~is_night]
        if min(len(night), len(light)) < LEAST_PART_SAMPLES:
            continue
        night_kw, day_kw = float(night.mean()), float(light.mean())
        if night_kw > most_ratio * max(day_kw, 1e-9) and night_kw > 0:
            figures = {"night_kw": night_kw, "day_kw": day_kw, "most_ratio": most_ratio}
            times = times_s[here & is_night]
            found.append(make_event("P12", float(times[0]), float(times[-1]), figures, severity=2))
    return found
