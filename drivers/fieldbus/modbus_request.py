"""Requests to Modbus devices: reads, and nothing else.

Functions 1 to 4 only. A gateway for supervision that could write a register could switch a plant or re-scale an
instrument; writes are an `EncodeError`, whoever asks.
"""

from drivers.errors import EncodeError
from drivers.fieldbus.modbus_frame import MAX_BITS, MAX_REGISTERS, MAX_UNIT, READ_FUNCTIONS, REGISTER_READS
from drivers.fieldbus.modbus_rtu import crc16


def encode_pdu(function: int, address: int, count: int) -> bytes:
    """Function, first wire address (0-based) and count.

    Raises
    ------
    EncodeError
        If the function is no read, or address and count leave the table (65536) or the message (125 registers).
    """
    if function not in READ_FUNCTIONS:
        raise EncodeError(f"function {function} is not a read; this encoder only reads")
    limit = MAX_REGISTERS if function in REGISTER_READS else MAX_BITS
    if not (1 <= count <= limit and address >= 0 and address + count <= 0x10000):
        raise EncodeError(f"cannot read {count} from address {address}: at most {limit}, up to address 65535")
    return bytes((function,)) + address.to_bytes(2, "big") + count.to_bytes(2, "big")


def encode_rtu(unit: int, function: int, address: int, count: int) -> bytes:
    """A read request for a serial line or an RTU-over-TCP serial server."""
    if not 1 <= unit <= MAX_UNIT:
        raise EncodeError(f"unit {unit} is not in 1 … {MAX_UNIT}")
    frame = bytes((unit,)) + encode_pdu(function, address, count)
    return frame + crc16(frame)


def encode_tcp(transaction: int, unit: int, function: int, address: int, count: int) -> bytes:
    """A read request for a Modbus TCP server."""
    if not (0 <= unit <= 255 and 0 <= transaction <= 0xFFFF):
        raise EncodeError(f"unit {unit} or transaction {transaction} out of range")
    pdu = encode_pdu(function, address, count)
    return transaction.to_bytes(2, "big") + b"\x00\x00" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu
