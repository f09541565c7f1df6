"""Events that are no falsification and must not be alerted, put into honest sites."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.falsification.site import Truth
from tests.evaluation.second_source import noise, transport
from tests.evaluation.second_source.placing import GASES, SAMPLED
from tests.evaluation.second_source.plant import HOUR_S, Channel, Event, Point, Site

DAY_S = 86400
Control = Callable[[np.random.Generator, Site], Truth]


def _label(site: Site, name: str, kind: str, channels: list[str], start_s: float, end_s: float) -> Truth:
    point = next(iter(site.points))
    return Truth(
        site=site.id, point=point, channels=channels, falsified=False, class_name=kind, injection=name, level="",
        variant="", start_s=int(start_s), end_s=int(end_s),
    )  # fmt: skip


def _outlet(site: Site) -> Point:
    return next(iter(site.points.values()))


def _names(point: Point, channels: list[Channel] | None = None) -> list[str]:
    return [f"{point.id}/{c.id}" for c in (point.channels.values() if channels is None else channels)]


def _pollutants(point: Point) -> list[Channel]:
    return [c for c in point.channels.values() if c.quantity in (*GASES, *SAMPLED) and not c.formula]


def _one(rng: np.random.Generator, point: Point, *, without: tuple[str, ...] = ()) -> Channel:
    able = [c for c in _pollutants(point) if c.quantity not in without]
    return able[int(rng.integers(len(able)))]


def _span(rng: np.random.Generator, site: Site, duration_s: float) -> tuple[float, float]:
    begin = rng.uniform(site.accepted_s + DAY_S, site.end_s - duration_s - DAY_S)
    begin = site.start_s + (begin - site.start_s) // 14400 * 14400
    return begin, begin + duration_s


def _family(point: Point, channel: Channel) -> list[Channel]:
    return [channel, *(point.channels[n] for n in point.descendants([channel.id]))]


def below_detection(rng: np.random.Generator, site: Site) -> Truth:
    """A substance that sinks below what the analyser can see, for days."""
    point = _outlet(site)
    channel = _one(rng, point, without=("tn",))  # the ammonia in it stays visible
    channel.below = str(rng.choice(["limit", "half"]))
    begin, end = _span(rng, site, rng.uniform(2, 9) * DAY_S)
    rows = channel.window(site.start_s, begin, end)
    assert channel.detection_limit is not None
    width = rows.stop - rows.start
    fade = np.minimum(1.0, np.arange(width) * channel.interval_s / (12 * HOUR_S))
    low = channel.detection_limit * rng.uniform(0.2, 0.9) * np.exp(rng.normal(0, 0.2, width))
    channel.exact[rows] = channel.exact[rows] * (1 - fade) + low * fade
    point.derive(point.descendants([channel.id]))
    return _label(site, "below_detection", "process_change", _names(point, _family(point, channel)), begin, end)


def fixed_hour_checks(rng: np.random.Generator, site: Site) -> Truth:
    """Calibration every day at the same hour, all through the history and the judged period."""
    point = _outlet(site)
    transport.calibrate(rng, site, point, hour=int(rng.integers(0, 24)), every_d=1)
    if point.medium == "air":
        transport.back_purge(site, point, every_h=6)
    point.carry_flags()
    point.derive()
    return _label(site, "fixed_hour_checks", "process_change", _names(point), site.accepted_s, site.end_s)


def start_stop(rng: np.random.Generator, site: Site) -> Truth:
    """Several short stops with ambient air in the stack; told or not."""
    begin, end = _span(rng, site, 8 * DAY_S)
    for at in np.sort(rng.uniform(begin, end - DAY_S, 3)):
        _stop(rng, site, at, at + rng.uniform(5, 20) * HOUR_S)
    return _label(site, "start_stop", "process_change", _names(_outlet(site)), begin, end)


def seasonal_shutdown(rng: np.random.Generator, site: Site) -> Truth:
    begin, end = _span(rng, site, min(15 * DAY_S, (site.end_s - site.accepted_s) - 4 * DAY_S))
    _stop(rng, site, begin, end)
    return _label(site, "seasonal_shutdown", "process_change", _names(_outlet(site)), begin, end)


def _stop(rng: np.random.Generator, site: Site, begin: float, end: float) -> None:
    point = _outlet(site)
    is_flagged, is_told = rng.random() < 0.8, rng.random() < 0.5
    for _, channel in site.channels():
        if channel.formula:
            continue
        n, dt_h = channel.exact.size, channel.interval_s / HOUR_S
        at = site.start_s + np.arange(n) * channel.interval_s
        runs = ((at < begin) | (at >= end)).astype(np.float64)
        tau_h = 2.5 if channel.quantity in ("stack_temperature", "humidity", "water_temperature") else 0.4
        share = noise.settling(runs, tau_h=tau_h, dt_h=dt_h)
        rest = {"o2": 20.8, "stack_temperature": 19.0, "humidity": 2.0}.get(channel.quantity, 0.0)
        if channel.quantity in ("ph", "water_temperature", *SAMPLED):
            continue  # water stands in the channel
        jitter = np.abs(
            noise.remembering(rng, n, tau_h=1, dt_h=dt_h, sigma=0.004 * abs(float(np.nanmedian(channel.exact))))
        )
        low = rest + (jitter if channel.quantity != "o2" else -jitter)
        is_near = (at >= begin) & (at < end + 24 * HOUR_S)
        channel.exact = np.where(is_near, channel.exact * share + low * (1 - share), channel.exact)
    for name, point_of in site.points.items():
        if is_flagged and name == point.id:
            for channel in point_of.channels.values():
                rows = channel.window(site.start_s, begin + HOUR_S, end)
                channel.flags[rows] = np.where(channel.flags[rows] == "N", "F", channel.flags[rows])
        point_of.derive()
    if is_told:
        site.events += [Event(begin, end, point.id, "shutdown"), Event(end, end + 6 * HOUR_S, point.id, "startup")]


def honest_step(rng: np.random.Generator, site: Site) -> Truth:
    """A retrofit: the process emits 14 % less from one day on; the analyser's own noise stays as it was."""
    point = _outlet(site)
    channel = _one(rng, point)
    begin, _ = _span(rng, site, 3 * DAY_S)
    n = channel.exact.size
    at = site.start_s + np.arange(n) * channel.interval_s
    share = np.clip((at - begin) / (rng.uniform(0.2, 2) * DAY_S), 0, 1)
    fine = rng.normal(0, 0.006 * float(np.nanmedian(channel.exact)), n)  # of the analyser, before and after alike
    channel.exact = np.maximum(channel.exact * (1 - 0.14 * share) + fine, 0.0)
    if rng.random() < 0.5:
        site.events.append(Event(begin - 4 * HOUR_S, begin + 8 * HOUR_S, point.id, "maintenance", "low-NOx burner"))
    point.derive()
    return _label(site, "honest_step", "process_change", _names(point, _family(point, channel)), begin, site.end_s)


