"""What happens to honest data on the way: daily checks, lost rows, outages, late uploads, arrival times."""

from __future__ import annotations

import numpy as np

from tests.evaluation.second_source.plant import HOUR_S, Channel, Event, Point, Site

DAY_S = 86400
VELOCITY_COEFFICIENT = 1.21


def checks(rng: np.random.Generator, site: Site) -> None:
    """Calibration at a fixed hour, daily or weekly, and the back-purge of fast analysers; rows are flagged C and M."""
    for point in site.points.values():
        if point.medium == "power" or rng.random() < 0.25:
            continue
        hour, every_d = int(rng.integers(0, 24)), int(rng.choice([1, 1, 7]))
        calibrate(rng, site, point, hour=hour, every_d=every_d)
        if point.medium == "air" and rng.random() < 0.5:
            back_purge(site, point, every_h=int(rng.choice([4, 6, 8])))


def calibrate(rng: np.random.Generator, site: Site, point: Point, *, hour: int, every_d: int) -> None:
    """Half a day's hour of zero and span gas; the logger sends the gas's value or none."""
    sends_value = rng.random() < 0.5
    for channel in analysers(point):
        if channel.interval_s > HOUR_S and every_d == 1:
            continue  # a sampler checks itself between samples
        gas = 0.8 * (channel.range_high or 100.0) if rng.random() < 0.7 else 0.0
        for day in range(0, (site.end_s - site.start_s) // DAY_S, every_d):
            begin = site.start_s + day * DAY_S + hour * HOUR_S
            span = channel.window(site.start_s, begin, begin + max(1800, channel.interval_s))
            channel.flags[span] = "C"
            width = channel.exact[span].size
            channel.exact[span] = gas * (1 + rng.normal(0, 0.005, width)) if sends_value else np.nan


def back_purge(site: Site, point: Point, *, every_h: int) -> None:
    """Three minutes of compressed air; only rows of minutes show it."""
    for channel in analysers(point):
        if channel.interval_s > 300:
            continue
        for hour in range(0, (site.end_s - site.start_s) // HOUR_S, every_h):
            begin = site.start_s + hour * HOUR_S + 600
            span = channel.window(site.start_s, begin, begin + 180)
            channel.flags[span] = "M"
            channel.exact[span] = np.nan


def analysers(point: Point) -> list[Channel]:
    """What is calibrated with gas or standard solution."""
    gases = {"so2", "nox", "hcl", "co", "o2", "cod", "nh3n", "tp", "tn"}
    return [c for c in point.channels.values() if c.quantity in gases and not c.formula]


def lose(rng: np.random.Generator, site: Site, *, share: float) -> None:
    """Frames lost at random: mostly all channels of a moment, sometimes one row."""
    for point in site.points.values():
        for interval_s in {c.interval_s for c in point.channels.values()}:
            group = [c for c in point.channels.values() if c.interval_s == interval_s]
            frames = rng.random(group[0].exact.size) < 0.8 * share
            for channel in group:
                channel.is_lost |= frames | (rng.random(channel.exact.size) < 0.2 * share)


def outages(rng: np.random.Generator, site: Site) -> None:
    """Blocks without network: told as events or not; the data are lost, or come later with their arrival time."""
    per_month, is_told = rng.choice([0.0, 0.5, 2.0]), rng.random() < 0.5
    uploads_late = site.is_arrival_told and rng.random() < 0.6
    months = (site.end_s - site.start_s) / (720 * HOUR_S)
    for _ in range(rng.poisson(per_month * months)):
        begin = site.start_s + rng.uniform(0, site.end_s - site.start_s)
        end = min(begin + HOUR_S * (1 + rng.exponential(7)), site.end_s - 1.0)
        if is_told:
            site.events.append(Event(begin, end, "", "network_outage"))
        silence(rng, site, begin, end, uploads_late=uploads_late)


def silence(rng: np.random.Generator, site: Site, begin: float, end: float, *, uploads_late: bool) -> None:
    for _, channel in site.channels():
        span = channel.window(site.start_s, begin, end)
        if uploads_late:
            channel.received_s[span] = end + 60 + np.arange(channel.exact[span].size) * 0.5
        else:
            channel.is_lost[span] = True


def stamp_arrival(rng: np.random.Generator, site: Site) -> None:
    """Where arrival is told, every row has it: some seconds after the end of its interval, unless it came late."""
    if not site.is_arrival_told:
        return
    for _, channel in site.channels():
        ends = site.start_s + (np.arange(channel.exact.size) + 1.0) * channel.interval_s
        prompt = ends + rng.uniform(2, 50) + rng.exponential(4, ends.size)
        channel.received_s = np.fmax(np.round(prompt), np.nan_to_num(np.round(channel.received_s), nan=0.0))


def forget_keys(rng: np.random.Generator, site: Site) -> None:
    """Optional keys that some fleets do not tell."""
    tells = {key: rng.random() >= 0.12 for key in ("limit", "range", "detection_limit", "relation", "formula")}
    for _, channel in site.channels():
        if not tells["limit"]:
            channel.limit = None
        if not tells["range"]:
            channel.range_low = None
        if not tells["detection_limit"] and channel.below == "as_is":
            channel.detection_limit = None
        if not tells["relation"]:
            channel.is_relation_told = False
        channel.is_formula_told = tells["formula"]


def keep_ledger(rng: np.random.Generator, site: Site) -> None:
    """Two of five sites report their parameters, and one of them is changed in a documented calibration."""
    if rng.random() > 0.4:
        return
    for point, channel in site.channels():
        if channel.formula or point.medium == "power" or channel.range_high is None:
            continue
        site.parameters.append((site.start_s, point.id, channel.id, "range_high", channel.range_high))
        site.parameters.append((site.start_s, point.id, channel.id, "slope", 1.0))
        if channel.quantity == "velocity":
            site.parameters.append((site.start_s, point.id, channel.id, "velocity_coefficient", VELOCITY_COEFFICIENT))
    point = next(iter(site.points.values()))
    channel = analysers(point)[0]
    begin = site.start_s + round(rng.uniform(0.2, 0.95) * (site.end_s - site.start_s))
    site.events.append(Event(begin, begin + 2 * HOUR_S, point.id, "calibration", "quarterly"))
    site.parameters.append((begin + HOUR_S, point.id, channel.id, "slope", round(rng.normal(1.0, 0.01), 3)))
