"""HJ 212 frames from a field host's point of view: bytes for a segment, requests out of bytes.

    ##  LLLL  QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;][RF=1;]CP=&&…&&  CCCC  CR LF
    head length of the segment in bytes, decimal                              CRC, hex

Written from the text of the standard and apart from `drivers`, so that the two check each other (HJ 212-2017, 6.1-6.3
and appendix A).
"""

import re
from dataclasses import dataclass

_POLYNOMIAL = 0xA001


def _table_entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_table_entry(byte) for byte in range(256))


def crc(segment: bytes) -> int:
    """The standard's CRC: each byte is XORed with the register's high byte, its low byte is dropped (appendix A)."""
    register = 0xFFFF
    for byte in segment:
        register = _TABLE[(register >> 8) ^ byte]
    return register


def crc_folded(segment: bytes) -> int:
    """The same CRC, fast: it depends only on the XOR of the bytes at equal places modulo 8, counted from the end."""
    if not segment:
        return 0xFFFF
    folded = int.from_bytes(segment, "big") ^ (0xFF << 8 * (len(segment) - 1))
    width = max(64, 1 << (8 * len(segment) - 1).bit_length())
    while width > 64:
        width //= 2
        folded = (folded >> width) ^ (folded & ((1 << width) - 1))
    register = 0
    for byte in folded.to_bytes(8, "big"):
        register = _TABLE[(register >> 8) ^ byte]
    return register


def crc_modbus(segment: bytes) -> int:
    """CRC-16/MODBUS, which some makers take for the standard's."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ _TABLE[(register ^ byte) & 0xFF]
    return register


def frame(segment: bytes) -> bytes:
    """The packet of a segment, by the book."""
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc_folded(segment))


def dressed(segment: bytes, habits: frozenset[str]) -> bytes:
    """The packet of a segment as a device with these habits sends it."""
    length = len(segment) + (6 if "wrong_length" in habits else 0)  # counts CRC and CR LF as well
    checksum = crc_modbus(segment) if "crc_modbus" in habits else crc_folded(segment)
    digits = b"%04x" % checksum if "lower_case_crc" in habits else b"%04X" % checksum
    return b"##%04d%b%b%b" % (length, segment, digits, b"" if "missing_crlf" in habits else b"\r\n")


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet from the centre; `fields` holds the header's and CP's names alike, the first of equal names."""

    qn: str
    cn: str
    fields: dict[str, str]


class PacketReader:
    """Packets out of a stream; what is not a packet is skipped, what is damaged is counted."""

    _LIMIT = 10240

    def __init__(self) -> None:
        self._buffer = b""
        self.damaged = 0

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        found: list[Packet] = []
        while (begin := self._buffer.find(b"##")) >= 0:
            digits = self._buffer[begin + 2 : begin + 6]
            if len(digits) < 4:
                break
            end = begin + 6 + int(digits) if digits.isdigit() else -1
            if end < 0:
                self._skip(begin + 2)
                continue
            if len(self._buffer) < end + 4:
                break
            segment, checksum = self._buffer[begin + 6 : end], self._buffer[end : end + 4]
            if checksum.upper() != b"%04X" % crc_folded(segment):
                self._skip(begin + 2)
                continue
            found.append(packet(segment))
            self._buffer = self._buffer[end + 4 :]
        self._buffer = self._buffer[-self._LIMIT :]
        return found

    def _skip(self, place: int) -> None:
        self.damaged += 1
        self._buffer = self._buffer[place:]


_PAIR = re.compile(r"([A-Za-z0-9-]+)=([^;,&]*)")


def packet(segment: bytes) -> Packet:
    """The packet of an intact segment. In the 2005 edition QN stands inside CP: a field is looked for everywhere."""
    fields: dict[str, str] = {}
    for name, value in _PAIR.findall(segment.decode("utf-8", "replace")):
        if value or name != "CP":
            fields.setdefault(name, value)
    return Packet(fields.get("QN", ""), fields.get("CN", ""), fields)
