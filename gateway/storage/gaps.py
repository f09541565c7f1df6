"""Which stretches of a grid have no value: what the history commands ask a device for."""

from collections.abc import Iterable

import numpy as np


def find_gaps(
    times_us: Iterable[int], *, interval_s: int, since_us: int, until_us: int, offset_us: int = 0
) -> list[tuple[int, int]]:
    """Stretches [start, end) of the grid in [since, until) that none of `times_us` falls into. [µs UTC]

    The grid has its cells at the multiples of the interval (+ `offset_us`); only whole cells count.
    """
    step = interval_s * 1_000_000
    first = -((offset_us - since_us) // step)
    last = (until_us - offset_us) // step
    if last <= first:
        return []
    present = np.zeros(last - first, dtype=np.bool_)
    cells = (np.fromiter(times_us, dtype=np.int64) - offset_us) // step - first
    present[cells[(cells >= 0) & (cells < last - first)]] = True
    edges = np.flatnonzero(np.diff(np.concatenate(([True], present, [True])).astype(np.int8)))
    bounds = ((edges + first) * step + offset_us).tolist()
    return list(zip(bounds[::2], bounds[1::2], strict=True))
