"""Injections that change the level: I4, I5, dilution (I11, I12), oxygen (I13), flow (I14), arithmetic (I19)."""

from __future__ import annotations

import numpy as np

from simulators.falsification.site import Truth
from tests.evaluation.second_source.placing import GASES, CannotPlace, Case
from tests.evaluation.second_source.plant import Channel
from tests.evaluation.second_source.transport import VELOCITY_COEFFICIENT

DURATION_H = 240
FRACTIONS = (0.5, 0.3, 0.15, 0.08)


def scaled(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, DURATION_H)
    k: float | np.ndarray = (0.5, 0.7, 0.8, 0.9)[case.rank]
    if case.rank == 3 and case.rng.random() < 0.5:
        k = np.maximum(1 - 0.02 * np.arange(window.stop - window.start) * channel.interval_s / 86400, 0.5)
    case.put(channel, window, channel.exact[window] * k)
    return case.truth([channel], window)


def offset(case: Case) -> Truth:
    channel = case.target()
    window = case.place(channel, DURATION_H)
    shift = (0.4, 0.2, 0.1, 0.05)[case.rank] * float(np.median(case.history(channel, window.start)))
    case.put(channel, window, np.maximum(channel.exact[window] - shift, 0.0))
    return case.truth([channel], window)


def diluted_with_air(case: Case) -> Truth:
    """Physics changes all of it, so that derived channels always follow; the careful one dilutes humidity as well."""
    gases, oxygen = _gases(case)
    window = case.place(gases[0], DURATION_H)
    f = FRACTIONS[case.rank]
    for gas in gases:
        case.put(gas, window, gas.exact[window] * (1 - f))
    case.put(oxygen, window, 21 - (21 - oxygen.exact[window]) * (1 - f))
    changed = [*gases, oxygen]
    if case.is_careful:
        humidity = case.point.channels["humidity"]
        case.put(humidity, window, humidity.exact[window] * (1 - f))
        changed.append(humidity)
    return _followed(case, changed, window)


def diluted_with_zero_gas(case: Case) -> Truth:
    gases, oxygen = _gases(case)
    window = case.place(gases[0], DURATION_H)
    f = FRACTIONS[case.rank]
    for channel in [*gases, oxygen]:
        case.put(channel, window, channel.exact[window] * (1 - f))
    return _followed(case, [*gases, oxygen], window)


def _gases(case: Case) -> tuple[list[Channel], Channel]:
    if "o2" not in case.point.channels:
        raise CannotPlace("no oxygen")
    gases = [case.point.channels[n] for n in GASES if n in case.point.channels and n != "particulate"]
    return gases, case.point.channels["o2"]


def _followed(case: Case, changed: list[Channel], window: slice) -> Truth:
    names = [c.id for c in changed]
    below = [n for n in case.point.descendants(names) if n not in names]
    case.point.derive(below)
    every, start_s = changed[0].interval_s, case.site.start_s
    return case.label([*names, *below], start_s + window.start * every, start_s + window.stop * every)


def oxygen_pulled(case: Case) -> Truth:
    _, oxygen = _gases(case)
    window = case.place(oxygen, DURATION_H)
    case.put(oxygen, window, np.maximum(oxygen.exact[window] - (3.0, 1.5, 0.8, 0.4)[case.rank], 0.2))
    return case.truth([oxygen], window)


def flow_edited(case: Case) -> Truth:
    """The velocity and all that follows; careless: only the flow that is reported. A kept ledger shows the edit."""
    name = "flow" if case.point.medium == "water" else "velocity" if case.is_careful else "flow_dry_standard"
    channel = case.point.channels[name]
    window = case.place(channel, DURATION_H)
    k = (0.5, 0.7, 0.85, 0.93)[case.rank]
    case.put(channel, window, channel.exact[window] * k)
    at = case.site.start_s + window.start * channel.interval_s
    is_kept = any(name == "velocity_coefficient" for _, _, _, name, _ in case.site.parameters)
    if is_kept and name == "velocity":
        edited = round(VELOCITY_COEFFICIENT * k, 4)
        case.site.parameters.append((at, case.point.id, "velocity", "velocity_coefficient", edited))
    return case.truth([channel], window, also=["parameter_edited"] if is_kept else [])


def miscalculated(case: Case) -> Truth:
    """A converted value, a mass or a mean that its sources do not give."""
    share = (0.1, 0.02, 0.005, 0.0)[case.rank]
    formulas = ("oxygen_conversion", "mass", "mean", "flow_weighted_mean")
    able = []
    for channel in case.point.channels.values():
        if channel.formula in formulas and channel.is_relation_told:
            middle = float(np.nanmedian(channel.exact))
            if case.rank == 3 or share * middle >= 1.5 * float(np.max(channel.step)):
                able.append(channel)
    if not able:
        raise CannotPlace("no derived channel fine enough")
    channel = able[int(case.rng.integers(len(able)))]
    window = case.place(channel, max(72.0, 10 * channel.interval_s / 3600))
    change = share * channel.exact[window] if share else 2.0 * float(np.max(channel.step))
    case.put(channel, window, np.maximum(channel.exact[window] - change, 0.0))
    return case.truth([channel], window)
