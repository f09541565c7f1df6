"""One intact DL/T 645 frame as an event: what it asks or answers, printed and as contents for the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from drivers.electricity.dlt645_control import BROADCAST_TIME, READ_ADDRESS, READ_NEXT_2007, READS, Control
from drivers.electricity.dlt645_identifiers import Item, Layout, layout
from drivers.electricity.dlt645_values import LENGTH, NON_BCD, Value, read_values, surplus_bytes
from drivers.events import Channel, Content, Notice, Parameter, Readings, Shape

DEVICE_FAULT_FLAG = "D"
"""HJ 212-2017, table of data flags: the instrument is out of order. Set where a meter's digit is no digit."""


@dataclass(frozen=True, slots=True)
class Dlt645Frame:
    """A frame whose checksum and end are right. `data` is unmasked, lowest byte first, as on the wire."""

    raw: bytes  # from the first 68 to 16, without preamble
    address: str  # 12 digits as printed on the meter, "AAAAAAAAAAAA" for any
    control: Control
    data: bytes
    preamble_fe: int = 0
    junk_before: bytes = b""  # of the same packet: a serial server's prefix, the head of a carrier frame
    junk_after: bytes = b""

    @property
    def device(self) -> str:
        """The address, but not a wildcard: some 1997 meters answer with the wildcard they were asked by."""
        return "" if self.has_wildcard else self.address

    @property
    def has_wildcard(self) -> bool:
        return "AA" in self._address_pairs

    @property
    def _address_pairs(self) -> list[str]:
        return [self.address[at : at + 2] for at in range(0, 12, 2)]

    @property
    def identifier_bytes(self) -> int:
        """Bytes of the identifier in front of the data, by function and, in a request, by length; 0 if it has none."""
        if self.control.function not in READS:
            return 0
        usual = 2 if self.control.is_1997 else 4
        if not self.control.is_reply and len(self.data) in (2, 4):
            return len(self.data)
        return usual if len(self.data) >= usual else 0

    @property
    def has_1997_identifier(self) -> bool:
        return self.identifier_bytes == 2 or (self.identifier_bytes == 0 and self.control.is_1997)

    @property
    def identifier(self) -> str:
        """Data identifier, most significant byte first; "" if the frame has none or answers an error."""
        if self.control.is_reply and self.control.is_abnormal:
            return ""
        return self.data[: self.identifier_bytes][::-1].hex().upper()

    @property
    def sequence(self) -> int | None:
        """Part number at the end of a 2007 follow-up request or answer (section 7.2)."""
        is_part = self.control.function == READ_NEXT_2007 and self.identifier and len(self.data) > 4
        return self.data[-1] if is_part else None

    @property
    def payload(self) -> bytes:
        end = len(self.data) if self.sequence is None else -1
        return self.data[self.identifier_bytes : end]

    @property
    def layout(self) -> Layout | None:
        return layout(self.identifier) if self.identifier else None

    def values(self) -> list[Value]:
        """The values of an answer; empty for requests, errors and identifiers that no table names."""
        if not self.control.is_reply or self.layout is None:
            return []
        return read_values(self.layout, self.payload)

    @property
    def deviations(self) -> tuple[str, ...]:
        is_answer = self.control.is_reply and not self.control.is_abnormal
        found = {
            "unknown_control": not self.control.is_known,
            "address_not_decimal": not all(pair == "AA" or pair.isdigit() for pair in self._address_pairs),
            "wildcard_answer": self.control.is_reply and self.has_wildcard,
            "unknown_identifier": bool(self.identifier) and self.layout is None,
            "identifier_length": bool(self.identifier) and self.has_1997_identifier != self.control.is_1997,
            "data_length": is_answer and self.layout is not None and surplus_bytes(self.layout, self.payload) != 0,
            "non_bcd": any(value.flag == NON_BCD for value in self.values()),
            "junk": bool(self.junk_before or self.junk_after),
        }
        return tuple(name for name, is_so in found.items() if is_so)

    def contents(self) -> Iterator[Content]:
        if not self.control.is_reply:
            return
        if self.control.is_abnormal:
            errors = self.control.errors(self.data[0]) if self.data else []
            yield Notice(
                self.device, None, "meter_error", "", "; ".join(errors), {"control": f"{self.control.byte:02X}"}
            )
            return
        values = self.values()
        measured = [value for value in values if value.item.quantity]
        if measured:
            yield self._readings(measured)
        for value in values:
            if value.item.parameter and value.json() is not None:
                yield Parameter(self.device, None, self.identifier, value.item.parameter, _parameter_text(value))

    def _readings(self, values: list[Value]) -> Readings:
        shape = _shape(self.identifier, tuple(value.item for value in values))
        numbers = [float("nan") if value.number is None else float(value.number) for value in values]
        flags = "".join(DEVICE_FAULT_FLAG if value.flag in (NON_BCD, LENGTH) else "N" for value in values)
        return Readings(self.device, None, shape, numbers, flags)

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "dlt645",
            "protocol": f"dlt645-{1997 if self.has_1997_identifier else 2007}",
            "preamble_fe": self.preamble_fe,
            "address": self.address,
            "control": f"{self.control.byte:02X}",
            "direction": "reply" if self.control.is_reply else "request",
            "function": self.control.name or f"unknown {self.control.function:02X}",
            **self._meaning(),
            **({"junk_before_hex": self.junk_before.hex()} if self.junk_before else {}),
            **({"junk_after_hex": self.junk_after.hex()} if self.junk_after else {}),
            "deviations": list(self.deviations),
            "raw": self.raw.hex(),
        }

    def _meaning(self) -> dict[str, Any]:
        """The part of the JSON that depends on the function."""
        control = self.control
        found: dict[str, Any] = {"follow_up": control.has_more} if control.is_reply else {}
        if control.is_reply and control.is_abnormal:
            byte = self.data[0] if self.data else None
            found |= {"error_byte": None if byte is None else f"{byte:02X}"}
            found |= {"errors": [] if byte is None else control.errors(byte)}
        elif control.function == READ_ADDRESS:
            found |= {"reported_address": self.data[::-1].hex().upper()} if control.is_reply else {}
        elif control.function == BROADCAST_TIME:
            found |= {"time": _broadcast_time(self.data)}
        elif self.identifier:
            found |= {"di": self.identifier, **self._answer()}
        elif self.data:
            found |= {"data": self.data.hex()}
        return found

    def _answer(self) -> dict[str, Any]:
        part = {} if self.sequence is None else {"sequence": self.sequence}
        if not self.control.is_reply:
            return part
        if self.layout is None:
            return part | {"data": self.payload.hex()}
        values = self.values()
        named = part | {"name": self.layout.name, "unit": self.layout.unit}
        flags = sorted({value.flag for value in values if value.flag})
        flagged = {"flag": "; ".join(flags)} if flags else {}
        if self.layout.is_block:
            return named | {"values": {value.item.part: value.json() for value in values}} | flagged
        value = values[0]
        occurred = {"occurred": value.text} if value.item.kind == "demand" else {}
        return named | {"value": value.json()} | occurred | flagged


