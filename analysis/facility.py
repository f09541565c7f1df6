"""Power-use supervision of production and treatment facilities: states, thresholds, and the rules P1 to P13.

    power [kW] ─► states (off, idle, run, unknown) ─► combined over twins and shared lines ─► rules ─► RuleEvent

- `facility_states` turns power into states, with hysteresis and dwell; missing data is `unknown`, never `off`.
- `facility_learning` proposes thresholds from two weeks of data; an officer signs them.
- `facility_link` judges production lines together with the treatment that they need.
- `facility_rules_*` hold the rules, one function each: arrays in, events with figures out.

All functions are pure; times are seconds, UTC, increasing; powers are kilowatts on the primary side; NaN is missing.
The thresholds are proposals to be learned and signed for each facility, not law: the national guide for power
monitoring of polluters was a draft when this was written.
"""

from analysis.facility_events import RuleEvent, without_notices
from analysis.facility_learning import LearnedThresholds, learn_ratio, learn_thresholds
from analysis.facility_link import FacilityPower, LinkTerms, supervise_link
from analysis.facility_rules_meter import (
    energy_mismatch,
    frozen_power,
    invented_power,
    lost_link,
    phase_fault,
)
from analysis.facility_rules_operation import (
    idle_treatment,
    low_load_ratio,
    start_stop_order,
    treatment_off,
    unchanged_emission,
)
from analysis.facility_rules_plant import night_work, order_broken, unbalanced_sum
from analysis.facility_states import IDLE, OFF, RUN, UNKNOWN, combine_all, combine_any, facility_states

RULES = {
    "P1": treatment_off,
    "P2": idle_treatment,
    "P3": start_stop_order,
    "P4": low_load_ratio,
    "P5": frozen_power,
    "P6": invented_power,
    "P7": energy_mismatch,
    "P8": unbalanced_sum,
    "P9": phase_fault,
    "P10": order_broken,
    "P11": lost_link,
    "P12": night_work,
    "P13": unchanged_emission,
}

__all__ = [
    "IDLE",
    "OFF",
    "RULES",
    "RUN",
    "UNKNOWN",
    "FacilityPower",
    "LearnedThresholds",
    "LinkTerms",
    "RuleEvent",
    "combine_all",
    "combine_any",
    "facility_states",
    "learn_ratio",
    "learn_thresholds",
    "supervise_link",
    "without_notices",
]
