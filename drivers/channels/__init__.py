"""The vocabulary: one name and one unit for every quantity, whatever protocol it came by.

    factor("a21026") → Factor(code "a21026", quantity "so2", unit "mg/m3", total_unit "kg", …)
    quantity("so2")  → Quantity("so2", "mg/m3", "air", "二氧化硫", "sulfur dioxide")

Factor codes are looked up case-folded and never fail: a code that is in no table comes back under its own name, lower
case, with no unit and `is_known` false, so that it can be stored and counted.

Which unit: that of HJ 212-2017, Appendix B, except for `UNITS_IN_USE`. The table prints ng/m³ for ambient factors;
dust monitors plainly send µg/m³ (three-digit values for PM10 on ordinary days) and methane comes in mg/m³, so for
these the unit of the traffic is used. The ambient metals keep ng/m³, in which they are really reported. A station that
does otherwise needs its unit in the configuration.

2005 codes of two digits are gas, of three digits water. Under an air system code three digits are an analyser maker's
own numbering (gas chromatographs send 112, 121, 023 …), so `factor(code, medium="air")` does not read them as water.
"""

from functools import lru_cache
from typing import NamedTuple

from drivers.channels import device_information, factors_air, factors_other, factors_water, quantities

STATISTICS = ("rtd", "avg", "min", "max", "cou", "total", "zs_rtd", "zs_avg", "zs_min", "zs_max")
"""How a value is condensed: `cou` is the amount in the interval, `total` a running counter, `zs_` oxygen-converted."""

UNITS_IN_USE = {
    "a34001": ("ug/m3", "mg"),
    "a34002": ("ug/m3", "mg"),
    "a34004": ("ug/m3", "mg"),
    "a34005": ("ug/m3", "mg"),
    "a05002": ("mg/m3", "kg"),
    "a21001": ("mg/m3", "kg"),
}
"""Unit and total unit where the field means another one than the table prints."""


LONGEST_CODE = 32
"""Characters of a code that can be in a table; longer ones are not looked up, nor remembered."""


class Quantity(NamedTuple):
    """What is measured. `unit` is the customary one; a channel may carry another."""

    id: str
    unit: str
    medium: str
    zh: str
    en: str


class Factor(NamedTuple):
    """A factor code. `total_unit` is that of `-Cou`; `number_type` as printed, "N5.2": five digits, two decimals."""

    code: str
    quantity: str
    unit: str
    total_unit: str
    zh: str
    en: str
    number_type: str = ""
    is_known: bool = True


def quantity(name: str) -> Quantity:
    """The quantity of this name; one that is not in the vocabulary is accepted with no unit and its name as text."""
    return QUANTITIES.get(name) or Quantity(name, "", "", name, name)


def factor(code: str, medium: str = "") -> Factor:
    """The factor of this code; `medium` "air" keeps three-digit codes from being read as water's."""
    return _factor(code, medium) if len(code) <= LONGEST_CODE else _own_name(code)


@lru_cache(maxsize=4096)
def _factor(code: str, medium: str) -> Factor:
    key = code.casefold()
    if len(key) == 3 and key.isdigit() and medium == "air":
        return _own_name(code)
    known = FACTORS.get(key)
    if known is not None:
        return known
    process = factors_other.PROCESS.get(key[:4])
    if process is not None and len(key) == 6 and key[1:].isdigit():
        name, unit, zh, en = process
        return Factor(code, name, unit, "m3" if name == "flow" else "", f"{zh} {key[4:]}", f"{en} {key[4:]}")
    return _own_name(code)


def _own_name(code: str) -> Factor:
    return Factor(code, code.lower(), "", "", code, code, is_known=False)


def _rows(text: str) -> list[list[str]]:
    return [line.split("|") for line in text.strip().splitlines()]


def _factors() -> dict[str, Factor]:
    found: dict[str, Factor] = {}
    for table in (factors_water.FACTORS, factors_air.FACTORS, factors_other.NOISE, factors_other.EXTENSIONS):
        for code, code_2005, name, printed_unit, printed_total, number_type, zh, en in _rows(table):
            unit, total = UNITS_IN_USE.get(code, (printed_unit, printed_total))
            for key in filter(None, (code, code_2005)):
                found[key.casefold()] = Factor(key, name, unit, total, zh, en, number_type)
    for alias, (name, unit) in factors_other.PLAIN_NAMES.items():
        zh, en = _text_of(name, found)
        found.setdefault(alias.casefold(), Factor(alias, name, unit, "", zh, en))
    for code, (name, unit) in device_information.AUXILIARIES.items():
        found[code] = Factor(code, name, unit, "", name, name.replace("_", " "))
    return found


def _text_of(name: str, found: dict[str, Factor]) -> tuple[str, str]:
    if name in _LISTED:
        return _LISTED[name].zh, _LISTED[name].en
    return next((f.zh, f.en) for f in found.values() if f.quantity == name)


def _quantities() -> dict[str, Quantity]:
    named = {"w": "water", "a": "air", "l": "ambient", "b": "water", "i": "process"}
    found = dict(_LISTED)
    for key, row in FACTORS.items():
        found.setdefault(row.quantity, Quantity(row.quantity, row.unit, named.get(key[0], ""), row.zh, row.en))
    return found


_LISTED = {row[0]: Quantity(*row) for row in _rows(quantities.QUANTITIES)}
FACTORS = _factors()
"""All known factors by case-folded code."""
QUANTITIES = _quantities()
"""All quantities by name."""
