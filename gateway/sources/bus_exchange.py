"""One question to one device and its answer, sans-IO: bytes in, a result out, and never another device's answer.

    request ──► line ──► bytes ──► decoder ──► is it ours? ──► Answer
                                                 ├─ our own echo: skipped
                                                 ├─ another address, identifier, length: stray, counted
                                                 └─ refusal, damage: says which

DL/T 645 answers carry address and identifier. A Modbus RTU reply carries only unit, function and length, so that the
schedule around it must make sure that no older request is still unanswered (`bus_schedule`).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from drivers.electricity.dlt645 import Dlt645Decoder
from drivers.electricity.dlt645_control import Control
from drivers.electricity.dlt645_frame import Dlt645Frame
from drivers.electricity.dlt645_identifiers import layout
from drivers.electricity.dlt645_request import read_data, read_follow_up
from drivers.events import BadFrame
from drivers.fieldbus.modbus_frame import ModbusFrame, exception_name
from drivers.fieldbus.modbus_request import encode_rtu, encode_tcp
from drivers.fieldbus.modbus_rtu import ModbusRtuDecoder
from drivers.fieldbus.modbus_tcp import ModbusTcpDecoder
from drivers.profiles.block_read import BlockRead

MAX_FOLLOW_UPS = 16
PREAMBLE_BYTES = 4
DLT645_OVERHEAD = 12
USUAL_DATA_BYTES = 24
"""Assumed answer of an identifier that no table names, for the time-out. [B]"""
NO_SUCH_ADDRESS, NO_SUCH_VALUE, NO_SUCH_FUNCTION = 2, 3, 1


class Outcome(StrEnum):
    """How an exchange ended."""

    ANSWER = "answer"
    ABSENT = "absent"  # the device says that it does not have this: asking again is useless
    REFUSED = "refused"  # it answers, but not now or not to us
    DAMAGED = "damaged"  # bytes came, and were no answer
    SILENCE = "silence"


@dataclass(slots=True)
class Result:
    """The end of an exchange, with the bytes that it rests on."""

    outcome: Outcome
    detail: str = ""
    raw: bytes = b""
    frame: Dlt645Frame | None = None  # DL/T 645, follow-ups joined
    registers: tuple[int, ...] = ()  # Modbus


class Exchange(Protocol):
    """What the schedule needs to know of a question."""

    result: Result | None
    heard: bytearray  # since the request went out

    @property
    def request(self) -> bytes:
        """The bytes to send now; changes when a follow-up is due."""
        ...

    @property
    def answer_bytes(self) -> int:
        """Expected size of the answer. [B]"""
        ...

    @property
    def head(self) -> bytes:
        """How the answer begins, by which it is told from noise before it is complete."""
        ...

    @property
    def is_identified(self) -> bool:
        """Whether an answer says which question it answers."""
        ...

    @property
    def is_in_frame(self) -> bool:
        """Whether what was heard last looks like the inside of our answer."""
        ...

    def feed(self, data: bytes) -> bool:
        """Take bytes in; True if another request is to be sent (follow-up)."""
        ...

    def expire(self) -> Result:
        """The time is up: what came, if anything, was no answer."""
        ...


@dataclass(slots=True)
class Dlt645Exchange:
    """Ask a meter for one identifier, with all follow-ups."""

    address: str
    identifier: str
    takes_wildcard_answer: bool = False  # only where a line has one meter: some of 1997 answer by AA…AA
    result: Result | None = None
    heard: bytearray = field(default_factory=bytearray)
    strays: int = 0
    _decoder: Dlt645Decoder = field(default_factory=Dlt645Decoder)
    _parts: list[Dlt645Frame] = field(default_factory=list)

    @property
    def request(self) -> bytes:
        if self._parts:
            return read_follow_up(self.address, self.identifier, len(self._parts))
        return read_data(self.address, self.identifier)

    @property
    def answer_bytes(self) -> int:
        found = layout(self.identifier)
        data = sum(item.size for item in found.items(USUAL_DATA_BYTES)) if found else USUAL_DATA_BYTES
        return PREAMBLE_BYTES + DLT645_OVERHEAD + len(self.identifier) // 2 + data

    @property
    def is_identified(self) -> bool:
        return True  # address and identifier

    @property
    def head(self) -> bytes:
        return b"\x68" + bytes.fromhex(self.address)[::-1] + b"\x68"

    @property
    def is_in_frame(self) -> bool:
        return self.heard.endswith(b"\xfe") or _ends_inside(self.heard, self.head)

    def feed(self, data: bytes) -> bool:
        self.heard += data
        asks_again = False
        for event in self._decoder.feed(data):
            asks_again |= self._take(event)
        return asks_again

    def expire(self) -> Result:
        for event in self._decoder.flush():
            self._take(event)
        if self.result is None:
            self.result = _no_answer(self.heard, is_ours_damaged=self.head in self.heard)
        return self.result

    def _take(self, event: Dlt645Frame | BadFrame) -> bool:
        """Digest an event; True if it asks for a follow-up."""
        if self.result is not None or isinstance(event, BadFrame) or not event.control.is_reply:
            return False  # noise stays in `heard`; a request is our own echo
        if not (event.address == self.address or (self.takes_wildcard_answer and event.has_wildcard)):
            self.strays += 1
            return False
        if event.control.is_abnormal:
            self.result = self._refusal(event)
            return False
        if event.identifier != self.identifier:
            self.strays += 1
            return False
        self._parts.append(event)
        if event.control.has_more and len(self._parts) <= MAX_FOLLOW_UPS:
            self.heard.clear()
            return True
        self.result = Result(Outcome.ANSWER, raw=b"".join(p.raw for p in self._parts), frame=self._joined())
        return False

    def _refusal(self, event: Dlt645Frame) -> Result:
        errors = event.control.errors(event.data[0]) if event.data else []
        is_absent = any(error in ("no requested data", "identifier wrong", "illegal data") for error in errors)
        outcome = Outcome.ABSENT if is_absent else Outcome.REFUSED
        return Result(outcome, "; ".join(errors), event.raw, event)

    def _joined(self) -> Dlt645Frame:
        """The answer as if it had come in one frame."""
        first = self._parts[0]
        if len(self._parts) == 1:
            return first
        data = first.data[: first.identifier_bytes] + b"".join(part.payload for part in self._parts)
        return replace(first, control=Control(0x81 if len(self.identifier) == 4 else 0x91), data=data)


@dataclass(slots=True)
class ModbusExchange:
    """Ask a device for one block of registers, over RTU or (with a transaction number) over TCP."""

    unit: int
    read: BlockRead
    transaction: int | None = None
    result: Result | None = None
    heard: bytearray = field(default_factory=bytearray)
    strays: int = 0
    _decoder: ModbusRtuDecoder | ModbusTcpDecoder = field(init=False)

    def __post_init__(self) -> None:
        self._decoder = ModbusRtuDecoder() if self.transaction is None else ModbusTcpDecoder()

    @property
    def request(self) -> bytes:
        read = self.read
        if self.transaction is None:
            return encode_rtu(self.unit, read.function, read.address, read.count)
        return encode_tcp(self.transaction, self.unit, read.function, read.address, read.count)

    @property
    def answer_bytes(self) -> int:
        return 2 * self.read.count + (5 if self.transaction is None else 9)

    @property
    def is_identified(self) -> bool:
        return self.transaction is not None

    @property
    def head(self) -> bytes:
        start = bytes((self.unit, self.read.function, 2 * self.read.count))
        return start if self.transaction is None else b"\x00\x00\x00" + bytes((2 * self.read.count + 3,)) + start

    @property
    def is_in_frame(self) -> bool:
        return _ends_inside(self.heard, self.head)

    def feed(self, data: bytes) -> bool:
        self.heard += data
        for event in self._decoder.feed(data):
            self._take(event)
        return False

    def expire(self) -> Result:
        for event in self._decoder.flush():
            self._take(event)
        if self.result is None:
            self.result = _no_answer(self.heard, is_ours_damaged=self.head in self.heard)
        return self.result

    def _take(self, event: ModbusFrame | BadFrame) -> None:
        if self.result is not None or isinstance(event, BadFrame) or event.raw == self.request:
            return
        is_ours = (event.unit, event.function, event.transaction) == (self.unit, self.read.function, self.transaction)
        if is_ours and event.exception is not None:
            is_absent = event.exception in (NO_SUCH_FUNCTION, NO_SUCH_ADDRESS, NO_SUCH_VALUE)
            outcome = Outcome.ABSENT if is_absent else Outcome.REFUSED
            self.result = Result(outcome, exception_name(event.exception), event.raw)
        elif is_ours and event.kind == "reply" and len(event.registers) == self.read.count:
            self.result = Result(Outcome.ANSWER, raw=event.raw, registers=event.registers)
        else:
            self.strays += 1


def _ends_inside(heard: bytearray, head: bytes) -> bool:
    """Whether `heard` contains `head`, or ends with a beginning of it."""
    return head in heard or any(heard.endswith(head[:length]) for length in range(1, len(head)))


def _no_answer(heard: bytearray, *, is_ours_damaged: bool) -> Result:
    if not heard:
        return Result(Outcome.SILENCE, "no byte came")
    detail = "an answer was damaged" if is_ours_damaged else "bytes came, none of them an answer"
    return Result(Outcome.DAMAGED, detail, bytes(heard[-512:]))
