"""What a field host says about itself: status, settings and log of its analyser (3020), its serial number (3019).

Like the signals, the settings are functions of (site, time): the slope of an analyser moves a little with each weekly
maintenance, the status follows the data flags. Codes: HJ 212-2017, appendix B, tables of device information.
"""

import numpy as np

from simulators.fleet.falsify import target
from simulators.fleet.messages import INFORMATION, Message, plain, stamp
from simulators.fleet.noise import lattice, normal
from simulators.fleet.site import Site
from simulators.fleet.stack import DAY_S
from simulators.fleet.statistics import sample_at

STATUS, LOG = "i12001", "i11001"
SETTINGS = ("i13001", "i13007", "i13008")  # range, intercept, slope
# Data flag → analyser status: running, maintenance, fault, calibrating, standby.
_STATUS_OF_FLAG = {"N": 0, "M": 1, "D": 2, "C": 3, "F": 9}


def status(site: Site, time_s: float) -> int:
    """State of the main analyser as i12001 spells it."""
    signals, place = sample_at(site, time_s)
    return _STATUS_OF_FLAG[str(signals.flags[target(site)][place])]


def settings(site: Site, time_s: float) -> dict[str, str]:
    """Range, intercept and slope of the main analyser."""
    week = np.array([np.floor(time_s / (7 * DAY_S))])
    factor = next(factor for factor in site.factors if factor.code == target(site))
    slope = 1.0 + 0.015 * float(normal(site.seed + 6000, week)[0])
    intercept = 0.2 * float(normal(site.seed + 6010, week)[0])
    return {"i13001": f"{factor.range_high:.1f}", "i13007": f"{intercept:.2f}", "i13008": f"{slope:.3f}"}


def cabinet_temperature(site: Site, time_s: float) -> str:
    """Temperature of the measuring room, i33101. [C]"""
    return f"{22.0 + float(lattice(site.seed + 6020, np.array([time_s]), cell_s=7200.0)[0]):.1f}"


def log_text(site: Site, time_s: float) -> str:
    """The last line of the analyser's log, in Chinese as on site."""
    texts = {0: "仪器运行正常", 1: "维护开始", 2: "仪器故障报警", 3: "自动校准开始", 9: "停炉，仪器待机"}
    return texts[status(site, time_s)]


def serial_number(site: Site) -> str:
    return f"{site.seed % 16**24:024X}"


def report(site: Site, time_s: float, names: tuple[str, ...]) -> Message:
    """An upload of 3020 with the named pieces of information."""
    known = settings(site, time_s)
    known |= {STATUS: str(status(site, time_s)), LOG: f"//{stamp(time_s)} {log_text(site, time_s)}//"}
    known |= {"i33101": cabinet_temperature(site, time_s), "i32001": "0", "i22001": "0"}
    polled = next(site.code(factor) for factor in site.factors if factor.code == target(site))
    items = [f"{name}-Info={known[name]}" for name in names if name in known]
    return plain(site, INFORMATION, time_s, f"PolId={polled}", *items)


def is_known(names: tuple[str, ...]) -> bool:
    """Whether this device can answer for these information codes."""
    return set(names) <= {STATUS, LOG, *SETTINGS, "i33101", "i32001", "i22001"}
