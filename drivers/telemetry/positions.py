"""A position, or why it is none. WGS-84; a datum that a sender does not name is not guessed."""

import math
from typing import Any

from drivers.events import Position

MAX_TEXT = 64


def position(
    device: str,
    time_us: int | None,
    latitude: Any,
    longitude: Any,
    *,
    altitude_ellipsoid_m: Any = None,
    altitude_msl_m: Any = None,
    altitude_takeoff_m: Any = None,
    speed_m_s: Any = None,
    heading_deg: Any = None,
    detail: dict[str, Any] | None = None,
) -> Position | str:
    """The position, or the name of what is wrong with it: "latitude_out_of_range", "position_null_island", …

    Degrees, metres, metres a second; a heading of −180 … 180 comes out as 0 … 360.
    """
    lat, lon = as_number(latitude), as_number(longitude)
    if lat is None or lon is None:
        return "position_not_a_number"
    if not -90 <= lat <= 90:
        return "latitude_out_of_range"
    if not -180 <= lon <= 180:
        return "longitude_out_of_range"
    if lat == 0 and lon == 0:
        return "position_null_island"
    return Position(
        device,
        time_us,
        lat,
        lon,
        as_number(altitude_ellipsoid_m),
        as_number(altitude_msl_m),
        as_number(altitude_takeoff_m),
        as_number(speed_m_s),
        compass(as_number(heading_deg)),
        detail or {},
    )


def as_number(value: Any) -> float | None:
    """A finite float of a JSON number; None for anything else, booleans included."""
    if type(value) is float or type(value) is int:
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def compass(heading_deg: float | None) -> float | None:
    """Any angle as 0 ≤ heading < 360, clockwise from true north."""
    return None if heading_deg is None else round(heading_deg % 360, 9) % 360
