"""Values of an upload: which items of CP are values, of which channel, with which flag.

A station sends the same names again and again, so what the names mean is worked out once (`Plan`) and remembered by
the tuple of names; a frame then costs one split and one `float` a value. Frames whose CP is not plain `name=value` all
through are read item by item first (`items.py`) and end in the same plans.

Decisions. A value's flag is the next `-Flag` of its code, or the last one before it where the station writes the flag
first: one factor is often spread over two groups, each with its flag. A key that comes again is a channel of its own
(`w00000#2`), because stations send two things under one name. RS and RT of a facility are values: run_state and
run_time. An unknown suffix is a statistic of its own, lower case. A code of the tables is spelled as the tables do.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from drivers.channels import factor, quantity
from drivers.channels.factors_other import ELECTRICAL
from drivers.environment.hj212.codes import AIR_SYSTEMS, PERIODS_S
from drivers.environment.hj212.items import read_items, split_name
from drivers.environment.hj212.segment import Header, forget_headers
from drivers.events import Channel, Shape

STATISTIC_OF = {
    "rtd": "rtd",
    "avg": "avg",
    "min": "min",
    "max": "max",
    "cou": "cou",
    "zsrtd": "zs_rtd",
    "zsavg": "zs_avg",
    "zsmin": "zs_min",
    "zsmax": "zs_max",
    "data": "data",
    "daydata": "day_data",
    "nightdata": "night_data",
    "rs": "rtd",
    "rt": "cou",
}
"""Suffixes of HJ 212-2017 table 5, case-folded."""

FACILITY = {"rs": "run_state", "rt": "run_time"}
NO_VALUES = frozenset({"flag", "eflag", "zsflag", "info", "sn", "sampletime", "completetime", "sampletype"})
CHECK = frozenset({"samplerd", "standardvalue", "resulttype"})
"""Suffixes of the automatic standard check (2062 in HJ 212-2025)."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SENTINELS = frozenset(float("9" * whole + "." + "9" * part) for whole in range(4, 9) for part in range(5))


Pick = Callable[[list[str]], Sequence[str]]


@dataclass(slots=True)
class Plan:
    """What the names of a CP mean. Indices are into the list name, value, name, value, …, "N", ""."""

    names: list[str]
    minute_interval_s: int
    value_texts: Pick
    flag_texts: Pick | None  # None where no value has a flag
    all_normal: str  # the flags then
    converted: tuple[int, ...]  # positions among the values of zs_ statistics
    time_at: int  # index of DataTime; that of "" without
    shape: Shape
    codes: tuple[str, ...]  # codes that no table knows
    position_at: tuple[int, int, int] | None  # latitude, longitude, speed among the values; speed -1 without
    is_check: bool
    has_information: bool  # -Info or -SN among the suffixes
    is_simple: bool  # nothing but readings
    deviations: tuple[str, ...]


Values = tuple[Plan, list[float], str, str, tuple[str, ...]]
"""Of one frame: plan, values and flags parallel to `plan.shape.channels`, text of DataTime, deviations."""


_NO_FLAG_NO_TIME = ("N", "")
"""Appended to the parts of a frame, for values without a flag and frames without DataTime."""
_NO_FLAG, _NO_TIME = -2, -1

REMEMBERED = 2048
LONGEST_PLAN = 2048
"""Distinct plans kept, and characters in the names of one that is, so that made-up names cannot fill the memory: some
50 MB at the worst. 900-byte frames of 36 values have names of some 400 characters."""

Kind = tuple[str, bool, int]
"""What a plan depends on beside the names: command, whether the system is air, minute interval."""

_plans: dict[tuple[Kind, tuple[str, ...]], Plan] = {}


def read_values(cp: str, header: Header, minute_interval_s: int) -> Values:
    """Values of the CP of an upload (`header.cn` is one of `PERIODS_S`)."""
    odd: tuple[str, ...] = ()
    parts = cp.replace(",", ";").replace("=", ";").split(";")
    plan: Plan | None = header.recent[0]
    if plan is None or parts[::2] != plan.names or plan.minute_interval_s != minute_interval_s or len(parts) & 1:
        items = read_items(cp)
        odd = items.deviations
        parts = [part for pair in items.pairs for part in pair]
        plan = _plan_of(tuple(parts[::2]), (header.cn, header.st in AIR_SYSTEMS, minute_interval_s))
        if not odd and len(cp) <= LONGEST_PLAN:
            header.recent[0] = plan
    if plan.deviations:
        odd += plan.deviations
    parts += _NO_FLAG_NO_TIME
    texts = plan.value_texts(parts)
    try:
        values = list(map(float, texts))
        is_plain = math.isfinite(sum(values)) and not ("_" in cp and any("_" in text for text in texts))
    except ValueError:
        is_plain = False
    if not is_plain:  # float() also takes what is no number here: nan, inf, 1_000
        values = [number(text) for text in texts]
        if any(map(math.isnan, values)):
            odd = (*odd, "not_a_number")
    if plan.converted and (header.flag or 0) >= 8 and _blank_sentinels(values, plan):
        odd = (*odd, "converted_value_sentinel")
    if plan.flag_texts is None:
        return plan, values, plan.all_normal, parts[plan.time_at], odd
    texts = plan.flag_texts(parts)
    flags = "".join(texts)
    if len(flags) != len(values) or " " in flags:
        flags = "".join([text.strip()[:1] or "N" for text in texts])
    return plan, values, flags, parts[plan.time_at], odd


