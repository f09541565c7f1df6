"""Times as telemetry writes them: RFC 3339 text, epoch seconds or milliseconds, local time without a zone.

All functions give integer microseconds since 1970-01-01 UTC. A time outside 2000 … 2099 is no time: device clocks that
were never set say 1970, and vendors' own examples carry timestamps with a digit too many or too few.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_US = 946_684_800_000_000  # 2000-01-01
LATEST_US = 4_102_444_800_000_000  # 2100-01-01
CHINA = timezone(timedelta(hours=8))
_MICROSECOND = timedelta(microseconds=1)


def is_plausible(time_us: int) -> bool:
    return EARLIEST_US <= time_us < LATEST_US


def from_rfc3339(text: Any) -> int | None:
    """`2026-11-22T03:04:05.250Z`, also with an offset. None if it is not that, or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None or not 1 < moment.year < 9999:  # the ends of the calendar overflow when put into UTC
        return None
    return (moment - EPOCH) // _MICROSECOND


def plausible(time_us: int | None) -> int | None:
    return time_us if time_us is not None and is_plausible(time_us) else None


def from_epoch(value: Any, *, unit_us: int) -> int | None:
    """A number (or text of one) counting units of `unit_us` since 1970; None if it is not a finite number. [µs]"""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return round(float(value) * unit_us) if not isinstance(value, int) else value * unit_us
    except (TypeError, ValueError, OverflowError):
        return None


def from_local(text: Any, pattern: str, *, utc_offset_h: float = 8.0) -> int | None:
    """Text in `strptime` form; a zone in the text wins over `utc_offset_h`. [h east of Greenwich]"""
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is given below where the text has none
    except (ValueError, TypeError):
        return None
    if not 1 < moment.year < 9999:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone(timedelta(hours=utc_offset_h)))
    return (moment - EPOCH) // _MICROSECOND


def text_utc(time_us: int | None) -> str | None:
    """RFC 3339 in UTC with as many decimals as the time needs: none, three or six."""
    if time_us is None:
        return None
    moment = EPOCH + timedelta(microseconds=time_us)
    if time_us % 1_000_000 == 0:
        precision = "seconds"
    elif time_us % 1_000 == 0:
        precision = "milliseconds"
    else:
        precision = "microseconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
