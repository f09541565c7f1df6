"""Building blocks of honest series: memory, rhythm, steps, stops, bursts. Times in hours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def remembering(rng: np.random.Generator, n: int, *, tau_h: float, dt_h: float, sigma: float) -> FloatArray:
    """A stationary AR(1) with the correlation time `tau_h`."""
    phi = float(np.exp(-dt_h / tau_h))
    drive = rng.normal(0.0, sigma * np.sqrt(1.0 - phi * phi), n)
    start = rng.normal(0.0, sigma)
    out, _ = lfilter([1.0], [1.0, -phi], drive, zi=np.array([phi * start]))
    return np.asarray(out, dtype=np.float64)


def rhythm(hours: FloatArray, *, day: float, week: float, phase_h: float) -> FloatArray:
    """A daily wave with its first overtone and a lower weekend; amplitudes `day` and `week`."""
    wave = np.sin(2 * np.pi * (hours - phase_h) / 24) + 0.35 * np.sin(4 * np.pi * (hours - 0.4 * phase_h) / 24)
    weekend = ((hours // 24) % 7 >= 5).astype(np.float64)
    return day * wave - week * weekend


def steps(rng: np.random.Generator, hours: FloatArray, *, mean_h: float, sigma: float, ramp_h: float) -> FloatArray:
    """Levels held for exponentially long times, joined by ramps of about `ramp_h`."""
    span = float(hours[-1] - hours[0]) + 1.0
    edges = hours[0] + np.cumsum(rng.exponential(mean_h, int(span / mean_h * 2) + 8))
    levels = rng.normal(0.0, sigma, edges.size + 1)
    held = levels[np.searchsorted(edges, hours)]
    width = max(1, round(ramp_h / max(hours[1] - hours[0], 1e-9)))
    padded = np.concatenate([np.full(width - 1, held[0]), held])
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def wandering(rng: np.random.Generator, n: int, *, dt_h: float, per_month: float) -> FloatArray:
    """A random walk whose standard deviation after 720 h is `per_month`."""
    return np.cumsum(rng.normal(0.0, per_month * np.sqrt(dt_h / 720.0), n))


def bursts(rng: np.random.Generator, hours: FloatArray, *, per_month: float, height: float, tau_h: float) -> FloatArray:
    """Upsets: sudden rises of random height (heavy tailed) that decay within some hours."""
    dt_h = float(hours[1] - hours[0])
    kicks = np.zeros(hours.size)
    count = rng.poisson(per_month * hours.size * dt_h / 720.0)
    np.add.at(kicks, rng.integers(0, hours.size, count), height * (0.5 + rng.pareto(3.0, count)))
    return np.asarray(lfilter([1.0], [1.0, -np.exp(-dt_h / tau_h)], kicks), dtype=np.float64)


def running(rng: np.random.Generator, hours: FloatArray, *, stops_per_month: float, mean_stop_h: float) -> BoolArray:
    """Where the plant runs; stops of 6 h and more."""
    runs = np.ones(hours.size, dtype=np.bool_)
    span = float(hours[-1] - hours[0])
    for _ in range(rng.poisson(stops_per_month * span / 720.0)):
        begin = hours[0] + rng.uniform(0, span)
        runs &= ~((hours >= begin) & (hours < begin + 6.0 + rng.exponential(mean_stop_h)))
    return runs


def settling(target: FloatArray, *, tau_h: float, dt_h: float) -> FloatArray:
    """First-order lag of `target`, begun at its first value."""
    phi = float(np.exp(-dt_h / tau_h))
    out, _ = lfilter([1.0 - phi], [1.0, -phi], target, zi=np.array([phi * target[0]]))
    return np.asarray(out, dtype=np.float64)


def heavy(rng: np.random.Generator, n: int, *, sigma: float, freedom: float) -> FloatArray:
    """Student noise scaled to about `sigma`."""
    return np.clip(rng.standard_t(freedom, n), -12, 12) * sigma
