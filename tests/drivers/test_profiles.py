"""Device profiles: the shipped ones are sound, mistakes are named, registers become values and never wrong numbers."""

import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import profiles
from drivers.channels import QUANTITIES
from drivers.profiles import ProfileError, parse, shipped, shipped_profile
from drivers.profiles.block_read import plan_reads, read_block, single_reads
from drivers.profiles.ratio import Ratio, ratio_at
from drivers.profiles.register import RegisterItem, read_item

GOOD = """
[profile]
name = "x"
title = "X"
protocol = "modbus"
[modbus]
item = [{code = "P", quantity = "power", unit = "kW", address = 10, type = "f32"}]
"""
OUTSIDE_THE_VOCABULARY = {"ph_potential", "specific_conductance"}


def item(kind: str = "u16", **settings: object) -> RegisterItem:
    return RegisterItem("x", "power", "kW", 3, 0, kind, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_profile_speaks_the_vocabulary_and_fits_the_protocol(name: str) -> None:
    profile = shipped_profile(name)
    for entry in profile.items:
        assert entry.quantity in OUTSIDE_THE_VOCABULARY or QUANTITIES[entry.quantity].unit == entry.unit, entry
    reads = plan_reads(profile.items, max_registers=profile.max_registers, max_gap=profile.max_gap)
    assert sorted(i.code for read in reads for i in read.items) == sorted(i.code for i in profile.items)
    assert all(read.count <= profile.max_registers for read in reads)
    assert bool(profile.items) == (profile.protocol == "modbus")
    assert profile.reference


def test_every_file_of_the_folder_is_a_profile_named_like_it() -> None:
    files = {path.stem for path in Path(profiles.__file__).parent.glob("*.toml")}
    assert files == {name.replace("-", "_") for name in shipped()}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'protocol = "modbus"',
            'protocol = "canbus"',
            r"profile\.protocol: got 'canbus'; expected one of modbus, dlt645",
        ),
        ('name = "x"', "", r"profile\.name: missing; expected text"),
        ('type = "f32"', 'type = "f16"', r"modbus\.item\[0\]\.type: got 'f16'"),
        ("address = 10", "address = 70000", r"modbus\.item\[0\]\.address: got 70000; expected a whole number"),
        ("address = 10", "adress = 10", r"modbus\.item\[0\]\.address: missing"),
        ('type = "f32"', 'type = "f32", sacle = 2', r"modbus\.item\[0\]\.sacle: no such key"),
        ('type = "f32"', 'type = "f32", order = "ACBD"', r"order: got 'ACBD'; expected one of ABCD"),
        ('type = "f32"', 'type = "f32", scale = 0', r"scale: got 0"),
        ('type = "f32"', 'type = "f32", quality_bad = [3]', r"quality_offset: missing"),
        ("[modbus]", "[serial]\nbaud = 1234\n[modbus]", r"serial\.baud: got 1234"),
        ("[modbus]", "[wiring]\n[modbus]", r"wiring: no such table"),
        ("[modbus]", "[modbus", r"expected TOML"),
    ],
)
def test_mistakes_are_named_with_file_key_and_what_was_expected(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ProfileError, match=message) as caught:
        parse(GOOD.replace(old, new), file="mine.toml")
    assert "mine.toml" in str(caught.value)


def test_unknown_profile_lists_those_that_there_are() -> None:
    with pytest.raises(ProfileError, match="acrel-adw300"):
        shipped_profile("nobody")


@pytest.mark.parametrize(
    ("order", "wire"), [("ABCD", "43663334"), ("CDAB", "33344366"), ("BADC", "66433433"), ("DCBA", "34336643")]
)
def test_orders_of_a_32_bit_value(order: str, wire: str) -> None:
    registers = struct.unpack(">2H", bytes.fromhex(wire))
    assert read_item(item("f32", order=order), registers) == (230.20001, "N")  # the nearest to 230.2 is ...33


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]))
def test_single_precision_comes_back_exactly_in_any_order(value: float, order: str) -> None:
    words = list(struct.unpack(">2H", struct.pack(">f", value)))
    if order in ("BADC", "DCBA"):
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    read, _ = read_item(item("f32", order=order), words)
    assert struct.pack(">f", read) == struct.pack(">f", value) or (read == 0 and value == 0)


