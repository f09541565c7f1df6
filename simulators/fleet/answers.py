"""How a field host answers the centre's requests (HJ 212-2017, appendix C; return codes: 6.6).

    setting          request ─► 9011 ─► 9012
    reading          request ─► 9011 ─► the same command with the value ─► 9012
    history          request ─► 9011 ─► uploads, each under its own QN ─► 9012 (or ExeRtn=100: no data)
    notice           notice ─► 9013

A request is looked up in one of three tables; what is in none of them is refused.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulators.fleet import information, messages
from simulators.fleet.frames import Packet
from simulators.fleet.messages import parse_stamp, stamp
from simulators.fleet.site import Edition

if TYPE_CHECKING:
    from simulators.fleet.device import Device

HISTORY_LIMIT = 5000  # messages in one answer
WILL_DO, REFUSED, WRONG_PASSWORD, WRONG_MN, UNKNOWN_COMMAND = 1, 2, 3, 4, 8
DONE, FAILED, CONDITION, BUSY, NO_DATA = 1, 2, 3, 5, 100
_NOT_IN_2005 = ("1063", "1064", "3019", "3020", "3015")


def answer(device: "Device", packet: Packet, time_s: float) -> bytes:
    """The answer to a request or notice of the centre; history is left to the device's flow control."""
    if packet.cn in _NOTICES:
        _NOTICES[packet.cn](device)
        return device.packets.reply("9013", packet.qn)
    refusal = _refusal(device, packet)
    if refusal:
        if device.site.edition is Edition.E2005 and refusal > WRONG_PASSWORD:
            refusal = REFUSED  # the later codes are of 2017
        return device.packets.reply("9011", packet.qn, f"QnRtn={refusal}")
    accepted = device.packets.reply("9011", packet.qn, f"QnRtn={WILL_DO}")
    return accepted + _carry_out(device, packet, time_s)


def _refusal(device: "Device", packet: Packet) -> int:
    if packet.fields.get("PW") != device.packets.password:
        return WRONG_PASSWORD
    if packet.fields.get("MN") != device.site.mn:
        return WRONG_MN
    is_missing = device.site.edition is Edition.E2005 and packet.cn in _NOT_IN_2005
    is_known = packet.cn in _SETTINGS or packet.cn in _READINGS or packet.cn in _PERIODS
    return 0 if is_known and not is_missing else UNKNOWN_COMMAND


def _carry_out(device: "Device", packet: Packet, time_s: float) -> bytes:
    if packet.cn in _SETTINGS:
        return _finish(device, packet, _SETTINGS[packet.cn](device, packet, time_s))
    if packet.cn in _READINGS:
        body = _READINGS[packet.cn](device, packet, time_s)
        if body is None:
            return _finish(device, packet, NO_DATA)
        return device.packets.reply(packet.cn, packet.qn, body) + _finish(device, packet, DONE)
    if device.exchange is not None:
        return _finish(device, packet, BUSY)
    device.history.extend(_period_messages(device, packet, time_s))
    if not device.history:
        return _finish(device, packet, NO_DATA)
    device.exchange = packet
    return b""


def _finish(device: "Device", packet: Packet, code: int) -> bytes:
    return device.packets.reply("9012", packet.qn, f"ExeRtn={code}")


def _set_limits(device: "Device", packet: Packet, time_s: float) -> int:
    device.over_time_s = float(_number(packet, "OverTime", least=1, most=99) or device.over_time_s)
    device.retries = _number(packet, "ReCount", least=0, most=99) or device.retries
    return DONE


def _set_clock(device: "Device", packet: Packet, time_s: float) -> int:
    wanted_s = parse_stamp(packet.fields.get("SystemTime", ""))
    if wanted_s is None:
        return FAILED
    if "PolId" not in packet.fields:  # with PolId: the clock of one analyser, which we do not model
        device.set_clock(wanted_s, time_s)
    return DONE


