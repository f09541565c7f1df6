"""The form of a device profile and its checks.

    [profile]  name, title, protocol ("modbus" | "dlt645"), side ("primary" | "secondary" | "unknown"), reference
    [serial]   baud, data_bits, parity ("N" | "E" | "O"), stop_bits: what the maker sets; a line may be set otherwise
    [modbus]   table ("holding" | "input"), order, max_registers, max_gap, first_address (0, or 1 for manuals that
               count from one); and item = [ {code, quantity, unit, address, type, scale, …}, … ]
    [dlt645]   minute = [identifiers], daily = [identifiers]

`side` says on which side of the current and voltage transformers the values are: "secondary" values are multiplied by
the ratios of the installation, "unknown" must be settled with a clamp meter when the instrument is installed.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from drivers.errors import DriverError
from drivers.profiles.register import ORDERS, TYPES, RegisterItem

Protocol = Literal["modbus", "dlt645"]
Side = Literal["primary", "secondary", "unknown"]
TABLES = {"holding": 3, "input": 4}
"""Table name → the function that reads it."""
MAX_READ = 125
BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class ProfileError(DriverError, ValueError):
    """A profile cannot be used as it is; the message names file, key and what was expected."""


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How a port is set."""

    baud: int = 9600
    data_bits: int = 8
    parity: str = "N"
    stop_bits: int = 1

    @property
    def character_s(self) -> float:
        """Time of one character: start, data, parity and stop bits. [s]"""
        return (1 + self.data_bits + (self.parity != "N") + self.stop_bits) / self.baud

    def __str__(self) -> str:
        return f"{self.baud} {self.data_bits}{self.parity}{self.stop_bits}"


@dataclass(frozen=True, slots=True)
class Profile:
    """One make of instrument."""

    name: str
    title: str
    protocol: Protocol
    side: Side
    reference: str
    serial: SerialSettings
    items: tuple[RegisterItem, ...] = ()  # Modbus
    max_registers: int = MAX_READ
    max_gap: int = 0
    minute: tuple[str, ...] = ()  # DL/T 645 identifiers read in every poll
    daily: tuple[str, ...] = ()