def sensor_swap(rng: np.random.Generator, site: Site) -> Truth:
    """A new analyser: after some hours of maintenance another noise, perhaps another step; the same level."""
    point = _outlet(site)
    channel = _one(rng, point)
    begin, _ = _span(rng, site, 3 * DAY_S)
    done = begin + rng.uniform(4, 10) * HOUR_S
    n = channel.exact.size
    at = site.start_s + np.arange(n) * channel.interval_s
    extra = rng.normal(0, rng.uniform(0.015, 0.04) * float(np.nanmedian(channel.exact)), n)
    is_noisier_now = rng.random() < 0.5
    channel.exact = np.maximum(channel.exact + extra * ((at >= done) == is_noisier_now), 0.0)
    if rng.random() < 0.5:
        channel.step = np.where(at >= done, float(np.max(channel.step)) * 10, channel.step)
    rows = channel.window(site.start_s, begin, done)
    channel.flags[rows] = "M"
    channel.exact[rows] = np.nan
    site.events.append(Event(begin, done, point.id, "maintenance", "analyser replaced"))
    point.carry_flags()
    point.derive()
    return _label(site, "sensor_swap", "process_change", _names(point, _family(point, channel)), begin, site.end_s)


def step_changed(rng: np.random.Generator, site: Site) -> Truth:
    """The logger reports fewer, or more, digits from one moment on; everything else goes on."""
    point = _outlet(site)
    channel = _one(rng, point)
    begin, _ = _span(rng, site, 3 * DAY_S)
    at = site.start_s + np.arange(channel.exact.size) * channel.interval_s
    channel.step = np.where(at >= begin, float(np.max(channel.step)) * rng.choice([0.1, 10.0]), channel.step)
    point.derive()
    return _label(site, "step_changed", "process_change", _names(point, _family(point, channel)), begin, site.end_s)