def _set_realtime_interval(device: "Device", packet: Packet, time_s: float) -> int:
    seconds = _number(packet, "RtdInterval", least=30, most=3600)
    if seconds is None:
        return CONDITION
    device.set_intervals(time_s, realtime_s=seconds)
    return DONE


def _set_minute_interval(device: "Device", packet: Packet, time_s: float) -> int:
    minutes = _number(packet, "MinInterval", least=1, most=30)
    if minutes is None or 60 % minutes:
        return CONDITION
    device.set_intervals(time_s, minute_s=60 * minutes)
    return DONE


def _set_password(device: "Device", packet: Packet, time_s: float) -> int:
    password = packet.fields.get("NewPW", "")
    if not password:
        return CONDITION
    device.packets.password = password
    return DONE


def _start_realtime(device: "Device", packet: Packet, time_s: float) -> int:
    device.is_streaming = True
    return DONE


def _stop_realtime(device: "Device") -> None:
    device.is_streaming = False


def _accept(device: "Device") -> None:
    """Facility states are not modelled: there is no stream to stop."""


def _clock(device: "Device", packet: Packet, time_s: float) -> str:
    analyser = f"PolId={packet.fields['PolId']};" if "PolId" in packet.fields else ""
    return f"{analyser}SystemTime={stamp(device.here_s(time_s))}"


def _serial_number(device: "Device", packet: Packet, time_s: float) -> str | None:
    analyser = packet.fields.get("PolId")
    known = {device.site.code(factor) for factor in device.site.factors}
    return f"PolId={analyser};{analyser}-SN={information.serial_number(device.site)}" if analyser in known else None


def _information(device: "Device", packet: Packet, time_s: float) -> str | None:
    names = tuple(filter(None, [packet.fields.get("InfoId")]))
    if not names or not information.is_known(names):
        return None
    return ";".join(information.report(device.site, device.here_s(time_s), names).groups)


def _kept_sample(device: "Device", packet: Packet, time_s: float) -> str:
    return f"DataTime={stamp(device.here_s(time_s))};VaseNo={1 + device.site.seed % 24}"


def _period_messages(device: "Device", packet: Packet, time_s: float) -> list[messages.Message]:
    """The whole periods that begin between BeginTime and EndTime and are over."""
    begin_s = parse_stamp(packet.fields.get("BeginTime", ""))
    end_s = parse_stamp(packet.fields.get("EndTime", ""))
    if begin_s is None or end_s is None:
        return []
    length = {messages.MINUTE: device.site.minute_s, messages.HOUR: 3600, messages.DAY: 86400}[packet.cn]
    offset = 8 * 3600  # days begin at midnight of China
    first = -int(-(begin_s + offset) // length) * length - offset
    last = min(end_s, device.here_s(time_s) - length)
    begins = range(first, int(last) + 1, length)[:HISTORY_LIMIT]
    return [messages.period(device.site, packet.cn, begin) for begin in begins]


def _number(packet: Packet, name: str, *, least: int, most: int) -> int | None:
    text = packet.fields.get(name, "")
    return int(text) if text.isdigit() and least <= int(text) <= most else None


_NOTICES: dict[str, Callable[["Device"], None]] = {"2012": _stop_realtime, "2022": _accept}
_SETTINGS: dict[str, Callable[["Device", Packet, float], int]] = {
    "1000": _set_limits,
    "1012": _set_clock,
    "1062": _set_realtime_interval,
    "1064": _set_minute_interval,
    "1072": _set_password,
    "2011": _start_realtime,
}
_READINGS: dict[str, Callable[["Device", Packet, float], str | None]] = {
    "1011": _clock,
    "1061": lambda device, packet, time_s: f"RtdInterval={device.site.realtime_s}",
    "1063": lambda device, packet, time_s: f"MinInterval={device.site.minute_s // 60}",
    "3015": _kept_sample,
    "3019": _serial_number,
    "3020": _information,
}
_PERIODS = (messages.MINUTE, messages.HOUR, messages.DAY)
