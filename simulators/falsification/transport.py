"""From the device to the platform: delays, lost rows, outages of a site or a whole region, and honest repetitions."""

from __future__ import annotations

import numpy as np

from simulators.falsification.noise import FloatArray
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Resent, Site

Outage = tuple[int, int]


def region_outages(rng: np.random.Generator, *, start_s: int, days: int) -> list[Outage]:
    """Outages of the platform or its carrier: all sites of a region fall silent together."""
    count = int(rng.poisson(days / 45))
    starts = start_s + rng.integers(0, days * DAY_S, count)
    return [(int(lo), int(lo + rng.uniform(1, 12) * HOUR_S)) for lo in sorted(starts)]


def transmit(rng: np.random.Generator, site: Site, outages: list[Outage]) -> None:
    """Stamp every row with its arrival and take away what got lost; the innocent part of the journey only."""
    own = [
        (int(lo), int(lo + np.exp(rng.uniform(np.log(0.5), np.log(10))) * HOUR_S))
        for lo in _moments(rng, site, site.days / 40)
    ]
    silent = sorted([*own, *outages])
    catches_up = bool(rng.random() < 0.5)
    loss, repeats = rng.uniform(0, 0.004), rng.choice([0.0, 0.0, 0.001, 0.005])
    typical = np.exp(rng.uniform(np.log(2), np.log(240)))
    for point in site.points:
        shared: dict[int, FloatArray] = {}
        for channel in point.channels:
            delays = shared.setdefault(channel.interval_s, typical * np.exp(rng.normal(0, 0.4, channel.size)))
            _stamp(channel, site.start_s, delays)
            _lose(rng, channel, site.start_s, silent, share=loss, catches_up=catches_up)
            _repeat(rng, channel, share=float(repeats))


def _moments(rng: np.random.Generator, site: Site, expected: float) -> list[int]:
    return sorted(int(t) for t in site.start_s + rng.integers(0, site.days * DAY_S, rng.poisson(expected)))


def _stamp(channel: Channel, start_s: int, delays: FloatArray) -> None:
    ends = start_s + (np.arange(channel.size) + 1.0) * channel.interval_s
    channel.received_s = np.round(ends + delays)


def _lose(
    rng: np.random.Generator, channel: Channel, start_s: int, silent: list[Outage], *, share: float, catches_up: bool
) -> None:
    channel.present &= rng.random(channel.size) >= share
    due = start_s + (np.arange(channel.size) + 1.0) * channel.interval_s
    for lo, hi in silent:
        inside = (due >= lo) & (due < hi)
        if catches_up:
            channel.received_s[inside] = np.round(hi + 60.0 + 2.0 * np.arange(int(inside.sum())))
        else:
            channel.present[inside] = False


def _repeat(rng: np.random.Generator, channel: Channel, *, share: float) -> None:
    if share > 0.0:
        index = np.flatnonzero(channel.present & (rng.random(channel.size) < share))
        if index.size:
            channel.resent.append(
                Resent(index, channel.received_s[index] + np.round(rng.uniform(30, 3600, index.size)))
            )
