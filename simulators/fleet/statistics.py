"""What a field host makes of its instruments' samples: minute, hour and day figures (HJ 76-2017; HJ 212-2017, 8).

    5-s samples ─► minute ─► hour ─► day          an average of each level is the mean of the valid ones below it

Hours and days are made of the same minutes that were uploaded, so that an honest site's figures agree with each other
as far as rounding lets them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulators.fleet import outlet
from simulators.fleet.falsify import reported
from simulators.fleet.noise import Array
from simulators.fleet.site import Factor, Site
from simulators.fleet.stack import Flags, Signals

SAMPLE_S = 5.0
HOUR_S, DAY_S = 3600, 86400


@dataclass(frozen=True, slots=True)
class Figures:
    """Statistics of one factor over one period; NaN where there are none."""

    minimum: float
    average: float
    maximum: float
    total: float  # m3 for flows, kg for pollutants
    converted_minimum: float
    converted_average: float
    converted_maximum: float
    flag: str


Period = dict[str, Figures]


@lru_cache(maxsize=4096)
def samples(site: Site, begin: int) -> Signals:
    """The samples of the minute interval that begins at `begin`, one in 5 s."""
    return reported(site, _sample_times(begin, site.minute_s))


def sample_at(site: Site, time_s: float) -> tuple[Signals, int]:
    """The samples that hold the one last taken at `time_s`, and its place among them."""
    begin = int(time_s // site.minute_s) * site.minute_s
    return samples(site, begin), int((time_s - begin) // SAMPLE_S)


def minute(site: Site, begin: int) -> Period:
    """Figures of the minute interval (10 min unless the centre has set another) that begins at `begin`."""
    return _condense(site, samples(site, begin), begin)


@lru_cache(maxsize=4096)
def hour(site: Site, begin: int) -> Period:
    """Figures of the hour that begins at `begin`."""
    return _combine(site, _minutes(site, begin, HOUR_S))


@lru_cache(maxsize=1024)
def day(site: Site, begin: int) -> Period:
    """Figures of the day that begins at `begin`."""
    minutes, per_hour = _minutes(site, begin, DAY_S), HOUR_S // site.minute_s
    return _combine(
        site, [_combine(site, minutes[start : start + per_hour]) for start in range(0, len(minutes), per_hour)]
    )


def _sample_times(begin: int, length_s: int) -> Array:
    return np.asarray(begin + SAMPLE_S * np.arange(int(length_s / SAMPLE_S)), dtype=np.float64)


def _minutes(site: Site, begin: int, length_s: int) -> list[Period]:
    """The minute figures of a longer period, from one evaluation of the signals (much cheaper than one each)."""
    signals, width = reported(site, _sample_times(begin, length_s)), int(site.minute_s / SAMPLE_S)
    return [
        _condense(site, _part(signals, slice(start, start + width)), begin + int(start * SAMPLE_S))
        for start in range(0, len(signals.times), width)
    ]


def _part(signals: Signals, part: slice) -> Signals:
    return Signals(
        signals.times[part],
        {code: values[part] for code, values in signals.values.items()},
        {code: values[part] for code, values in signals.converted.items()},
        {code: flags[part] for code, flags in signals.flags.items()},
    )


def _condense(site: Site, signals: Signals, begin: int) -> Period:
    flow = signals.values["a00000" if site.is_stack else "w00000"]
    return {factor.code: _condense_factor(site, factor, signals, flow, begin) for factor in site.factors}


def _condense_factor(site: Site, factor: Factor, signals: Signals, flow: Array, begin: int) -> Figures:
    values, flags = signals.values[factor.code], signals.flags[factor.code]
    is_valid = flags == "N"
    chosen = values[is_valid] if is_valid.any() else values
    converted = signals.converted.get(factor.code)
    low = mean = high = float("nan")
    if converted is not None:
        usable = converted[~np.isnan(converted) & (is_valid | ~is_valid.any())]
        if usable.size:
            low, mean, high = float(usable.min()), float(usable.mean()), float(usable.max())
    average, total = float(chosen.mean()), float("nan")
    if factor.has_mass:  # mg/m3 · m3/s, or mg/L · L/s: mg/s either way, over the valid samples' mean
        used = flow[is_valid] if is_valid.any() else flow
        total = float((chosen * used).mean()) * site.minute_s * 1e-6
    elif factor.code == "a00000":
        total = average * site.minute_s
    elif factor.code == "w00000":
        ends = outlet.totaliser(site, np.array([begin, begin + site.minute_s], dtype=np.float64))
        total = float(ends[1] - ends[0])
        average = total * 1000.0 / site.minute_s
    low_value, high_value = min(float(chosen.min()), average), max(float(chosen.max()), average)
    return Figures(low_value, average, high_value, total, low, mean, high, _period_flag(site, flags))


def _period_flag(site: Site, flags: Flags) -> str:
    """Gas: normal if at least 75 % of the values are; water: normal only if all are (HJ 212-2017 section 8)."""
    abnormal = flags[flags != "N"]
    if abnormal.size <= (0.25 * flags.size if site.is_stack else 0):
        return "N"
    kinds = np.unique(abnormal)
    if site.is_stack:  # a stop is named as such; anything mixed is "faulty"
        return str(kinds[0]) if abnormal.size == flags.size and kinds.size == 1 else "D"
    return str(abnormal[0])


def _combine(site: Site, parts: list[Period]) -> Period:
    return {factor.code: _combine_factor(site, [part[factor.code] for part in parts]) for factor in site.factors}


def _combine_factor(site: Site, parts: list[Figures]) -> Figures:
    flags = np.array([part.flag for part in parts])
    valid = [part for part in parts if part.flag == "N"] or parts
    converted = [part for part in valid if not np.isnan(part.converted_average)]
    nan = float("nan")
    return Figures(
        minimum=min(part.minimum for part in valid),
        average=float(np.mean([part.average for part in valid])),
        maximum=max(part.maximum for part in valid),
        total=float(np.sum([part.total for part in parts])),
        converted_minimum=min((part.converted_minimum for part in converted), default=nan),
        converted_average=float(np.mean([part.converted_average for part in converted])) if converted else nan,
        converted_maximum=max((part.converted_maximum for part in converted), default=nan),
        flag=_period_flag(site, flags),
    )
