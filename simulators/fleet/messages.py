"""What a field host says about its data: the groups of CP for real-time, minute, hour and day uploads.

A message is a list of groups (`a21026-Rtd=…,a21026-Flag=N`), which may be cut between groups into several packets.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from simulators.fleet import outlet, statistics
from simulators.fleet.site import Edition, Factor, Site
from simulators.fleet.statistics import Figures

CHINA = timezone(timedelta(hours=8))
REALTIME, DAY, MINUTE, HOUR, RESTART, INFORMATION = "2011", "2031", "2051", "2061", "2081", "3020"
NO_CONVERTED_VALUE = "9999.99"  # HJ 212-2025, 8.1.1: a converted value that cannot be computed


@dataclass(frozen=True, slots=True)
class Message:
    """One upload before it is cut into packets and framed."""

    cn: str
    data_time_s: float
    groups: tuple[str, ...]
    values: tuple[int, ...]  # number of measured values in each group
    system_code: str


def stamp(time_s: float) -> str:
    """A time as the standard writes it: YYYYMMDDhhmmss, China Standard Time."""
    return datetime.fromtimestamp(time_s, CHINA).strftime("%Y%m%d%H%M%S")


def parse_stamp(text: str) -> float | None:
    """Seconds of UTC of a time as the standard writes it, None if it is none."""
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=CHINA).timestamp()
    except ValueError:
        return None


def realtime(site: Site, time_s: float) -> Message:
    """What the instruments show at `time_s` (2011)."""
    signals, place = statistics.sample_at(site, time_s)
    groups: list[list[tuple[str, str]]] = []
    late: list[list[tuple[str, str]]] = []
    for factor in site.factors:
        flag = str(signals.flags[factor.code][place])
        group: list[tuple[str, str]] = []
        if not site.is_stack and factor.code in outlet.ANALYSERS and site.edition is not Edition.E2005:
            group.append(("SampleTime", stamp(float(outlet.sample_time(site, signals.times[place : place + 1])[0]))))
        group.append(("Rtd", _number(site, signals.values[factor.code][place], factor)))
        if factor.is_gas:
            value = float(signals.converted[factor.code][place])
            pairs = _converted(site, factor, {"ZsRtd": value})
            if "spread_group" in site.habits and pairs:
                late.append([(f"{site.code(factor)}-{name}", text) for name, text in [*pairs, ("Flag", flag)]])
            else:
                group += pairs
        groups.append(_named(site, factor, [*group, *_flags(site, flag)]))
    return _message(site, REALTIME, time_s, groups + late)


def period(site: Site, cn: str, begin: int) -> Message:
    """The figures of the minute interval, hour or day that begins at `begin` (2051, 2061, 2031)."""
    figures = _FIGURES[cn](site, begin)
    groups = [_named(site, factor, _period_group(site, factor, figures[factor.code])) for factor in site.factors]
    return _message(site, cn, begin, groups)


def plain(site: Site, cn: str, time_s: float, *items: str) -> Message:
    """A message that carries no measured values: power-up, device information."""
    groups = (f"DataTime={stamp(time_s)}", *items)
    return Message(cn, time_s, groups, (0,) * len(groups), site.system_code)


def _period_group(site: Site, factor: Factor, figures: Figures) -> list[tuple[str, str]]:
    group = []
    if not math.isnan(figures.total):
        group.append(("Cou", f"{figures.total:.3f}"))
    for suffix, value in (("Min", figures.minimum), ("Avg", figures.average), ("Max", figures.maximum)):
        group.append((suffix, _number(site, value, factor)))
    if factor.is_gas:
        group += _converted(
            site,
            factor,
            {
                "ZsMin": figures.converted_minimum,
                "ZsAvg": figures.converted_average,
                "ZsMax": figures.converted_maximum,
            },
        )
    return [*group, *_flags(site, figures.flag)]


def _converted(site: Site, factor: Factor, values: dict[str, float]) -> list[tuple[str, str]]:
    """Converted values; one that does not exist is left out, or sent as the sentinel of the 2025 edition."""
    if site.edition is Edition.E2025:
        return [(name, NO_CONVERTED_VALUE if math.isnan(v) else _number(site, v, factor)) for name, v in values.items()]
    return [(name, _number(site, value, factor)) for name, value in values.items() if not math.isnan(value)]


def _flags(site: Site, flag: str) -> list[tuple[str, str]]:
    is_long = site.habits & {"long_messages", "over_1024"}
    return [("Flag", flag), ("EFlag", "A000")] if is_long else [("Flag", flag)]


def _named(site: Site, factor: Factor, group: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(f"{site.code(factor)}-{suffix}", text) for suffix, text in group]


def _number(site: Site, value: float, factor: Factor) -> str:
    return f"{value:.{6 if 'over_1024' in site.habits else factor.decimals}f}"


_FIGURES: dict[str, Callable[[Site, int], statistics.Period]] = {
    MINUTE: statistics.minute,
    HOUR: statistics.hour,
    DAY: statistics.day,
}
_NOT_MEASURED = ("Flag", "EFlag", "SampleTime")


def _message(site: Site, cn: str, time_s: float, groups: list[list[tuple[str, str]]]) -> Message:
    fraction = "000" if "milliseconds" in site.habits else ""
    texts = (f"DataTime={stamp(time_s)}{fraction}", *(",".join(f"{n}={v}" for n, v in group) for group in groups))
    values = (0, *(sum(not name.endswith(_NOT_MEASURED) for name, _ in group) for group in groups))
    return Message(cn, time_s, texts, values, site.system_code)
