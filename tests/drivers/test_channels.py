"""The vocabulary."""

import re

import pytest

from drivers.channels import (
    FACTORS,
    QUANTITIES,
    STATISTICS,
    UNITS_IN_USE,
    device_information,
    factor,
    factors_air,
    factors_other,
    factors_water,
    quantity,
)

DATASET_QUANTITIES = (
    "so2 nox no no2 co particulate hcl nmhc o2 co2 humidity stack_temperature stack_pressure velocity flow "
    "flow_dry_standard cod nh3n tp tn ph conductivity dissolved_oxygen turbidity water_temperature power energy "
    "current voltage power_factor reactive_energy pm25 pm10 o3 voc air_temperature air_pressure air_humidity "
    "wind_speed wind_direction rain level"
)


@pytest.mark.parametrize("name", DATASET_QUANTITIES.split(" "))
def test_quantities_of_the_dataset_format_are_known(name: str) -> None:
    known = quantity(name)
    assert known.id == name
    assert known.unit
    assert known.zh
    assert known.en


@pytest.mark.parametrize(
    ("code", "name", "unit", "total"),
    [
        ("a21026", "so2", "mg/m3", "kg"),
        ("A21026", "so2", "mg/m3", "kg"),
        ("02", "so2", "mg/m3", "kg"),
        ("a19001", "o2", "%", ""),
        ("S01", "o2", "%", ""),
        ("w01018", "cod", "mg/L", "kg"),
        ("011", "cod", "mg/L", "kg"),
        ("w00000", "flow", "L/s", "m3"),
        ("B01", "flow", "L/s", "m3"),
        ("B02", "flow", "m3/s", "m3"),
        ("a34004", "pm25", "ug/m3", "mg"),
        ("PM25", "pm25", "ug/m3", ""),
        ("Leq", "sound_level_eq", "dB", ""),
        ("e30203", "current", "A", ""),
        ("i33201", "energy", "kWh", ""),
        ("LAMPBLACK", "lampblack", "mg/m3", ""),
    ],
)
def test_factor_codes_of_all_kinds(code: str, name: str, unit: str, total: str) -> None:
    found = factor(code)
    assert (found.quantity, found.unit, found.total_unit, found.is_known) == (name, unit, total, True)


def test_unknown_code_keeps_its_own_name() -> None:
    found = factor("Nh3-scr")
    assert (found.code, found.quantity, found.unit, found.is_known) == ("Nh3-scr", "nh3-scr", "", False)
    assert quantity("nh3-scr").unit == ""


def test_three_digits_are_water_except_under_an_air_system() -> None:
    assert factor("101").quantity == "tp"
    assert not factor("101", "air").is_known
    assert factor("01", "air").quantity == "particulate"


def test_every_row_of_the_factor_tables_is_well_formed() -> None:
    text = factors_air.FACTORS + factors_water.FACTORS + factors_other.NOISE + factors_other.EXTENSIONS
    rows = [line.split("|") for line in text.split("\n") if line]
    assert len(rows) == 196 + 12  # the appendix of HJ 212-2017, and our extensions
    for code, _, name, unit, _, _, zh, en in rows:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), code
        assert unit, code
        assert zh, code
        assert en, code
        assert factor(code).quantity == name


def test_codes_do_not_collide() -> None:
    text = factors_air.FACTORS + factors_water.FACTORS + factors_other.NOISE + factors_other.EXTENSIONS
    keys = [key.casefold() for line in text.split("\n") if line for key in line.split("|")[:2] if key]
    assert len(keys) == len(set(keys))


def test_units_in_use_differ_from_those_printed() -> None:
    printed = {line.split("|")[0]: line.split("|")[3] for line in factors_air.FACTORS.split("\n") if line}
    for code, (unit, _) in UNITS_IN_USE.items():
        assert printed[code] == "ng/m3"
        assert unit != "ng/m3"


def test_every_factor_has_a_quantity() -> None:
    for found in FACTORS.values():
        assert QUANTITIES[found.quantity].zh
    for name, statistic in factors_other.ELECTRICAL.values():
        assert QUANTITIES[name].unit
        assert statistic in STATISTICS


def test_device_information_codes_are_of_their_kind() -> None:
    assert all(code[2] == "3" for code in device_information.PARAMETERS)
    assert all(code[2] == "2" for code in device_information.STATES)
    assert all(code[2] == "1" for code in device_information.LOGS)
