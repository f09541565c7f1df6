"""Innocent events that look like falsification; each is applied to an honest site and labelled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.falsification.condition import back_purge, calibrate
from simulators.falsification.noise import FloatArray, autoregressive
from simulators.falsification.scene import place, pollutants
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Point, Resent, Site, Truth, grid_window

Control = Callable[[Site, np.random.Generator], None]


def detection_limit_run(site: Site, rng: np.random.Generator) -> None:
    """The concentration lies below the detection limit for days; the analyser says so by one repeated value."""
    point, channel = _target(site, rng)
    channel.below_detection = str(rng.choice(["lod", "half", "zero"]))
    channel.detection_limit = channel.detection_limit or 1.0
    hours = float(rng.choice([24, 72, 120, 200]))
    lo_s = place(site, rng, channel, hours=hours) or site.accepted_s + 2 * DAY_S
    for start_s in (lo_s, site.start_s + 3 * DAY_S):
        window = grid_window(channel, site.start_s, start_s, start_s + int(hours * HOUR_S))
        size = window.stop - window.start
        channel.write(window, np.abs(rng.normal(0, channel.detection_limit / 4, size)), channel.valid(window))
        _follow(site, point, channel, start_s, start_s + int(hours * HOUR_S))
    _label(site, point, [channel], "detection_limit_run", lo_s, lo_s + int(hours * HOUR_S))


def daily_check(site: Site, rng: np.random.Generator) -> None:
    """Zero and span every day at one hour, and a back-purge every few hours where the interval shows it."""
    point, channel = _target(site, rng)
    calibrate(rng, site, point, every_days=1, hour=int(rng.integers(0, 24)), minutes=40)
    if channel.interval_s <= 300:
        back_purge(rng, point, every_hours=4, samples=3)
    _follow_all(site, point)
    _label(site, point, point.channels, "daily_check", site.accepted_s, site.end_s)


def start_and_stop(site: Site, rng: np.random.Generator) -> None:
    """Three short stops in ten days, not marked: gases fall, oxygen rises to ambient, flow and power end."""
    point = _outlet(site)
    lo_s = int(site.accepted_s + rng.integers(2, 6) * DAY_S)
    for number in range(3):
        start = lo_s + number * 3 * DAY_S + int(rng.integers(0, 24)) * HOUR_S
        _stop(site, start, start + int(rng.integers(5, 20)) * HOUR_S, rng, flag="")
    _label(site, point, point.channels, "start_and_stop", lo_s, lo_s + 10 * DAY_S)


def honest_step(site: Site, rng: np.random.Generator) -> None:
    """The process settles at another level (x 0.86, as a real stack did); noise and reporting step do not scale."""
    point, channel = _target(site, rng)
    lo_s, window = _from_here_on(site, channel, rng)
    values = channel.exact[window]
    slow = _running_mean(values, 24)
    channel.write(window, values - (1 - 0.86) * slow, channel.valid(window))
    _follow(site, point, channel, lo_s, site.end_s)
    _label(site, point, [channel], "honest_step", lo_s, lo_s + 10 * DAY_S, "process_change")


def sensor_swap(site: Site, rng: np.random.Generator) -> None:
    """Another analyser: quieter or noisier and maybe of another step; the level stays. Every second one documented."""
    point, channel = _target(site, rng)
    lo_s, window = _from_here_on(site, channel, rng)
    values = channel.exact[window]
    slow = _running_mean(values, 5)
    size = values.size
    quieter = bool(rng.random() < 0.5)
    fast = (values - slow) * (0.45 if quieter else 1.0)
    noise = 0.0 if quieter else float(np.nanstd(values - slow)) * 0.8
    if rng.random() < 0.5:
        channel.step = channel.step * (10.0 if channel.step < 0.05 else 0.1)
    channel.write(window, np.maximum(slow + fast + rng.normal(0, noise, size), 0.0), channel.valid(window))
    _follow(site, point, channel, lo_s, site.end_s)
    if rng.random() < 0.5:
        site.events.append((lo_s - 4 * HOUR_S, lo_s, point.id, "maintenance", f"{channel.id} analyser replaced"))
    _label(site, point, [channel], "sensor_swap", lo_s, lo_s + 10 * DAY_S, "process_change")


def reporting_step(site: Site, rng: np.random.Generator) -> None:
    """The logger rounds to another step from one day on, all pollutants of the point alike."""
    point = _outlet(site)
    factor = float(rng.choice([10.0, 0.1, 5.0]))
    lo_s = int(site.accepted_s + rng.integers(5, 12) * DAY_S)
    changed = [c for p, c in pollutants(site) if p is point]
    for channel in changed:
        if channel.step * factor > 0.1 * float(np.nanmedian(channel.values)):
            continue
        channel.step = channel.step * factor
        window = grid_window(channel, site.start_s, lo_s, site.end_s)
        channel.write(window, channel.exact[window])
        _follow(site, point, channel, lo_s, site.end_s)
    _label(site, point, changed, "reporting_step", lo_s, lo_s + 10 * DAY_S, "process_change")


def clock_shift(site: Site, rng: np.random.Generator) -> None:
    """The logger's clock jumps ahead by one to eight hours: all channels alike, the hours between are empty."""
    point = _outlet(site)
    lo_s = int(site.accepted_s + rng.integers(3, 12) * DAY_S)
    shift_s = int(rng.choice([1, 2, 8])) * HOUR_S
    for channel in point.channels:
        window = grid_window(channel, site.start_s, lo_s, site.end_s)
        rows = shift_s // channel.interval_s
        if rows == 0 or channel.interval_s >= DAY_S:
            continue
        for array in (channel.exact, channel.values, channel.flags):
            array[window] = array[window.start - rows : window.stop - rows].copy()
        skipped = slice(window.start, window.start + rows)  # what the clock jumped over
        channel.present[skipped] = False
        channel.exact[skipped] = channel.values[skipped] = np.nan
    for channel in point.channels:
        if channel.interval_s >= DAY_S:
            point.recompute(channel.sources, site.start_s, lo_s, site.end_s)
    _label(site, point, point.channels, "clock_shift", lo_s, lo_s + 10 * DAY_S, "process_change")


