"""Constant run, range and spike: the questions that are put to the gateway's own functions, to bare numpy and to peers.

Values are (n_series, n_times) float64 at one-minute steps; answers are masks of the same shape. This file is imported
by both interpreters and needs numpy only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEP_S = 60
RUN = 60  # samples of the same value in a row
LOW, HIGH = 0.0, 100.0
SPIKE = 20.0  # above its neighbours

Check = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Known:
    """A small array with the answers: samples within runs, outside the range, and spikes."""

    values: np.ndarray
    constant: np.ndarray
    range: np.ndarray
    spike: np.ndarray


def known_answer() -> Known:
    """Six series of ten hours; what is planted lies far apart."""
    rng = np.random.default_rng(7)
    values = 50 + rng.normal(0, 1, (6, 600))
    constant, outside, spike = (np.zeros(values.shape, dtype=np.bool_) for _ in range(3))
    values[1, 100:250] = 51.5
    constant[1, 100:250] = True
    values[2, 300:350] = 51.5  # too short
    for row, column, value in ((3, 50, -3.0), (3, 51, -2.5), (4, 400, 103.0), (4, 401, 104.0)):
        values[row, column] = value
        outside[row, column] = True
    for row, column in ((0, 120), (5, 500)):
        values[row, column] += 30
        spike[row, column] = True
    return Known(values, constant, outside, spike)


def faults(check: str, found: np.ndarray, known: Known) -> list[str]:
    """What is wrong with an answer; empty if it can be timed.

    Constant runs may be marked from the end of the first window on (QARTOD's way), spikes with the sample beside them;
    steps out of range are also spikes to those who look at differences.
    """
    wanted = getattr(known, check)
    if check == "range":
        return [] if np.array_equal(found, wanted) else [f"{np.sum(found != wanted)} samples differ"]
    if check == "constant":
        wrong, share = int(np.sum(found & ~wanted)), float(found[wanted].mean())
        out = [f"{wrong} samples outside the run are marked"] if wrong else []
        return out + ([f"only {share:.0%} of the run is marked"] if share < 0.5 else [])
    near = wanted | known.range
    near[:, 1:] |= near[:, :-1].copy()
    near[:, :-1] |= near[:, 1:].copy()
    wrong = int(np.sum(found & ~near))
    missed = int(np.sum(wanted & ~found))
    return ([f"{wrong} samples marked that are no spikes"] if wrong else []) + (
        [f"{missed} of {wanted.sum()} spikes missed"] if missed else []
    )


def bare_constant(values: np.ndarray) -> np.ndarray:
    """Runs of equal neighbours, from the starts of runs."""
    n_series, n_times = values.shape
    begins = np.ones(values.shape, dtype=np.bool_)
    np.not_equal(values[:, 1:], values[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins.ravel())
    lengths = np.diff(starts, append=n_series * n_times)
    return np.repeat(lengths >= RUN, lengths).reshape(values.shape)


def bare_range(values: np.ndarray) -> np.ndarray:
    return (values < LOW) | (values > HIGH)


def bare_spike(values: np.ndarray) -> np.ndarray:
    """Against the mean of both neighbours."""
    out = np.zeros(values.shape, dtype=np.bool_)
    out[:, 1:-1] = np.abs(values[:, 1:-1] - (values[:, :-2] + values[:, 2:]) / 2) > SPIKE
    return out


BARE: dict[str, Check] = {"constant": bare_constant, "range": bare_range, "spike": bare_spike}
