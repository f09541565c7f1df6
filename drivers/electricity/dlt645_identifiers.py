"""What the data identifiers of DL/T 645 stand for: name, unit, width, decimals, sign, quantity.

2007 identifiers have four bytes (DI3 DI2 DI1 DI0), 1997 identifiers two (DI1 DI0); both are written here most
significant byte first, in upper-case hexadecimal, as the standards' appendix A prints them. The families (energy by
kind and tariff, block of all phases) are rules, not lines, so `item()` and `block()` compute them.

Sources: DL/T 645-2007 appendix A; DL/T 645-1997 appendix A. A meter may lack any of them and answers "no such data".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["bcd", "ascii", "bits", "digits", "date", "time", "demand"]


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a meter: how it lies in the data field and what it means."""

    name: str
    unit: str  # as the meter shows it: "kWh", "V", "" for a pure number
    size: int  # [B]
    decimals: int = 0
    is_signed: bool = False  # the top bit of the most significant byte is the sign
    quantity: str = ""  # id in `drivers.channels`, "" if it is no measured quantity
    part: str = ""  # its place in a block: "total", "phase A", "tariff 1"
    kind: Kind = "bcd"
    parameter: str = ""  # name of the ledger row, for settings and counters


PHASES = ("A", "B", "C")

ENERGY_2007 = {
    0x00: ("combined active energy", "kWh", True, "energy"),
    0x01: ("forward active energy", "kWh", False, "energy_forward"),
    0x02: ("reverse active energy", "kWh", False, "energy_reverse"),
    0x03: ("combined reactive 1 energy", "kvarh", True, "reactive_energy_forward"),
    0x04: ("combined reactive 2 energy", "kvarh", True, "reactive_energy_reverse"),
    0x05: ("quadrant I reactive energy", "kvarh", False, "reactive_energy_q1"),
    0x06: ("quadrant II reactive energy", "kvarh", False, "reactive_energy_q2"),
    0x07: ("quadrant III reactive energy", "kvarh", False, "reactive_energy_q3"),
    0x08: ("quadrant IV reactive energy", "kvarh", False, "reactive_energy_q4"),
    0x09: ("forward apparent energy", "kVAh", False, "apparent_energy"),
    0x0A: ("reverse apparent energy", "kVAh", False, "apparent_energy_reverse"),
}
"""DI2 of an energy of the whole meter → name, unit, signed, quantity (table A.1)."""

PHASE_ENERGY_START = {0x15: "A", 0x29: "B", 0x3D: "C"}
"""DI2 at which the same series, from forward active on, begins for each phase."""

PHASE_QUANTITY = {"energy_forward": "energy"}
"""Quantity of a phase's energy, where the vocabulary does not just add the phase to the meter's."""

MOMENTARY_2007: dict[int, tuple[str, str, int, int, bool, str, bool]] = {
    0x01: ("voltage", "V", 2, 1, False, "voltage", False),
    0x02: ("current", "A", 3, 3, True, "current", False),
    0x03: ("active power", "kW", 3, 4, True, "power", True),
    0x04: ("reactive power", "kvar", 3, 4, True, "reactive_power", True),
    0x05: ("apparent power", "kVA", 3, 4, True, "apparent_power", True),
    0x06: ("power factor", "", 2, 3, True, "power_factor", True),
    0x07: ("phase angle", "deg", 2, 1, False, "phase_angle", False),
    0x08: ("voltage distortion", "%", 2, 2, False, "voltage_thd", False),
    0x09: ("current distortion", "%", 2, 2, False, "current_thd", False),
}
"""DI2 of a momentary value → name, unit, bytes, decimals, signed, quantity, has a total (table A.3)."""

