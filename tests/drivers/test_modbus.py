"""Modbus: framing by length on RTU and by MBAP on TCP, against pymodbus as the second implementation; reads only."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadHoldingRegistersResponse

from drivers.errors import EncodeError
from drivers.events import BadFrame, Notice, Reason
from drivers.fieldbus import modbus_rtu, modbus_tcp
from drivers.fieldbus.modbus_frame import ModbusFrame
from drivers.fieldbus.modbus_request import encode_rtu, encode_tcp
from drivers.fieldbus.modbus_rtu import ModbusRtuDecoder, crc16
from drivers.fieldbus.modbus_tcp import ModbusTcpDecoder
from drivers.testing import check_decoder

Events = list[ModbusFrame | BadFrame]


def rtu(data: bytes) -> Events:
    decoder = ModbusRtuDecoder()
    return decoder.feed(data) + decoder.flush()


def with_crc(data: bytes) -> bytes:
    return data + crc16(data)


def reply(registers: list[int], unit: int = 1, function: int = 3) -> bytes:
    data = b"".join(register.to_bytes(2, "big") for register in registers)
    return with_crc(bytes((unit, function, len(data))) + data)


@pytest.mark.parametrize("driver", [modbus_rtu.DRIVER, modbus_tcp.DRIVER], ids=lambda d: d.name)
def test_decoder_keeps_the_contract(driver: modbus_rtu.Driver) -> None:
    check_decoder(driver, driver.examples)


@pytest.mark.parametrize("decoder", [ModbusRtuDecoder, ModbusTcpDecoder])
@given(data=st.binary(max_size=600), step=st.integers(1, 60))
def test_every_byte_comes_out_exactly_once(
    decoder: type[ModbusRtuDecoder] | type[ModbusTcpDecoder], data: bytes, step: int
) -> None:
    subject = decoder()
    events: Events = []
    for at in range(0, len(data), step):
        events += subject.feed(data[at : at + step])
    events += subject.flush()
    assert b"".join(event.raw for event in events) == data


def test_crc_of_the_check_string() -> None:
    assert crc16(b"123456789").hex() == "374b"


@given(st.binary(min_size=1, max_size=250))
def test_crc_agrees_with_pymodbus(data: bytes) -> None:
    assert crc16(data) == FramerRTU.compute_CRC(data).to_bytes(2, "big")


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125), st.integers(1, 247))
def test_replies_of_pymodbus_decode(registers: list[int], unit: int) -> None:
    pdu = ReadHoldingRegistersResponse(registers=registers, dev_id=unit, transaction_id=7)
    for framer, decoder in ((FramerRTU, ModbusRtuDecoder()), (FramerSocket, ModbusTcpDecoder())):
        (event,) = decoder.feed(framer(DecodePDU(False)).buildFrame(pdu))
        assert isinstance(event, ModbusFrame)
        assert (event.unit, event.kind, list(event.registers)) == (unit, "reply", registers)


@given(st.integers(1, 247), st.integers(0, 0xFFFF - 125), st.integers(1, 125))
def test_requests_are_those_of_pymodbus(unit: int, address: int, count: int) -> None:
    pdu = ReadHoldingRegistersRequest(address=address, count=count, dev_id=unit, transaction_id=9)
    assert encode_rtu(unit, 3, address, count) == FramerRTU(DecodePDU(True)).buildFrame(pdu)
    assert encode_tcp(9, unit, 3, address, count) == FramerSocket(DecodePDU(True)).buildFrame(pdu)


def test_a_zero_behind_a_frame_keeps_the_crc_valid_so_length_decides() -> None:
    frame = reply([1, 2])
    assert crc16(frame) == b"\x00\x00"
    assert crc16(frame + b"\x00") == b"\x00\x00"
    events = rtu(frame + b"\x00" + frame)
    assert [event.raw for event in events] == [frame, b"\x00", frame]


@pytest.mark.parametrize("before", [b"", b"\x00", b"\xff", b"\x00\x00", b"\x01", b"\x03\x03"])
@pytest.mark.parametrize("behind", [b"", b"\x00", b"\xff\xff"])
def test_glitch_around_a_reply_does_not_cost_it(before: bytes, behind: bytes) -> None:
    frame = reply([17257, 27000], function=4)
    assert frame in [event.raw for event in rtu(before + frame + behind) if isinstance(event, ModbusFrame)]


def test_echo_of_the_request_and_the_reply_are_told_apart() -> None:
    events = rtu(encode_rtu(1, 3, 0, 2) + reply([5, 6]))
    assert [event.kind for event in events if isinstance(event, ModbusFrame)] == ["request", "reply"]


def test_ambiguous_coil_reply_is_read_by_its_turn() -> None:
    data = bytes((1, 1, 3, 0, 0, 9))
    assert [e.to_json()["kind"] for e in rtu(with_crc(data))] == ["request"]
    request = encode_rtu(1, 1, 0, 24)
    assert [e.to_json()["kind"] for e in rtu(request + with_crc(data))] == ["request", "reply"]


def test_half_a_reply_is_truncated_and_the_next_one_whole() -> None:
    frame = reply([1, 2, 3])
    events = rtu(frame[:7] + frame)
    assert isinstance(events[0], BadFrame)
    assert events[-1].raw == frame
    (bad,) = rtu(frame[:7])
    assert isinstance(bad, BadFrame)
    assert bad.reason is Reason.TRUNCATED


def test_damaged_reply_is_a_checksum_error() -> None:
    frame = bytearray(reply([1, 2]))
    frame[4] ^= 1
    assert [event.reason for event in rtu(bytes(frame)) if isinstance(event, BadFrame)] == [Reason.CHECKSUM]


def test_exception_is_a_notice_with_its_name() -> None:
    (event,) = rtu(with_crc(b"\x11\x83\x06"))
    assert isinstance(event, ModbusFrame)
    (notice,) = event.contents()
    assert isinstance(notice, Notice)
    assert notice.text == "server device busy"


def test_write_traffic_of_others_is_understood() -> None:
    written = with_crc(bytes.fromhex("0110000100020400 0a0102".replace(" ", "")))
    (event,) = rtu(written)
    assert event.to_json() | {"address": 1, "count": 2, "registers": [10, 258], "kind": "request"} == event.to_json()
    (event,) = rtu(with_crc(bytes.fromhex("011000010002")))
    assert event.to_json() | {"address": 1, "count": 2, "kind": "reply"} == event.to_json()


@pytest.mark.parametrize("function", [0, 5, 6, 15, 16, 22, 23, 0x83])
def test_encoder_refuses_everything_that_is_no_read(function: int) -> None:
    with pytest.raises(EncodeError, match="only reads"):
        encode_rtu(1, function, 0, 1)
    with pytest.raises(EncodeError, match="only reads"):
        encode_tcp(0, 1, function, 0, 1)


@pytest.mark.parametrize(("unit", "address", "count"), [(0, 0, 1), (248, 0, 1), (1, 0, 126), (1, 0, 0), (1, 65535, 2)])
def test_encoder_refuses_what_the_protocol_cannot_say(unit: int, address: int, count: int) -> None:
    with pytest.raises(EncodeError):
        encode_rtu(unit, 3, address, count)


def test_tcp_length_that_contradicts_the_function_is_refused_and_the_next_message_decodes() -> None:
    good = bytes.fromhex("0c0500000007110304008d008e")
    events = ModbusTcpDecoder().feed(bytes.fromhex("00010000000601030200fd") + good)
    assert [type(event) for event in events] == [BadFrame, ModbusFrame]
    assert events[1].raw == good


def test_trailing_zero_property_holds_for_random_frames() -> None:
    rng = random.Random(645)
    for _ in range(200):
        frame = reply([rng.randrange(65536) for _ in range(rng.randrange(1, 20))], unit=rng.randrange(1, 248))
        assert [event.raw for event in rtu(frame + b"\x00")] == [frame, b"\x00"]
