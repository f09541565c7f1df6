"""Check values of HJ 212, against a bit-by-bit twin written from the words of the standard."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.environment.hj212.crc import crc, crc_text, modbus

# HJ 212-2017, Appendix A: the example whose frame carries 1C80.
APPENDIX_A = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"


def naive(segment: bytes) -> int:
    """HJ 212-2017 Appendix A, step by step."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ byte
        for _ in range(8):
            check = register & 1
            register >>= 1
            if check:
                register ^= 0xA001
    return register


def test_values_known_beforehand() -> None:
    assert crc(b"") == 0xFFFF
    assert crc(b"\x00") == 0x4040
    assert crc(b"123456789") == 0x2F80
    assert len(APPENDIX_A) == 101
    assert crc(APPENDIX_A) == 0x1C80
    assert modbus(APPENDIX_A) == 0x0759
    assert modbus(b"123456789") == 0x4B37


@given(st.binary(max_size=1100))
def test_fold_agrees_with_the_naive_twin(segment: bytes) -> None:
    assert crc(segment) == naive(segment)
    assert crc_text(segment) == b"%04X" % naive(segment)


def test_every_length_agrees_with_the_naive_twin() -> None:
    for length in range(200):
        segment = bytes((7 * i + length) % 256 for i in range(length))
        assert crc(segment) == naive(segment), length


@given(st.binary(min_size=1, max_size=300), st.data())
def test_one_wrong_byte_is_always_caught(segment: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(segment) - 1))
    other = data.draw(st.integers(1, 255))
    damaged = segment[:at] + bytes([segment[at] ^ other]) + segment[at + 1 :]
    assert crc(damaged) != crc(segment)


def test_there_are_256_values_only() -> None:
    assert len({crc(bytes([a, b])) for a in range(256) for b in range(0, 256, 5)}) == 256
    assert {crc(bytes([a])) & 0xFF for a in range(256)} == {0x00, 0x01, 0x40, 0x41, 0x80, 0x81, 0xC0, 0xC1}
