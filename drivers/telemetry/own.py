"""Our own topics and bodies, for devices that are built to our word. The contract for people is `docs/asyncapi.yaml`.

    obs     {"t": RFC 3339, "seq": n, "s": session, "id": device, "pos": {…}, "v": …}     or an array of these
            v  as object  {"a21026": 12.5, "a01012": null}          code → value, unit of the vocabulary
            v  as array   [{"c": code, "x": value or null, "u": unit, "q": flag, "st": statistic, "i": interval_s}]
    pose    {"t", "seq", "pos": {"lat", "lon", "alt_msl", "alt_ell", "alt_rel"}, "speed": m/s, "heading": degree}
    event   {"t", "seq", "kind": snake_case, "c": code, "text", "detail": {…}}
    status  {"t", "state": "online", "s": session, "metrics": [{"c", "u", "lo", "hi"}], …}      birth, retained
            {"state": "offline", "s": session}                                                   last will, retained
    raw/{driver}   the bytes of another protocol

One sample is one time and many values. A value without a unit is taken in the vocabulary's; one in another unit of the
same dimension is converted, one in a unit with no fixed factor (ppm) becomes a channel of its own, "a21026(ppm)".
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from drivers.channels import STATISTICS, factor
from drivers.events import Channel, Content, Notice, Parameter, Position, Readings, Reason, Shape
from drivers.telemetry import times
from drivers.telemetry.limits import Refused, mismatch
from drivers.telemetry.message import Telemetry
from drivers.telemetry.positions import position
from drivers.telemetry.sessions import Sessions
from drivers.telemetry.topics import OwnTopic
from drivers.telemetry.units import ratio, same_unit, scaled

MAX_RECORDS = 1_000
MAX_VALUES = 500  # of one record
MAX_CODE_CHARS = 64


def decode_own(topic: OwnTopic, name: str, value: Any, sessions: Sessions) -> Telemetry:
    """One message on a topic of ours, its body already parsed.

    Raises
    ------
    Refused
        SANITY, if the body does not follow the contract.
    """
    return _CHANNELS[topic.channel](topic, name, value, sessions)


def _observations(topic: OwnTopic, name: str, value: Any, sessions: Sessions) -> Telemetry:
    records = value if isinstance(value, list) else [value]
    if not 0 < len(records) <= MAX_RECORDS:
        raise Refused(Reason.SANITY, f"{len(records)} records, 1 to {MAX_RECORDS} are taken")
    odd: dict[str, None] = {}
    held: list[Content] = []
    findings: list[Notice] = []
    for record in records:
        _check_identity(record, topic, odd)
        time_us = _time(record, odd)
        readings = _readings(topic.device, time_us, record.get("v"), odd)
        held.append(readings)
        held += _positions(topic.device, time_us, record, odd)
        findings += sessions.number(topic.device, record.get("s"), record.get("seq"), time_us)
    fields = {"tenant": topic.tenant, "platform": topic.kind, "records": records}
    return Telemetry("observation", topic.device, name, fields, held, tuple(odd), findings=tuple(findings))


def _readings(device: str, time_us: int | None, values: Any, odd: dict[str, None]) -> Readings:
    if isinstance(values, dict):
        # The names must be kept apart from the values to share one shape among all samples of a device.
        shape, known = _plain_shape(tuple(values))
        if not known:
            odd["no_unit"] = None
        return Readings(device, time_us, shape, [_number(x) for x in values.values()], "N" * len(values))
    if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
        raise Refused(Reason.SANITY, f"v must be an object or an array of 1 to {MAX_VALUES} values")
    rows, xs, flags = [], [], []
    for item in values:
        if not isinstance(item, dict) or not isinstance(item.get("c"), str):
            raise Refused(Reason.SANITY, "a value needs its code c")
        rows.append((item["c"], item.get("u"), item.get("st", "rtd"), item.get("i", 0)))
        xs.append(_number(item.get("x")))
        flags.append(_flag(item.get("q", "N")))
    try:
        shape, factors, known = _shape(tuple(rows))
    except TypeError:
        raise Refused(Reason.SANITY, "c, u and st are text, i is a number") from None
    if not known:
        odd["no_unit"] = None
    return Readings(
        device, time_us, shape, [scaled(x, f) if f else x for x, f in zip(xs, factors, strict=True)], "".join(flags)
    )


@lru_cache(maxsize=4096)
def _plain_shape(codes: tuple[str, ...]) -> tuple[Shape, bool]:
    if not 0 < len(codes) <= MAX_VALUES:
        raise Refused(Reason.SANITY, f"{len(codes)} values, 1 to {MAX_VALUES} are taken")
    known = True
    channels = []
    for code in codes:
        channel, _ = channel_for(_code(code), None, "rtd", 0)
        known = known and bool(channel.unit)
        channels.append(channel)
    return Shape(tuple(channels)), known


@lru_cache(maxsize=4096)
def _shape(rows: tuple[tuple[str, Any, Any, Any], ...]) -> tuple[Shape, tuple[Any, ...], bool]:
    channels, factors = [], []
    for code, unit, statistic, interval_s in rows:
        if unit is not None and not isinstance(unit, str):
            raise Refused(Reason.SANITY, "u must be text")
        if statistic not in STATISTICS:
            raise Refused(Reason.SANITY, f"st must be one of {', '.join(STATISTICS)}")
        if type(interval_s) is not int or not 0 <= interval_s <= 366 * 86_400:
            raise Refused(Reason.SANITY, "i must be an interval in whole seconds")
        channel, convert = channel_for(_code(code), unit, statistic, interval_s)
        channels.append(channel)
        factors.append(convert)
    return Shape(tuple(channels)), tuple(factors), all(channel.unit for channel in channels)


def channel_for(code: str, unit: str | None, statistic: str = "rtd", interval_s: int = 0) -> tuple[Channel, Any]:
    """The channel of a code in the unit that the device names, and the factor to apply to its values (None: none)."""
    known = factor(code)
    given = same_unit(unit) if unit else known.unit
    if given == known.unit or not known.unit:
        return Channel(code, known.quantity, statistic, given, interval_s), None
    convert = ratio(given, known.unit)
    if convert is None:
        return Channel(f"{code}({given})", known.quantity, statistic, given, interval_s), None
    return Channel(code, known.quantity, statistic, known.unit, interval_s), convert


def _pose(topic: OwnTopic, name: str, value: Any, sessions: Sessions) -> Telemetry:
    odd: dict[str, None] = {}
    _check_identity(value, topic, odd)
    time_us = _time(value, odd)
    held = _positions(topic.device, time_us, value, odd)
    if not held:
        raise Refused(Reason.SANITY, "a pose needs pos")
    findings = sessions.number(topic.device, value.get("s"), value.get("seq"), time_us)
    fields = {"tenant": topic.tenant, "platform": topic.kind, "time_utc": times.text_utc(time_us), **value}
    return Telemetry("pose", topic.device, name, fields, held, tuple(odd), findings=tuple(findings))


def _event(topic: OwnTopic, name: str, value: Any, sessions: Sessions) -> Telemetry:
    odd: dict[str, None] = {}
    _check_identity(value, topic, odd)
    time_us = _time(value, odd)
    kind, detail = value.get("kind"), value.get("detail", {})
    if not isinstance(kind, str) or not kind or len(kind) > MAX_CODE_CHARS or not isinstance(detail, dict):
        raise Refused(Reason.SANITY, "an event needs its kind, and detail as an object")
    notice = Notice(topic.device, time_us, kind, _text(value.get("c")), _text(value.get("text")), detail)
    findings = sessions.number(topic.device, value.get("s"), value.get("seq"), time_us)
    fields: dict[str, Any] = {"tenant": topic.tenant, "platform": topic.kind, "time_utc": times.text_utc(time_us)}
    fields |= {"event": kind, "channel": notice.channel, "text": notice.text, "detail": detail}
    return Telemetry("event", topic.device, name, fields, [notice], tuple(odd), findings=tuple(findings))


def _status(topic: OwnTopic, name: str, value: Any, sessions: Sessions) -> Telemetry:
    odd: dict[str, None] = {}
    _check_identity(value, topic, odd)
    time_us = times.from_rfc3339(value.get("t"))
    state, session = value.get("state"), value.get("s")
    if state not in ("online", "offline"):
        raise Refused(Reason.SANITY, "state must be online or offline")
    held: list[Content] = [Notice(topic.device, time_us, state, detail={"session": session})]
    if state == "online":
        findings = sessions.birth(topic.device, session, time_us)
        held += _birth(topic.device, time_us, value)
    else:
        findings = sessions.will(topic.device, session, time_us)
    fields = {"tenant": topic.tenant, "platform": topic.kind, "time_utc": times.text_utc(time_us), "event": state}
    fields |= {key: item for key, item in value.items() if key not in ("t", "state")}
    return Telemetry("status", topic.device, name, fields, held, tuple(odd), findings=tuple(findings))


def _birth(device: str, time_us: int | None, value: dict[str, Any]) -> list[Content]:
    """What a birth says of the metrics to come: ranges and units are settings, and settings go to the ledger."""
    metrics = value.get("metrics", [])
    if not isinstance(metrics, list) or len(metrics) > MAX_VALUES:
        raise Refused(Reason.SANITY, f"metrics must be an array of at most {MAX_VALUES}")
    held: list[Content] = []
    for metric in metrics:
        if not isinstance(metric, dict) or not isinstance(metric.get("c"), str):
            raise Refused(Reason.SANITY, "a metric needs its code c")
        for key, parameter in (("u", "unit"), ("lo", "range_low"), ("hi", "range_high")):
            if metric.get(key) is not None:
                held.append(Parameter(device, time_us, _code(metric["c"]), parameter, str(metric[key])))
    for key, parameter in (("firmware", "firmware_version"), ("serial", "serial_number"), ("model", "model")):
        if isinstance(value.get(key), str):
            held.append(Parameter(device, time_us, "", parameter, value[key]))
    return held


def _check_identity(record: Any, topic: OwnTopic, odd: dict[str, None]) -> None:
    if not isinstance(record, dict):
        raise Refused(Reason.SANITY, "the body must be a JSON object")
    claimed = record.get("id")
    if claimed is not None and claimed != topic.device:
        raise mismatch(topic.device, claimed)


def _time(record: dict[str, Any], odd: dict[str, None]) -> int | None:
    given = record.get("t")
    if given is None:
        odd["no_device_time"] = None
        return None
    time_us = times.from_rfc3339(given)
    if time_us is None:
        raise Refused(Reason.SANITY, f"t is not RFC 3339 with a zone: {str(given)[:40]!r}")
    return time_us


def _positions(device: str, time_us: int | None, record: dict[str, Any], odd: dict[str, None]) -> list[Content]:
    pos = record.get("pos")
    if pos is None:
        return []
    if not isinstance(pos, dict):
        raise Refused(Reason.SANITY, "pos must be an object")
    found = position(
        device,
        time_us,
        pos.get("lat"),
        pos.get("lon"),
        altitude_msl_m=pos.get("alt_msl"),
        altitude_ellipsoid_m=pos.get("alt_ell"),
        altitude_takeoff_m=pos.get("alt_rel"),
        speed_m_s=record.get("speed"),
        heading_deg=record.get("heading"),
    )
    if isinstance(found, Position):
        return [found]
    # The concentrations beside a bad position are still good: the position alone is set apart, and seen.
    odd[found] = None
    return [Notice(device, time_us, "position_refused", text=found, detail=dict(pos))]


def _number(value: Any) -> float:
    if type(value) is float or type(value) is int:
        number = float(value)
        if math.isfinite(number):
            return number
    elif value is None:
        return math.nan
    raise Refused(Reason.SANITY, f"a value must be a number or null: {str(value)[:40]!r}")


def _flag(flag: Any) -> str:
    if isinstance(flag, str) and len(flag) == 1 and flag.isascii() and flag.isprintable():
        return flag
    raise Refused(Reason.SANITY, "q must be one character")


def _code(code: Any) -> str:
    if isinstance(code, str) and 0 < len(code) <= MAX_CODE_CHARS and code.isprintable():
        return code
    raise Refused(Reason.SANITY, f"a code is 1 to {MAX_CODE_CHARS} printable characters")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise Refused(Reason.SANITY, "c and text must be text")


_CHANNELS: dict[str, Callable[[OwnTopic, str, Any, Sessions], Telemetry]] = {
    "obs": _observations,
    "pose": _pose,
    "event": _event,
    "status": _status,
}
