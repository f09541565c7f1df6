"""Frames out of a byte stream (HJ 212-2017 §6.3).

    ##  LLLL  SSSS…SSSS  CCCC  \\r\\n
    ──  ────  ─────────  ────  ────
    │   │     │          │     └ tail, often missing in the field
    │   │     │          └ check value of the segment, four hex digits (crc.py)
    │   │     └ segment, L bytes, `QN=…;ST=…;…;CP=&&…&&` (segment.py)
    │   └ length of the segment, four decimal digits
    └ head

Strategy. The length rules: nothing is searched for while it can be believed, because an encrypted CP may hold any byte.
A frame whose length and check value are right comes out at once, without waiting for its tail. One that fails is
looked at again: other check values (`_check`), a wrong length (`_rescue`); what remains is a `BadFrame`, and reading
goes on at the next head *inside* it, so that damage never costs the frames behind it.

Two landmarks end the wait for a length that claims too much: a frame by the book that lies wholly inside the claimed
bytes, and a line end behind `&&` and a right check value. Which of them, or the claimed end, comes first in the stream
decides. Hence the events do not depend on how the bytes were cut: every decision is the one that feeding byte by byte
would take. (The price: a log text that quotes a whole frame is not believed.)

Bounds: the buffer holds at most MAX_FRAME bytes and what was fed last; noise is handed out in pieces of NOISE_PIECE.
"""

import re
from collections.abc import Callable, Sequence
from itertools import islice

from drivers.environment.hj212.crc import crc, crc_text, modbus
from drivers.environment.hj212.encryption import decrypt_cp
from drivers.events import BadFrame, Reason

MAX_FRAME = 10_240
"""Bytes without a frame after which a head is given up: what four length digits can claim is 10,009."""

NOISE_PIECE = 1024
"""Bytes of noise that make one `BadFrame`, so that a line of nothing but noise is reported while it lasts."""

MAX_LANDMARKS = 16
MAX_TAILS = 8
"""Inner heads and tails tried for one head: more of them is an attack on the processor, not a damaged line."""

_HEAD = re.compile(rb"##(?:\d{4}|\d{1,3}(?=[^\d#]))")
_LONG_HEAD = re.compile(rb"##\d{4}(\d{4})(?=[A-Z])")
_PARTIAL_HEAD = re.compile(rb"#(?:#\d{0,3})?\Z")
_CRC_FIELD = re.compile(rb"[0-9A-Fa-f]{4}\Z")
_TAIL = re.compile(rb"&&;?([0-9A-Fa-f]{4})")
_LANDMARK = re.compile(rb"##\d{4}|&&;?[0-9A-Fa-f]{4}\r?\n")
_MN = re.compile(rb"(?:\A|[;,])MN=([^;,]*)")

Keys = Callable[[str], Sequence[bytes]]
"""SM4 keys of an MN, newest first; empty where there are none."""


Frame = tuple[bytes, bytes, tuple[str, ...], bool]
"""A frame that is believed: head to check value, the segment (decrypted), what was odd, whether it was encrypted."""


class LineEnd(str):
    """How the frame before was ended, where that was not CR LF: a name of `deviations.LINE_END`."""

    __slots__ = ()


Item = Frame | BadFrame | LineEnd


