"""How long to wait before the next attempt: full jitter, so that many clients do not come back at the same moment.

A connection that did not last does not count as a success: two clients that take over one session from each other, or a
broker that accepts and closes, are waited for longer and longer too.
"""

import random


class Backoff:
    """Waiting times of one source. [s]"""

    def __init__(
        self, *, rng: random.Random, first_s: float = 1.0, last_s: float = 30.0, steady_s: float = 30.0
    ) -> None:
        self._rng = rng
        self._first_s = first_s
        self._last_s = last_s
        self._steady_s = steady_s
        self._attempt = 0

    def next_s(self, *, lasted_s: float = 0.0) -> float:
        """The time to wait now; `lasted_s` is how long the last connection held."""
        if lasted_s >= self._steady_s:
            self._attempt = 0
        ceiling_s = min(self._last_s, self._first_s * 2.0 ** min(self._attempt, 16))
        self._attempt += 1
        return self._rng.uniform(0.0, ceiling_s)
