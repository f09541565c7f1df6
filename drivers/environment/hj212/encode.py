"""Frames to send: as the standard says, split where they would be too long, and nothing that changes an instrument.

What we may ask for is a list (`ALLOWED`), not what we may not: the clock, intervals, timeouts, the registration of
2025, and everything that only reads. Calibration, sampling, cleaning, instrument parameters, passwords and host
addresses (1022, 1032, 1042, 1072, 3011-3014, 3016, 3021, 3024 and makers' own 30xx) cannot be encoded, whoever asks.
"""

from collections.abc import Iterable

from drivers.environment.hj212.codes import EDITIONS, Edition
from drivers.environment.hj212.crc import crc_text
from drivers.environment.hj212.encryption import encrypt_cp
from drivers.environment.hj212.times import next_qn
from drivers.errors import EncodeError

MAX_SEGMENT = 1024
"""Bytes of a segment (HJ 212-2017 table 1)."""

MAX_PACKETS = 9999

SETTINGS = frozenset({"1000", "1001", "1002", "1011", "1012", "1013", "1014", "1061", "1062", "1063", "1064"})
CONTROLS = frozenset({"3015", "3017", "3018", "3019", "3020", "3022"})
ALLOWED = SETTINGS | CONTROLS
"""Commands of 1000-1999 and 3000-3999 that can be encoded; 2xxx, 8xxx and 9xxx carry data and answers."""


def frame(segment: bytes, *, sent: bytes | None = None) -> bytes:
    """Head, length, segment, check value, CR LF. `sent` goes out in place of the segment that the check value is of.

    Raises
    ------
    EncodeError
        If the segment is longer than four digits can say.
    """
    if len(segment) > 9999:
        raise EncodeError(f"segment of {len(segment)} bytes: the length field has four digits")
    return b"##%04d%b%b\r\n" % (len(segment), segment if sent is None else sent, crc_text(segment))


def encode(
    cn: str,
    groups: Iterable[str] = (),
    *,
    mn: str,
    st: str,
    qn: str,
    pw: str = "123456",
    edition: Edition = Edition.HJ2017,
    needs_answer: bool = False,
    is_resent: bool = False,
    key: bytes | None = None,
) -> list[bytes]:
    """Frames of one message, one unless CP is too long for a segment.

    `groups` are the items of CP in the order wanted ("DataTime=…", "a21026-Rtd=3.1,a21026-Flag=N"). A message that has
    to be split is cut between them; every packet has its own QN, one millisecond apart, and repeats DataTime. `qn` ""
    leaves QN out, as 2005 uploads do. With `key`, CP is SM4-encrypted (2025).

    Raises
    ------
    EncodeError
        If the command may not be sent, or the message cannot be written.
    """
    check_allowed(cn)
    parts = [_checked(group) for group in groups]
    for name, value in (("CN", cn), ("MN", mn), ("ST", st), ("QN", qn), ("PW", pw)):
        _check_header(name, value)
    if is_resent and edition is not Edition.HJ2025:
        raise EncodeError("RF is a field of HJ 212-2025")
    flag = EDITIONS.index(edition) << 2 | needs_answer
    identity = (f"ST={st}", f"CN={cn}", f"PW={pw}", f"MN={mn}")
    tail = ("RF=1",) if is_resent else ()

    def segment(number: int, count: int, items: list[str], own_qn: str) -> bytes:
        split = (f"PNUM={count}", f"PNO={number}") if count > 1 else ()
        bits = flag | 2 if count > 1 else flag
        head = (*((f"QN={own_qn}",) if own_qn else ()), *identity, f"Flag={bits}", *split, *tail)
        return f"{';'.join(head)};CP=&&{';'.join(items)}&&".encode()

    whole = segment(1, 1, parts, qn)
    if len(whole) <= MAX_SEGMENT:
        return [_finish(whole, key)]
    room = MAX_SEGMENT - len(segment(MAX_PACKETS, MAX_PACKETS, [], qn))
    packets = _split(parts, room)
    frames = []
    for number, items in enumerate(packets, 1):
        frames.append(_finish(segment(number, len(packets), items, qn), key))
        qn = next_qn(qn) if qn else qn
    return frames


def check_allowed(cn: str) -> None:
    """Refuse commands that would change an instrument or a station's identity.

    Raises
    ------
    EncodeError
        If the command is not in `ALLOWED` and not one of data or answers.
    """
    if not (len(cn) == 4 and cn.isascii() and cn.isdigit()):
        raise EncodeError(f"CN is four digits, not {cn!r}")
    if cn[0] in "289" or cn in ALLOWED:
        return
    raise EncodeError(
        f"CN={cn} is not sent: this gateway supervises and does not change instruments. "
        f"Allowed beside data and answers: {', '.join(sorted(ALLOWED))}"
    )


def _split(parts: list[str], room: int) -> list[list[str]]:
    """Parts in packets of at most `room` bytes, DataTime first in each."""
    leading = [part for part in parts[:1] if part.startswith("DataTime=")]
    packets: list[list[str]] = []
    free = -1
    for part in parts[len(leading) :]:
        cost = len(part.encode()) + 1
        if cost > free:
            packets.append(list(leading))
            free = room - sum(len(item) + 1 for item in leading) + 1
            if cost > free:
                raise EncodeError(f"one item of {cost - 1} bytes does not fit into a segment: {part[:40]}…")
        packets[-1].append(part)
        free -= cost
    if len(packets) > MAX_PACKETS:
        raise EncodeError(f"{len(packets)} packets: PNUM has four digits")
    return packets


def _finish(segment: bytes, key: bytes | None) -> bytes:
    return frame(segment, sent=None if key is None else encrypt_cp(segment, key))


def _checked(group: str) -> str:
    if "&&" in group or "##" in group or any(ord(char) < 32 for char in group):
        raise EncodeError(f"an item of CP holds neither && nor ## nor control characters: {group[:40]!r}")
    return group


def _check_header(name: str, value: str) -> None:
    if not value.isascii() or not value.isprintable() or any(char in value for char in ";,=&#"):
        raise EncodeError(f"{name} cannot be written: {value!r}")
