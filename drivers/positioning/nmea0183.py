r"""GNSS receivers: NMEA 0183 sentences over a serial line, USB or TCP.

    $ T T S S S , field , field , … * H H \r \n

    T   talker: GP GPS, GL GLONASS, GA Galileo, BD and GB BeiDou, GN mixed; P begins a proprietary sentence
    S   sentence type; Unicore receivers add an H for the heading antenna (RMCH), whose position is not the vehicle's
    H   XOR of the characters between $ and *, two hexadecimal digits of either case
    4800 8N1 by the standard, 9600-115200 in practice; sentences of RTK receivers exceed the standard's 82 characters.

A sentence without a checksum, or with half of one, is refused: it may be the end of another. A field that is no number
is reported as unparsable and costs only itself. Sentences outside our tables are named by pynmeagps.

Source: NMEA 0183 v4.11, chapters 5 and 8.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Any

from pynmeagps import NMEAReader
from pynmeagps.exceptions import NMEAMessageError, NMEAParseError, NMEAStreamError, NMEATypeError

from drivers import Driver
from drivers.events import BadFrame, Content, Position, Reason
from drivers.positioning.nmea0183_fields import FIELDS, UNPARSABLE, read_fields
from drivers.positioning.nmea0183_fix import FixPairing

MAX_SENTENCE = 1024
SHAPE = re.compile(rb"\$([A-Z][A-Z0-9]{2,7})((?:,[\x20-\x7e]*)?)\*([0-9A-Fa-f]*)")
ANTENNA_SUFFIX = "H"

logging.getLogger("pynmeagps").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class NmeaSentence:
    """A sentence with a right checksum; `fields` by name as printed by `to_json`."""

    raw: bytes
    talker: str
    type: str  # as sent, "RMC", "RMCH", "UBX" for $PUBX
    fields: dict[str, Any]
    position: Position | None = None

    @property
    def device(self) -> str:
        """Receivers do not say who they are."""
        return ""

    @property
    def deviations(self) -> tuple[str, ...]:
        has_unparsable = any(isinstance(v, str) and v.startswith(UNPARSABLE) for v in self.fields.values())
        is_long = len(self.raw) + 2 > 82  # CR and LF count
        found = {"unparsable_field": has_unparsable, "over_82_characters": is_long}
        return tuple(name for name, is_so in found.items() if is_so)

    def contents(self) -> Iterator[Content]:
        if self.position is not None:
            yield self.position

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "nmea0183",
            "talker": self.talker,
            "type": self.type,
            **self.fields,
            "deviations": list(self.deviations),
            "raw": self.raw.decode("ascii", "backslashreplace"),
        }


class Nmea0183Decoder:
    """Sentences of one receiver."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._fixes = FixPairing()

    def feed(self, data: bytes) -> list[NmeaSentence | BadFrame]:
        self._buffer += data
        events: list[NmeaSentence | BadFrame] = []
        while (end := self._segment_end()) is not None:
            segment = bytes(self._buffer[:end])
            del self._buffer[:end]
            events += self._read(segment)
        return events

    def flush(self) -> list[NmeaSentence | BadFrame]:
        segment = bytes(self._buffer)
        self._buffer.clear()
        return self._read(segment, is_end=True)

    def _segment_end(self) -> int | None:
        """Where the first piece of the buffer ends: behind a line feed, before the next $, or at the size limit."""
        line, start = self._buffer.find(b"\n") + 1, self._buffer.find(b"$", 1)
        ends = [end for end in (line, start) if end > 0]
        if not ends and len(self._buffer) > MAX_SENTENCE:
            return MAX_SENTENCE
        return min(ends, default=None)

    def _read(self, segment: bytes, *, is_end: bool = False) -> list[NmeaSentence | BadFrame]:
        text = segment.strip(b"\r\n \x00")
        if not text:
            return []
        if not text.startswith(b"$"):
            return [BadFrame(Reason.NOT_A_FRAME, text, "does not start with $")]
        found = SHAPE.match(text)
        if found is None:
            has_check = b"*" in text
            is_cut = is_end and not has_check
            reason = Reason.SYNTAX if has_check else Reason.TRUNCATED if is_cut else Reason.CHECKSUM
            return [BadFrame(reason, text, "not a sentence" if has_check else "no checksum")]
        sentence, behind = text[: found.end()], text[found.end() :].strip()
        noise = [BadFrame(Reason.NOT_A_FRAME, behind, "behind the checksum")] if behind else []
        return [self._checked(sentence, found), *noise]

    def _checked(self, text: bytes, found: re.Match[bytes]) -> NmeaSentence | BadFrame:
        computed = f"{reduce(xor, text[1 : found.start(3) - 1]):02X}"
        given = found[3].decode()
        if given.upper() != computed:
            return BadFrame(Reason.CHECKSUM, text, f"checksum field {given!r}, computed {computed}")
        address = found[1].decode()
        talker, kind = ("P", address[1:]) if address.startswith("P") else (address[:2], address[2:])
        base = kind[:-1] if kind.endswith(ANTENNA_SUFFIX) and kind[:-1] in (*FIELDS, "GSV") else kind
        if base not in FIELDS and base != "GSV":
            return NmeaSentence(text, talker, kind, _named_by_pynmeagps(text))
        fields = read_fields(base, found[2].decode()[1:].split(","))
        return NmeaSentence(text, talker, kind, fields, self._fixes.see(kind, fields))


def _named_by_pynmeagps(text: bytes) -> dict[str, Any]:
    """Fields of a sentence outside our tables; numbered (`field_01`) if pynmeagps does not know it either."""
    try:
        message = NMEAReader.parse(text + b"\r\n")
    except (NMEAMessageError, NMEAParseError, NMEAStreamError, NMEATypeError, ValueError, IndexError, KeyError):
        message = None
    if message is None:
        return {"fields": text.split(b"*")[0].decode().split(",")[1:]}
    named = {name: value for name, value in vars(message).items() if not name.startswith("_")}
    return {
        name: value if isinstance(value, int | float) or value is None else str(value)
        for name, value in named.items()
        if name not in ("event", "talker", "type", "raw", "deviations")
    }


DRIVER = Driver(
    name="nmea0183",
    title="NMEA 0183 GNSS receivers",
    decoder=Nmea0183Decoder,
    examples=(
        b"$GNGGA,115934.00,5327.03889,N,00214.41531,W,1,12,0.67,37.0,M,48.5,M,,*68\r\n",
        b"$GNRMC,115934.00,A,5327.03889,N,00214.41531,W,0.145,,200122,,,A,V*02\r\n",
        b"$BDGSV,4,1,16,01,,,37,02,,,38,03,,,39,05,,,37,0,4*6A\r\n",
        b"$GPGLL,4916.45,N,12311.12,W,225444,A,*1D\r\n",
    ),
)