class Framer:
    """Cuts a stream into frames; see the module's strategy."""

    __slots__ = ("_buffer", "_is_checked", "_keys", "_line_end_due", "_scanned", "_tails_tried")

    def __init__(self, keys: Keys | None = None) -> None:
        self._buffer = b""
        self._keys = keys
        self._line_end_due = False
        self._forget()

    def _forget(self) -> None:
        """The head waited for is settled. What is kept of one makes each byte of it cost its checks once only."""
        self._scanned = 0  # bytes of it whose landmarks have been looked at
        self._is_checked = False  # its claimed end was reached, and nothing fitted there
        self._tails_tried = 0

    def feed(self, data: bytes) -> list[Item]:
        """Frames and refused bytes completed by `data`, in order."""
        return self._read(data, is_final=False)

    def flush(self) -> list[Item]:
        """The input has ended."""
        return self._read(b"", is_final=True)

    @property
    def pending(self) -> int:
        """Bytes held of a frame that has begun; noise that is held counts as none."""
        return len(self._buffer) if self._buffer.startswith(b"#") else 0

    def _read(self, data: bytes, *, is_final: bool) -> list[Item]:
        buffer = self._buffer + data if self._buffer else bytes(data)
        items: list[Item] = []
        at, size = 0, len(buffer)
        while at < size:
            if self._line_end_due:
                after = self._line_end(buffer, at, items, is_final=is_final)
                if after is None:
                    break
                at = after
                continue
            frame = self._by_the_book(buffer, at, size)
            if frame is not None:
                if self._scanned:
                    self._forget()
                items.append(frame)
                at += len(frame[0])
                if buffer.startswith(b"\r\n", at):
                    at += 2
                else:
                    self._line_end_due = True
                continue
            step = self._step(buffer, at, is_final=is_final)
            if step is None:
                break
            item, at = step
            self._forget()
            if item is not None:
                items.append(item)
                self._line_end_due = isinstance(item, tuple)
        self._buffer = buffer[at:]
        if is_final and self._line_end_due:
            items.append(LineEnd("missing_crlf"))
            self._line_end_due = False
        return items

    def _by_the_book(self, buffer: bytes, at: int, size: int) -> Frame | None:
        """The frame at `at` if it is as the standard says. The path of nearly all traffic."""
        digits = buffer[at + 2 : at + 6]
        if not digits.isdigit() or len(digits) < 4 or not buffer.startswith(b"##", at):
            return None
        close = at + 6 + int(digits)
        if close + 4 > size:
            return None
        segment = buffer[at + 6 : close]
        if not buffer.startswith(crc_text(segment), close) or b"\n" in segment or b"##" in segment:
            return None
        if self._keys is not None and not segment.isascii():
            return None
        return buffer[at : close + 4], segment, (), False

    def _line_end(self, buffer: bytes, at: int, items: list[Item], *, is_final: bool) -> int | None:
        """Read what follows a frame; None if one more byte is needed."""
        two = buffer[at : at + 2]
        if two in (b"\r", b"*") and not is_final:
            return None
        self._line_end_due = False
        if two == b"\r\n":
            return at + 2
        if two == b"**":
            items.append(LineEnd("double_star_tail"))
            return at + 2
        items.append(LineEnd("lf_only_tail" if two[:1] in (b"\r", b"\n") else "missing_crlf"))
        return at + 1 if two[:1] in (b"\r", b"\n") else at

    def _step(self, buffer: bytes, at: int, *, is_final: bool) -> tuple[Item | None, int] | None:
        """One item, or bytes to skip, at `at`; None if more bytes are needed."""
        if buffer[at] in b"\r\n":
            return None, at + 1
        head = _HEAD.search(buffer, at)
        if head is None or head.start() > at:
            return _noise(buffer, at, head.start() if head else None, is_final=is_final)
        if len(buffer) - at < 11 and not is_final:
            return None  # a long head cannot be told from a frame yet
        return self._candidate(buffer, at, head, is_final=is_final)

    def _candidate(
        self, buffer: bytes, at: int, head: re.Match[bytes], *, is_final: bool
    ) -> tuple[Item | None, int] | None:
        long_head = _LONG_HEAD.match(buffer, at)
        digits = long_head.group(1) if long_head else head.group()[2:]
        odd_head = ("long_length_field",) if long_head else ("short_length_field",) if len(digits) < 4 else ()
        body = long_head.end() if long_head else head.end()
        close = body + int(digits)
        end = close + 4
        landmark = self._landmark(buffer, at, body, min(end, len(buffer)))
        if landmark is None and end > len(buffer) and not is_final:
            return None
        if landmark is None and end <= len(buffer) and not self._is_checked:
            self._is_checked = True
            raw, segment, field = buffer[at:end], buffer[body:close], buffer[close:end]
            read = self._check(raw, segment, field, digits, odd_head)
            if read is not None:
                return read, end
            is_tail = _CRC_FIELD.match(field) and segment.endswith((b"&&", b"&&;"))
            if is_tail and not _HEAD.search(buffer, body, end):
                return BadFrame(Reason.CHECKSUM, raw, f"check value should be {crc_text(segment).decode()}"), end
        return self._rescue(buffer, at, body, digits, odd_head, is_final=is_final)

    def _landmark(self, buffer: bytes, at: int, body: int, stop: int) -> int | None:
        """Where the first landmark inside [body, stop) is complete; None if there is none."""
        if buffer.find(b"##", body, stop) < 0 and buffer.find(b"\n", body, stop) < 0:
            return None
        first: int | None = None
        for mark in islice(_LANDMARK.finditer(buffer, body, stop), MAX_LANDMARKS):
            complete = mark.end()
            if mark.group().startswith(b"##"):
                complete += int(mark.group()[2:]) + 4
            if not self._scanned < complete - at <= stop - at or (first is not None and first <= complete):
                continue
            if _is_sound(buffer, body, mark, complete):
                first = complete
        self._scanned = max(self._scanned, stop - at)
        return first

    def _check(
        self, raw: bytes, segment: bytes, field: bytes, digits: bytes, odd_head: tuple[str, ...]
    ) -> Frame | None:
        """The frame whose length is right, if one of the known check values fits."""
        if self._keys is not None and not segment.isascii():
            plain = self._decrypted(segment, field)
            if plain is not None:
                return raw, plain, (*odd_head, *(_matches(field, plain) or ())), True
        if not _CRC_FIELD.match(field):
            return None
        found = _matches(field, segment)
        if found is None and segment[:1] == segment[-1:] == b";" and int(field, 16) == crc(digits + segment):
            found = ("crc_len_segment",)  # one maker's; only with its semicolons can it be told from damage
        return None if found is None else (raw, segment, (*odd_head, *found), False)

    def _decrypted(self, segment: bytes, field: bytes) -> bytes | None:
        name = _MN.search(segment)
        mn = name.group(1).strip().decode("ascii", "replace") if name else ""
        for key in self._keys(mn) if self._keys else ():
            plain = decrypt_cp(segment, key)
            if field.upper() == crc_text(plain):
                return plain
        return None

    def _rescue(
        self, buffer: bytes, at: int, body: int, digits: bytes, odd_head: tuple[str, ...], *, is_final: bool
    ) -> tuple[Item | None, int] | None:
        """A head whose length is not to be believed: find where its segment ends, or give the bytes up.

        None if neither its end nor the next head is there yet.
        """
        limit = at + MAX_FRAME
        restart = _HEAD.search(buffer, body, limit)
        stop = restart.start() if restart else min(limit, len(buffer))
        for tail in islice(_TAIL.finditer(buffer, body, stop), self._tails_tried, MAX_TAILS):
            self._tails_tried += 1
            segment = buffer[body : tail.start(1)]
            found = _matches(tail.group(1), segment)
            if found is not None:
                names = (*odd_head, _length_deviation(segment, digits), *found)
                return (buffer[at : tail.end()], segment, names, False), tail.end()
        if restart is None and stop < limit and not is_final:
            return None
        span = buffer[at:stop].rstrip(b"\r\n*")
        segment, field = span[body - at : -4], span[-4:]
        if _CRC_FIELD.match(field) and segment and field.upper() == crc_text(segment):
            return (span, segment, (*odd_head, "wrong_length"), False), at + len(span)
        has_tail = _CRC_FIELD.match(field) and segment.endswith((b"&&", b"&&;"))
        reason = Reason.LENGTH if has_tail or restart or not is_final else Reason.TRUNCATED
        if len(segment) == int(digits):
            reason = Reason.CHECKSUM
        return BadFrame(reason, span, f"length field {digits.decode()}, {len(segment)} bytes of segment"), stop


