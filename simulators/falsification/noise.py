"""Random processes from which plausible field series are built. Pure: the generator is an argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def lag(signal: FloatArray, tau: float) -> FloatArray:
    """First-order lag with the time constant `tau` in samples; the first value is taken as the state before the start.

    A truncated exponential kernel by FFT: linear-logarithmic in the length and without a loop over samples.
    """
    if tau <= 0.0 or signal.size < 2:
        return signal.copy()
    length = int(min(signal.size, max(2, np.ceil(14.0 * tau))))
    kernel = np.exp(-np.arange(length) / tau)
    kernel /= kernel.sum()
    smoothed: FloatArray = _convolve(signal - signal[0], kernel) + signal[0]
    return smoothed


def autoregressive(rng: np.random.Generator, n: int, *, tau: float, sigma: float) -> FloatArray:
    """Stationary AR(1) noise with the time constant `tau` in samples and the standard deviation `sigma`."""
    if n == 0 or sigma == 0.0:
        return np.zeros(n)
    rho = float(np.exp(-1.0 / tau)) if tau > 0.0 else 0.0
    if rho < 1e-6:
        return rng.normal(0.0, sigma, n)
    length = int(np.ceil(min(12.0 * tau, 200_000.0))) + 1
    innovations = rng.normal(0.0, sigma * np.sqrt(1.0 - rho * rho), n + length)
    return _convolve(innovations, np.power(rho, np.arange(length, dtype=np.float64)))[length:]


def bursts(
    rng: np.random.Generator, n: int, *, per_sample: float, height: tuple[float, float], tau: float
) -> FloatArray:
    """Sudden rises that decay with `tau` samples: upsets of a plant. `height`: least and most."""
    impulses = np.where(rng.random(n) < per_sample, rng.uniform(*height, n), 0.0)
    length = int(min(n, max(2, np.ceil(10.0 * tau))))
    return _convolve(impulses, np.exp(-np.arange(length) / max(tau, 0.3)))


def plateaus(rng: np.random.Generator, n: int, *, length: tuple[float, float], sigma: float) -> FloatArray:
    """Levels that change at once and stay for a while, as a fuel or a product does; lengths log-uniform in samples."""
    count = max(int(np.ceil(2 * n / length[0])), 1)
    lengths = np.exp(rng.uniform(np.log(length[0]), np.log(length[1]), count)).astype(np.int64)
    return np.repeat(rng.normal(0.0, sigma, count), lengths)[:n]


def heavy_tailed(rng: np.random.Generator, n: int, sigma: float, *, freedom: float) -> FloatArray:
    """Student noise scaled to the standard deviation `sigma`: instruments err more often far out than a Gaussian."""
    return np.asarray(rng.standard_t(freedom, n) * sigma * np.sqrt((freedom - 2.0) / freedom))


def hold(values: FloatArray, samples: int) -> FloatArray:
    """Each value kept for `samples` samples, as an analyser with a slow cycle reports between two analyses."""
    return np.repeat(values[::samples], samples)[: values.size]


def intervals(rng: np.random.Generator, n: int, *, per_sample: float, length: tuple[float, float]) -> BoolArray:
    """True inside randomly placed intervals whose lengths in samples are log-uniform between the two of `length`."""
    marks = np.zeros(n + 1)
    count = int(rng.poisson(per_sample * n))
    starts = rng.integers(0, n, count)
    lengths = np.exp(rng.uniform(np.log(length[0]), np.log(length[1]), count))
    stops = np.minimum(starts + np.maximum(1, np.round(lengths)).astype(np.int64), n)
    np.add.at(marks, starts, 1.0)
    np.add.at(marks, stops, -1.0)
    return np.cumsum(marks[:n]) > 0.5


def _convolve(signal: FloatArray, kernel: FloatArray) -> FloatArray:
    size = signal.size + kernel.size - 1
    width = 1 << (size - 1).bit_length()
    product = np.fft.rfft(signal, width) * np.fft.rfft(kernel, width)
    result: FloatArray = np.fft.irfft(product, width)[: signal.size]
    return result
