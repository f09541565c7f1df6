"""Random-looking functions of time that need no state: the same seed and time give the same value, in any order.

Lattice noise: the line of time is cut into cells, each cell corner gets a hashed random number, and values between
corners are interpolated. Sums of several cell lengths look like the red noise of real plants.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def uniform(seed: int, index: NDArray[Any]) -> Array:
    """Uniform numbers in (0, 1), one for each integer of `index`.

    References
    ----------
    .. [1] Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA (SplitMix64).
    """
    with np.errstate(over="ignore"):
        state = np.asarray(index, dtype=np.int64).astype(np.uint64)
        state = (state + np.uint64(seed % 2**63) * _MIX_2 + _GOLDEN) * _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _MIX_1
        state = (state ^ (state >> np.uint64(27))) * _MIX_2
        state ^= state >> np.uint64(31)
    return (np.asarray(state >> np.uint64(11), dtype=np.float64) + 0.5) / 2.0**53


def normal(seed: int, index: NDArray[Any]) -> Array:
    """Standard normal numbers, one for each integer of `index` (Box-Muller)."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, index)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(seed + 1, index)), dtype=np.float64)


def white(seed: int, times: Array, *, step_s: float = 1.0) -> Array:
    """Independent standard normal noise, constant within a step. [1]"""
    return normal(seed, np.floor(times / step_s))


def lattice(seed: int, times: Array, *, cell_s: float) -> Array:
    """Smooth noise with a correlation time of about one cell, variance 1 at the corners. [1]"""
    position = times / cell_s
    cell = np.floor(position)
    fraction = position - cell
    weight: Array = fraction * fraction * (3.0 - 2.0 * fraction)
    mixed: Array = normal(seed, cell) * (1.0 - weight) + normal(seed, cell + 1) * weight
    return mixed


def red(seed: int, times: Array, *, cells_s: tuple[float, ...] = (120.0, 900.0, 7200.0, 43200.0)) -> Array:
    """Noise with more power at long periods, standard deviation about 1. [1]"""
    parts = [lattice(seed + 10 * number, times, cell_s=cell_s) for number, cell_s in enumerate(cells_s)]
    mean: Array = np.sum(parts, axis=0) / np.sqrt(len(cells_s) * 0.74)
    return mean


def episodes(seed: int, times: Array, *, block_s: float, share: float, length_s: float) -> Array:
    """Time since the start of the running episode, NaN outside one. [s]

    Each block of time holds an episode with probability `share`; it starts at random in the block's first part and
    lasts between half of and one and a half times `length_s`, never beyond the block.
    """
    block = np.floor(times / block_s)
    lasts = length_s * (0.5 + uniform(seed + 1, block))
    begins = uniform(seed + 2, block) * np.maximum(block_s - 1.5 * length_s, 0.0)
    since = times - block * block_s - begins
    running = (uniform(seed, block) < share) & (since >= 0.0) & (since < lasts)
    return np.where(running, since, np.nan)
