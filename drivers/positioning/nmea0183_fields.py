"""Fields of NMEA 0183 sentences → names and values; a field that cannot be read is refused, not its sentence.

One table a sentence type, in the order of the fields behind the type. Sources: NMEA 0183 v4.11 chapter 8; talkers and
the trailing signal and system ids since v4.1.
"""

from collections.abc import Callable
from typing import Any

Reader = Callable[[str], Any]

UNPARSABLE = "unparsable: "


def _time(text: str) -> str:
    """hhmmss.ss → "hh:mm:ss.ss" with the decimals that were sent."""
    hour, minute, second = int(text[:2]), int(text[2:4]), float(text[4:])
    if not (len(text) >= 6 and hour < 24 and minute < 60 and 0 <= second < 61):
        raise ValueError
    return f"{text[:2]}:{text[2:4]}:{text[4:]}"


def _date(text: str) -> str:
    """ddmmyy → ISO date; two-digit years from 80 (GPS began in 1980) are of the last century."""
    if len(text) != 6:
        raise ValueError
    day, month, year = int(text[:2]), int(text[2:4]), int(text[4:])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        raise ValueError
    return f"{year + (1900 if year >= 80 else 2000)}-{month:02}-{day:02}"


def _number(text: str) -> float:
    if "_" in text or text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ValueError
    return float(text)


def _whole(text: str) -> int:
    if "_" in text:
        raise ValueError
    return int(text)


LATITUDE, LONGITUDE = "lat", "lon"
POSITION: list[tuple[str, Reader]] = [(LATITUDE, str), ("ns", str), (LONGITUDE, str), ("ew", str)]

FIELDS: dict[str, list[tuple[str, Reader]]] = {
    "GGA": [
        ("time_utc", _time),
        *POSITION,
        ("quality", _whole),
        ("satellites", _whole),
        ("hdop", _number),
        ("altitude_m", _number),
        ("", str),
        ("geoid_sep_m", _number),
        ("", str),
        ("dgps_age_s", _number),
        ("dgps_station", str),
    ],
    "RMC": [
        ("time_utc", _time),
        ("status", str),
        *POSITION,
        ("speed_kn", _number),
        ("course_deg", _number),
        ("date", _date),
        ("mag_variation_deg", _number),
        ("mag_variation_ew", str),
        ("pos_mode", str),
        ("nav_status", str),
    ],
    "GLL": [*POSITION, ("time_utc", _time), ("status", str), ("pos_mode", str)],
    "VTG": [
        ("course_deg", _number),
        ("", str),
        ("course_magnetic_deg", _number),
        ("", str),
        ("speed_kn", _number),
        ("", str),
        ("speed_km_h", _number),
        ("", str),
        ("pos_mode", str),
    ],
    "ZDA": [("time_utc", _time), ("day", _whole), ("month", _whole), ("year", _whole)],
    "GSA": [
        ("selection", str),
        ("fix_type", _whole),
        *[(f"sv_{n}", str) for n in range(1, 13)],
        ("pdop", _number),
        ("hdop", _number),
        ("vdop", _number),
        ("system_id", str),
    ],
    "GST": [
        ("time_utc", _time),
        ("range_rms_m", _number),
        ("std_major_m", _number),
        ("std_minor_m", _number),
        ("orientation_deg", _number),
        ("std_lat_m", _number),
        ("std_lon_m", _number),
        ("std_alt_m", _number),
    ],
    "HDT": [("heading_deg", _number), ("", str)],
    "TXT": [("messages", _whole), ("message", _whole), ("text_id", str), ("text", str)],
}
"""Sentence type → (name, reader) of each field; an empty name is a constant unit letter."""

ALWAYS_PRESENT = {"speed_kn", "course_deg", LATITUDE, LONGITUDE, "hdop", "altitude_m", "geoid_sep_m", "quality"}
"""Fields that stay in the output as null when they are empty; other empty fields are left out."""


def read_fields(sentence: str, fields: list[str]) -> dict[str, Any]:
    """Values by name; `lat_deg` and `lon_deg` are decimal degrees, null before a fix, never 0."""
    if sentence == "GSV":
        return _satellites_in_view(fields)
    found: dict[str, Any] = {}
    for (name, reader), text in zip(FIELDS[sentence], fields, strict=False):
        if name and (text or name in ALWAYS_PRESENT):
            found[name] = _read(reader, text)
    if sentence == "GSA":
        found["sv_used"] = [found.pop(f"sv_{n}") for n in range(1, 13) if f"sv_{n}" in found]
    return _with_degrees(found)


def _read(reader: Reader, text: str) -> Any:
    try:
        return reader(text) if text else None
    except ValueError:
        return UNPARSABLE + text


def _with_degrees(found: dict[str, Any]) -> dict[str, Any]:
    if LATITUDE not in found and LONGITUDE not in found:
        return found
    degrees = {
        "lat_deg": _degrees(found.get(LATITUDE), found.get("ns"), "NS", 90),
        "lon_deg": _degrees(found.get(LONGITUDE), found.get("ew"), "EW", 180),
    }
    rest = {name: value for name, value in found.items() if name not in (LATITUDE, LONGITUDE, "ns", "ew")}
    return rest | degrees


def _degrees(text: str | None, side: str | None, sides: str, limit: int) -> float | str | None:
    """dddmm.mmmm and N/S/E/W → degrees, positive north and east, to 1e-7 (a centimetre)."""
    if not text:
        return None
    whole, _, decimals = text.partition(".")
    is_number = whole.isdigit() and (decimals.isdigit() or not decimals) and text.isascii()
    if not is_number or len(whole) < 3 or not side or side not in sides:
        return f"{UNPARSABLE}{text},{side or ''}"
    minutes = float(text[len(whole) - 2 :])
    degrees = int(whole[:-2]) + minutes / 60
    if minutes >= 60 or degrees > limit:
        return f"{UNPARSABLE}{text},{side}"
    return round(-degrees if side in "SW" else degrees, 7)


def _satellites_in_view(fields: list[str]) -> dict[str, Any]:
    """Up to four satellites of four fields; what is left over (signal id, one more of BeiDou modules) is kept."""
    head, rest = fields[:3], fields[3:]
    names = ("id", "elev", "azim", "cn0")
    groups = [rest[at : at + 4] for at in range(0, len(rest) - len(rest) % 4, 4)][:4]
    trailing = rest[4 * len(groups) :]
    return {
        "messages": _read(_whole, head[0]) if head else None,
        "message": _read(_whole, head[1]) if len(head) > 1 else None,
        "in_view": _read(_whole, head[2]) if len(head) > 2 else None,
        "field_count": len(fields),
        "trailing_fields": trailing,
        "satellites": [dict(zip(names, (text or None for text in group), strict=True)) for group in groups],
    }
