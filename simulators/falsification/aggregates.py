"""Hour and day channels beside the short ones, as HJ 212 devices report them (2051, 2061 and 2031 records)."""

from __future__ import annotations

import numpy as np

from simulators.falsification.site import DAY_S, HOUR_S, Channel, Point

POLLUTANTS = frozenset({"so2", "nox", "particulate", "co", "hcl", "nmhc", "cod", "nh3n", "tp", "tn"})


def add_hours(rng: np.random.Generator, point: Point) -> None:
    """An hour channel `<id>_hour` for each shorter one; converted hours by one of the two conventions per point."""
    point.converts_minutes = bool(rng.random() < 0.5)
    added: list[Channel] = []
    names = {channel.id for channel in point.channels}
    for channel in point.channels:
        if channel.interval_s >= HOUR_S or channel.statistic == "total":
            continue
        formula = "sum" if channel.statistic == "cou" else "mean"
        sources: tuple[str, ...] = (channel.id,)
        if channel.formula == "oxygen_conversion" and not point.converts_minutes:
            formula, sources = "oxygen_conversion", tuple(f"{name}_hour" for name in channel.sources)
        added.append(_longer(channel, f"{channel.id}_hour", HOUR_S, formula, sources))
    point.channels += sorted(added, key=lambda c: c.formula == "oxygen_conversion")
    _fill(point, [channel for channel in point.channels if channel.id not in names])


def add_days(rng: np.random.Generator, point: Point) -> None:
    """Day channels of the hourly pollutants: means, sums of amounts, flow-weighted means at a water outlet."""
    hours = [c for c in point.channels if c.interval_s <= 2 * HOUR_S and c.quantity in POLLUTANTS]
    longest = {c.id.removesuffix("_hour"): c for c in hours if c.interval_s >= HOUR_S}
    flow = next(
        (c for c in point.channels if c.quantity == "flow" and c.statistic == "avg" and c.interval_s <= HOUR_S), None
    )
    added: list[Channel] = []
    for name, channel in longest.items():
        if channel.statistic == "cou":
            added.append(_longer(channel, f"{name}_day", DAY_S, "sum", (channel.id,)))
        elif point.medium == "water" and flow is not None:
            added.append(_longer(channel, f"{name}_day", DAY_S, "flow_weighted_mean", (channel.id, flow.id)))
        else:
            added.append(_longer(channel, f"{name}_day", DAY_S, "mean", (channel.id,)))
    point.channels += added
    _fill(point, added)


def _longer(channel: Channel, name: str, interval_s: int, formula: str, sources: tuple[str, ...]) -> Channel:
    size = channel.size * channel.interval_s // interval_s
    statistic = channel.statistic.replace("rtd", "avg")
    longer = Channel(
        name, channel.quantity, statistic, channel.unit, interval_s, np.full(size, np.nan), channel.step,
        channel.limit, channel.range_low, channel.range_high, channel.detection_limit,
        formula=formula, sources=sources,
    )  # fmt: skip
    longer.declares = channel.declares
    longer.declares_formula, longer.declares_sources = channel.declares_formula, channel.declares_sources
    if statistic == "cou":
        longer.range_high = None
    return longer


def _fill(point: Point, channels: list[Channel]) -> None:
    from simulators.falsification.formulas import derive  # formulas need the classes of `site`

    for channel in channels:
        window = slice(0, channel.size)
        fresh, flags = derive(point, channel, window)
        channel.write(window, fresh)
        channel.flags[window] = flags