MOMENTARY_1997: dict[int, tuple[str, str, int, int, bool, str, bool]] = {
    0xB61: ("voltage", "V", 2, 0, False, "voltage", False),
    0xB62: ("current", "A", 2, 2, False, "current", False),
    0xB63: ("active power", "kW", 3, 4, False, "power", True),
    0xB64: ("reactive power", "kvar", 2, 2, False, "reactive_power", True),
    0xB65: ("power factor", "", 2, 3, False, "power_factor", True),
}
"""The upper three digits of a 1997 momentary identifier; the last is 0 total, 1-3 phase, F block."""

ENERGY_1997 = {
    (0x90, 1): ("forward active energy", "kWh", "energy_forward"),
    (0x90, 2): ("reverse active energy", "kWh", "energy_reverse"),
    (0x91, 1): ("forward reactive energy", "kvarh", "reactive_energy_forward"),
    (0x91, 2): ("reverse reactive energy", "kvarh", "reactive_energy_reverse"),
    (0x91, 3): ("quadrant I reactive energy", "kvarh", "reactive_energy_q1"),
    (0x91, 4): ("quadrant IV reactive energy", "kvarh", "reactive_energy_q4"),
    (0x91, 5): ("quadrant II reactive energy", "kvarh", "reactive_energy_q2"),
    (0x91, 6): ("quadrant III reactive energy", "kvarh", "reactive_energy_q3"),
}
"""(DI1 without its month bits, upper digit of DI0) → name, unit, quantity; the lower digit is the tariff, F all."""

MONTHS_1997 = {0x0: "", 0x4: " of last month", 0x8: " of the month before last"}

SINGLE_2007 = {
    "02800001": Item("neutral current", "A", 3, 3, True, "current_n"),
    "02800002": Item("grid frequency", "Hz", 2, 2, quantity="frequency"),
    "02800003": Item("one-minute mean active power", "kW", 3, 4, True, "power"),
    "02800004": Item("active power demand", "kW", 3, 4, True, "power_demand"),
    "02800005": Item("reactive power demand", "kvar", 3, 4, True, "reactive_power_demand"),
    "02800006": Item("apparent power demand", "kVA", 3, 4, True),
    "02800007": Item("meter temperature", "Cel", 2, 1, True, "temperature"),
    "02800008": Item("clock battery voltage", "V", 2, 2, quantity="battery_voltage"),
    "02800009": Item("meter-reading battery voltage", "V", 2, 2),
    "0280000A": Item("battery working time", "min", 4),
    "03110000": Item("power losses", "", 3, parameter="power_losses"),
    "03300000": Item("programmings", "", 3, parameter="programmings"),
    "03300100": Item("meter clearings", "", 3, parameter="meter_clearings"),
    "03300200": Item("demand clearings", "", 3, parameter="demand_clearings"),
    "03300300": Item("event clearings", "", 3, parameter="event_clearings"),
    "03300400": Item("time settings", "", 3, parameter="time_settings"),
    "03300D00": Item("cover openings", "", 3, parameter="cover_openings"),
    "03300E00": Item("terminal-cover openings", "", 3, parameter="terminal_cover_openings"),
    "04000101": Item("date", "", 4, kind="date"),
    "04000102": Item("time", "", 3, kind="time"),
    "04000103": Item("demand period", "min", 1, parameter="demand_period_min"),
    "04000306": Item("CT ratio", "", 3, parameter="ct_ratio"),
    "04000307": Item("PT ratio", "", 3, parameter="pt_ratio"),
    "04000401": Item("communication address", "", 6, kind="digits", parameter="communication_address"),
    "04000402": Item("meter number", "", 6, kind="digits", parameter="serial_number"),
    "04000403": Item("asset number", "", 32, kind="ascii", parameter="asset_number"),
    "04000404": Item("rated voltage", "", 6, kind="ascii", parameter="rated_voltage"),
    "04000405": Item("rated current", "", 6, kind="ascii", parameter="rated_current"),
    "04000406": Item("maximum current", "", 6, kind="ascii", parameter="maximum_current"),
    "04000407": Item("active accuracy class", "", 4, kind="ascii", parameter="active_accuracy_class"),
    "04000408": Item("reactive accuracy class", "", 4, kind="ascii", parameter="reactive_accuracy_class"),
    "04000409": Item("active meter constant", "imp/kWh", 3, parameter="active_meter_constant"),
    "0400040A": Item("reactive meter constant", "imp/kvarh", 3, parameter="reactive_meter_constant"),
    "0400040B": Item("meter model", "", 10, kind="ascii", parameter="model"),
    "0400040C": Item("production date", "", 10, kind="ascii", parameter="production_date"),
    "0400040D": Item("protocol version", "", 16, kind="ascii", parameter="protocol_version"),
    **{f"0400050{n}": Item(f"status word {n}", "", 2, kind="bits", parameter=f"status_word_{n}") for n in range(1, 8)},
}

