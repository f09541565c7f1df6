"""States of facilities from their power: off, idle, run, or unknown where there is no data.

Power and not current decides: a motor without load draws 30 to 50 % of its rated current at a low power factor.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.int8]

UNKNOWN, OFF, IDLE, RUN = -1, 0, 1, 2
NAMES = {UNKNOWN: "unknown", OFF: "off", IDLE: "idle", RUN: "run"}
RUN_EXIT_SHARE = 0.8
DWELL_SAMPLES = 3


def facility_states(
    power_kw: Floats,
    *,
    off_kw: float,
    run_kw: float,
    exit_share: float = RUN_EXIT_SHARE,
    dwell: int = DWELL_SAMPLES,
) -> States:
    """State at each sample, as it could be told at that time.

    Parameters
    ----------
    power_kw : (..., n_times) float64
        Active power; NaN where missing. [kW]
    off_kw : float
        Below it the facility is off. [kW]
    run_kw : float
        From it on the facility runs, until power falls below `exit_share` times it. [kW]
    exit_share : float
        Hysteresis. [1]
    dwell : int
        So many samples in a row must agree before a state is taken. [samples]

    Returns
    -------
    states : (..., n_times) int8
        OFF, IDLE, RUN; UNKNOWN where power is missing, and after a gap until `dwell` samples agree.

    Raises
    ------
    ValueError
        If not 0 <= off_kw <= run_kw, or `dwell` is less than one.
    """
    if not 0 <= off_kw <= run_kw:
        raise ValueError(f"thresholds must be 0 <= off_kw <= run_kw, got {off_kw} and {run_kw}")
    if dwell < 1:
        raise ValueError(f"dwell is at least one sample, got {dwell}")
    known = np.isfinite(power_kw)
    power = np.where(known, power_kw, 0.0)
    # 1 enters, 0 leaves, between the two thresholds the last decision stands; a gap forgets it.
    decided = np.where(power >= run_kw, 1, np.where(power < exit_share * run_kw, 0, -1))
    runs = _held(np.where(known, decided, 0), decided >= 0) == 1
    momentary = np.where(runs, RUN, np.where(power < off_kw, OFF, IDLE)).astype(np.int8)
    momentary[~known] = UNKNOWN
    agrees = known.copy()
    for back in range(1, dwell):
        earlier = np.roll(momentary, back, axis=-1)
        earlier[..., :back] = UNKNOWN
        agrees &= earlier == momentary
    states = _held(momentary, agrees | ~known)
    states[~known] = UNKNOWN
    return states.astype(np.int8)


def _held(values: npt.NDArray[np.int8] | npt.NDArray[np.int64], is_set: npt.NDArray[np.bool_]) -> States:
    """The last value that was set, at each sample; UNKNOWN before the first."""
    number = np.arange(values.shape[-1])
    last = np.maximum.accumulate(np.where(is_set, number, -1), axis=-1)
    held = np.take_along_axis(values, np.maximum(last, 0), axis=-1)
    return np.where(last >= 0, held, UNKNOWN).astype(np.int8)


def combine_any(states: States) -> States:
    """One state for several of which any counts: standby twins, lines that share a treatment. (k, n) → (n,)

    One that runs is enough to know; otherwise one that is unknown leaves all unknown.
    """
    most = states.max(axis=0)
    has_unknown = (states == UNKNOWN).any(axis=0)
    return np.where((most != RUN) & has_unknown, UNKNOWN, most).astype(np.int8)


def combine_all(states: States) -> States:
    """One state for several that are all needed: the stages of one treatment. (k, n) → (n,)

    One that is off is enough to know; otherwise one that is unknown leaves all unknown.
    """
    known = np.where(states == UNKNOWN, RUN, states)
    least = known.min(axis=0)
    has_unknown = (states == UNKNOWN).any(axis=0)
    return np.where((least != OFF) & has_unknown, UNKNOWN, least).astype(np.int8)
