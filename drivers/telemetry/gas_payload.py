"""Gas analysers carried by drones: readings out of free text and of `Name(unit)` keys.

A DJI payload hands the cloud one text of less than 256 characters, in a form that every maker chooses; Sniffer4D
prints its channels as `CO(ppm)` in JSON. Both are read by one table: a gas that is named here, with a number and a
unit beside it, is a reading. Everything else stays what it is, text in a notice.

ppm is not converted: mg/m³ needs temperature and pressure of the sample. `Ox` and `O3+NO2` are oxidising-gas cells that
answer to both gases: never ozone. A heading is no proof of the unit (a public back end prints ppm values under µg/m³).
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from drivers.events import Channel, Shape
from drivers.telemetry.positions import as_number
from drivers.telemetry.units import same_unit

QUANTITIES = {
    "co": "co", "no2": "no2", "no": "no", "so2": "so2", "o3": "o3", "ox": "oxidising_gas", "o3+no2": "oxidising_gas",
    "vocs": "voc", "voc": "voc", "tvoc": "voc", "cxhy": "combustible_gas", "ch4": "methane", "nh3": "nh3",
    "h2s": "h2s", "hcl": "hcl", "co2": "co2", "o2": "o2", "pm1.0": "pm1", "pm1": "pm1", "pm2.5": "pm25", "pm10": "pm10",
    "tsp": "tsp", "h2": "h2", "cl2": "cl2", "hcn": "hcn", "nox": "nox",
}  # fmt: skip

UNITS = frozenset({"ppm", "ppb", "%", "ug/m3", "mg/m3", "ng/m3", "%LEL", "%VOL"})

_KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9.+]*)\s*[(\[]\s*([^)\]]+?)\s*[)\]]\s*")
_PAIR = re.compile(
    r"(?<![A-Za-z0-9.+])(?P<name>[A-Za-z][A-Za-z0-9.+]{0,7})\s*(?:[(\[](?P<key_unit>[^)\]]{1,8})[)\]])?\s*[:=：]\s*"
    r"(?P<value>-?\d{1,9}(?:\.\d{1,9})?)\s*(?P<unit>%LEL|%VOL|%|pp[mb]|[uµμmn]g/m[³3^]3?)?"
)


class Gas(NamedTuple):
    name: str
    value: float
    unit: str

    @property
    def channel(self) -> Channel:
        return Channel(
            f"{self.name}({self.unit})", QUANTITIES.get(self.name.casefold(), self.name.lower()), "rtd", self.unit, 0
        )


def gases_in(text: str) -> list[Gas]:
    """The readings in a payload's text: JSON with `Name(unit)` keys, or `Name: value unit` pairs in any order."""
    if text.lstrip().startswith("{"):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            inner = value.get("airData")
            return from_keys(inner if isinstance(inner, dict) else value)
    found: list[Gas] = []
    for pair in _PAIR.finditer(text):
        unit = same_unit(pair["unit"] or pair["key_unit"] or "")
        if pair["name"].casefold() in QUANTITIES and unit in UNITS:
            found.append(Gas(pair["name"], float(pair["value"]), unit))
    return found


def from_keys(values: dict[str, Any]) -> list[Gas]:
    """The readings among `{"SO2(ppm)": 0.004, …}`."""
    found: list[Gas] = []
    for key, value in values.items():
        number, parts = as_number(value), _KEY.fullmatch(key)
        if number is not None and parts is not None:
            found.append(Gas(parts[1], number, same_unit(parts[2])))
    return found


def shape_of(gases: list[Gas]) -> Shape:
    return shape_for(tuple(gas.channel for gas in gases))


@lru_cache(maxsize=1024)
def shape_for(channels: tuple[Channel, ...]) -> Shape:
    """One shape for the same channels, every time: receivers compare shapes by identity."""
    return Shape(channels)
