"""Units as devices spell them, and the factors between those that measure the same.

`same_unit("μg/m³")` is "ug/m3". `ratio("ug/m3", "mg/m3")` is 1/1000; None where no fixed factor exists: ppm and mg/m³
are related by temperature and pressure, which are not ours to assume.
"""

from fractions import Fraction
from functools import lru_cache

_SPELLINGS = {
    "℃": "Cel", "°c": "Cel", "degc": "Cel", "c": "Cel", "cel": "Cel", "celsius": "Cel",
    "°f": "degF", "k": "K", "kelvin": "K",
    "%rh": "%", "rh": "%", "percent": "%",
    "°": "deg", "degree": "deg", "度": "kWh", "kw·h": "kWh", "kw.h": "kWh",
    "m³/s": "m3/s", "m^3/s": "m3/s", "hpa": "hPa", "pa": "Pa", "kpa": "kPa", "mpa": "MPa",
    "ntu": "NTU", "fnu": "FNU", "none": "1", "无量纲": "1", "ph": "1", "-": "1",
    "us/cm": "uS/cm", "ms/cm": "mS/cm", "hz": "Hz", "db(a)": "dB", "lux": "lx", "w/m²": "W/m2",
}  # fmt: skip

_SCALES: dict[str, tuple[str, Fraction]] = {
    unit: (dimension, Fraction(scale))
    for dimension, units in {
        "mass in gas": {"g/m3": "1", "mg/m3": "1/1000", "ug/m3": "1/1000000", "ng/m3": "1/1000000000"},
        "mass in water": {"g/L": "1", "mg/L": "1/1000", "ug/L": "1/1000000"},
        "fraction": {"ppm": "1", "ppb": "1/1000", "ppt": "1/1000000"},
        "voltage": {"kV": "1000", "V": "1", "mV": "1/1000"},
        "current": {"kA": "1000", "A": "1", "mA": "1/1000"},
        "power": {"MW": "1000000", "kW": "1000", "W": "1"},
        "reactive power": {"Mvar": "1000000", "kvar": "1000", "var": "1"},
        "apparent power": {"MVA": "1000000", "kVA": "1000", "VA": "1"},
        "energy": {"MWh": "1000000", "kWh": "1000", "Wh": "1"},
        "pressure": {"MPa": "1000000", "bar": "100000", "kPa": "1000", "hPa": "100", "mbar": "100", "Pa": "1"},
        "length": {"km": "1000", "m": "1", "cm": "1/100", "mm": "1/1000"},
        "speed": {"m/s": "1", "km/h": "10/36", "cm/s": "1/100"},
        "flow": {"m3/s": "1", "m3/h": "1/3600", "m3/min": "1/60", "L/s": "1/1000", "L/h": "1/3600000"},
        "conductivity": {"S/m": "10000", "mS/cm": "1000", "uS/cm": "1"},
        "volume": {"m3": "1", "L": "1/1000"},
        "mass": {"t": "1000", "kg": "1", "g": "1/1000", "mg": "1/1000000"},
        "time": {"h": "3600", "min": "60", "s": "1"},
    }.items()
    for unit, scale in units.items()
}  # fmt: skip

_BY_LOWER_CASE = {unit.casefold(): unit for unit in _SCALES if unit not in ("MW", "mW")}


@lru_cache(maxsize=1024)
def same_unit(text: str) -> str:
    """The vocabulary's spelling of a unit; what is not known comes back as it was, without spaces."""
    plain = text.strip().replace("µ", "u").replace("μ", "u").replace("³", "3").replace("^3", "3").replace("^2", "2")
    if plain in _SCALES:
        return plain
    folded = plain.casefold()
    return _SPELLINGS.get(folded) or _BY_LOWER_CASE.get(folded) or plain.replace(" ", "")


@lru_cache(maxsize=1024)
def ratio(unit: str, wanted: str) -> Fraction | None:
    """What a value in `unit` is multiplied by to be in `wanted`; None if no fixed factor exists."""
    if unit == wanted:
        return Fraction(1)
    have, want = _SCALES.get(unit), _SCALES.get(wanted)
    if have is None or want is None or have[0] != want[0]:
        return None
    return have[1] / want[1]


def scaled(value: float, factor: Fraction) -> float:
    """`value * factor`, rounded once: 31 µg/m³ is 0.031 mg/m³ and not 0.031000000000000003."""
    return value * factor.numerator / factor.denominator
