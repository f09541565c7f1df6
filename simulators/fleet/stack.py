"""Signals of a flue-gas stack: load drives flow, oxygen, temperature and, through the treatment plant, the pollutants.

    load ─► velocity, oxygen, temperature ─► flow = velocity · area · 273/(273+t) · (101325+Ps)/101325 · (1−Xsw)
         └► raw gas · (1 − efficiency of the treatment) ─► concentration ─► converted = C · (21−Oref) / (21−O)

The last two identities hold exactly before rounding (HJ 75-2017; GB 13223-2011), as in an honest instrument.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.fleet.noise import Array, episodes, lattice, red, uniform, white
from simulators.fleet.site import Site

Flags = NDArray[np.str_]

DAY_S = 86400.0
CHINA_S = 8 * 3600.0
RAMP_S = 5400.0  # start-up and run-down
AMBIENT_OXYGEN = 20.9
GASES = ("a21026", "a21002", "a34013")


@dataclass(frozen=True, slots=True)
class Signals:
    """What the instruments of a site show at some times.

    `values`, `converted` and `flags` map a factor's 2017 code to an array as long as `times`. `converted` holds the
    gases only; NaN where no converted value exists.
    """

    times: Array
    values: dict[str, Array]
    converted: dict[str, Array]
    flags: dict[str, Flags]


def load(site: Site, times: Array) -> Array:
    """Load of the plant, 0 while it stands, about 0.45 to 1.05 while it runs. [1]"""
    hour = ((times + CHINA_S) % DAY_S) / 3600.0
    weekday = np.floor((times + CHINA_S) / DAY_S + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    demand = 0.78 + 0.13 * np.sin((hour - 9.0) / 24.0 * 2.0 * np.pi) - 0.07 * (weekday >= 5)
    demand = np.clip(demand + 0.05 * red(site.seed + 100, times, cells_s=(600.0, 3600.0, 21600.0)), 0.45, 1.05)
    return demand * availability(site, times)


def availability(site: Site, times: Array) -> Array:
    """1 while the plant runs, 0 while it stands, in between during start-up and run-down. [1]"""
    block_s, length_s = 10 * DAY_S, 14 * 3600.0
    since = episodes(site.seed + 200, times, block_s=block_s, share=0.35, length_s=length_s)
    lasts = length_s * (0.5 + uniform(site.seed + 201, np.floor(times / block_s)))
    down = np.clip(since / RAMP_S, 0.0, 1.0)
    up = np.clip((lasts - since) / RAMP_S, 0.0, 1.0)
    return np.where(np.isnan(since), 1.0, 1.0 - np.minimum(down, up))


def calibrating(site: Site, times: Array) -> Array:
    """Time since the start of the daily calibration of the gas analyser, NaN outside it; it takes 20 minutes. [s]"""
    begins_s = 3600.0 * (8 + site.seed % 4) + 60.0 * (site.seed % 50)
    since = (times + CHINA_S - begins_s) % DAY_S
    return np.where(since < 1200.0, since, np.nan)


def signals(site: Site, times: Array) -> Signals:
    """What the instruments of stack `site` show. Times in seconds of UTC, values in the units of `STACK_FACTORS`."""
    relative_load = load(site, times)
    running = availability(site, times)
    values = _process(site, times, relative_load, running)
    values.update(_pollutants(site, times, relative_load, running, values["a19001"]))
    flags = {code: np.where(running > 0.05, "N", "F") for code in (*values, "a00000")}
    _calibrate(site, times, values, flags)
    _maintain(site, times, values, flags)
    values["a00000"] = standard_flow(site, values)
    return Signals(times, values, converted(site, values, flags), flags)


def standard_flow(site: Site, values: dict[str, Array]) -> Array:
    """Dry flow at 0 C and 101.325 kPa from what the site's own sensors show (HJ 75-2017, appendix C). [m3/s]"""
    temperature = 273.0 / (273.0 + values["a01012"])
    pressure = (101.325 + values["a01013"]) / 101.325
    dry = 1.0 - values["a01014"] / 100.0
    return np.asarray(values["a01011"] * site.duct_area_m2 * temperature * pressure * dry, dtype=np.float64)


def converted(site: Site, values: dict[str, Array], flags: dict[str, Flags]) -> dict[str, Array]:
    """Concentrations at the reference oxygen content, C · (21−Oref)/(21−O). [mg/m3]

    NaN where there is none: for O ≥ 21 %, and while the oxygen sensor breathes calibration gas or air.
    """
    oxygen = values["a19001"]
    is_measured = (oxygen < 21.0) & (flags["a19001"] != "C") & (flags["a19001"] != "M")
    factor = np.full_like(oxygen, np.nan)
    np.divide(21.0 - site.reference_oxygen, 21.0 - oxygen, out=factor, where=is_measured)
    return {code: values[code] * factor for code in GASES}