SINGLE_1997 = {
    "A010": Item("forward active maximum demand", "kW", 3, 4, quantity="power_demand_max"),
    "A020": Item("reverse active maximum demand", "kW", 3, 4),
    "B212": Item("programmings", "", 2, parameter="programmings"),
    "B213": Item("demand clearings", "", 2, parameter="demand_clearings"),
    "B214": Item("battery working time", "min", 3),
    "B310": Item("phase losses", "", 2, parameter="phase_losses"),
    "C010": Item("date", "", 4, kind="date"),
    "C011": Item("time", "", 3, kind="time"),
    "C020": Item("meter status", "", 1, kind="bits", parameter="meter_status"),
    "C021": Item("grid status", "", 1, kind="bits", parameter="grid_status"),
    "C030": Item("active meter constant", "imp/kWh", 3, parameter="active_meter_constant"),
    "C031": Item("reactive meter constant", "imp/kvarh", 3, parameter="reactive_meter_constant"),
    "C032": Item("meter number", "", 6, kind="digits", parameter="serial_number"),
    "C033": Item("user number", "", 6, kind="digits", parameter="user_number"),
    "C034": Item("equipment code", "", 6, kind="digits", parameter="equipment_code"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The items of one identifier in the order of the data field; a block's last item may repeat."""

    name: str
    unit: str
    is_block: bool
    items: Callable[[int], tuple[Item, ...]]  # number of data bytes → items that they hold


@cache
def layout(identifier: str) -> Layout | None:
    """What an identifier's data holds; None for an identifier that no table names."""
    if len(identifier) == 4:
        return _single(SINGLE_1997.get(identifier)) or _momentary_1997(identifier) or _energy_1997(identifier)
    families = {"00": _energy_2007, "01": _demand_2007, "02": _momentary_2007, "04": _status_words}
    family = families.get(identifier[:2])
    return _single(SINGLE_2007.get(identifier)) or (family(identifier) if family else None)


def _single(item: Item | None) -> Layout | None:
    return None if item is None else Layout(item.name, item.unit, False, lambda size: (item,))


def _energy_item(name: str, unit: str, quantity: str, tariff: int, *, is_signed: bool, suffix: str = "") -> Item:
    part = "total" if tariff == 0 else f"tariff {tariff}"
    measured = quantity if not suffix else ""
    measured = f"{measured}_tariff_{tariff}" if measured and tariff else measured
    return Item(f"{name} {part}{suffix}", unit, 4, 2, is_signed, measured, part)


def _tariff_layout(name: str, unit: str, quantity: str, tariff: int | None, is_signed: bool, suffix: str) -> Layout:
    """One tariff's energy, or (None) the block of the total and as many tariffs as the data has room for."""
    if tariff is None:
        return Layout(
            f"{name} block{suffix}",
            unit,
            True,
            lambda size: tuple(
                _energy_item(name, unit, quantity, n, is_signed=is_signed, suffix=suffix) for n in range(size // 4)
            ),
        )
    item = _energy_item(name, unit, quantity, tariff, is_signed=is_signed, suffix=suffix)
    return Layout(item.name, unit, False, lambda size: (item,))


def _energy_2007(identifier: str) -> Layout | None:
    kind, tariff, settlement = (int(identifier[at : at + 2], 16) for at in (2, 4, 6))
    if settlement > 0x0C or not (tariff <= 0x3F or tariff == 0xFF):
        return None
    suffix = f", settlement {settlement} before" if settlement else ""
    if kind in ENERGY_2007:
        name, unit, is_signed, quantity = ENERGY_2007[kind]
        return _tariff_layout(name, unit, quantity, None if tariff == 0xFF else tariff, is_signed, suffix)
    for start, phase in PHASE_ENERGY_START.items():
        if start <= kind <= start + 9 and tariff == 0:
            name, unit, is_signed, quantity = ENERGY_2007[kind - start + 1]
            named = "" if suffix else f"{PHASE_QUANTITY.get(quantity, quantity)}_{phase.lower()}"
            item = Item(f"phase {phase} {name}{suffix}", unit, 4, 2, is_signed, named, f"phase {phase}")
            return _single(item)
    return None


def _demand_2007(identifier: str) -> Layout | None:
    kind, tariff, settlement = (int(identifier[at : at + 2], 16) for at in (2, 4, 6))
    if kind not in ENERGY_2007 or tariff > 0x3F or settlement > 0x0C or kind == 0:
        return None
    energy, unit, is_signed, _ = ENERGY_2007[kind]
    part = "total" if tariff == 0 else f"tariff {tariff}"
    suffix = f", settlement {settlement} before" if settlement else ""
    name = f"{energy.removesuffix(' energy')} maximum demand {part}{suffix}"
    quantity = "power_demand_max" if identifier == "01010000" else ""
    return _single(Item(name, unit.removesuffix("h"), 8, 4, is_signed, quantity, part, "demand"))


def _phase_items(row: tuple[str, str, int, int, bool, str, bool]) -> tuple[Item, ...]:
    name, unit, size, decimals, is_signed, quantity, has_total = row
    phases = tuple(
        Item(f"phase {p} {name}", unit, size, decimals, is_signed, f"{quantity}_{p.lower()}", f"phase {p}")
        for p in PHASES
    )
    total = Item(f"total {name}", unit, size, decimals, is_signed, quantity, "total")
    return (total, *phases) if has_total else phases


def _momentary(row: tuple[str, str, int, int, bool, str, bool], index: int, block: int) -> Layout | None:
    """Item `index` (0 total, 1-3 phase) of a momentary family, or all of them for `index == block`."""
    items = _phase_items(row)
    if index == block:
        return Layout(f"{row[0]} block", row[1], True, lambda size: items[: size // row[2]])
    at = index if row[6] else index - 1
    return _single(items[at]) if 0 <= at < len(items) else None


def _momentary_2007(identifier: str) -> Layout | None:
    kind, index, last = (int(identifier[at : at + 2], 16) for at in (2, 4, 6))
    return _momentary(MOMENTARY_2007[kind], index, 0xFF) if kind in MOMENTARY_2007 and last == 0 else None


def _momentary_1997(identifier: str) -> Layout | None:
    family, index = int(identifier[:3], 16), int(identifier[3], 16)
    return _momentary(MOMENTARY_1997[family], index, 0xF) if family in MOMENTARY_1997 else None


def _energy_1997(identifier: str) -> Layout | None:
    high, kind, tariff = int(identifier[:2], 16), int(identifier[2], 16), int(identifier[3], 16)
    month = MONTHS_1997.get(high & 0x0C)
    row = ENERGY_1997.get((high & ~0x0C, kind))
    if month is None or row is None:
        return None
    return _tariff_layout(*row, None if tariff == 0xF else tariff, False, month)


def _status_words(identifier: str) -> Layout | None:
    if identifier != "040005FF":
        return None
    words = tuple(
        Item(f"status word {n}", "", 2, kind="bits", part=f"word {n}", parameter=f"status_word_{n}")
        for n in range(1, 8)
    )
    return Layout("status word block", "", True, lambda size: words[: size // 2])
