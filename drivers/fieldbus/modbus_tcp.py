"""Modbus TCP: the same messages behind an MBAP header, without CRC.

    TT TT  00 00  LL LL  UU  FF  DD…DD

    T   transaction, chosen by the client, echoed by the server
    0   protocol, 0 for Modbus
    L   bytes that follow, unit included
    U   unit behind a gateway; often 0, 1 or 255 for the device itself
    F   function, D data as in RTU

TCP delivers bytes intact, so that a wrong length is a broken or foreign sender; the decoder still finds the next
message whose length agrees with what the function says. Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b,
section 3.1.
"""

import re

from drivers import Driver
from drivers.events import BadFrame, Reason
from drivers.fieldbus.modbus_frame import ModbusFrame
from drivers.fieldbus.modbus_shapes import EXCEPTION_BIT, Reading, readings_of

HEADER = 7
MAX_NOISE = 4096
START = re.compile(rb"..(?:\x00\x00(?:\x00[\x02-\xfe]|\x00$|$)|\x00$|$)|.$", re.DOTALL)
"""A header with a possible length, or at the end of what has come the beginning of one."""


class ModbusTcpDecoder:
    """Messages of one connection, or of one direction of it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = bytearray()
        self._fault: tuple[Reason, str] | None = None

    def feed(self, data: bytes) -> list[ModbusFrame | BadFrame]:
        self._buffer += data
        return self._scan(is_end=False)

    def flush(self) -> list[ModbusFrame | BadFrame]:
        return self._scan(is_end=True) + self._hand_out_noise()

    def _scan(self, *, is_end: bool) -> list[ModbusFrame | BadFrame]:
        events: list[ModbusFrame | BadFrame] = []
        while self._buffer:
            self._skip_to_start()
            if len(self._skipped) >= MAX_NOISE:
                events += self._hand_out_noise()
            if not self._buffer:
                break
            size = self._announced_size()
            is_open = size is None or size > len(self._buffer)
            reading = None if size is None or is_open else self._reading(size)
            if reading is not None and size is not None:
                events += [*self._hand_out_noise(), self._accept(size, reading)]
            elif is_open and not is_end:
                break
            else:
                self._reject(size, is_cut=is_open)
        return events

    def _skip_to_start(self) -> None:
        found = START.search(self._buffer)
        self._skip(len(self._buffer) if found is None else found.start())

    def _skip(self, count: int) -> None:
        self._skipped += self._buffer[:count]
        del self._buffer[:count]

    def _announced_size(self) -> int | None:
        """Bytes of the message that begins here; None if it cannot be told yet."""
        return None if len(self._buffer) < 6 else self._buffer[5] + 6

    def _reading(self, size: int) -> Reading | None:
        """The reading that fills the announced length; any is taken for functions of which we know no length."""
        data = bytes(self._buffer[HEADER + 1 : size])
        readings = list(readings_of(self._buffer[HEADER], data))
        if not readings:
            return Reading("request", len(data), True)
        return next((r for r in readings if r is not None and r.is_sane and r.size == len(data)), None)

    def _accept(self, size: int, reading: Reading) -> ModbusFrame:
        raw = bytes(self._buffer[:size])
        del self._buffer[:size]
        function = raw[HEADER] & ~EXCEPTION_BIT
        transaction = int.from_bytes(raw[:2], "big")
        return ModbusFrame(raw, raw[6], function, reading.kind, raw[HEADER + 1 :], transaction)

    def _reject(self, size: int | None, *, is_cut: bool) -> None:
        if self._fault is None and is_cut:
            announced = "" if size is None else f" of {size}"
            self._fault = Reason.TRUNCATED, f"{len(self._buffer)} bytes{announced}"
        elif self._fault is None and size is not None:
            self._fault = Reason.LENGTH, f"function {self._buffer[HEADER]} does not have {size - HEADER - 1} data bytes"
        self._skip(1)

    def _hand_out_noise(self) -> list[ModbusFrame | BadFrame]:
        raw, (reason, detail) = bytes(self._skipped), self._fault or (Reason.NOT_A_FRAME, "no MBAP header")
        self._skipped.clear()
        self._fault = None
        return [BadFrame(reason, raw, detail)] if raw else []


DRIVER = Driver(
    name="modbus-tcp",
    title="Modbus TCP",
    decoder=ModbusTcpDecoder,
    examples=tuple(
        bytes.fromhex(text)
        for text in (
            "0001000000061103006b0003",
            "0c0500000007110304008d008e",
            "0c0500000003118302",
            "000200000006010400000002",
        )
    ),
    is_binary=True,
)