def _matches(field: bytes, segment: bytes) -> tuple[str, ...] | None:
    """Deviations of a check field that fits the segment, () if it is as the standard says; None if it does not fit."""
    text = field.upper()
    cased = () if field == text else ("lower_case_crc",)
    if text == crc_text(segment):
        return cased
    other = modbus(segment)
    if int(text, 16) == other:
        return ("crc_modbus", *cased)
    if int(text, 16) == (other & 0xFF) << 8 | other >> 8:
        return ("crc_modbus_swapped", *cased)
    return None


def _is_sound(buffer: bytes, body: int, mark: re.Match[bytes], complete: int) -> bool:
    """Whether a landmark is one: an inner frame by the book, or a tail whose check value fits the outer segment."""
    if mark.group().startswith(b"##"):
        return buffer[complete - 4 : complete].upper() == crc_text(buffer[mark.end() : complete - 4])
    field = _TAIL.match(buffer, mark.start())
    return field is not None and _matches(field.group(1), buffer[body : field.start(1)]) is not None


def _noise(buffer: bytes, at: int, head: int | None, *, is_final: bool) -> tuple[Item | None, int] | None:
    """Bytes in front of a head, or of nothing yet."""
    if head is None:
        partial = None if is_final else _PARTIAL_HEAD.search(buffer, max(at, len(buffer) - 5))
        stop = partial.start() if partial else len(buffer)
        if stop - at < NOISE_PIECE and not is_final:
            return None
    else:
        stop = head
    stop = min(stop, at + NOISE_PIECE)
    raw = buffer[at:stop].rstrip(b"\r\n")
    return (BadFrame(Reason.NOT_A_FRAME, raw) if raw else None), stop


def _length_deviation(segment: bytes, digits: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            text = segment.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(text) == int(digits) < len(segment):
            return "length_in_characters"
    return "wrong_length"
