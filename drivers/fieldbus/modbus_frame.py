"""One intact Modbus message, RTU or TCP, as an event; what its registers mean is a device profile's business.

    unit  F  data            F+80H  code: an exception

Reads are requests of address and count, their replies a byte count and the data; writes are echoed. Source: MODBUS
Application Protocol Specification V1.1b3, chapters 6 and 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from drivers.events import Content, Notice

Kind = Literal["request", "reply", "exception"]

READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT_REGISTERS = 1, 2, 3, 4
READ_FUNCTIONS = (READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT_REGISTERS)
REGISTER_READS = (READ_HOLDING, READ_INPUT_REGISTERS)
WRITE_ONE = (5, 6)
WRITE_MANY = (15, 16)
MAX_REGISTERS, MAX_BITS = 125, 2000
MAX_UNIT = 247

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}


@dataclass(frozen=True, slots=True)
class ModbusFrame:
    """A message whose length and check are right; `data` is what follows the function code."""

    raw: bytes
    unit: int
    function: int  # without the exception bit
    kind: Kind
    data: bytes
    transaction: int | None = None  # MBAP only
    deviations: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """A unit number is an address on one line, not an identity."""
        return ""

    @property
    def address(self) -> int | None:
        """First register or coil, as on the wire (0-based); None where the message names none."""
        has_address = self.function in (*WRITE_ONE, *WRITE_MANY) or self.kind == "request"
        return int.from_bytes(self.data[:2], "big") if has_address and self.kind != "exception" and self.data else None

    @property
    def count(self) -> int | None:
        has_count = self.address is not None and self.function in (*READ_FUNCTIONS, *WRITE_MANY)
        return int.from_bytes(self.data[2:4], "big") if has_count else None

    @property
    def registers(self) -> tuple[int, ...]:
        """Registers that the message carries: of a read reply or a write request."""
        if self.kind == "reply" and self.function in REGISTER_READS:
            return registers_of(self.data[1:])
        if self.kind == "request" and self.function == 16:
            return registers_of(self.data[5:])
        return ()

    @property
    def exception(self) -> int | None:
        return self.data[0] if self.kind == "exception" else None

    def contents(self) -> Iterator[Content]:
        """An exception is a notice; registers have no meaning without a profile."""
        if self.exception is not None:
            detail = {"unit": self.unit, "function": self.function, "exception": self.exception}
            yield Notice(self.device, None, "modbus_exception", "", exception_name(self.exception), detail)

    def to_json(self) -> dict[str, Any]:
        transaction = {} if self.transaction is None else {"transaction": self.transaction}
        return {
            "event": "modbus",
            **transaction,
            "unit": self.unit,
            "function": self.function,
            "kind": self.kind,
            **self._meaning(),
            "deviations": list(self.deviations),
            "raw": self.raw.hex(),
        }

    def _meaning(self) -> dict[str, Any]:
        if self.exception is not None:
            return {"exception": self.exception, "exception_name": exception_name(self.exception)}
        found: dict[str, Any] = {"address": self.address, "count": self.count}
        if self.function in WRITE_ONE:
            found["value"] = int.from_bytes(self.data[2:4], "big")
        if self.function in (*READ_FUNCTIONS, 17, 23) and self.kind == "reply":
            found["byte_count"] = self.data[0]
        if self.registers:
            found["registers"] = list(self.registers)
        if self.function in (READ_COILS, READ_INPUTS) and self.kind == "reply":
            found["bits"] = [byte >> bit & 1 for byte in self.data[1:] for bit in range(8)]
        if self.function not in (*READ_FUNCTIONS, *WRITE_ONE, *WRITE_MANY):
            found = {"data": self.data.hex()}
        return {name: value for name, value in found.items() if value is not None}


def registers_of(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))


def exception_name(code: int) -> str:
    return EXCEPTIONS.get(code, f"exception {code}")