def _process(site: Site, times: Array, relative_load: Array, running: Array) -> dict[str, Array]:
    seed = site.seed + 300
    excess = 5.4 + 4.6 * (1.0 - relative_load) + 0.25 * red(seed, times) + 0.06 * white(seed + 1, times, step_s=5.0)
    oxygen = running * excess + (1.0 - running) * AMBIENT_OXYGEN
    velocity = 0.4 + 13.0 * relative_load * (1.0 + 0.02 * red(seed + 20, times, cells_s=(60.0, 600.0)))
    ambient = 15.0 + 8.0 * np.sin((times + CHINA_S) / DAY_S * 2.0 * np.pi - 2.0)
    wet = 50.0 + 4.0 * relative_load + 0.4 * red(seed + 30, times)  # behind wet desulphurisation
    humidity = 9.5 + 3.5 * relative_load + 0.3 * red(seed + 40, times)
    return {
        "a19001": np.clip(oxygen, 0.0, AMBIENT_OXYGEN),
        "a01011": np.maximum(velocity + 0.08 * white(seed + 50, times, step_s=5.0), 0.05),
        "a01012": running * wet + (1.0 - running) * ambient + 0.1 * white(seed + 60, times, step_s=5.0),
        "a01013": -0.05 - 0.22 * relative_load + 0.008 * white(seed + 70, times, step_s=5.0),
        "a01014": np.clip(running * humidity + (1.0 - running) * 2.5, 0.5, 40.0),
    }


def _pollutants(site: Site, times: Array, relative_load: Array, running: Array, oxygen: Array) -> dict[str, Array]:
    seed = site.seed + 400
    dilution = (AMBIENT_OXYGEN - oxygen) / (AMBIENT_OXYGEN - site.reference_oxygen)
    quality = 0.7 + 0.5 * uniform(seed, np.zeros_like(times))  # how well this plant is run
    # Catalysts work only when hot: nitrogen oxides peak while the plant starts and stops.
    cold = 4.0 * (1.0 - running) * running
    shapes = {
        "a21026": 17.0 * np.exp(0.28 * red(seed + 10, times) + 0.5 * (relative_load - 0.75)),
        "a21002": 33.0 * np.exp(0.12 * red(seed + 50, times) + 0.2 * (relative_load - 0.75)) * (1.0 + 1.3 * cold),
        "a34013": 4.0 * np.exp(0.15 * red(seed + 90, times) + 0.4 * (relative_load - 0.75)) * (1.0 + 0.6 * cold),
    }
    noise = {"a21026": 0.35, "a21002": 0.5, "a34013": 0.05}
    return {
        code: np.maximum(
            shape * quality * dilution + noise[code] * white(seed + 130 + place, times, step_s=5.0),
            0.0,
        )
        for place, (code, shape) in enumerate(shapes.items())
    }


def _calibrate(site: Site, times: Array, values: dict[str, Array], flags: dict[str, Flags]) -> None:
    """Ten minutes of zero gas, then ten of span gas at 80 % of range; oxygen sees nitrogen, then air."""
    since = calibrating(site, times)
    is_on, is_span = ~np.isnan(since), since >= 600.0
    span = {"a21026": 160.0, "a21002": 240.0, "a19001": 20.9}
    for code, level in span.items():
        drift = 0.004 * level * lattice(site.seed + 500, times, cell_s=DAY_S)
        settled = 1.0 - np.exp(-np.where(is_on, since % 600.0, 0.0) / 45.0)
        gas = np.where(is_span, level, 0.0) * settled + drift
        values[code] = np.where(is_on, np.maximum(gas, 0.0), values[code])
        flags[code] = np.where(is_on, "C", flags[code])


def _maintain(site: Site, times: Array, values: dict[str, Array], flags: dict[str, Flags]) -> None:
    """Weekly maintenance of about an hour, in which the probe breathes air, and rare faults of the dust meter."""
    seed = site.seed + 600
    probe_out = ~np.isnan(episodes(seed, times, block_s=7 * DAY_S, share=0.6, length_s=3600.0))
    for code, air in (("a21026", 0.3), ("a21002", 0.4), ("a19001", 20.85)):
        values[code] = np.where(probe_out, air, values[code])
        flags[code] = np.where(probe_out, "M", flags[code])
    broken = ~np.isnan(episodes(seed + 10, times, block_s=21 * DAY_S, share=0.25, length_s=7200.0))
    values["a34013"] = np.where(broken, 0.0, values["a34013"])
    flags["a34013"] = np.where(broken, "D", flags["a34013"])
