"""I15 to I21: not the measurement but its record is forged: flags, gaps, power, arithmetic, history, parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.falsification.noise import BoolArray, FloatArray
from simulators.falsification.scene import Scene
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Resent, grid_window


def flag_exceedances(scene: Scene) -> list[str]:
    """I15: exceedance hours marked M, C, D or F; at L4 a fifth of them among as many innocent marks."""
    over = _exceedances(scene)
    share = (1.0, 0.7, 0.4, 0.2)[scene.level]
    chosen = over[scene.rng.random(over.size) < share] if share < 1.0 else over
    if chosen.size == 0:
        chosen = over[:1]
    if scene.level == 3:
        good = np.flatnonzero(scene.normal()) + scene.window.start
        chosen = np.union1d(chosen, scene.rng.choice(good, min(chosen.size, good.size), replace=False))
    letter = str(scene.rng.choice(["M", "C", "D", "F"]))
    for channel in [scene.channel, *_same_grid(scene)]:
        channel.flags[chosen] = letter
        if scene.variant == "careful":
            channel.exact[chosen] = channel.values[chosen] = np.nan
        scene.touched.append(channel.id)
    _narrow(scene, chosen)
    return []


def drop_exceedances(scene: Scene) -> list[str]:
    """I16: the highest hours are missing, alone (`lazy`) or with the whole point (`careful`); L4 among random gaps."""
    share = (0.10, 0.05, 0.02, 0.02)[scene.level]
    values = np.where(scene.normal(), scene.channel.values[scene.window], -np.inf)
    count = max(2, round(share * int(np.isfinite(values).sum())))
    chosen = np.argsort(values)[::-1][:count] + scene.window.start
    if scene.level == 3:
        random = scene.rng.integers(scene.window.start, scene.window.stop, count)
        chosen = np.union1d(chosen, random)
    gone = np.zeros(scene.channel.size, dtype=bool)
    gone[chosen] = True
    for channel in scene.point.channels:
        own = channel is scene.channel or scene.channel.id in channel.sources
        if channel.interval_s == scene.channel.interval_s and (own or scene.variant == "careful"):
            channel.present &= ~gone
            for again in channel.resent:
                keep = ~gone[again.index]
                again.index, again.received_s = again.index[keep], again.received_s[keep]
            scene.touched.append(channel.id)
    _narrow(scene, chosen)
    return []


def switch_treatment_off(scene: Scene) -> list[str]:
    """I17: the treatment draws no power (at L4 60 %) while the plant runs and the outlet looks as ever."""
    factor = 0.6 if scene.level == 3 else 0.0
    scene.write(scene.channel.exact[scene.window] * factor)
    # energy and current of the same meter go with the power, which is physics and not a forger's choice
    for channel in scene.point.channels:
        if channel.quantity in ("energy", "reactive_energy", "current") and channel.formula is None:
            scene.write(channel.exact[scene.window_of(channel)] * factor, channel)
    return []


def mark_stop(scene: Scene) -> list[str]:
    """I18: F on all channels of an outlet that runs; at L4 for one hour each night."""
    nightly = scene.level == 3
    for channel in scene.point.channels:
        window = grid_window(channel, scene.site.start_s, scene.lo_s, scene.hi_s)
        if channel.interval_s > 2 * HOUR_S:
            continue
        index = np.arange(window.start, window.stop)
        if nightly:
            index = index[((index * channel.interval_s) % DAY_S) // HOUR_S == 2]
        channel.flags[index] = "F"
        if scene.variant == "careful":
            channel.exact[index] = channel.values[index] = np.nan
        scene.touched.append(channel.id)
    if nightly:
        scene.lo_s = (
            scene.site.start_s + -(-(scene.lo_s - scene.site.start_s - 2 * HOUR_S) // DAY_S) * DAY_S + 2 * HOUR_S
        )
        scene.hi_s = scene.site.start_s + ((scene.hi_s - scene.site.start_s - 3 * HOUR_S) // DAY_S) * DAY_S + 3 * HOUR_S
    return ["false_flag"]


def break_arithmetic(scene: Scene) -> list[str]:
    """I19: a computed channel is off by 10 %, 2 %, 0.5 % or two reporting steps, always downwards."""
    values = scene.channel.values[scene.window]
    step = scene.channel.step
    if scene.level == 3:
        false = values - 2 * step
    else:
        false = np.minimum(values * (1 - (0.10, 0.02, 0.005)[scene.level]), values - 2 * step)
    scene.write(np.maximum(false, 0.0))
    return []


def edit_late(scene: Scene) -> list[str]:
    """I20: rows sent again hours later, changed: x 0.5, x 0.9, one digit, or the values moved by one row."""
    targets = [scene.channel]
    if scene.variant == "careful":
        targets += [c for c in _same_grid(scene) if c.formula in ("oxygen_conversion", "mass")]
    left_h = (scene.site.end_s - scene.hi_s) / HOUR_S - 2.0  # the edit must arrive while the site is still judged
    after_s = float(scene.rng.uniform(6, min(72.0, max(left_h, 6.5)))) * HOUR_S
    for channel in targets:
        window = scene.window_of(channel)
        index = np.arange(window.start, window.stop)[channel.present[window] & channel.valid(window)]
        index = index[index > 0]
        old = channel.values[index]
        if scene.level == 2:
            new = _one_digit(old, channel.step)
        elif scene.level == 3:
            new = channel.values[index - 1].copy()
        else:
            new = channel.report(old * (0.5, 0.9)[scene.level])
        new = np.where(np.isfinite(new), new, old)
        received = np.round(scene.hi_s + after_s + 2.0 * np.arange(index.size))
        channel.resent.append(Resent(index, received, new))
        scene.known_s = float(np.round(received[0])) if index.size else scene.known_s
        scene.touched.append(channel.id)
    return []


def edit_parameter(scene: Scene) -> list[str]:
    """I21: a slope in the ledger is changed outside any documented calibration, and the data follow it."""
    factor = (0.5, 0.7, 0.85, 0.95)[scene.level]
    delay_s = int(scene.rng.choice([60, 3600, 6 * HOUR_S]))
    scene.write(scene.channel.exact[scene.window] * factor)
    for time_s, value in ((scene.lo_s, factor), (scene.hi_s, 1.0)):
        scene.site.parameters.append((time_s, scene.point.id, scene.channel.id, "slope", value, time_s + delay_s))
    return ["scaled"]


def _exceedances(scene: Scene) -> NDArray[np.int64]:
    """Rows above the limit; a site without enough of them gets the limit that its own 96 % quantile would exceed."""
    normal: BoolArray = scene.normal()
    judged = next((c for c in _same_grid(scene) if c.formula == "oxygen_conversion"), scene.channel)
    values = judged.values[scene.window]
    usable = normal & np.isfinite(values)
    over = usable & (values > (judged.limit if judged.limit is not None else np.inf))
    if over.sum() < max(8, 0.01 * usable.sum()):
        judged.limit = float(np.round(np.quantile(values[usable], 0.96) / judged.step) * judged.step)
        over = usable & (values > judged.limit)
    rows: NDArray[np.int64] = np.flatnonzero(over) + scene.window.start
    return rows


def _same_grid(scene: Scene) -> list[Channel]:
    return [
        c for c in scene.point.channels if scene.channel.id in c.sources and c.interval_s == scene.channel.interval_s
    ]


def _narrow(scene: Scene, index: NDArray[np.int64]) -> None:
    """The true interval runs from the first to the last row touched."""
    scene.lo_s = int(scene.site.start_s + index.min() * scene.channel.interval_s)
    scene.hi_s = int(scene.site.start_s + (index.max() + 1) * scene.channel.interval_s)


def _one_digit(values: FloatArray, step: float) -> FloatArray:
    """The second significant digit lowered by one, or the last that the step shows."""
    with np.errstate(divide="ignore"):
        place = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(values), step))) - 1.0)
    lowered = np.maximum(values - np.maximum(place, step), 0.0)
    return np.asarray(np.round(lowered, 9), dtype=np.float64)