def _blank_sentinels(values: list[float], plan: Plan) -> bool:
    """Make NaN of converted values that stand for none; whether there were any."""
    found = [i for i in plan.converted if values[i] in _SENTINELS]
    for i in found:
        values[i] = math.nan
    return bool(found)


def _plan_of(names: tuple[str, ...], kind: Kind) -> Plan:
    plan = _plans.get((kind, names))
    if plan is None:
        plan = _make_plan(names, kind)
        if sum(map(len, names)) <= LONGEST_PLAN:
            if len(_plans) >= REMEMBERED:
                _plans.clear()
                forget_headers()
            _plans[kind, names] = plan
    return plan


def number(text: str) -> float:
    """A number as the field writes it; NaN for anything else, "nan" and "inf" included."""
    text = text.strip()
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else math.nan


def _make_plan(names: tuple[str, ...], kind: Kind) -> Plan:
    cn, is_air, minute_interval_s = kind
    split = [split_name(name) for name in names]
    suffixes = {suffix.casefold() for _, suffix in split}
    is_check = cn == "2062" and bool(suffixes & CHECK)
    period = 0 if is_check else PERIODS_S[cn]
    interval_s = minute_interval_s if period is None else period
    channels: list[Channel] = []
    value_at: list[int] = []
    flag_at: list[int] = []
    unknown: dict[str, None] = {}
    seen: dict[tuple[str, str], int] = {}
    for index, (code, suffix) in enumerate(split):
        if not suffix or suffix.casefold() in NO_VALUES:
            continue
        channel, is_known = _channel(code, suffix, interval_s, "air" if is_air else "")
        times = seen[channel.code, channel.statistic] = seen.get((channel.code, channel.statistic), 0) + 1
        channels.append(channel if times == 1 else channel._replace(code=f"{channel.code}#{times}"))
        value_at.append(2 * index + 1)
        flag_at.append(_flag_of(index, code, split))
        if not is_known:
            unknown[code] = None
    position_at = _position_at(channels)
    has_information = bool(suffixes & {"info", "sn"})
    times_at = [2 * i + 1 for i, name in enumerate(names) if name.casefold() == "datatime"]
    return Plan(
        names=list(names),
        minute_interval_s=minute_interval_s,
        value_texts=_pick(value_at),
        flag_texts=_pick(flag_at) if any(at >= 0 for at in flag_at) else None,
        all_normal="N" * len(channels),
        converted=tuple(i for i, channel in enumerate(channels) if channel.statistic.startswith("zs_")),
        time_at=times_at[0] if times_at else _NO_TIME,
        shape=Shape(tuple(channels)),
        codes=tuple(unknown),
        position_at=position_at,
        is_check=is_check,
        has_information=has_information,
        is_simple=bool(channels) and not (position_at or is_check or has_information),
        deviations=_plan_deviations(channels, seen, names, kind),
    )


def _channel(code: str, suffix: str, interval_s: int, medium: str) -> tuple[Channel, bool]:
    folded = suffix.casefold()
    if folded in FACILITY:
        name = FACILITY[folded]
        return Channel(code, name, STATISTIC_OF[folded], quantity(name).unit, interval_s), True
    if suffix in ELECTRICAL:
        name, statistic = ELECTRICAL[suffix]
        return Channel(f"{code}-{suffix}", name, statistic, quantity(name).unit, interval_s), True
    found = factor(code, medium)
    statistic = STATISTIC_OF.get(folded, folded)
    unit = found.total_unit if statistic == "cou" else found.unit
    return Channel(found.code if found.is_known else code, found.quantity, statistic, unit, interval_s), found.is_known


def _pick(at: list[int]) -> Pick:
    """Items of a list by index, as a sequence whatever their number."""
    if len(at) > 1:
        return itemgetter(*at)
    return lambda parts: [parts[i] for i in at]


def _flag_of(index: int, code: str, split: list[tuple[str, str]]) -> int:
    """Index of the flag's value in the list of parts; that of the "N" at its end without one."""
    own = [i for i, (other, _) in enumerate(split) if other == code]
    flags = [i for i in own if split[i][1].casefold() == "flag"]
    if not flags:
        return _NO_FLAG
    after = next((i for i in flags if i > index), None)
    before = next((i for i in reversed(flags) if i < index), None)
    chosen = before if own[0] == flags[0] or after is None else after
    return 2 * (chosen if chosen is not None else flags[0]) + 1


def _position_at(channels: list[Channel]) -> tuple[int, int, int] | None:
    at = {channel.quantity: i for i, channel in reversed(list(enumerate(channels)))}
    if "latitude" in at and "longitude" in at:
        return at["latitude"], at["longitude"], at.get("speed", -1)
    return None


def _plan_deviations(
    channels: list[Channel], seen: dict[tuple[str, str], int], names: tuple[str, ...], kind: Kind
) -> tuple[str, ...]:
    odd = []
    is_period = PERIODS_S[kind[0]] != 0
    plain = [name for name in names if not split_name(name)[1]]
    if any(times > 1 for times in seen.values()) or len(set(plain)) < len(plain):
        odd.append("repeated_key")
    statistics = {channel.statistic for channel in channels}
    real_time = statistics & {"rtd", "zs_rtd"}
    period = statistics & {"avg", "min", "max", "zs_avg", "zs_min", "zs_max"}
    if (real_time and is_period) or (period and kind[0] in ("2011", "2021")):
        odd.append("statistic_under_other_command")
    return tuple(odd)
