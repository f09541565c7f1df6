"""Positions out of RMC and GGA: one position a second, made of both sentences where both come.

RMC has the date, status and speed, GGA the altitude, quality and satellites. Receivers send them in either order, some
send only one. The rule: the second of a pair with the same time gives the position; a sentence whose partner has not
shown up since the last one of its own kind gives it alone. A position is never given twice for one time.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from drivers.events import Position

KNOT_M_S = 1852 / 3600
NOT_EVIDENCE_QUALITY = frozenset({6, 7, 8})
"""GGA quality: estimated (dead reckoning), manual input, simulator (NMEA 0183 v4.11, GGA)."""
NOT_EVIDENCE_MODE = frozenset("EMS")
"""RMC mode with the same three meanings."""
NO_FIX_MODE = "N"
JUMP_M, JUMP_FACTOR, UNKNOWN_SPEED_M_S = 100.0, 1.5, 60.0
"""A position may be so far from the last one: multipath and start-up, and one and a half times the speed."""
FROZEN_S = 180.0
"""A real receiver's last decimals move within seconds; some are set to hold still at a standstill. [s]"""
EARTH_M = 6_371_000.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Fields = dict[str, Any]


class FixPairing:
    """Remembers the last RMC and GGA of one receiver."""

    def __init__(self) -> None:
        self._last: dict[str, Fields] = {}
        self._partner_came: dict[str, bool] = {"RMC": False, "GGA": False}
        self._date: str | None = None
        self._date_clock: str = ""  # time of the sentence that carried the date
        self._given: str | None = None
        self._before: Position | None = None
        self._still_since_us: int | None = None

    def see(self, sentence: str, fields: Fields) -> Position | None:
        """Take a sentence in; the position that it completes, if it does."""
        self._learn_date(sentence, fields)
        if sentence not in ("RMC", "GGA"):
            return None
        other = "GGA" if sentence == "RMC" else "RMC"
        partner = self._last.get(other)
        is_pair = partner is not None and partner.get("time_utc") == fields.get("time_utc")
        is_alone = not self._partner_came[sentence]
        self._last[sentence] = fields
        self._partner_came[sentence] = False
        self._partner_came[other] = True
        if not (is_pair or is_alone):
            return None
        merged = {**(partner or {}), **fields} if is_pair else fields
        sentences = ["GGA", "RMC"] if is_pair else [sentence]
        return self._position(merged, sentences)

    def _learn_date(self, sentence: str, fields: Fields) -> None:
        if sentence == "RMC" and _is_text(fields.get("date")):
            self._date, self._date_clock = fields["date"], fields.get("time_utc") or ""
        if sentence == "ZDA" and all(isinstance(fields.get(part), int) for part in ("year", "month", "day")):
            self._date = f"{fields['year']:04}-{fields['month']:02}-{fields['day']:02}"
            self._date_clock = fields.get("time_utc") or ""

    def _position(self, fields: Fields, sentences: list[str]) -> Position | None:
        latitude, longitude = fields.get("lat_deg"), fields.get("lon_deg")
        if not isinstance(latitude, float) or not isinstance(longitude, float) or not has_fix(fields):
            return None
        clock = fields.get("time_utc")
        if clock is not None and clock == self._given:
            return None
        self._given = clock
        speed = _number(fields.get("speed_kn"))
        position = Position(
            "",
            self._time_us(fields),
            latitude,
            longitude,
            altitude_msl_m=_number(fields.get("altitude_m")),
            speed_m_s=None if speed is None else speed * KNOT_M_S,
            heading_deg=_number(fields.get("course_deg")),
            detail=_detail(fields, sentences),
        )
        doubts = self._doubts(position)
        if doubts:
            position.detail["doubts"] = doubts
        return position

    def _doubts(self, position: Position) -> list[str]:
        """What makes a position suspect beside its neighbours: a jump beyond the speed, decimals that never move."""
        before, self._before = self._before, position
        if before is None or before.time_us is None or position.time_us is None:
            return []
        elapsed_s = (position.time_us - before.time_us) / 1e6
        moved_m = _distance_m(before, position)
        if moved_m > 0:
            self._still_since_us = None
        elif self._still_since_us is None:
            self._still_since_us = before.time_us
        speeds = [speed for speed in (before.speed_m_s, position.speed_m_s) if speed is not None]
        most_m = JUMP_M + JUMP_FACTOR * max(speeds, default=UNKNOWN_SPEED_M_S) * max(elapsed_s, 0)
        since_us = self._still_since_us
        is_frozen = since_us is not None and position.time_us - since_us >= FROZEN_S * 1e6
        found = {"jump": elapsed_s >= 0 and moved_m > most_m, "frozen": is_frozen, "clock_back": elapsed_s < 0}
        return [name for name, is_so in found.items() if is_so]

    def _time_us(self, fields: Fields) -> int | None:
        """Time of day on the last known date; a GGA just after midnight is of the next day."""
        clock = fields.get("time_utc")
        if not _is_text(clock) or self._date is None:
            return None
        hour, minute, second = str(clock).split(":")
        try:
            day = datetime.fromisoformat(self._date).replace(tzinfo=UTC)
        except ValueError:
            return None
        if self._date_clock[:2] == "23" and hour == "00" and "date" not in fields:
            day += timedelta(days=1)
        elapsed = day - EPOCH + timedelta(hours=int(hour), minutes=int(minute))
        return elapsed // timedelta(microseconds=1) + round(float(second) * 1e6)


def has_fix(fields: Fields) -> bool:
    """By status and mode of RMC and quality of GGA; the navigational status is ignored, good receivers say V there."""
    is_valid = fields.get("status", "A") == "A" and fields.get("pos_mode", "") != NO_FIX_MODE
    return is_valid and fields.get("quality", 1) not in (0, None)


def is_evidence(fields: Fields) -> bool:
    """Whether a satellite fix stands behind the position; dead reckoning, manual input and simulators do not count."""
    return fields.get("quality") not in NOT_EVIDENCE_QUALITY and fields.get("pos_mode") not in NOT_EVIDENCE_MODE


def _detail(fields: Fields, sentences: list[str]) -> dict[str, Any]:
    names = ("quality", "satellites", "hdop", "geoid_sep_m", "pos_mode", "nav_status")
    kept = {name: fields[name] for name in names if fields.get(name) is not None}
    return {"sentences": sentences, "is_evidence": is_evidence(fields), **kept}


def _distance_m(one: Position, other: Position) -> float:
    """On a flat map around the two, good to a percent over the distances of one step."""
    middle = math.radians((one.latitude_deg + other.latitude_deg) / 2)
    east = math.radians((other.longitude_deg - one.longitude_deg + 180) % 360 - 180) * math.cos(middle)
    return EARTH_M * math.hypot(east, math.radians(other.latitude_deg - one.latitude_deg))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith("unparsable")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
