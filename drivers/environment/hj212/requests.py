"""What we ask of a station, by edition (HJ 212-2017 §6.6 and Appendix C). Reading, clocks and intervals; nothing else.

A `Request` is what is asked; the frame is made when the exchange opens, because only then it gets its QN.
"""

from dataclasses import dataclass
from enum import Enum

from drivers.environment.hj212.codes import Edition
from drivers.environment.hj212.encode import check_allowed
from drivers.environment.hj212.times import CHINA_OFFSET_S, write_time
from drivers.errors import EncodeError

MINUTE_INTERVALS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
HISTORY = frozenset({"2031", "2041", "2051", "2061"})


class Kind(Enum):
    """How the station's part goes (HJ 212-2017 §6.5, Appendix C)."""

    SETTING = "9011, 9012"
    READING = "9011, the same command with our QN, 9012"
    HISTORY = "9011, data packets with their own QN, 9012"
    NOTICE = "9013"


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `begin_us` and `end_us` bound DataTime of the history asked for, ends included."""

    cn: str
    groups: tuple[str, ...]
    kind: Kind
    begin_us: int | None = None
    end_us: int | None = None


def get_clock(pol_id: str = "") -> Request:
    """1011: the logger's clock, or that of an analyser."""
    return _request("1011", Kind.READING, *_about(pol_id))


def set_clock(now_us: int, pol_id: str = "", *, utc_offset_s: int = CHINA_OFFSET_S) -> Request:
    """1012: also the answer, after 9013, to a station's 1013."""
    return _request("1012", Kind.SETTING, *_about(pol_id), f"SystemTime={write_time(now_us, utc_offset_s)}")


def set_timeout(over_time_s: int, re_count: int) -> Request:
    """1000: seconds to wait for an answer and how often to send again, 1 to 99 each."""
    if not (1 <= over_time_s <= 99 and 1 <= re_count <= 99):
        raise EncodeError(f"OverTime and ReCount are 1 to 99, not {over_time_s} and {re_count}")
    return _request("1000", Kind.SETTING, f"OverTime={over_time_s}", f"ReCount={re_count}")


def get_real_time_interval() -> Request:
    return _request("1061", Kind.READING)


def set_real_time_interval(interval_s: int) -> Request:
    """1062, 30 to 3600 s."""
    if not 30 <= interval_s <= 3600:
        raise EncodeError(f"RtdInterval is 30 to 3600 s, not {interval_s}")
    return _request("1062", Kind.SETTING, f"RtdInterval={interval_s}")


def get_minute_interval() -> Request:
    return _request("1063", Kind.READING)


def set_minute_interval(interval_min: int) -> Request:
    """1064, one of `MINUTE_INTERVALS`."""
    if interval_min not in MINUTE_INTERVALS:
        raise EncodeError(f"MinInterval is one of {MINUTE_INTERVALS} min, not {interval_min}")
    return _request("1064", Kind.SETTING, f"MinInterval={interval_min}")


def start_real_time() -> Request:
    return _request("2011", Kind.SETTING)


def stop_real_time() -> Request:
    return _request("2012", Kind.NOTICE)


def start_facility_state() -> Request:
    return _request("2021", Kind.SETTING)


def stop_facility_state() -> Request:
    return _request("2022", Kind.NOTICE)


def history(cn: str, begin_us: int, end_us: int, *, utc_offset_s: int = CHINA_OFFSET_S) -> Request:
    """2031 days, 2041 running times, 2051 minutes, 2061 hours, by start of interval, both ends included."""
    if cn not in HISTORY:
        raise EncodeError(f"history is asked for by {', '.join(sorted(HISTORY))}, not {cn}")
    if end_us < begin_us:
        raise EncodeError("EndTime before BeginTime")
    begin, end = write_time(begin_us, utc_offset_s), write_time(end_us, utc_offset_s)
    return _request(cn, Kind.HISTORY, f"BeginTime={begin}", f"EndTime={end}", begin_us=begin_us, end_us=end_us)


def get_serial(pol_id: str) -> Request:
    """3019: serial number of an analyser."""
    return _request("3019", Kind.READING, f"PolId={pol_id}")


def get_information(pol_id: str, info_id: str) -> Request:
    """3020: one state (i12xxx) or parameter (i13xxx) of a device."""
    return _request("3020", Kind.READING, f"PolId={pol_id}", f"InfoId={info_id}")


def get_log(pol_id: str, info_id: str, begin_us: int, end_us: int, *, utc_offset_s: int = CHINA_OFFSET_S) -> Request:
    """3020: a device's log (i11001, i21001, i31001) of a time; it comes as data packets."""
    begin, end = write_time(begin_us, utc_offset_s), write_time(end_us, utc_offset_s)
    groups = (f"PolId={pol_id}", f"InfoId={info_id}", f"BeginTime={begin},EndTime={end}")
    return _request("3020", Kind.HISTORY, *groups, begin_us=begin_us, end_us=end_us)


def keep_sample(edition: Edition) -> Request:
    """Keep the sample of an exceedance: 3015 in 2017; 3022 in 2025, which dropped 3015.

    Raises
    ------
    EncodeError
        For a 2005 station, which has no such command.
    """
    if edition is Edition.HJ2005:
        raise EncodeError("HJ/T 212-2005 has no command to keep a sample")
    return _request("3015", Kind.READING) if edition is Edition.HJ2017 else _request("3022", Kind.SETTING)


def set_mn(mn: str) -> Request:
    """1002 (2025): the MN that the centre issues to a logger."""
    return _request("1002", Kind.SETTING, f"MN={mn}")


def set_key(created_us: int, key: bytes, *, utc_offset_s: int = CHINA_OFFSET_S) -> Request:
    """1014 (2025): a new SM4 key; to be sent encrypted with the old one."""
    if len(key) != 16 or not key.isalnum():
        raise EncodeError("an SM4 key is sent as 16 letters and digits")
    groups = (f"SKCreateTime={write_time(created_us, utc_offset_s)}", f"NewSK={key.decode()}")
    return _request("1014", Kind.SETTING, *groups)


def _about(pol_id: str) -> tuple[str, ...]:
    return (f"PolId={pol_id}",) if pol_id else ()


def _request(cn: str, kind: Kind, *groups: str, begin_us: int | None = None, end_us: int | None = None) -> Request:
    check_allowed(cn)
    return Request(cn, groups, kind, begin_us, end_us)
