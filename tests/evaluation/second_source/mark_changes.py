"""Injections in flags, gaps, power and late edits: I15 to I18, I20."""

from __future__ import annotations

import numpy as np

from simulators.falsification.site import Truth
from tests.evaluation.second_source.noise import BoolArray
from tests.evaluation.second_source.placing import GASES, SAMPLED, CannotPlace, Case
from tests.evaluation.second_source.plant import HOUR_S, Channel

MONTH_H = 720


def _judged(case: Case) -> Channel:
    """The finest channel that is compared with a limit."""
    able = [c for c in case.point.channels.values() if c.limit is not None and c.interval_s <= 14400]
    if not able:
        raise CannotPlace("no limit")
    finest = min(c.interval_s for c in able)
    able = [c for c in able if c.interval_s == finest]
    return able[int(case.rng.integers(len(able)))]


def _month(case: Case, channel: Channel) -> slice:
    """A month that begins with a whole hour, so that hourly channels are flagged or lost with all their parts."""
    window = case.place(channel, MONTH_H)
    rows = max(1, HOUR_S // channel.interval_s)
    return slice(-(-window.start // rows) * rows, window.stop // rows * rows)


def _blocks(channel: Channel, window: slice) -> tuple[np.ndarray, int]:
    """Means of the window by the hour (or by the channel's own longer interval) and rows in each."""
    rows = max(1, HOUR_S // channel.interval_s)
    count = (window.stop - window.start) // rows
    values = np.where(channel.flags[window] == "N", channel.exact[window], np.nan)[: count * rows]
    with np.errstate(all="ignore"):
        parts = values.reshape(count, rows)
        filled = np.where(np.isfinite(parts), parts, 0.0).sum(axis=1)
        number = np.isfinite(parts).sum(axis=1)
    return np.where(number > 0, filled / np.maximum(number, 1), np.nan), rows


def _spread(
    case: Case, channel: Channel, window: slice, blocks: BoolArray, rows: int
) -> list[tuple[Channel, BoolArray]]:
    """The chosen blocks as rows of every channel concerned: careless, the substance's; careful, all pollutants'."""
    pollutants = {*GASES, *SAMPLED, "o2"} if case.is_careful else {channel.quantity}
    start = case.site.start_s + window.start * channel.interval_s
    width = rows * channel.interval_s
    chosen = []
    for other in case.point.channels.values():
        if other.quantity in pollutants and other.interval_s <= max(width, channel.interval_s):
            at = case.site.start_s + np.arange(other.exact.size) * other.interval_s
            index = (at - start) // width
            is_inside = (index >= 0) & (index < blocks.size)
            chosen.append((other, is_inside & blocks[np.clip(index, 0, blocks.size - 1)]))
    return chosen


def false_flags(case: Case) -> Truth:
    """Hours above the limit are flagged; the limit is where some six of a hundred hours exceed it."""
    channel = _judged(case)
    window = _month(case, channel)
    means, rows = _blocks(channel, window)
    limit = _permit(case, channel)
    above = np.nan_to_num(means, nan=-1.0) > limit
    if not 10 <= above.sum() <= above.size / 6:
        raise CannotPlace("too few or too many hours above the limit")
    marked = above & (case.rng.random(above.size) < (1.0, 0.7, 0.4, 0.2)[case.rank])
    truth_blocks = np.flatnonzero(marked)
    if case.rank == 3:
        others = np.flatnonzero(~above & np.isfinite(means))
        marked[case.rng.choice(others, truth_blocks.size, replace=False)] = True
    letter = str(case.rng.choice(["M", "C", "D", "F"]))
    is_emptied = case.is_careful and case.rng.random() < 0.5
    concerned = _spread(case, channel, window, marked, rows)
    for other, is_marked in concerned:
        other.flags = np.where(is_marked & (other.flags == "N"), letter, other.flags)
        if is_emptied:
            other.exact = np.where(is_marked, np.nan, other.exact)
    names = [c.id for c, _ in concerned]
    if case.is_careful:  # the logger leaves flagged rows out of its means
        below = [n for n in case.point.descendants(names) if n not in names]
        case.point.carry_flags()
        case.point.derive(below)
        concerned += [(case.point.channels[n], np.zeros(0, dtype=np.bool_)) for n in below]
    label = _over_window(case, channel, window, [c for c, _ in concerned])
    if letter == "F":
        label.also.append("running_while_stopped")  # a stop is claimed, and the plant runs
    return label


def _permit(case: Case, channel: Channel) -> float:
    """The limit of all channels of that substance, a round number that six of a hundred normal hours exceed."""
    means, _ = _blocks(channel, slice(0, channel.exact.size))
    limit = float(f"{np.nanquantile(means, 0.94):.2g}")
    for other in case.point.channels.values():
        if other.quantity == channel.quantity and other.limit is not None:
            other.limit = limit
    return limit


def selective_gap(case: Case) -> Truth:
    channel = _judged(case)
    window = _month(case, channel)
    means, rows = _blocks(channel, window)
    top = np.nan_to_num(means, nan=-1.0) >= np.nanquantile(means, 1 - (0.1, 0.05, 0.02, 0.02)[case.rank])
    if case.rank == 3:
        top |= case.rng.random(top.size) < 0.02
    concerned = _spread(case, channel, window, top, rows)
    for other, is_gone in concerned:
        other.is_lost |= is_gone
    return _over_window(case, channel, window, [c for c, _ in concerned])


def _over_window(case: Case, channel: Channel, window: slice, concerned: list[Channel]) -> Truth:
    start_s, every = case.site.start_s, channel.interval_s
    return case.label([c.id for c in concerned], start_s + window.start * every, start_s + window.stop * every)


def treatment_off(case: Case) -> Truth:
    meters = [f for f in case.site.facilities if f["kind"] == "treatment"]
    if not meters:
        raise CannotPlace("no treatment meter")
    case.point = case.site.points[str(meters[0]["channel"]).split("/")[0]]
    power = case.point.channels["power"]
    outlet = case.site.points[next(iter(case.site.points))]
    busy = next(c for c in outlet.channels.values() if c.quantity in ("velocity", "flow"))
    window = case.place(busy, (24, 6, 2, 72)[case.rank])
    start_s = case.site.start_s + window.start * busy.interval_s
    window = power.window(case.site.start_s, start_s, case.site.start_s + window.stop * busy.interval_s)
    source = case.point.channels.get("energy", power)
    source.exact[window] = source.exact[window] * 0.6 if case.rank == 3 else 0.0
    case.is_careful = True  # power follows its own energy, whoever switched the fan off
    return case.truth([source], window)


def stop_marked(case: Case) -> Truth:
    """Flag F while the plant runs; careful: the pollutants' values are emptied and all channels are flagged."""
    first = case.measured()
    window = case.place(first, (24, 8, 3, 144)[case.rank])
    start, every = case.site.start_s, first.interval_s
    lo, hi = start + window.start * every, start + window.stop * every
    spans = [(lo, hi)]
    if case.rank == 3:
        midnight = ((lo + 8 * HOUR_S) // 86400 + 1) * 86400 - 8 * HOUR_S  # the first in Shanghai within the window
        spans = [(t + 2 * HOUR_S, t + 3 * HOUR_S) for t in range(midnight, hi - 3 * HOUR_S, 86400)]
    concerned = []
    for channel in case.point.channels.values():
        is_pollutant = channel.quantity in (*GASES, *SAMPLED)
        if channel.interval_s > 14400 or not (case.is_careful or is_pollutant):
            continue
        concerned.append(channel.id)
        for begin, end in spans:
            rows = channel.window(start, begin, end)
            channel.flags[rows] = "F"
            if case.is_careful and is_pollutant:
                channel.exact[rows] = np.nan
    return case.label(concerned, spans[0][0], spans[-1][1])


def late_edit(case: Case) -> Truth:
    """Rows are sent again days later with other values; L4 under the next time stamp."""
    channel = case.target()
    window = case.place(channel, float(case.rng.choice([12, 24, 48])))
    names = [channel.id, *(case.point.descendants([channel.id]) if case.is_careful else [])]
    before = {name: case.point.channels[name].exact.copy() for name in names}
    sent = {name: case.point.channels[name].rounded() for name in names}
    _edit(case, channel, window)
    case.point.derive(names[1:])
    end_s = case.site.start_s + window.stop * channel.interval_s
    at = int(min(end_s + case.rng.uniform(0.5, 5) * 86400, case.site.end_s - HOUR_S))
    start_s = case.site.start_s + window.start * channel.interval_s
    for name in names:
        other = case.point.channels[name]
        revised = other.rounded()
        span = other.window(case.site.start_s, start_s, end_s)
        for i in range(span.start, span.stop):
            is_there = other.flags[i] == "N" and not other.is_lost[i] and np.isfinite(revised[i])
            if is_there and revised[i] != sent[name][i]:
                other.resent.append((i, float(revised[i]), at + (i - span.start) // 5))
        other.exact = before[name]
    changed = [n for n in names if case.point.channels[n].resent]
    if channel.id not in changed:
        raise CannotPlace("the edit changes no digit")
    return case.label(changed, start_s, end_s, known_s=at)


def _edit(case: Case, channel: Channel, window: slice) -> None:
    now = channel.exact[window]
    if case.rank < 2:
        case.put(channel, window, now * (0.5, 0.9)[case.rank])
    elif case.rank == 2:
        step = float(np.max(channel.step))
        digits = max(1, int(np.log10(max(float(np.nanmedian(now)) / step, 1.0))) + 1)
        by = step * 10.0 ** case.rng.integers(0, digits, now.size)
        case.put(channel, window, np.where(now > by, now - by, now + by))
    else:
        case.put(channel, window, channel.exact[window.start - 1 : window.stop - 1])
