"""Times as the standard writes them: `YYYYMMDDhhmmss` of China Standard Time, no zone, no summer time."""

from datetime import UTC, datetime, timedelta, timezone

CHINA_OFFSET_S = 8 * 3600
"""UTC+8: HJ 212 never writes a zone."""

US = 1_000_000

_REMEMBERED = 4096
_minutes: dict[str, int] = {}  # text of twelve digits → µs, read as UTC
_SECONDS = {f"{second:02d}": second * US for second in range(60)}


def time_us(text: str, utc_offset_s: int = CHINA_OFFSET_S) -> int | None:
    """Microseconds since 1970 UTC of 14 digits, 12 (no seconds) or 17 (milliseconds) and more; None if that is no time.

    What follows the digits read is ignored: ranges `a-b` and stray digits are met in the field.
    """
    minute = _minutes.get(text[:12])
    if minute is None:
        minute = _minute_us(text[:12])
        if minute is None:
            return None
    second = _SECONDS.get(text[12:14] or "00")
    if second is None:
        return None
    moment = minute + second - utc_offset_s * US
    milli = text[14:17]
    if len(milli) == 3 and milli != "000" and milli.isascii() and milli.isdigit():
        moment += int(milli) * 1000
    return moment


def _minute_us(text: str) -> int | None:
    if not (len(text) == 12 and text.isascii() and text.isdigit()):
        return None
    try:
        start = datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    if len(_minutes) >= _REMEMBERED:
        _minutes.clear()
    value = _minutes[text] = int(start.timestamp()) * US
    return value


def write_time(moment_us: int, utc_offset_s: int = CHINA_OFFSET_S) -> str:
    """14 digits."""
    return _local(moment_us, utc_offset_s).strftime("%Y%m%d%H%M%S")


def write_qn(moment_us: int, utc_offset_s: int = CHINA_OFFSET_S) -> str:
    """17 digits: a QN."""
    local = _local(moment_us, utc_offset_s)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"


def next_qn(qn: str) -> str:
    """The QN one millisecond later: every packet of a split message has its own (HJ 212-2017 C.49)."""
    moment = time_us(qn, 0)
    return qn if moment is None else write_qn(moment + 1000, 0)


def iso(moment_us: int, utc_offset_s: int = CHINA_OFFSET_S) -> str:
    """ISO 8601 with the offset."""
    local = _local(moment_us, utc_offset_s)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


def _local(moment_us: int, utc_offset_s: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment_us)).astimezone(
        timezone(timedelta(seconds=utc_offset_s))
    )
