"""DL/T 645: framing, both editions, the traps of their values, and that the encoder can only read."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import driver
from drivers.electricity.dlt645 import DRIVER, Dlt645Decoder
from drivers.electricity.dlt645_frame import Dlt645Frame, decimal_values
from drivers.electricity.dlt645_identifiers import layout
from drivers.electricity.dlt645_request import encode, read_address, read_data, read_follow_up
from drivers.errors import EncodeError
from drivers.events import BadFrame, Notice, Parameter, Readings, Reason
from drivers.testing import check_decoder


def frame(control: int, data: bytes, address: str = "000000000161") -> bytes:
    """A frame written by the definition, not by our encoder, which cannot write answers."""
    head = b"\x68" + bytes.fromhex(address)[::-1] + b"\x68" + bytes((control, len(data)))
    body = head + bytes((byte + 0x33) % 256 for byte in data)
    return body + bytes((sum(body) % 256, 0x16))


def answer(identifier: str, data: bytes, *, control: int = 0x91) -> Dlt645Frame:
    return decode(frame(control, bytes.fromhex(identifier)[::-1] + data))


def decode(raw: bytes) -> Dlt645Frame:
    decoder = Dlt645Decoder()
    (event,) = decoder.feed(raw) + decoder.flush()
    assert isinstance(event, Dlt645Frame), event
    return event


def readings(event: Dlt645Frame) -> Readings:
    (found,) = [content for content in event.contents() if isinstance(content, Readings)]
    return found


def test_decoder_keeps_the_contract() -> None:
    check_decoder(DRIVER, DRIVER.examples)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_random_bytes_never_raise_and_none_is_lost_or_doubled(data: bytes, step: int) -> None:
    decoder = Dlt645Decoder()
    events: list[Any] = [e for at in range(0, len(data), step) for e in decoder.feed(data[at : at + step])]
    events += decoder.flush()
    kept = sum(len(e.raw) + len(getattr(e, "junk_before", b"") + getattr(e, "junk_after", b"")) for e in events)
    assert kept <= len(data)
    assert len(data) - kept <= data.count(0xFE)


@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_any_data_under_any_control_code_decodes_and_prints(data: bytes, control: int, length_cut: int) -> None:
    event = decode(frame(control, data[:length_cut]))
    list(event.contents())
    assert event.to_json()["control"] == f"{control:02X}"


@given(st.decimals(0, Decimal("999999.99"), places=2))
def test_energy_comes_back_to_the_last_digit(energy: Decimal) -> None:
    digits = bytes.fromhex(f"{int(energy * 100):08d}")[::-1]
    assert decimal_values(answer("00010000", digits)) == {"00010000": energy}


@pytest.mark.parametrize(
    ("identifier", "data", "value"),
    [
        ("02030000", "563412", 12.3456),
        ("02030000", "563492", -12.3456),
        ("02030000", "9999f9", -79.9999),
        ("02020100", "000080", 0.0),
        ("02060100", "0010", 1.0),
        ("02060100", "0085", -0.5),
        ("00000000", "21436580", -654321 / 100),
        ("02010100", "3322", 223.3),
        ("04000306", "600000", 60.0),
    ],
)
def test_signed_values_carry_the_sign_in_the_top_bit(identifier: str, data: str, value: float) -> None:
    assert answer(identifier, bytes.fromhex(data)).to_json()["value"] == value


def test_ff_fill_is_null_and_never_a_number() -> None:
    event = answer("0201FF00", bytes.fromhex("0323ffffffff"))
    assert event.to_json()["values"] == {"phase A": 230.3, "phase B": None, "phase C": None}
    assert [math.isnan(value) for value in readings(event).values] == [False, True, True]
    assert readings(event).flags == "NNN"


def test_digit_above_nine_is_refused_flagged_and_kept() -> None:
    event = answer("00010000", bytes.fromhex("00000e00"))
    assert event.to_json()["value"] is None
    assert event.to_json()["flag"] == "non-BCD digit"
    assert "non_bcd" in event.deviations
    assert readings(event).flags == "D"
    assert math.isnan(readings(event).values[0])


def test_parts_of_a_block_are_the_same_series_as_single_reads() -> None:
    block = readings(answer("0203FF00", bytes.fromhex("563412010000020000030000"))).shape.channels
    single = readings(answer("02030200", bytes.fromhex("020000"))).shape.channels
    assert [channel.code for channel in block] == ["02030000", "02030100", "02030200", "02030300"]
    assert block[2] == single[0]
    assert [channel.quantity for channel in block] == ["power", "power_a", "power_b", "power_c"]


def test_shape_is_made_once_for_all_frames_alike() -> None:
    data = bytes.fromhex("032300230123")
    assert readings(answer("0201FF00", data)).shape is readings(answer("0201FF00", data)).shape


def test_energy_block_holds_the_total_and_as_many_tariffs_as_came() -> None:
    event = answer("0001FF00", bytes.fromhex("00010000 01000000 02000000 03000000 04000000"))
    assert list(event.to_json()["values"]) == ["total", "tariff 1", "tariff 2", "tariff 3", "tariff 4"]
    assert [c.code for c in readings(event).shape.channels][-1] == "00010400"
    assert {c.statistic for c in readings(event).shape.channels} == {"total"}


def test_1997_values_have_fewer_decimals() -> None:
    for identifier, data, value in [("B611", "2302", 223), ("B621", "3412", 12.34), ("B640", "3412", 12.34)]:
        event = answer(identifier, bytes.fromhex(data), control=0x81)
        assert event.to_json()["value"] == value
        assert event.to_json()["protocol"] == "dlt645-1997"
    block = answer("B61F", bytes.fromhex("200221022202"), control=0x81).to_json()
    assert block["values"] == {"phase A": 220, "phase B": 221, "phase C": 222}


def test_identifier_length_tells_the_edition_of_a_request() -> None:
    event = decode(frame(0x11, bytes.fromhex("1090")))
    assert (event.identifier, event.to_json()["protocol"]) == ("9010", "dlt645-1997")
    assert "identifier_length" in event.deviations


def test_wildcard_answer_teaches_no_address() -> None:
    event = decode(frame(0x81, bytes.fromhex("1090") + bytes(4), address="AAAAAAAAAAAA"))
    assert event.device == ""
    assert "wildcard_answer" in event.deviations


@pytest.mark.parametrize(("byte", "names"), [(2, 1), (6, 2), (0x7F, 7), (0, 0)])
def test_error_bits_can_be_combined(byte: int, names: int) -> None:
    event = decode(frame(0xD1, bytes((byte,))))
    assert len(event.to_json()["errors"]) == names
    (notice,) = event.contents()
    assert isinstance(notice, Notice)
    assert notice.kind == "meter_error"


def test_unknown_control_code_is_kept_and_flagged() -> None:
    assert "unknown_control" in decode(frame(0xC5, b"\x01")).deviations


def test_follow_up_answer_ends_with_its_sequence() -> None:
    event = answer("00010000", bytes.fromhex("2600000001"), control=0x92)
    assert event.to_json()["sequence"] == 1
    assert event.to_json()["value"] == 0.26


def test_settings_and_tamper_counters_are_parameters() -> None:
    event = answer("03300D00", bytes.fromhex("020000"))
    assert [c for c in event.contents() if isinstance(c, Parameter)] == [
        Parameter("000000000161", None, "03300D00", "cover_openings", "2")
    ]


def test_text_items_lie_byte_reversed() -> None:
    assert answer("04000404", b"220V\x00\x00"[::-1]).to_json()["value"] == "220V"


def test_date_and_time_items() -> None:
    assert answer("04000101", bytes.fromhex("07221126")).to_json()["value"] == "2026-11-22"
    assert answer("04000102", bytes.fromhex("593009")).to_json()["value"] == "09:30:59"


def test_maximum_demand_carries_when_it_occurred() -> None:
    printed = answer("01010000", bytes.fromhex("563412 3009221126")).to_json()
    assert (printed["value"], printed["occurred"]) == (12.3456, "2026-11-22 09:30")


def test_unknown_identifier_keeps_its_data() -> None:
    event = answer("12345678", b"\x01\x02")
    assert event.to_json()["data"] == "0102"
    assert event.deviations == ("unknown_identifier",)


def test_wrong_data_length_gives_no_value() -> None:
    event = answer("02030000", b"\x01\x02")
    assert event.to_json()["value"] is None
    assert "data_length" in event.deviations


def test_cut_frame_does_not_cost_the_next_one() -> None:
    whole = frame(0x91, bytes.fromhex("0000010026000000"))
    decoder = Dlt645Decoder()
    events = decoder.feed(whole[:13] + whole)
    events += decoder.flush()
    assert [type(event) for event in events] == [BadFrame, Dlt645Frame]


def test_two_frames_in_one_read_are_two_events() -> None:
    whole = frame(0x91, bytes.fromhex("0000010026000000"))
    assert len(Dlt645Decoder().feed(whole + b"\xfe" * 4 + whole)) == 2


def test_checksum_error_is_named() -> None:
    broken = bytearray(frame(0x91, bytes.fromhex("0000010026000000")))
    broken[-2] ^= 1
    decoder = Dlt645Decoder()
    (bad,) = decoder.feed(bytes(broken)) + decoder.flush()
    assert isinstance(bad, BadFrame)
    assert bad.reason is Reason.CHECKSUM


@pytest.mark.parametrize("control", sorted(set(range(256)) - {0x01, 0x02, 0x11, 0x12, 0x13}))
def test_encoder_refuses_everything_that_is_no_read(control: int) -> None:
    with pytest.raises(EncodeError, match="only reads"):
        encode("000000000161", control, b"\x00\x00\x01\x00")


@pytest.mark.parametrize("address", ["", "12345", "99999999999B", "A23456789012", "999999999999", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_encoder_refuses_bad_addresses(address: str) -> None:
    with pytest.raises(EncodeError):
        read_data(address, "00010000")


@pytest.mark.parametrize("identifier", ["", "00", "0001000", "0001 0000", "XXXXXXXX"])
def test_encoder_refuses_bad_identifiers(identifier: str) -> None:
    with pytest.raises(EncodeError):
        read_data("000000000161", identifier)


def test_requests_are_those_of_a_published_exchange() -> None:
    assert read_data("000000000161", "00010000").hex() == "fefefefe" + "68610100000000681104333334331416"
    assert read_data("000000000414", "9010").hex() == "fefefefe" + "6814040000000068010243c3f116"
    assert read_address().hex() == "fefefefe" + "68aaaaaaaaaaaa681300df16"
    follow = decode(read_follow_up("000000000161", "00010000", 2))
    assert follow.to_json() | {"sequence": 2, "function": "read follow-up"} == follow.to_json()


def test_both_editions_know_the_twins() -> None:
    twins = {"00010000": "9010", "00020000": "9020", "0001FF00": "901F", "02010100": "B611", "0201FF00": "B61F"}
    twins |= {"02020100": "B621", "02030000": "B630", "02040100": "B641", "02060000": "B650"}
    for new, old in twins.items():
        newer, older = layout(new), layout(old)
        assert newer is not None
        assert older is not None
        assert newer.name == older.name


def test_registered() -> None:
    assert driver("dlt645") is DRIVER
