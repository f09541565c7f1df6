"""What honest operators and instruments do to data: calibrations, back-purges, faults, stop marks, maintenance."""

from __future__ import annotations

import numpy as np

from simulators.falsification.aggregates import POLLUTANTS
from simulators.falsification.noise import BoolArray, intervals
from simulators.falsification.operation import Operation
from simulators.falsification.site import DAY_S, HOUR_S, Channel, Point, Site

ANALYSED = POLLUTANTS | {"o2", "no", "no2"}


def calibrate(
    rng: np.random.Generator, site: Site, point: Point, *, every_days: int, hour: int, minutes: float
) -> None:
    """A zero and span check at a fixed hour: C flags, span gas or the held value in the data of that time."""
    holds = bool(rng.random() < 0.4)
    for channel in _measured(point):
        day, length = DAY_S // channel.interval_s, max(1, round(minutes * 60 / channel.interval_s))
        starts = np.arange(hour * HOUR_S // channel.interval_s, channel.size, day * every_days)
        index = (starts[:, None] + np.arange(length)[None, :]).ravel()
        index = index[index < channel.size]
        exact = channel.exact
        if not holds:
            top = channel.range_high if channel.range_high is not None else float(np.nanmax(exact))
            span = 0.8 * top * (1 + rng.normal(0, 0.004, index.size))
            exact[index] = np.where(
                np.arange(index.size) % 2 == 0, rng.normal(0, 0.002 * top, index.size).clip(0), span
            )
        channel.values[index] = channel.report(exact[index])
        channel.flags[index] = "C"


def back_purge(rng: np.random.Generator, point: Point, *, every_hours: int, samples: int) -> None:
    """The line is blown out for some minutes on a fixed cycle; the device holds its last value meanwhile."""
    for channel in _measured(point):
        period = every_hours * HOUR_S // channel.interval_s
        starts = np.arange(period, channel.size - samples, period)
        for offset in range(samples):
            channel.exact[starts + offset] = channel.exact[starts - 1]
        channel.values = channel.report(channel.exact)


def break_down(rng: np.random.Generator, site: Site, point: Point, operation: Operation) -> None:
    """Analyser faults: some hours flagged D with no value, zero or the range end; sometimes repaired under M."""
    for channel in _measured(point):
        hours = HOUR_S / channel.interval_s
        failed = intervals(rng, channel.size, per_sample=0.25 / (720 * hours), length=(2 * hours, 14 * hours))
        if not failed.any():
            continue
        top = channel.range_high if channel.range_high is not None else 0.0
        channel.exact[failed] = float(rng.choice([np.nan, 0.0, top]))
        channel.values = channel.report(channel.exact)
        channel.flags[failed] = "D"
        last = int(np.flatnonzero(failed)[-1])
        repaired = slice(last + 1, min(last + 1 + max(1, round(2 * hours)), channel.size))
        if rng.random() < 0.5 and repaired.stop > repaired.start:
            channel.flags[repaired] = "M"
            lo = site.start_s + repaired.start * channel.interval_s
            hi = site.start_s + repaired.stop * channel.interval_s
            site.events.append((lo, hi, point.id, "maintenance", f"{channel.id} analyser repaired"))


def mark_stops(point: Point, operation: Operation) -> None:
    """F on all rows of true stops, once the plant has cooled down."""
    stopped: BoolArray = ~operation.running & (operation.fire < 0.1)
    for channel in point.channels:
        if channel.interval_s == operation.interval_s:
            channel.flags[stopped & (channel.flags == "")] = "F"


def drift(rng: np.random.Generator, point: Point, *, every_days: int) -> None:
    """Span drift within the ±2.5 % F.S. of HJ 75-2017: a saw tooth that each calibration resets."""
    for channel in _measured(point):
        period = every_days * DAY_S / channel.interval_s
        phase = (np.arange(channel.size) % period) / period
        size = rng.normal(0, 0.006, channel.size // int(period) + 1)
        channel.exact *= 1 + phase * size[(np.arange(channel.size) // period).astype(np.int64)]
        channel.values = channel.report(channel.exact)


def _measured(point: Point) -> list[Channel]:
    return [channel for channel in point.channels if channel.formula is None and channel.quantity in ANALYSED]