@dataclass(slots=True)
class _Table:
    """One table of the file, taken apart key by key, so that what is left over is a mistyped key."""

    file: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)

    def fail(self, key: str, problem: str, expected: str) -> ProfileError:
        return ProfileError(f"{self.file}: {self.name}.{key}: {problem}; expected {expected}")

    def text(self, key: str, default: str | None = None, *, of: tuple[str, ...] = ()) -> str:
        value = self.values.pop(key, default)
        expected = f"one of {', '.join(of)}" if of else "text"
        if not isinstance(value, str) or (of and value not in of):
            raise self.fail(key, "missing" if value is None else f"got {value!r}", expected)
        return value

    def whole(self, key: str, default: int | None = None, *, least: int = 0, most: int = 65535) -> int:
        value = self.values.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            problem = "missing" if value is None else f"got {value!r}"
            raise self.fail(key, problem, f"a whole number from {least} to {most}")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.values.pop(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.fail(key, f"got {value!r}", "a number")
        return value

    def whole_list(self, key: str) -> tuple[int, ...]:
        values = self.values.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            raise self.fail(key, f"got {values!r}", "a list of whole numbers")
        return tuple(values)

    def done(self) -> None:
        if self.values:
            raise self.fail(next(iter(self.values)), "no such key is known here", "a key of the documented form")


def parse(text: str, *, file: str = "profile") -> Profile:
    """A profile from the text of its TOML file.

    Raises
    ------
    ProfileError
        At the first mistake, naming the file, the key and what was expected.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{file}: {error}; expected TOML") from error
    head = _table(data, "profile", file)
    protocol = head.text("protocol", of=get_args(Protocol))
    common: dict[str, Any] = {
        "name": head.text("name"),
        "title": head.text("title"),
        "protocol": protocol,
        "side": head.text("side", "primary", of=get_args(Side)),
        "reference": head.text("reference", ""),
        "serial": _serial(_table(data, "serial", file)),
    }
    head.done()
    special = _modbus(_table(data, "modbus", file)) if protocol == "modbus" else _dlt645(_table(data, "dlt645", file))
    if data:
        raise ProfileError(f"{file}: {next(iter(data))}: no such table is known; expected profile, serial, {protocol}")
    return Profile(**common, **special)


def _table(data: dict[str, Any], name: str, file: str) -> _Table:
    values = data.pop(name, {})
    if not isinstance(values, dict):
        raise ProfileError(f"{file}: {name}: got {values!r}; expected a table")
    return _Table(file, name, values)


def _serial(table: _Table) -> SerialSettings:
    settings = SerialSettings(
        baud=table.whole("baud", 9600, least=300, most=1_000_000),
        data_bits=table.whole("data_bits", 8, least=7, most=8),
        parity=table.text("parity", "N", of=("N", "E", "O")),
        stop_bits=table.whole("stop_bits", 1, least=1, most=2),
    )
    if settings.baud not in BAUD_RATES:
        raise table.fail("baud", f"got {settings.baud}", f"one of {', '.join(map(str, BAUD_RATES))}")
    table.done()
    return settings


def _dlt645(table: _Table) -> Mapping[str, Any]:
    found = {"minute": _identifiers(table, "minute"), "daily": _identifiers(table, "daily")}
    if not found["minute"]:
        raise table.fail("minute", "missing", "at least one identifier")
    table.done()
    return found


def _identifiers(table: _Table, key: str) -> tuple[str, ...]:
    values = table.values.pop(key, [])
    for value in values if isinstance(values, list) else [values]:
        is_hex = isinstance(value, str) and len(value) in (4, 8) and set(value) <= set("0123456789ABCDEF")
        if not is_hex:
            raise table.fail(key, f"got {value!r}", "identifiers of four or eight upper-case hexadecimal digits")
    return tuple(values)


def _modbus(table: _Table) -> Mapping[str, Any]:
    defaults = {
        "table": table.text("table", "holding", of=tuple(TABLES)),
        "order": table.text("order", "ABCD", of=tuple(ORDERS)),
        "first": table.whole("first_address", 0, most=1),
    }
    found = {
        "max_registers": table.whole("max_registers", MAX_READ, least=1, most=MAX_READ),
        "max_gap": table.whole("max_gap", 0, most=MAX_READ),
    }
    rows = table.values.pop("item", [])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise table.fail("item", "missing" if not rows else f"got {rows!r}", "a list of tables")
    items = tuple(_item(_Table(table.file, f"modbus.item[{n}]", dict(row)), defaults) for n, row in enumerate(rows))
    table.done()
    codes = [item.code for item in items]
    for code in codes:
        if codes.count(code) > 1:
            raise table.fail("item", f"code {code!r} is used twice", "one code an item")
    return {"items": items, **found}


def _item(table: _Table, defaults: Mapping[str, Any]) -> RegisterItem:
    kind = table.text("type", of=tuple(TYPES))
    order = table.text("order", str(defaults["order"]), of=tuple(ORDERS))
    item = RegisterItem(
        code=table.text("code"),
        quantity=table.text("quantity"),
        unit=table.text("unit"),
        function=TABLES[table.text("table", str(defaults["table"]), of=tuple(TABLES))],
        address=table.whole("address", least=int(defaults["first"])) - int(defaults["first"]),
        type=kind,
        order=order,
        scale=table.number("scale", 1),
        offset=table.number("offset", 0),
        statistic=table.text("statistic", "rtd", of=("rtd", "avg", "min", "max", "cou", "total")),
        interval_s=table.whole("interval_s", 0, most=86_400),
        not_available=table.whole_list("not_available"),
        quality_offset=table.whole("quality_offset", 0, most=MAX_READ),
        quality_bad=table.whole_list("quality_bad"),
    )
    table.done()
    if item.quality_bad and not item.quality_offset:
        raise table.fail("quality_offset", "missing", "the distance of the quality register from the value, from 1")
    if item.scale == 0:
        raise table.fail("scale", "got 0", "a number other than 0")
    return item