def clock_shift(rng: np.random.Generator, site: Site) -> Truth:
    """The logger's clock is put forward by an hour (one interval, if that is longer): a gap, then all comes later."""
    begin, _ = _span(rng, site, 10 * DAY_S)
    point = _outlet(site)
    longest = max(HOUR_S, *(c.interval_s for c in point.channels.values() if not c.formula))
    for channel in point.channels.values():
        if channel.formula:
            continue
        lag = longest // channel.interval_s
        rows = channel.window(site.start_s, begin, site.end_s)
        for name in ("exact", "flags"):
            series = getattr(channel, name)
            series[rows] = series[rows.start - lag : rows.stop - lag].copy()
        channel.is_lost[rows.start : rows.start + lag] = True
    point.derive()
    return _label(site, "clock_shift", "process_change", _names(point), begin, site.end_s)


def equal_again(rng: np.random.Generator, site: Site) -> Truth:
    """A day and more is sent again with the same values."""
    begin, end = _span(rng, site, rng.uniform(1, 4) * DAY_S)
    point = _outlet(site)
    for channel in point.channels.values():
        values = channel.rounded()
        rows = channel.window(site.start_s, begin, end)
        kept = (i for i in range(rows.start, rows.stop) if not channel.is_lost[i] and np.isfinite(values[i]))
        channel.resent += [(i, float(values[i]), end + 20 * HOUR_S + 0.5 * (i - rows.start)) for i in kept]
    return _label(site, "equal_again", "network_outage", _names(point), begin, end)


def regional_outage(rng: np.random.Generator, site: Site) -> Truth:
    """The same 26 h are missing at every site of the region; no event tells it."""
    begin = _common_moment(site)
    end = begin + 26 * HOUR_S
    transport.silence(rng, site, begin, end, uploads_late=False)
    return _label(site, "regional_outage", "network_outage", _names(_outlet(site)), begin, end)


def _common_moment(site: Site) -> float:
    """The same moment for all sites that live then: a fixed date if it is judged, else the middle of what is."""
    fixed = 1748750400 + 7 * HOUR_S
    inside = site.accepted_s + DAY_S < fixed < site.end_s - 3 * DAY_S
    return float(fixed if inside else (site.accepted_s + site.end_s) // 2 // 14400 * 14400)


def derived_pair(rng: np.random.Generator, site: Site) -> Truth:
    """A channel computed from another one, told with its formula or not at all, alike from the first day."""
    point = _outlet(site)
    source = _one(rng, point)
    name = "no" if source.quantity == "nox" else f"{source.id}_b"
    quantity = "no" if source.quantity == "nox" else source.quantity
    factor = 1 / 1.533 if quantity == "no" else 1.0
    twin = Channel(name, quantity, source.statistic, source.unit, source.interval_s, source.exact * factor, source.step)
    twin.flags, twin.is_lost, twin.received_s = source.flags.copy(), source.is_lost.copy(), source.received_s.copy()
    if rng.random() < 0.5:
        twin.formula, twin.sources = "affine", (source.id,)
    point.add(twin)
    return _label(site, "derived_pair", "process_change", [f"{point.id}/{source.id}", f"{point.id}/{name}"],
                  site.accepted_s, site.end_s)  # fmt: skip


def flagged_fault(rng: np.random.Generator, site: Site) -> Truth:
    """A probe freezes or jumps; the station flags it D after some hours and repairs it."""
    point = _outlet(site)
    channel = _one(rng, point)
    begin, end = _span(rng, site, rng.uniform(20, 90) * HOUR_S)
    rows = channel.window(site.start_s, begin, end)
    width = rows.stop - rows.start
    if rng.random() < 0.5:
        channel.exact[rows] = channel.exact[rows.start]
    else:
        channel.exact[rows] *= np.exp(rng.normal(0, 0.5, width))
    channel.flags[rows] = "D"
    site.events.append(Event(end - 3 * HOUR_S, end, point.id, "maintenance", "probe repaired"))
    point.carry_flags()
    point.derive()
    return _label(site, "flagged_fault", "instrument_fault", _names(point, _family(point, channel)), begin, end)


CONTROLS: dict[str, Control] = {
    "below_detection": below_detection, "fixed_hour_checks": fixed_hour_checks, "start_stop": start_stop,
    "seasonal_shutdown": seasonal_shutdown, "honest_step": honest_step, "sensor_swap": sensor_swap,
    "step_changed": step_changed, "clock_shift": clock_shift, "equal_again": equal_again,
    "regional_outage": regional_outage, "derived_pair": derived_pair, "flagged_fault": flagged_fault,
}  # fmt: skip
