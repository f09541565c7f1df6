"""Ratios of current and voltage transformers over time: what turns a meter's secondary values into the plant's.

A ratio is an installation's fact with a history: changing it is a cheap way to make a load look small, and old readings
keep the ratio that was in force when they were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

POWERS = {
    "V": (0, 1),
    "A": (1, 0),
    **dict.fromkeys(("W", "kW", "var", "kvar", "VA", "kVA", "Wh", "kWh", "kvarh", "kVAh"), (1, 1)),
}
"""Unit → exponents of the current and the voltage ratio."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Transformer ratios in force from `since_us` on: 200/5 A is a current ratio of 40."""

    since_us: int
    current: float = 1.0
    voltage: float = 1.0

    def factor(self, unit: str) -> float:
        """What a secondary value of this unit is multiplied by; 1 for what no transformer scales."""
        current, voltage = POWERS.get(unit, (0, 0))
        return float(self.current**current * self.voltage**voltage)


NO_TRANSFORMER = Ratio(since_us=-(2**62))


def ratio_at(history: Sequence[Ratio], time_us: int) -> Ratio:
    """The ratio in force at a time; without an entry that early, no transformer."""
    past = [ratio for ratio in history if ratio.since_us <= time_us]
    return max(past, key=lambda ratio: ratio.since_us, default=NO_TRANSFORMER)
