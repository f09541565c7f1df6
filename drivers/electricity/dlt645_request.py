"""Requests to DL/T 645 meters: reads, and nothing else.

`encode` knows the read functions 11, 12, 13 (2007) and 01, 02 (1997) only. A supervision system that could write, trip
a relay (1C) or clear a meter (1A) would be a danger to the plant and would destroy its own evidence, so that every
other function is an `EncodeError`, whoever asks.
"""

from drivers.electricity.dlt645_control import (
    READ_1997,
    READ_2007,
    READ_ADDRESS,
    READ_NEXT_1997,
    READ_NEXT_2007,
)
from drivers.errors import EncodeError

ANY_METER = "AAAAAAAAAAAA"
PREAMBLE = b"\xfe" * 4
"""Wakes receivers that sleep; sent before every request, harmless where it is not needed (2007, section 4.2)."""

_IDENTIFIER_BYTES = {READ_2007: (4, 5, 10), READ_NEXT_2007: (5,), READ_ADDRESS: (0,), READ_1997: (2,)}
_DATA_BYTES = _IDENTIFIER_BYTES | {READ_NEXT_1997: (2, 3)}


def encode(address: str, control: int, data: bytes = b"") -> bytes:
    """A request with its preamble. `address` is 12 digits as printed on the meter, A for a wildcard digit pair.

    Raises
    ------
    EncodeError
        If `control` is not one of the five read requests, or address or data do not have its form.
    """
    if control not in _DATA_BYTES:
        raise EncodeError(f"control code {control:02X} is not a read request; this encoder only reads")
    if len(data) not in _DATA_BYTES[control]:
        raise EncodeError(f"{len(data)} data bytes do not make a request {control:02X}")
    head = b"\x68" + _address_bytes(address) + b"\x68" + bytes((control, len(data)))
    frame = head + bytes((byte + 0x33) & 0xFF for byte in data)
    return PREAMBLE + frame + bytes((sum(frame) & 0xFF, 0x16))


def read_data(address: str, identifier: str) -> bytes:
    """Ask for one identifier: eight hexadecimal digits (2007) or four (1997), most significant first."""
    wire = _identifier_bytes(identifier)
    return encode(address, READ_2007 if len(wire) == 4 else READ_1997, wire)


def read_follow_up(address: str, identifier: str, sequence: int) -> bytes:
    """Ask for part `sequence` (1, 2, …) of an answer that announced more."""
    if not 1 <= sequence <= 255:
        raise EncodeError(f"sequence number {sequence} is not in 1 … 255")
    wire = _identifier_bytes(identifier)
    if len(wire) == 4:
        return encode(address, READ_NEXT_2007, wire + bytes((sequence,)))
    return encode(address, READ_NEXT_1997, wire)


def read_address(address: str = ANY_METER) -> bytes:
    """Ask the only meter of a line for its address; 2007 only, two meters would answer over each other."""
    return encode(address, READ_ADDRESS)


def _address_bytes(address: str) -> bytes:
    text = address.upper()
    pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
    if len(text) != 12 or not all(pair == "AA" or (pair.isascii() and pair.isdigit()) for pair in pairs):
        raise EncodeError(f"address {address!r} is not 12 decimal digits (or AA for any pair)")
    if text == "9" * 12:
        raise EncodeError("999999999999 is the broadcast address, which no meter answers")
    return bytes.fromhex(text)[::-1]


def _identifier_bytes(identifier: str) -> bytes:
    try:
        wire = bytes.fromhex(identifier)
    except ValueError:
        wire = b""
    if len(wire) not in (2, 4) or len(identifier) != 2 * len(wire):
        raise EncodeError(f"identifier {identifier!r} is not four or eight hexadecimal digits")
    return wire[::-1]
