"""Injections that change the shape of a channel: I1 to I3, I6 to I10."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from simulators.falsification.site import Truth
from tests.evaluation.second_source.noise import FloatArray
from tests.evaluation.second_source.placing import CannotPlace, Case
from tests.evaluation.second_source.plant import Channel

MONTH_H = 720


def constant(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, (72, 24, 8, 3)[case.rank])
    case.put(channel, window, float(np.median(case.history(channel, window.start, days=7))))
    return case.truth([channel], window)


def narrow_band(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, (72, 72, 72, 24)[case.rank])
    middle = float(np.median(case.history(channel, window.start, days=7)))
    half = (0.002, 0.005, 0.02, 0.02)[case.rank] * middle
    case.put(channel, window, middle + case.rng.uniform(-half, half, window.stop - window.start))
    is_below_step = 2 * half < 1.5 * float(np.max(channel.step))  # the display rounds such a band to one value
    return case.truth([channel], window, also=["stuck_value"] if is_below_step else [])


def synthetic_noise(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, 168)
    own = case.history(channel, window.start)
    n = window.stop - window.start
    matched = float(np.corrcoef(own[:-1], own[1:])[0, 1])
    phi = (0.0, 0.0, 0.5, matched)[case.rank]
    drive = case.rng.normal(0, float(own.std()) * np.sqrt(1 - phi * phi), n + 50)
    values = lfilter([1.0], [1.0, -phi], drive)[50:] * (0.3 if case.rank == 0 else 1.0)
    case.put(channel, window, np.maximum(own.mean() + values, 0.0))
    return case.truth([channel], window)


def cap_and_redraw(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, MONTH_H)
    now = channel.exact[window]
    normal = now[(channel.flags[window] == "N") & np.isfinite(now)]
    cap = float(np.quantile(normal, (0.75, 0.9, 0.95, 0.98)[case.rank]))
    tail = normal[(normal < cap) & (normal > np.quantile(normal, 0.6))]
    drawn = case.rng.uniform(0.9 * cap, cap, now.size) if case.rank < 3 else case.rng.choice(tail, now.size)
    case.put(channel, window, np.where(now > cap, drawn, now))
    return case.truth([channel], window)


def clip(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, MONTH_H)
    now = channel.exact[window]
    normal = now[(channel.flags[window] == "N") & np.isfinite(now)]
    cap = float(np.quantile(normal, (0.8, 0.9, 0.97, 0.995)[case.rank]))
    case.put(channel, window, np.minimum(now, cap))
    return case.truth([channel], window)


def replay(case: Case) -> Truth:
    """An earlier window whole days before; the careful one replays every measured channel of that interval."""
    channel = case.target()
    window = case.place(channel, (168, 48, 168, 168)[case.rank])
    source = _earlier(case, channel, window)
    factor = float(case.rng.choice([1.0, 0.8])) if case.rank == 1 else 1.0
    noise = (0.0, 0.0, 0.01, 0.03)[case.rank]
    changed = [channel]
    if case.is_careful:
        others = (c for c in case.point.channels.values() if not c.formula and c.interval_s == channel.interval_s)
        changed += [c for c in others if c is not channel]
    for one in changed:
        values = one.exact[source]
        values = np.where(one.flags[source] == "N", values, np.nan)
        scale = factor if one is channel else 1.0
        case.put(one, window, values * scale * (1 + case.rng.normal(0, noise, values.size) if noise else 1.0))
    return case.truth(changed, window)


def _earlier(case: Case, channel: Channel, window: slice) -> slice:
    per_day = 86400 // channel.interval_s
    width = window.stop - window.start
    least = -(-width // per_day)
    for _ in range(40):
        lag = int(case.rng.integers(least, max(least + 1, window.start // per_day))) * per_day
        source = slice(window.start - lag, window.stop - lag)
        if source.start >= 0 and np.mean(channel.flags[source] == "N") > 0.9:
            return source
    raise CannotPlace(f"{case.site.id}: no earlier window")


def copied(case: Case) -> Truth:
    """The target follows another measurement, brought to its own mean and spread."""
    channel = case.measured()
    window = case.place(channel, (168, 72, 168, 168)[case.rank])
    names = ("stack_temperature", "velocity", "flow", "water_temperature", "ph")
    other = case.point.channels[str(case.rng.choice([n for n in names if n in case.point.channels]))]
    every = channel.interval_s // other.interval_s
    like = other.exact[::every]
    past = slice(max(0, window.start - 30 * 86400 // channel.interval_s), window.start)
    is_normal = channel.flags[past] == "N"
    own, its = channel.exact[past][is_normal], like[past][is_normal]
    standard = (like[window] - np.nanmedian(its)) / max(float(np.nanstd(its)), 1e-9)
    noise = (0.0, 0.0, 0.02, 0.1)[case.rank]
    values = np.nanmean(own) + np.nanstd(own) * (standard + case.rng.normal(0, 1, standard.size) * noise)
    case.put(channel, window, np.maximum(values, 0.05 * float(np.nanmean(own))))
    return case.truth([channel], window)


def smoothed(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, 240)
    values = _bridged(channel.exact[window])
    if case.rank == 3:
        values = np.repeat(values[::2], 2)[: values.size]
    else:
        m = (24, 6, 3)[case.rank]
        padded = np.pad(values, (m // 2, m - 1 - m // 2), mode="edge")
        values = np.convolve(padded, np.ones(m) / m, mode="valid")
    case.put(channel, window, values)
    return case.truth([channel], window)


def _bridged(values: FloatArray) -> FloatArray:
    at = np.arange(values.size)
    is_there = np.isfinite(values)
    return np.interp(at, at[is_there], values[is_there])