def _parameter_text(value: Value) -> str:
    return f"{value.number:f}" if value.number is not None else str(value.text)


def _broadcast_time(data: bytes) -> str | None:
    """ss mm hh DD MM YY → "20YY-MM-DD hh:mm:ss", None if it is not that."""
    text = data[::-1].hex()
    if len(data) != 6 or not text.isdigit():
        return None
    return f"20{text[0:2]}-{text[2:4]}-{text[4:6]} {text[6:8]}:{text[8:10]}:{text[10:12]}"


ENERGY_UNITS = frozenset({"kWh", "kvarh", "kVAh"})
ONE_MINUTE_MEAN = "02800003"


@cache
def _shape(identifier: str, items: tuple[Item, ...]) -> Shape:
    """One shape an identifier, so that receivers may key on it; a part of a block is named by its own identifier."""
    return Shape(tuple(_channel(identifier, number, item) for number, item in enumerate(items)))


def _channel(identifier: str, number: int, item: Item) -> Channel:
    statistic = "total" if item.unit in ENERGY_UNITS else "avg" if identifier == ONE_MINUTE_MEAN else "rtd"
    interval_s = 60 if identifier == ONE_MINUTE_MEAN else 0
    return Channel(single_identifier(identifier, item), item.quantity, statistic, item.unit or "1", interval_s)


def single_identifier(identifier: str, item: Item) -> str:
    """The identifier that asks for one part of a block: "0201FF00", phase B → "02010200"; so that a value is the
    same series whether it was read in a block or by itself."""
    is_block = identifier[4:6] == "FF" if len(identifier) == 8 else identifier[3:] == "F"
    if not is_block:
        return identifier
    kind, _, number = item.part.rpartition(" ")
    index = {"": 0, "phase": " ABC".find(number), "tariff": int(number) if number.isdigit() else 0}.get(kind, 0)
    return f"{identifier[:4]}{index:02X}00" if len(identifier) == 8 else f"{identifier[:3]}{index:X}"


def decimal_values(frame: Dlt645Frame) -> dict[str, Decimal | None]:
    """Numbers of an answer by single identifier, exact; None where the meter has none or its digits were refused."""
    return {single_identifier(frame.identifier, value.item): value.number for value in frame.values()}