@pytest.mark.parametrize(
    ("entry", "registers", "value"),
    [
        (item("u16", scale=0.1), [2302], 230.2),
        (item("i32", scale=0.001), [0xFFFF, 0xFFFE], -0.002),
        (item("i16", scale=0.01, offset=-5), [63536], -25.0),
        (item("u64"), [0, 0, 1, 0], 65536.0),
    ],
)
def test_scale_adds_no_binary_noise(entry: RegisterItem, registers: list[int], value: float) -> None:
    assert read_item(entry, registers)[0] == value


@pytest.mark.parametrize(
    ("entry", "registers"),
    [
        (item("f32"), [0xFFFF, 0xFFFF]),
        (item("f32"), [0x7FC0, 0]),
        (item("f32"), [0x7F80, 0]),
        (item("u16", not_available=(0xFFFE, 0xFFFD)), [0xFFFD]),
        (item("u32", not_available=(0xFFFFFFFF,)), [0xFFFF, 0xFFFF]),
    ],
)
def test_not_available_is_nan_and_never_a_number(entry: RegisterItem, registers: list[int]) -> None:
    assert math.isnan(read_item(entry, registers)[0])


def test_bad_quality_makes_the_sentinel_no_measurement() -> None:
    entry = shipped_profile("in-situ-aqua-troll").items[0]
    good = [*struct.unpack(">2H", struct.pack(">f", 7.25)), 17, 145, 0]
    assert read_item(entry, good) == (7.25, "N")
    for quality in (3, 7):
        value, flag = read_item(entry, [0, 0, 17, 145, quality])
        assert math.isnan(value)
        assert flag == "D"


def test_manual_that_counts_from_one_is_read_one_lower() -> None:
    assert shipped_profile("in-situ-aqua-troll").items[0].address == 1537


def test_blocks_bridge_gaps_up_to_the_limit_and_no_further() -> None:
    entries = [item("u16"), *(RegisterItem(f"x{a}", "power", "kW", 3, a, "u16") for a in (1, 5, 40))]
    assert [(r.address, r.count) for r in plan_reads(entries, max_registers=60, max_gap=0)] == [(0, 2), (5, 1), (40, 1)]
    assert [(r.address, r.count) for r in plan_reads(entries, max_registers=60, max_gap=3)] == [(0, 6), (40, 1)]
    assert [(r.address, r.count) for r in plan_reads(entries, max_registers=10, max_gap=60)] == [(0, 6), (40, 1)]


def test_single_reads_give_what_the_block_gives() -> None:
    (first, second) = plan_reads(shipped_profile("eastron-sdm120").items, max_registers=80, max_gap=40)
    registers = [7 * n % 65536 for n in range(first.count)]
    whole = [(i.code, v) for i, v, _ in read_block(first, registers)]
    single = [
        (i.code, v)
        for read in single_reads(first)
        for i, v, _ in read_block(read, registers[read.address - first.address :][: read.count])
    ]
    assert single == whole
    assert second.address == 342
    with pytest.raises(ValueError, match="asked for"):
        read_block(first, registers[1:])


def test_ratio_in_force_is_that_of_the_time() -> None:
    history = [Ratio(100, current=40), Ratio(200, current=30, voltage=10)]
    assert ratio_at(history, 50).factor("kW") == 1
    assert ratio_at(history, 150).factor("kW") == 40
    assert ratio_at(history, 200).factor("kWh") == 300
    assert ratio_at(history, 250).factor("V") == 10
    assert ratio_at(history, 250).factor("Hz") == 1
