"""Check values: the one of HJ 212 (HJ 212-2017, Appendix A) and CRC-16/MODBUS, which some analysers send instead.

    HJ 212   crc = T[(crc >> 8) ^ byte]                 start FFFF; the old low byte is thrown away
    MODBUS   crc = (crc >> 8) ^ T[(crc ^ byte) & FF]    start FFFF; the same table

Because the low byte is thrown away, eight bits of state pass from byte to byte, and the step of eight bytes is the
identity: the value depends only on the XOR of the bytes at equal positions modulo 8, counted from the end. So the
segment is folded as one large integer to eight bytes, then eight steps are made. There are only 256 values, and damage
goes unseen once in 256: the check value is no evidence of integrity.
"""

from functools import cache


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


TABLE = tuple(_entry(byte) for byte in range(256))
_STATE = bytes(value >> 8 for value in TABLE)  # what one step hands to the next
_TEXT = tuple(b"%04X" % value for value in TABLE)
_FIRST = tuple(0xFF << 8 * ((length - 1) % 8) for length in range(8))  # FF of the start value, at the first byte


@cache
def _folds(words: int) -> tuple[tuple[int, int], ...]:
    """Shift and mask of each halving that brings `words` of 64 bits down to one."""
    steps = []
    while words > 1:
        words -= words // 2
        steps.append((64 * words, (1 << 64 * words) - 1))
    return tuple(steps)


def _last_index(segment: bytes) -> int:
    length = len(segment)
    folded = int.from_bytes(segment, "big")
    for shift, mask in _folds((length + 7) >> 3):
        folded = (folded >> shift) ^ (folded & mask)
    a, b, c, d, e, f, g, h = (folded ^ _FIRST[length & 7]).to_bytes(8, "big")
    s = _STATE
    return s[s[s[s[s[s[s[a] ^ b] ^ c] ^ d] ^ e] ^ f] ^ g] ^ h


def crc(segment: bytes) -> int:
    """The HJ 212 check value of a segment; FFFF for an empty one."""
    return TABLE[_last_index(segment)] if segment else 0xFFFF


def crc_text(segment: bytes) -> bytes:
    """The check value as the standard writes it: four upper-case hex digits, high byte first."""
    return _TEXT[_last_index(segment)] if segment else b"FFFF"


def modbus(data: bytes) -> int:
    """CRC-16/MODBUS."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return value