def equal_repetition(site: Site, rng: np.random.Generator) -> None:
    """Three days are sent once more, each value equal to the first."""
    point = _outlet(site)
    lo_s = int(site.accepted_s + rng.integers(3, 12) * DAY_S)
    hi_s = lo_s + 3 * DAY_S
    for channel in point.channels:
        window = grid_window(channel, site.start_s, lo_s, hi_s)
        index = np.arange(window.start, window.stop)
        channel.resent.append(Resent(index, np.round(hi_s + DAY_S + 2.0 * np.arange(index.size))))
    _label(site, point, point.channels, "equal_repetition", lo_s, hi_s)


def region_outage(site: Site, rng: np.random.Generator) -> None:
    """All sites of the region are silent for the same hours; the fleet gives the outage to each of them."""
    point = _outlet(site)
    lo_s = site.accepted_s + 9 * DAY_S
    _label(site, point, point.channels, "region_outage", lo_s, lo_s + 8 * HOUR_S, "network_outage")


def derived_pair(site: Site, rng: np.random.Generator) -> None:
    """A second name for one measurement (NOx as 1.533 NO), undeclared, from the first day on."""
    point, channel = _target(site, rng)
    twin = Channel(
        f"{channel.id}_b", channel.quantity, channel.statistic, channel.unit, channel.interval_s,
        channel.exact * 1.533, channel.step, None, channel.range_low, None,
    )  # fmt: skip
    twin.flags[:] = channel.flags
    point.channels.append(twin)
    _label(site, point, [channel, twin], "derived_pair", site.accepted_s, site.end_s)


def seasonal_shutdown(site: Site, rng: np.random.Generator) -> None:
    """The plant rests for weeks, reported and marked."""
    point = _outlet(site)
    lo_s = int(site.accepted_s + rng.integers(4, 9) * DAY_S)
    hi_s = min(lo_s + int(rng.integers(8, 18)) * DAY_S, site.end_s - 2 * DAY_S)
    _stop(site, lo_s, hi_s, rng, flag="F")
    site.events.append((lo_s, hi_s, "", "shutdown", "season"))
    _label(site, point, point.channels, "seasonal_shutdown", lo_s, hi_s)


def documented_calibration(site: Site, rng: np.random.Generator) -> None:
    """A slope is corrected by a few per cent inside a documented calibration; the level follows."""
    point, channel = _target(site, rng)
    lo_s, window = _from_here_on(site, channel, rng)
    factor = float(rng.choice([0.94, 0.96, 1.05]))
    channel.write(window, channel.exact[window] * factor, channel.valid(window))
    _follow(site, point, channel, lo_s, site.end_s)
    site.events.append((lo_s - 2 * HOUR_S, lo_s + HOUR_S, point.id, "calibration", f"{channel.id} span"))
    site.parameters.append((lo_s, point.id, channel.id, "slope", factor, lo_s + 600))
    before = grid_window(channel, site.start_s, lo_s - 2 * HOUR_S, lo_s)
    channel.flags[before] = "C"
    _follow(site, point, channel, lo_s - 2 * HOUR_S, lo_s)
    _label(site, point, [channel], "documented_calibration", lo_s - 2 * HOUR_S, lo_s + 10 * DAY_S, "process_change")


def probe_faults(site: Site, rng: np.random.Generator) -> None:
    """Faults as technicians label them in rivers: spikes, fouling, zeros, a sonde that freezes as a whole."""
    point = next((p for p in site.points if p.id == "R1"), _outlet(site))
    lo_s = int(site.accepted_s + rng.integers(3, 12) * DAY_S)
    hi_s = lo_s + int(rng.integers(1, 6)) * DAY_S
    kind = str(rng.choice(["spikes", "fouling", "zeros", "frozen"]))
    probes = [c for c in point.channels if c.formula is None]
    targets = probes if kind == "frozen" else [probes[int(rng.integers(len(probes)))]]
    for channel in targets:
        window = grid_window(channel, site.start_s, lo_s, hi_s)
        channel.write(window, _faulty(kind, channel.exact[window], channel, rng))
        _follow(site, point, channel, lo_s, hi_s)
    _label(site, point, targets, f"probe_faults_{kind}", lo_s, hi_s, "instrument_fault")


