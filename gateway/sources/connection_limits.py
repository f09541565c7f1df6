"""Limits of one connection, with the time passed in: a token bucket, an error budget, idle and half-open time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """See `gateway.toml` for what each is for."""

    max_frames_per_s: float
    max_bad_frames: int
    idle_s: float
    first_frame_s: float
    burst_s: float = 10.0  # a returning device may send the frames of so many seconds at once


class ConnectionLimits:
    """What one connection has used of its limits."""

    __slots__ = ("_bad", "_first_good", "_last_s", "_limits", "_opened_s", "_tokens", "_topped_up_s")

    def __init__(self, limits: Limits, *, now_s: float) -> None:
        self._limits = limits
        self._opened_s = self._last_s = self._topped_up_s = now_s
        self._tokens = limits.max_frames_per_s * limits.burst_s
        self._bad = 0
        self._first_good = False

    def received(self, *, good: int, bad: int, now_s: float) -> float:
        """Count frames; the answer is how long reading must pause to keep to the rate. [s]"""
        limits = self._limits
        self._last_s = now_s
        if good:
            self._first_good = True
            self._bad = 0
        self._bad += bad
        burst = limits.max_frames_per_s * limits.burst_s
        self._tokens = min(burst, self._tokens + (now_s - self._topped_up_s) * limits.max_frames_per_s)
        self._topped_up_s = now_s
        self._tokens -= good + bad
        return max(0.0, -self._tokens / limits.max_frames_per_s)

    def why_close(self, *, now_s: float) -> str | None:
        """The name of the limit that this connection has reached, if it has."""
        limits = self._limits
        if self._bad > limits.max_bad_frames:
            return "bad_frames"
        if not self._first_good and now_s - self._opened_s > limits.first_frame_s:
            return "no_frame"
        if now_s - self._last_s > limits.idle_s:
            return "idle"
        return None
