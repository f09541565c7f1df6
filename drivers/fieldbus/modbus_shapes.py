"""How long a Modbus message is and whether it can mean what it says: framing by length, because timing is lost on USB.

A function code does not say whether a message is a request or a reply. `readings_of` gives every reading that the bytes
allow, the likelier first, each with its length; RTU decides by the CRC, TCP by the MBAP length. Silent intervals (3.5
characters) are not used: USB adapters and serial servers do not keep them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from drivers.fieldbus.modbus_frame import (
    MAX_BITS,
    MAX_REGISTERS,
    READ_FUNCTIONS,
    REGISTER_READS,
    WRITE_MANY,
    Kind,
)

EXCEPTION_BIT = 0x80

FIXED: dict[int, tuple[tuple[Kind, int], ...]] = {
    5: (("request", 4),),
    6: (("request", 4),),
    7: (("request", 0), ("reply", 1)),
    8: (("request", 4),),
    11: (("request", 0), ("reply", 4)),
    22: (("request", 6),),
}
"""Functions whose data has a fixed length: kind → bytes after the function code. A write's echo reads as a request."""


class Reading(NamedTuple):
    """One way to read the bytes after the unit: what it would be, and its bytes after the function code."""

    kind: Kind
    size: int  # [B]
    is_sane: bool


def readings_of(function: int, data: bytes) -> Iterator[Reading | None]:
    """The ways to read `data`, which follows the function code and may go on past the message.

    None stands for a reading of which too little has come to tell its length.
    """
    if function & EXCEPTION_BIT:
        yield _exception(data)
    elif function in READ_FUNCTIONS:
        yield _read_request(function, data)
        yield _counted_reply(function, data)
    elif function in WRITE_MANY:
        yield _write_reply(function, data)
        yield _counted(data, 4, 5, "request")
    elif function == 17:
        yield Reading("request", 0, True)
        yield _counted(data, 0, 1, "reply")
    elif function == 23:
        yield _counted(data, 8, 9, "request")
        yield _counted(data, 0, 1, "reply")
    else:
        for kind, size in FIXED.get(function, ()):
            yield Reading(kind, size, True)


def _exception(data: bytes) -> Reading | None:
    return Reading("exception", 1, 1 <= data[0] <= 11) if data else None


def _read_request(function: int, data: bytes) -> Reading | None:
    if len(data) < 4:
        return None
    count, limit = int.from_bytes(data[2:4], "big"), _limit(function)
    return Reading("request", 4, 1 <= count <= limit and int.from_bytes(data[:2], "big") + count <= 0x10000)


def _write_reply(function: int, data: bytes) -> Reading | None:
    reading = _read_request(REGISTER_READS[0] if function == 16 else READ_FUNCTIONS[0], data)
    return reading and reading._replace(kind="reply")


def _counted_reply(function: int, data: bytes) -> Reading | None:
    reading = _counted(data, 0, 1, "reply")
    is_odd = bool(data) and function in REGISTER_READS and data[0] % 2 == 1
    return reading and reading._replace(is_sane=reading.is_sane and not is_odd)


def _counted(data: bytes, at: int, head: int, kind: Kind) -> Reading | None:
    if len(data) <= at:
        return None
    return Reading(kind, head + data[at], 1 <= data[at] <= 2 * MAX_REGISTERS)


def _limit(function: int) -> int:
    return MAX_REGISTERS if function in REGISTER_READS else MAX_BITS
