"""Modbus RTU, on a serial line or as "RTU over TCP" through a serial server: the same bytes without MBAP.

    UU  FF  DD…DD  CC CC

    U   unit 1-247; 0 is the broadcast, which only writes use
    F   function; 80H added is an exception
    D   data, most significant byte first
    C   CRC-16 (reflected A001, start FFFF), low byte first

A frame ends where its length says, not where the CRC happens to fit: every valid frame followed by a 00 has a valid CRC
again. What is neither a frame nor the beginning of one is skipped byte by byte and comes out as `BadFrame`, so that a
glitch before a reply does not cost the reply. Reads of coils whose reply has three data bytes look like requests; the
decoder takes the one that fits the turn.

Source: MODBUS over Serial Line, Specification and Implementation Guide V1.02, section 2.5.1 and appendix B.
"""

import re

from drivers import Driver
from drivers.events import BadFrame, Reason
from drivers.fieldbus.modbus_frame import ModbusFrame
from drivers.fieldbus.modbus_shapes import EXCEPTION_BIT, Reading, readings_of

MAX_FRAME = 256
MAX_NOISE = 4096
_EVEN = b"".join(b"\\x%02x" % count for count in range(2, 252, 2))
START = re.compile(
    rb"[\x00-\xf7](?:$"
    rb"|[\x01\x02](?:[\x01-\xfa]|..[\x00-\x07].|.{0,3}$)"
    rb"|[\x03\x04](?:[" + _EVEN + rb"]|..\x00[\x01-\x7d]|.{0,3}$)"
    rb"|[\x05-\x08\x0b\x0f-\x11\x16\x17]"
    rb"|[\x81-\x88\x8b\x8f-\x91\x96\x97](?:[\x01-\x0b]|$))",
    re.DOTALL,
)
"""Where a message may begin: unit, a function of which we know the length, and a count or code that makes sense.

Written as one expression because it decides for every byte of noise; an end of the buffer leaves the question open.
"""
LENGTH_BYTES = 16
"""So many bytes tell the length of any message. [B]"""


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes | bytearray) -> bytes:
    """The two CRC bytes as they go over the wire, low byte first; b"123456789" gives 37 4B."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


class ModbusRtuDecoder:
    """Requests and replies of one line in the order in which they were heard."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = bytearray()
        self._fault: tuple[Reason, str] | None = None
        self._open_request: tuple[int, int] | None = None  # (unit, function) that the line owes a reply to

    def feed(self, data: bytes) -> list[ModbusFrame | BadFrame]:
        self._buffer += data
        return self._scan(is_end=False)

    def flush(self) -> list[ModbusFrame | BadFrame]:
        events = self._scan(is_end=True) + self._hand_out_noise()
        self._open_request = None
        return events

    def _scan(self, *, is_end: bool) -> list[ModbusFrame | BadFrame]:
        events: list[ModbusFrame | BadFrame] = []
        while self._buffer:
            self._skip_to_start()
            if len(self._skipped) >= MAX_NOISE:
                events += self._hand_out_noise()
            if not self._buffer:
                break
            frame, is_open = self._take()
            if frame is not None:
                events += [*self._hand_out_noise(), frame]
            elif is_open and not is_end:
                break
            else:
                self._reject(is_cut=is_open)
        return events

    def _skip_to_start(self) -> None:
        found = START.search(self._buffer)
        self._skip(len(self._buffer) if found is None else found.start())

    def _skip(self, count: int) -> None:
        self._skipped += self._buffer[:count]
        del self._buffer[:count]

    def _take(self) -> tuple[ModbusFrame | None, bool]:
        """The frame at the start of the buffer; and, if there is none, whether there may yet be one."""
        if len(self._buffer) < 2:
            return None, True
        unit, function = self._buffer[:2]
        data, is_open = bytes(self._buffer[2:LENGTH_BYTES]), False
        fits: list[Reading] = []
        for reading in readings_of(function, data):
            if reading is None:
                is_open = True
            elif reading.is_sane and not (unit == 0 and _is_read(function)):
                size = reading.size + 4
                is_open |= len(self._buffer) < size <= MAX_FRAME
                if size <= len(self._buffer) and crc16(self._buffer[: size - 2]) == self._buffer[size - 2 : size]:
                    fits.append(reading)
                elif size <= len(self._buffer):
                    self._note_fault(size)
        return (self._accept(unit, function, self._choose(unit, function, fits)), False) if fits else (None, is_open)

    def _choose(self, unit: int, function: int, fits: list[Reading]) -> Reading:
        """The reading whose turn it is, where both fit."""
        owes_reply = self._open_request == (unit, function)
        return next((reading for reading in fits if (reading.kind == "reply") == owes_reply), fits[0])

    def _accept(self, unit: int, function: int, reading: Reading) -> ModbusFrame:
        raw = bytes(self._buffer[: reading.size + 4])
        del self._buffer[: reading.size + 4]
        plain = function & ~EXCEPTION_BIT
        self._open_request = (unit, plain) if reading.kind == "request" else None
        return ModbusFrame(raw, unit, plain, reading.kind, raw[2:-2])

    def _note_fault(self, size: int) -> None:
        if self._fault is None:
            found, computed = self._buffer[size - 2 : size].hex(), crc16(self._buffer[: size - 2]).hex()
            self._fault = Reason.CHECKSUM, f"CRC {found.upper()}, computed {computed.upper()}"

    def _reject(self, *, is_cut: bool) -> None:
        if is_cut and self._fault is None and len(self._buffer) > 1:
            self._fault = Reason.TRUNCATED, f"{len(self._buffer)} bytes of a frame"
        self._skip(1)

    def _hand_out_noise(self) -> list[ModbusFrame | BadFrame]:
        raw, (reason, detail) = bytes(self._skipped), self._fault or (Reason.NOT_A_FRAME, "no length fits a CRC")
        self._skipped.clear()
        self._fault = None
        return [BadFrame(reason, raw, detail)] if raw else []


def _is_read(function: int) -> bool:
    return function & ~EXCEPTION_BIT in (1, 2, 3, 4, 7, 8, 11, 17) or bool(function & EXCEPTION_BIT)


DRIVER = Driver(
    name="modbus-rtu",
    title="Modbus RTU on a serial line or RTU over TCP",
    decoder=ModbusRtuDecoder,
    examples=(bytes.fromhex("01030000000ac5cd"), bytes.fromhex("110304008d008efbbd")),
    is_binary=True,
)
