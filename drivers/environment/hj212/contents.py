"""What a message contains for the store, by command.

    uploads of data (PERIODS_S)          Readings, and a Position where longitude and latitude are among them
    3020                                 i-codes: Parameters, Notices of state and log, Readings of auxiliaries
    3019                                 Parameters serial_number; a Notice too when the station sends it unasked
    1001, 1011, 1061, 1063, 3017, 3018   Parameters
    1013, 2071, 2072, 2073, 2081, 3015   Notices
    answers and heartbeats               nothing

Of a command that no table knows, the values are taken as real-time readings.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from drivers.channels import factor
from drivers.channels.device_information import AUXILIARIES, LOGS, PARAMETERS, STATES
from drivers.environment.hj212.items import split_name
from drivers.environment.hj212.readings import CHECK, Plan, number
from drivers.environment.hj212.times import time_us
from drivers.events import Channel, Content, Notice, Parameter, Position, Readings, Shape

if TYPE_CHECKING:
    from drivers.environment.hj212.message import Message

_SETTINGS = {
    "OverTime": "timeout_s",
    "ReCount": "retries",
    "RtdInterval": "real_time_interval_s",
    "MinInterval": "minute_interval_min",
    "CstartTime": "sampling_start",
    "Ctime": "sampling_period_h",
    "Stime": "result_delay_min",
    "VaseNo": "sample_bottle",
}
"""Items of replies → names in the parameter ledger."""


def contents_of(message: "Message") -> Iterator[Content]:
    """What the message contains, by its command."""
    plan = message.plan
    if plan is not None:
        if plan.is_simple:
            header = message.header
            return iter((Readings(header.mn, message.data_time_us, plan.shape, message.numbers, message.flags),))
        return _readings(message, plan)
    return _READERS.get(message.cn, _nothing)(message)


def _readings(message: "Message", plan: Plan) -> Iterator[Content]:
    if message.numbers:
        yield Readings(message.header.mn, message.data_time_us, plan.shape, message.numbers, message.flags)
    if plan.position_at is not None:
        yield from _position(message, message.numbers, plan.position_at)
    if plan.is_check:
        yield from _standard_checks(message)
    if plan.has_information:
        yield from _device_information(message)


def _position(message: "Message", values: list[float], at: tuple[int, int, int]) -> Iterator[Content]:
    latitude, longitude = values[at[0]], values[at[1]]
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return
    speed = values[at[2]] / 3.6 if at[2] >= 0 and not math.isnan(values[at[2]]) else None
    detail = {"datum": "not stated by the protocol"}
    yield Position(message.mn, message.data_time_us, latitude, longitude, speed_m_s=speed, detail=detail)


def _standard_checks(message: "Message") -> Iterator[Content]:
    for code, row in message.fields.items():
        result = {suffix: value for suffix, value in row.items() if suffix.casefold() in CHECK}
        if result:
            passed = {"1": "passed", "0": "failed"}.get(row.get("ResultType", ""), "")
            yield Notice(message.mn, message.data_time_us, "standard_check", code, passed, result)


def _device_information(message: "Message") -> Iterator[Content]:
    """i-codes; PolId names the analyser that the items behind it are about."""
    about = ""
    for name, value in message.pairs:
        if name.casefold() == "polid":
            about = value
        code, suffix = split_name(name)
        if suffix.casefold() == "info":
            yield _information(message, about, code, value)
        elif suffix.casefold() == "sn":
            yield Parameter(message.mn, message.data_time_us, code, "serial_number", value)


def _information(message: "Message", about: str, code: str, value: str) -> Content:
    key, mn, at = code.casefold(), message.mn, message.data_time_us
    if key in LOGS or value.startswith("//"):
        text = value.removeprefix("//").removesuffix("//")
        return Notice(mn, at, LOGS.get(key, "log"), about, text, {"code": code})
    if key in STATES:
        kind, meaning = STATES[key]
        text = meaning.get(value.removesuffix(".0"), value)
        return Notice(mn, at, kind, about, text, {"code": code, "value": value})
    if key in AUXILIARIES:
        found = factor(key)
        channel = Channel(found.code, found.quantity, "rtd", found.unit, 0)
        return Readings(mn, at, _shape(channel), [number(value)], "N")
    name, _ = PARAMETERS.get(key, (key, ""))
    return Parameter(mn, at, about, name, value)


_shapes: dict[Channel, Shape] = {}


def _shape(channel: Channel) -> Shape:
    """One shape for each auxiliary; there are as many as `AUXILIARIES` has rows."""
    return _shapes.setdefault(channel, Shape((channel,)))


def _serials(message: "Message") -> Iterator[Content]:
    """3019. Unasked (bit A set) it says that an analyser was exchanged: HJ 212-2017 §6.6.5."""
    yield from _device_information(message)
    if message.needs_answer:
        for name, value in message.pairs:
            code, suffix = split_name(name)
            if suffix.casefold() == "sn":
                yield Notice(message.mn, message.data_time_us, "analyser_replaced", code, value)


def _settings(message: "Message") -> Iterator[Content]:
    names = {name.casefold(): parameter for name, parameter in _SETTINGS.items()}
    about = message.item("PolId")
    for name, value in message.items.items():
        if name.casefold() in names:
            yield Parameter(message.mn, message.data_time_us, about, names[name.casefold()], value)
    yield from _device_information(message)


def _clock(message: "Message") -> Iterator[Content]:
    text = message.item("SystemTime")
    if text:
        detail = {"clock_us": time_us(text, message.settings.utc_offset_s)}
        yield Notice(message.mn, message.data_time_us, "clock", message.item("PolId"), text, detail)


def _restart(message: "Message") -> Iterator[Content]:
    text = message.item("RestartTime")
    detail = {"restart_us": time_us(text, message.settings.utc_offset_s)} if text else {}
    yield Notice(message.mn, message.data_time_us, "restart", text=text, detail=detail)


def _alarms(message: "Message") -> Iterator[Content]:
    """2071, 2072: `AlarmTime=…;x-Ala=value;AlarmType=n` (HJ/T 212-2005)."""
    at = time_us(message.item("AlarmTime"), message.settings.utc_offset_s) or message.data_time_us
    detail = {"type": message.item("AlarmType")}
    codes = [(split_name(name)[0], value) for name, value in message.pairs if split_name(name)[1]]
    for code, value in codes or [("", "")]:
        yield Notice(message.mn, at, "alarm", code, value, detail)


def _power(message: "Message") -> Iterator[Content]:
    """2073, an extension met in the field: `POW-RT=0` or 1."""
    for code, row in message.fields.items():
        for suffix, value in row.items():
            yield Notice(message.mn, message.data_time_us, "power", code, value, {"suffix": suffix})


def _notice(kind: str) -> Callable[["Message"], Iterator[Content]]:
    def read(message: "Message") -> Iterator[Content]:
        detail = {name: value for name, value in message.items.items() if name.casefold() != "datatime"}
        yield Notice(message.mn, message.data_time_us, kind, message.item("PolId"), detail=dict(detail))

    return read


def _nothing(message: "Message") -> Iterator[Content]:
    return iter(())


_READERS: dict[str, Callable[["Message"], Iterator[Content]]] = {
    "1000": _settings,
    "1001": _device_information,
    "1011": _clock,
    "1013": _notice("clock_request"),
    "1061": _settings,
    "1063": _settings,
    "2071": _alarms,
    "2072": _alarms,
    "2073": _power,
    "2081": _restart,
    "3015": _notice("sample_kept"),
    "3017": _settings,
    "3018": _settings,
    "3019": _serials,
    "3020": _device_information,
    "3022": _notice("sample_kept"),
}
