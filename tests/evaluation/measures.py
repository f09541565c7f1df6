"""Figures from verdicts: proportions with Wilson intervals, quantiles, precision at k, average precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its 95 % Wilson interval."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.of)

    def __str__(self) -> str:
        if not self.of:
            return "–"
        lo, hi = self.interval
        return f"{self.value:.2f} [{lo:.2f}, {hi:.2f}]"


def share(values: Sequence[bool]) -> Share:
    return Share(sum(values), len(values))


def wilson(hits: int, of: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212)."""
    if of == 0:
        return 0.0, 1.0
    p, z2 = hits / of, z * z
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = z / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return max(0.0, centre - half), min(1.0, centre + half)


def quantile(values: Sequence[float], q: float) -> float:
    """Linear between order statistics; nan of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def chance(rate_per_month: float, hours: float) -> float:
    """The share of intervals of this length that a Poisson stream of false alerts hits without knowing anything."""
    return 1.0 - math.exp(-rate_per_month * hours / 730.0)


def precision_at(relevant_in_order: Sequence[bool], k: int) -> float:
    return sum(relevant_in_order[:k]) / k


def average_precision(relevant_in_order: Sequence[bool]) -> float:
    """Mean of the precisions at the places of the relevant entries."""
    hits, total = 0, 0.0
    for place, is_relevant in enumerate(relevant_in_order, start=1):
        if is_relevant:
            hits += 1
            total += hits / place
    return total / hits if hits else 0.0
