"""Falsified signals: what a site reports instead of what it measured, applied to the signal so that everything agrees.

Each class is one function (site, times, honest signals, share of time) → altered signals. The classes are those of the
published cases: a stuck value, a scale factor, redrawing below the limit, maintenance flags over high values, a copied
channel, a replay of earlier days, and a lowered oxygen content that thins the converted value. Nothing in what a device
sends tells of it: the labels go to the truth file only.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simulators.fleet import outlet, stack
from simulators.fleet.noise import Array, episodes, uniform
from simulators.fleet.site import Site
from simulators.fleet.stack import DAY_S, Signals

BLOCK_S, SHARE, LENGTH_S = 43200.0, 0.8, 6 * 3600.0
REPLAY_S = 3 * DAY_S


def honest(site: Site, times: Array) -> Signals:
    """What the instruments of `site` show."""
    return stack.signals(site, times) if site.is_stack else outlet.signals(site, times)


def target(site: Site) -> str:
    """The channel that a falsified site lies about."""
    return "a21026" if site.is_stack else "w01018"


def since_start(site: Site, times: Array) -> Array:
    """Time since the running falsification began, NaN while the site is honest. [s]"""
    return episodes(site.seed + 5000, times, block_s=BLOCK_S, share=SHARE, length_s=LENGTH_S)


def reported(site: Site, times: Array) -> Signals:
    """What `site` reports: its honest signals, or falsified ones while a falsification runs."""
    signals = honest(site, times)
    if not site.falsification:
        return signals
    since = since_start(site, times)
    if np.isnan(since).all():
        return signals
    return FALSIFICATIONS[site.falsification](site, signals, since)


def _with_values(site: Site, signals: Signals, changed: dict[str, Array]) -> Signals:
    """`signals` with channels exchanged and the converted values computed anew, as a careful forger does."""
    values = signals.values | changed
    converted = stack.converted(site, values, signals.flags) if site.is_stack else {}
    return replace(signals, values=values, converted=converted)


def _stuck_value(site: Site, signals: Signals, since: Array) -> Signals:
    code, is_on = target(site), ~np.isnan(since)
    held = honest(site, np.where(is_on, signals.times - since, signals.times)).values[code]
    return _with_values(site, signals, {code: held})


def _scaled(site: Site, signals: Signals, since: Array) -> Signals:
    code = target(site)
    factor = np.where(np.isnan(since), 1.0, 0.6)
    return _with_values(site, signals, {code: signals.values[code] * factor})


def _clipped_at_limit(site: Site, signals: Signals, since: Array) -> Signals:
    """Values above 70 % of the limit are drawn again just below it."""
    code = target(site)
    limit = site.limits[code]
    judged = signals.converted.get(code, signals.values[code])
    is_high = ~np.isnan(since) & (judged > 0.7 * limit)
    drawn = limit * (0.66 + 0.04 * uniform(site.seed + 5100, np.floor(signals.times / 5.0)))
    scale = np.divide(drawn, judged, out=np.ones_like(drawn), where=is_high)
    return _with_values(site, signals, {code: signals.values[code] * scale})


def _false_flags(site: Site, signals: Signals, since: Array) -> Signals:
    """High values are marked as maintenance; the values themselves are left as they are."""
    code = target(site)
    judged = signals.converted.get(code, signals.values[code])
    is_hidden = ~np.isnan(since) & (judged > 0.6 * site.limits[code])
    flags = signals.flags | {code: np.where(is_hidden, "M", signals.flags[code])}
    return replace(signals, flags=flags)


def _copied_channel(site: Site, signals: Signals, since: Array) -> Signals:
    """The target is an affine image of another channel: one input wired to two outputs."""
    code, other = target(site), "a01012" if site.is_stack else "w01001"
    source = signals.values[other]
    scale = 0.35 * site.limits[code] / (50.0 if site.is_stack else 7.2)
    return _with_values(site, signals, {code: np.where(np.isnan(since), signals.values[code], scale * source)})


def _replayed(site: Site, signals: Signals, since: Array) -> Signals:
    """The target repeats what it showed three days before."""
    code = target(site)
    earlier = honest(site, signals.times - REPLAY_S).values[code]
    return _with_values(site, signals, {code: np.where(np.isnan(since), signals.values[code], earlier)})


def _oxygen_lowered(site: Site, signals: Signals, since: Array) -> Signals:
    lower = np.where(np.isnan(since), 0.0, 2.0)
    return _with_values(site, signals, {"a19001": np.maximum(signals.values["a19001"] - lower, 0.0)})


FALSIFICATIONS: dict[str, Callable[[Site, Signals, Array], Signals]] = {
    "stuck_value": _stuck_value,
    "scaled": _scaled,
    "clipped_at_limit": _clipped_at_limit,
    "false_flags": _false_flags,
    "copied_channel": _copied_channel,
    "replayed": _replayed,
    "oxygen_lowered": _oxygen_lowered,
}


def truth(site: Site, *, begin_s: float, end_s: float) -> list[dict[str, str | float]]:
    """The labels of a site: one object for each interval of falsification between two times, to the minute."""
    if not site.falsification:
        return []
    times = np.arange(np.floor(begin_s / 60.0) * 60.0, end_s, 60.0)
    is_on = np.concatenate([[False], ~np.isnan(since_start(site, times)), [False]])
    edges = np.flatnonzero(is_on[1:] != is_on[:-1])
    channel = "a19001" if site.falsification == "oxygen_lowered" else target(site)
    return [
        {
            "mn": site.mn,
            "class": site.falsification,
            "channel": channel,
            "begin": float(times[first]),
            "end": float(times[last - 1] + 60.0),
        }
        for first, last in edges.reshape(-1, 2)
    ]
