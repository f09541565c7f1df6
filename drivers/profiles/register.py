"""Registers → values: types, byte and word order, scale, codes for "not available", quality registers.

A value that the instrument says it does not have (NaN, fill code, bad quality) is NaN, never a number.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

TYPES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "u64": "Q", "i64": "q", "f64": "d"}
ORDERS = {"ABCD": (False, False), "CDAB": (True, False), "BADC": (False, True), "DCBA": (True, True)}
"""Name, by what goes over the wire for a value ABCD → (words reversed, bytes within a word reversed)."""
GREATEST_SINGLE = 3.4028234663852886e38
FAULT_FLAG = "D"
"""HJ 212-2017, data flags: the instrument is out of order."""


@dataclass(frozen=True, slots=True)
class RegisterItem:
    """One value of an instrument: where it lies, how it is coded, what it means."""

    code: str  # the maker's name of it
    quantity: str
    unit: str
    function: int  # 3 or 4
    address: int  # on the wire, from 0
    type: str
    order: str = "ABCD"
    scale: float = 1
    offset: float = 0
    statistic: str = "rtd"
    interval_s: int = 0
    not_available: tuple[int, ...] = ()  # raw codes, unsigned
    quality_offset: int = 0  # registers from the value to its quality register, 0 for none
    quality_bad: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Registers of the value itself."""
        return struct.calcsize(">" + TYPES[self.type]) // 2

    @property
    def span(self) -> int:
        """Registers from the first that is needed to the last, the quality register included."""
        return max(self.width, self.quality_offset + 1 if self.quality_offset else 0)


def read_item(item: RegisterItem, registers: Sequence[int]) -> tuple[float, str]:
    """Value and HJ 212 flag of an item from its `span` registers; NaN for "not available".

    Raises
    ------
    ValueError
        If there are fewer registers than the item spans.
    """
    if len(registers) < item.span:
        raise ValueError(f"{item.code} needs {item.span} registers, got {len(registers)}")
    if item.quality_offset and registers[item.quality_offset] in item.quality_bad:
        return math.nan, FAULT_FLAG
    data = in_order(registers[: item.width], item.order)
    if int.from_bytes(data, "big") in item.not_available:
        return math.nan, "N"
    (raw,) = struct.unpack(">" + TYPES[item.type], data)
    if isinstance(raw, float):
        if not math.isfinite(raw):
            return math.nan, "N"
        raw = shortest_decimal(raw, data)
    return float(Decimal(str(raw)) * Decimal(str(item.scale)) + Decimal(str(item.offset))), "N"


def in_order(registers: Sequence[int], order: str) -> bytes:
    """The bytes of a value, most significant first, from registers as they came."""
    is_word_reversed, is_byte_reversed = ORDERS[order]
    words = reversed(registers) if is_word_reversed else registers
    return b"".join(word.to_bytes(2, "little" if is_byte_reversed else "big") for word in words)


def shortest_decimal(value: float, data: bytes) -> float:
    """The shortest decimal that is this single-precision number: 229.9, not 229.89999389648438."""
    if len(data) != 4:
        return value
    for digits in range(1, 9):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= GREATEST_SINGLE and struct.pack(">f", short) == data:
            return short
    return value
