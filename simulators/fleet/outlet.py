"""Signals of a water outlet: a flow with two peaks a day, and wet-chemistry analysers that measure every two hours.

The flow is a sum of sines, so that its integral, the totaliser, is exact at any time without adding anything up:
an average of the flow and the difference of the totaliser always agree.
"""

import numpy as np

from simulators.fleet.noise import Array, episodes, red, uniform, white
from simulators.fleet.site import Site
from simulators.fleet.stack import CHINA_S, DAY_S, Flags, Signals

CYCLE_S = 7200.0  # COD, ammonia, phosphorus, nitrogen: one sample in two hours (HJ 353-2019)
ANALYSERS = ("w01018", "w21003", "w21011", "w21001")
_TOTALISER_START = 1_640_995_200.0  # 2022-01-01 UTC: when every meter was installed


def base_flow(site: Site) -> float:
    """Mean flow of this outlet. [L/s]"""
    return 40.0 + 360.0 * float(uniform(site.seed + 700, np.zeros(1))[0])


def _waves(site: Site) -> tuple[Array, Array, Array]:
    """Relative amplitudes [1], angular frequencies [rad/s] and phases [rad] of the flow."""
    periods_s = np.array([DAY_S, DAY_S / 2, 7 * DAY_S, 5.3 * 3600, 2.9 * 3600, 1.7 * 3600, 47 * 60.0, 19 * 60.0])
    amplitudes = np.array([0.18, 0.12, 0.05, 0.03, 0.03, 0.02, 0.015, 0.01])
    phases = 2.0 * np.pi * uniform(site.seed + 710, np.arange(len(periods_s)))
    phases[0] = 2.0 * np.pi * (CHINA_S / DAY_S - 10.0 / 24.0) + np.pi / 2  # day's peak at ten in the morning
    phases[1] = phases[0]
    return amplitudes, 2.0 * np.pi / periods_s, phases


def flow(site: Site, times: Array) -> Array:
    """True flow at the outlet. [L/s]"""
    amplitudes, omega, phases = _waves(site)
    waves = amplitudes[:, None] * np.sin(omega[:, None] * times + phases[:, None])
    return np.asarray(base_flow(site) * (1.0 + waves.sum(axis=0)), dtype=np.float64)


def totaliser(site: Site, times: Array) -> Array:
    """Volume that has passed since the meter was installed: the exact integral of `flow`. [m3]"""

    def integral(at: Array) -> Array:
        amplitudes, omega, phases = _waves(site)
        waves = -(amplitudes / omega)[:, None] * np.cos(omega[:, None] * at + phases[:, None])
        return np.asarray(base_flow(site) * (at + waves.sum(axis=0)), dtype=np.float64)

    return (integral(times) - integral(np.array([_TOTALISER_START]))) / 1000.0


def sample_time(site: Site, times: Array) -> Array:
    """When the sample was drawn whose result an analyser shows: it needs an hour, and shows it until the next. [s]"""
    offset = 60.0 * (site.seed % 60)
    return np.floor((times - 3600.0 - offset) / CYCLE_S) * CYCLE_S + offset


def signals(site: Site, times: Array) -> Signals:
    """What the instruments of outlet `site` show. Times in seconds of UTC, values in the units of `OUTLET_FACTORS`."""
    seed, drawn = site.seed + 800, sample_time(site, times)
    relative = flow(site, drawn) / base_flow(site)
    strength = np.exp(0.16 * red(seed, drawn, cells_s=(10800.0, 43200.0, 3 * DAY_S)))  # shared by all pollutants
    quality = 0.75 + 0.4 * float(uniform(seed + 1, np.zeros(1))[0])

    def analysed(place: int, typical: float, spread: float) -> Array:
        own = np.exp(spread * red(seed + 50 * place, drawn, cells_s=(14400.0, DAY_S)))
        repeat = 1.0 + 0.015 * white(seed + 50 * place + 40, drawn, step_s=CYCLE_S)
        return np.asarray(typical * quality * strength * own * repeat * relative**0.3, dtype=np.float64)

    ammonia = analysed(2, 1.1, 0.25)
    values = {
        "w01018": analysed(1, 24.0, 0.08),
        "w21003": ammonia,
        "w21011": analysed(3, 0.22, 0.12),
        "w21001": ammonia + analysed(4, 7.6, 0.10),  # total nitrogen holds the ammonia nitrogen
        "w01001": 7.2 + 0.12 * red(seed + 900, times) + 0.01 * white(seed + 901, times, step_s=5.0),
        "w00000": flow(site, times),
    }
    flags = {code: np.full(len(times), "N") for code in values}
    _check_standards(site, times, values, flags)
    return Signals(times, values, {}, flags)


def _check_standards(site: Site, times: Array, values: dict[str, Array], flags: dict[str, Flags]) -> None:
    """One cycle a day measures a standard solution (flag C); about every ten days somebody maintains (flag M)."""
    is_check = np.floor((sample_time(site, times) + CHINA_S) % DAY_S / CYCLE_S) == 0
    standards = {"w01018": 30.0, "w21003": 2.5, "w21011": 0.25, "w21001": 10.0}
    kept = ~np.isnan(episodes(site.seed + 950, times, block_s=10 * DAY_S, share=0.6, length_s=5400.0))
    for place, code in enumerate(ANALYSERS):
        found = standards[code] * (1.0 + 0.02 * white(site.seed + 960 + place, times, step_s=DAY_S))
        values[code] = np.where(is_check, found, values[code])
        flags[code] = np.where(kept, "M", np.where(is_check, "C", flags[code]))