CONTROLS: dict[str, Control] = {
    "detection_limit_run": detection_limit_run,
    "daily_check": daily_check,
    "start_and_stop": start_and_stop,
    "honest_step": honest_step,
    "sensor_swap": sensor_swap,
    "reporting_step": reporting_step,
    "clock_shift": clock_shift,
    "equal_repetition": equal_repetition,
    "region_outage": region_outage,
    "derived_pair": derived_pair,
    "seasonal_shutdown": seasonal_shutdown,
    "documented_calibration": documented_calibration,
    "probe_faults": probe_faults,
}


def _faulty(kind: str, values: FloatArray, channel: Channel, rng: np.random.Generator) -> FloatArray:
    n = values.size
    top = channel.range_high if channel.range_high is not None else float(np.nanmax(channel.exact)) * 2
    if kind == "spikes":
        return np.where(rng.random(n) < 0.06, rng.uniform(0.6, 1.0, n) * top, values)
    if kind == "fouling":
        return np.asarray(
            values * (1 + 0.6 * np.arange(n) / n)
            + autoregressive(rng, n, tau=4, sigma=0.02 * float(np.nanmedian(values)))
        )
    if kind == "zeros":
        return np.where(rng.random(n) < 0.5, 0.0, values)
    return np.full(n, values[0])


def _outlet(site: Site) -> Point:
    return next(point for point in site.points if point.medium in ("air", "water"))


def _target(site: Site, rng: np.random.Generator) -> tuple[Point, Channel]:
    places = [(p, c) for p, c in pollutants(site) if c.formula is None]
    shortest = min(c.interval_s for _, c in places)
    places = [(p, c) for p, c in places if c.interval_s == shortest] or places
    return places[int(rng.integers(len(places)))]


def _from_here_on(site: Site, channel: Channel, rng: np.random.Generator) -> tuple[int, slice]:
    lo_s = int(site.accepted_s + rng.integers(5, 14) * DAY_S)
    return lo_s, grid_window(channel, site.start_s, lo_s, site.end_s)


def _follow(site: Site, point: Point, channel: Channel, lo_s: int, hi_s: int) -> None:
    point.recompute([channel.id], site.start_s, lo_s, hi_s)


def _follow_all(site: Site, point: Point) -> None:
    point.recompute([c.id for c in point.channels if c.formula is None], site.start_s, site.start_s, site.end_s)


def _running_mean(values: FloatArray, width: int) -> FloatArray:
    filled = np.where(np.isfinite(values), values, np.nanmedian(values))
    padded = np.pad(filled, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), "valid")


def _stop(site: Site, lo_s: int, hi_s: int, rng: np.random.Generator, *, flag: str) -> None:
    """The plant is off in [lo_s, hi_s): every channel at its rest, power at stand-by, F if marked."""
    lo, hi = ((t - site.start_s) // site.running_interval_s for t in (lo_s, hi_s))
    site.running[lo:hi] = False
    for point in site.points:
        for channel in point.channels:
            window = grid_window(channel, site.start_s, lo_s, hi_s)
            if channel.formula is None and point.medium != "ambient":
                rest, noise = _at_rest(channel, point.medium)
                channel.write(window, np.abs(rest + rng.normal(0, noise, window.stop - window.start)))
                if point.medium in ("air", "water"):
                    channel.flags[window] = flag
        point.recompute([c.id for c in point.channels if c.formula is None], site.start_s, lo_s, hi_s)


def _at_rest(channel: Channel, medium: str) -> tuple[float, float]:
    """Level and noise of a channel while the plant rests; an outlet's analysers go on sampling standing water."""
    if medium == "water" and channel.quantity != "flow":
        return float(np.nanmedian(channel.exact)), 0.05 * float(np.nanstd(channel.exact))
    rest = {"o2": (20.8, 0.03), "stack_temperature": (22.0, 1.0), "humidity": (1.8, 0.1)}
    if channel.quantity in rest:
        return rest[channel.quantity]
    if channel.quantity in ("voltage", "stack_pressure"):
        return float(np.nanmedian(channel.exact)), 0.01 * float(np.nanstd(channel.exact))
    return 0.0, 0.3 * channel.step


def _label(
    site: Site, point: Point, channels: list[Channel], name: str, lo_s: int, hi_s: int, expected: str = ""
) -> None:
    ids = [f"{point.id}/{channel.id}" for channel in channels]
    site.truth.append(Truth(site.id, point.id, ids, False, expected, name, "", "", lo_s, min(hi_s, site.end_s)))
