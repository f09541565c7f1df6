"""Electricity meters: DL/T 645-2007 and DL/T 645-1997 over RS-485, optical head or a serial server.

    FE…  68  AA AA AA AA AA AA  68  CC  LL  DD…DD  SS  16

    FE  0-4 wake-up bytes, outside the checksum
    A   address, 12 BCD digits, lowest byte first; AA is a wildcard byte, 99×6 the broadcast
    C   control: D7 reply, D6 abnormal, D5 more follows, D4-D0 function
    L   length of the data field
    D   data, every byte +33H mod 256, lowest byte first; begins with the identifier: 4 bytes (2007) or 2 (1997)
    S   sum mod 256 of everything from the first 68 to the last D; may itself be 16 or 68
    2400 baud 8E1 (2007) or 1200 baud 8E1 (1997) unless the meter was set otherwise.

Two starts seven bytes apart, the length and the end byte make a candidate, the checksum makes it a frame. What fails
moves the scanner on by one byte, not by one frame, so that a frame inside a carrier frame (Q/GDW 376.1), behind a
serial server's prefix or behind a cut-off frame is found.

Bytes that came in the same read as a good frame and cannot be one are kept with it (`junk_before`, `junk_after`): they
belong to its packet. Anything else that is no frame comes out as `BadFrame`.

Sources: DL/T 645-2007 chapters 4, 5 and 7; DL/T 645-1997.
"""

from dataclasses import replace

from drivers import Driver
from drivers.electricity.dlt645_control import Control
from drivers.electricity.dlt645_frame import Dlt645Frame
from drivers.events import BadFrame, Reason

START, END, WAKE_UP = 0x68, 0x16, 0xFE
OVERHEAD = 12
"""Bytes of a frame besides its data, preamble excluded. [B]"""
MAX_PREAMBLE = 4
MAX_NOISE = 4096
"""Noise is handed out in pieces of this size, so that a babbling line does not fill the memory. [B]"""


class Dlt645Decoder:
    """Frames of both editions, requests and answers alike, in any mixture."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = bytearray()  # passed over since the last frame
        self._fault: Reason | None = None  # why the first candidate among the skipped bytes failed
        self._fault_detail = ""
        self._joined_at = 0  # how many of the skipped bytes came in an earlier read

    def feed(self, data: bytes) -> list[Dlt645Frame | BadFrame]:
        self._joined_at = len(self._skipped)
        self._buffer += data
        events = self._scan(is_end=False)
        return self._attach_tail(events)

    def flush(self) -> list[Dlt645Frame | BadFrame]:
        self._joined_at = len(self._skipped)
        events = self._scan(is_end=True)
        return events + self._hand_out_noise()

    def _scan(self, *, is_end: bool) -> list[Dlt645Frame | BadFrame]:
        events: list[Dlt645Frame | BadFrame] = []
        while self._buffer:
            self._skip_to_start()
            if len(self._skipped) >= MAX_NOISE:
                events += self._hand_out_noise()
            size = self._candidate_size()
            if size is None or size > len(self._buffer):
                if not is_end or not self._buffer:
                    break
                self._reject(Reason.TRUNCATED, f"{len(self._buffer)} bytes of a frame")
            elif fault := self._fault_of(size):
                self._reject(*fault)
            else:
                events += self._accept(size)
        return events

    def _skip_to_start(self) -> None:
        at = self._buffer.find(START)
        self._skip(len(self._buffer) if at < 0 else at)

    def _skip(self, count: int) -> None:
        self._skipped += self._buffer[:count]
        del self._buffer[:count]

    def _candidate_size(self) -> int | None:
        """Bytes of the frame that may begin here; 1 for a 68 that begins none, None if it cannot be told yet."""
        if len(self._buffer) > 7 and self._buffer[7] != START:
            return 1
        return self._buffer[9] + OVERHEAD if len(self._buffer) > 9 else None

    def _fault_of(self, size: int) -> tuple[Reason | None, str] | None:
        """Why the bytes are no frame; the reason is None for a 68 that never looked like one."""
        if size == 1:
            return None, ""
        if self._buffer[size - 1] != END:
            return Reason.LENGTH, f"no end byte 16 after {self._buffer[9]} data bytes"
        computed = sum(self._buffer[: size - 2]) & 0xFF
        if self._buffer[size - 2] != computed:
            return Reason.CHECKSUM, f"checksum {self._buffer[size - 2]:02X}, computed {computed:02X}"
        return None

    def _reject(self, reason: Reason | None, detail: str) -> None:
        if self._fault is None and reason is not None:
            self._fault, self._fault_detail = reason, detail
        self._skip(1)

    def _accept(self, size: int) -> list[Dlt645Frame | BadFrame]:
        raw = bytes(self._buffer[:size])
        del self._buffer[:size]
        preamble = self._take_preamble()
        joined = b""
        if self._fault is None and self._joined_at < len(self._skipped):
            joined = bytes(self._skipped[self._joined_at :])
            del self._skipped[self._joined_at :]
        before = self._hand_out_noise()
        data = bytes((byte - 0x33) & 0xFF for byte in raw[10:-2])
        address = raw[6:0:-1].hex().upper()
        self._joined_at = 0
        return [*before, Dlt645Frame(raw, address, Control(raw[8]), data, preamble, joined)]

    def _take_preamble(self) -> int:
        count = 0
        while count < MAX_PREAMBLE and self._skipped.endswith(b"\xfe"):
            del self._skipped[-1]
            count += 1
        return count

    def _hand_out_noise(self) -> list[Dlt645Frame | BadFrame]:
        """What was passed over, as one bad frame; wake-up bytes by themselves are no event."""
        raw, fault, detail = bytes(self._skipped), self._fault, self._fault_detail
        self._skipped.clear()
        self._fault, self._fault_detail, self._joined_at = None, "", 0
        if not raw.strip(b"\xfe"):
            return []
        return [BadFrame(fault or Reason.NOT_A_FRAME, raw, detail or "no start byte pair")]

    def _attach_tail(self, events: list[Dlt645Frame | BadFrame]) -> list[Dlt645Frame | BadFrame]:
        """Bytes behind the last frame of a read, in which no frame can begin, go with that frame."""
        last = events[-1] if events else None
        tail = bytes(self._skipped)
        if isinstance(last, Dlt645Frame) and not self._buffer and self._fault is None and tail.strip(b"\xfe"):
            self._skipped.clear()
            events[-1] = replace(last, junk_after=tail)
        return events


DRIVER = Driver(
    name="dlt645",
    title="DL/T 645 electricity meters, 2007 and 1997",
    decoder=Dlt645Decoder,
    examples=tuple(
        bytes.fromhex(text)
        for text in (
            "fefefefe6894410326121868910a33323435365633333333b916",
            "fefefefe6801011900000068930634344c333333d116",
            "fefefefe68600792040091689108333333339735a8336a16",
            "fefefefe6860079204009168d101376716",
            "fefefefe6885141600181568810643c37b954333bf16",
            "fefefefe68aaaaaaaaaaaa68010265f32716",
        )
    ),
    is_binary=True,
)
