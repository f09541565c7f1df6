"""Data bytes of DL/T 645 → values: binary-coded decimals, text, bits, dates; never a number that was not sent.

Decimals stay `Decimal` (an energy register compared to its last digit is evidence) until a reading is made of them.
"""

from dataclasses import dataclass
from decimal import Decimal

from drivers.electricity.dlt645_identifiers import Item, Layout

NOT_AVAILABLE = "not available"
NON_BCD = "non-BCD digit"
LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Value:
    """One decoded item; `number` is None for what is no number or was refused, `flag` says why it was refused."""

    item: Item
    number: Decimal | None = None
    text: str | None = None
    flag: str = ""

    def json(self) -> float | str | None:
        return self.text if self.number is None else float(self.number)


def read_values(layout: Layout, data: bytes) -> list[Value]:
    """The items of one identifier's data field (unmasked, lowest byte first); `data` excludes the identifier."""
    values, at = [], 0
    for item in layout.items(len(data)):
        values.append(_read(item, data[at : at + item.size]))
        at += item.size
    return values


def surplus_bytes(layout: Layout, data: bytes) -> int:
    """Bytes of `data` that no item of the layout takes up; negative if some are missing. [B]"""
    return len(data) - sum(item.size for item in layout.items(len(data)))


def _read(item: Item, data: bytes) -> Value:
    if len(data) != item.size:
        return Value(item, flag=LENGTH)
    if data.count(0xFF) == len(data):
        return Value(item, flag=NOT_AVAILABLE)
    return _READERS[item.kind](item, data)


def _bcd(item: Item, data: bytes) -> Value:
    digits = bytearray(reversed(data))
    is_negative = item.is_signed and bool(digits[0] & 0x80)
    if item.is_signed:
        digits[0] &= 0x7F
    text = digits.hex()
    if not text.isdigit():
        return Value(item, flag=NON_BCD)
    number = Decimal(text).scaleb(-item.decimals)
    return Value(item, -number if is_negative and number else number)


def _demand(item: Item, data: bytes) -> Value:
    """Maximum demand: three bytes XX.XXXX, then the minute it happened, mm hh DD MM YY."""
    value = _bcd(item, data[:3])
    stamp = bytes(reversed(data[3:])).hex()
    when = f"20{stamp[0:2]}-{stamp[2:4]}-{stamp[4:6]} {stamp[6:8]}:{stamp[8:10]}"
    return Value(item, value.number, when if stamp.isdigit() else None, value.flag)


def _digits(item: Item, data: bytes) -> Value:
    return Value(item, text=bytes(reversed(data)).hex().upper())


def _bits(item: Item, data: bytes) -> Value:
    return Value(item, text=f"{int.from_bytes(data, 'little'):0{8 * len(data)}b}")


def _ascii(item: Item, data: bytes) -> Value:
    """Text lies byte-reversed, padded with NUL (some meters: FF or spaces)."""
    text = bytes(reversed(data)).strip(b"\x00\xff ")
    return Value(item, text=text.decode("ascii", "backslashreplace"))


def _date(item: Item, data: bytes) -> Value:
    """WW DD MM YY on the wire; the weekday repeats what the date says."""
    text = bytes(reversed(data)).hex()
    if not text.isdigit():
        return Value(item, flag=NON_BCD)
    return Value(item, text=f"20{text[0:2]}-{text[2:4]}-{text[4:6]}")


def _time(item: Item, data: bytes) -> Value:
    text = bytes(reversed(data)).hex()
    if not text.isdigit():
        return Value(item, flag=NON_BCD)
    return Value(item, text=f"{text[0:2]}:{text[2:4]}:{text[4:6]}")


_READERS = {
    "bcd": _bcd,
    "demand": _demand,
    "digits": _digits,
    "bits": _bits,
    "ascii": _ascii,
    "date": _date,
    "time": _time,
}
