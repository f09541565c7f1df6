"""One link of the plant, production lines with the treatment that they need, judged by the rules on operation.

Links are many-to-many: a treatment that serves several lines must run when any of them does, and of standby twins one
is enough (`any`), while the stages of one treatment are all needed (`all`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.facility_events import Floats, RuleEvent, without_notices
from analysis.facility_rules_operation import (
    idle_treatment,
    low_load_ratio,
    start_stop_order,
    treatment_off,
    unchanged_emission,
)
from analysis.facility_states import States, combine_all, combine_any, facility_states


@dataclass(frozen=True, slots=True)
class FacilityPower:
    """A facility with its signed thresholds and its power on the common times. [kW]"""

    name: str
    off_kw: float
    run_kw: float
    power_kw: Floats
    standby_group: str = ""
    """Treatment of one group stands in for each other: where all stages are needed, one of the group is enough."""

    def states(self) -> States:
        return facility_states(self.power_kw, off_kw=self.off_kw, run_kw=self.run_kw)


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """What is asked of a link; None leaves a rule out."""

    treatment_mode: Literal["any", "all"] = "any"
    lead_s: float | None = None
    lag_s: float | None = None
    least_ratio: float | None = None


def supervise_link(
    times_s: Floats,
    production: Sequence[FacilityPower],
    treatment: Sequence[FacilityPower],
    *,
    terms: LinkTerms | None = None,
    emission: Floats | None = None,
    notices: Sequence[tuple[float, float]] = (),
) -> list[RuleEvent]:
    """Events of P1 to P4 and P13 for one link, by start; those that a notice covers are left out.

    Parameters
    ----------
    times_s : (n,) float64
        Times of all powers, increasing. [s, UTC]
    production, treatment : sequence of FacilityPower
        At least one each, on `times_s`.
    emission : (n,) float64, optional
        Concentration at the outlet, for P13.
    notices : sequence of (start, end)
        Maintenance and approved stops. [s, UTC]

    Raises
    ------
    ValueError
        If a side is empty, or an array has another length than the times.
    """
    if not production or not treatment:
        raise ValueError("a link needs production and treatment")
    for facility in (*production, *treatment):
        if facility.power_kw.shape != times_s.shape:
            raise ValueError(f"{facility.name}: {facility.power_kw.shape} powers for {times_s.shape} times")
    terms = terms or LinkTerms()
    combine = combine_all if terms.treatment_mode == "all" else combine_any
    stages: dict[str, list[States]] = {}
    for number, facility in enumerate(treatment):
        stages.setdefault(facility.standby_group or f"\0{number}", []).append(facility.states())
    made = combine_any(np.stack([facility.states() for facility in production]))
    treated = combine(np.stack([combine_any(np.stack(twins)) for twins in stages.values()]))
    made_kw = np.stack([facility.power_kw for facility in production])
    treated_kw = np.stack([facility.power_kw for facility in treatment])
    # What is known is enough for a figure; for a ratio every part must be known.
    powers = {"production_kw": np.nansum(made_kw, axis=0), "treatment_kw": np.nansum(treated_kw, axis=0)}
    found = treatment_off(times_s, made, treated, **powers) + idle_treatment(times_s, made, treated, **powers)
    if terms.lead_s is not None or terms.lag_s is not None:
        found += start_stop_order(times_s, made, treated, lead_s=terms.lead_s or 0.0, lag_s=terms.lag_s or 0.0)
    if terms.least_ratio is not None:
        sums = made_kw.sum(axis=0), treated_kw.sum(axis=0)
        found += low_load_ratio(times_s, *sums, made, treated, least_ratio=terms.least_ratio)
    if emission is not None:
        found += unchanged_emission(times_s, made, treated, emission)
    return sorted(without_notices(found, notices), key=lambda event: event.start_s)
