"""A segment's header and CP field as text (HJ 212-2017 §6.3.3).

    QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;][RF=…;]CP=&&…&&

Read by name, in any order. CP reaches from the first `&&` to the last. Headers repeat from frame to frame but for QN,
so they are remembered by their text without it.
"""

import re
from typing import Any, NamedTuple

from drivers.environment.hj212.codes import EDITIONS, Edition

REMEMBERED = 4096
LONGEST_REMEMBERED = 256
"""Distinct headers kept, and characters of one that is; a full memory is emptied."""

_CP_START = re.compile(r"(?:\A|[;,\s])CP\s*=\s*(&+)")
_NAMES = {"QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "RF"}
_FOLDED = {name.casefold(): name for name in _NAMES}


class Header(NamedTuple):
    """What stands before CP, QN apart. `flag` is None where absent or unusable; `pnum` and `pno` likewise."""

    st: str
    cn: str
    pw: str
    mn: str
    flag: int | None
    pnum: int | None
    pno: int | None
    rf: str
    others: tuple[tuple[str, str], ...]
    deviations: tuple[str, ...]
    recent: list[Any]  # the plan that fitted last (`readings.py`): a station's frames of one command look alike

    @property
    def edition(self) -> Edition:
        """By the version bits of Flag; no Flag is 2005."""
        return EDITIONS[min((self.flag or 0) >> 2, 2)]


Segment = tuple[Header, str, str, tuple[str, ...]]
"""Header, QN, CP, deviations."""


_headers: dict[str, tuple[Header, str]] = {}


def read_segment(data: bytes) -> Segment:
    """Header, QN and the text of CP without its ampersands."""
    odd: tuple[str, ...] = ()
    if data.isascii():
        text = data.decode("ascii")
    else:
        text, odd = _decode(data)
    if len(data) > 1024:
        odd = (*odd, "segment_over_1024")
    head, separator, cp = text.partition(";CP=&&")
    if separator and cp.endswith("&&"):
        cp = cp[:-2]
    else:
        head, cp, more = _cut_cp(text)
        odd = (*odd, *more)
    qn = ""
    is_leading = head.startswith("QN=") and head[20:21] == ";" and head[3:20].isdigit()
    if is_leading:
        qn, head = head[3:20], head[21:]
    known = _headers.get(head)
    if known is None:
        known = _read_header(head)
        if len(_headers) >= REMEMBERED:
            forget_headers()
        if len(head) <= LONGEST_REMEMBERED:
            _headers[head] = known
    header, inner_qn = known
    qn = qn or inner_qn
    if header.deviations:
        odd = (*odd, *header.deviations)
    if not is_leading and (len(qn) != 17 or not qn.isdigit()):
        if qn:
            odd = (*odd, "qn_malformed")
        elif header.flag is not None and header.flag >= 4:
            odd = (*odd, "qn_missing")
    return header, qn, cp, odd


def forget_headers() -> None:
    """Empty the memory of headers, and with it that of the plans that fitted last."""
    _headers.clear()


def _decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    readings: tuple[tuple[str, tuple[str, ...]], ...] = (("utf-8", ()), ("gb18030", ("gbk_text",)))
    for encoding, odd in readings:
        try:
            return data.decode(encoding), odd
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), ("undecodable_text",)


def _cut_cp(text: str) -> tuple[str, str, tuple[str, ...]]:
    """Header text and CP text of a segment that is not written by the book."""
    start = _CP_START.search(text)
    odd: list[str] = []
    if text[:1] == ";" or text[-1:] == ";":
        odd.append("stray_semicolon")
    if start is None:
        return text, "", (*odd, "cp_missing")
    cp = text[start.end() :].rstrip(";")
    if len(start.group(1)) == 1:
        odd.append("single_ampersand")
    if len(start.group(1)) >= 4 and not cp:
        return text[: start.start()], "", tuple(odd)
    if not cp.endswith("&&"):
        odd.append("missing_tail_ampersands")
    return text[: start.start()], cp.rstrip("&"), tuple(odd)


def _read_header(text: str) -> tuple[Header, str]:
    found: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    odd: list[str] = []
    for part in text.split(";"):
        name, _, value = part.partition("=")
        bare = name.strip(" ,\t")
        if not bare:
            continue
        name_by_book = _FOLDED.get(bare.casefold())
        value = value.strip(" \t")
        if part.strip(" ,\t") != part:
            odd.append("header_separator")
        if name_by_book is None:
            others.append((bare, value))
        else:
            if bare != name_by_book:
                odd.append("header_case")
            found.setdefault(name_by_book, value)
    flag, pnum, pno = (
        _number(found.get(name, ""), most) for name, most in (("Flag", 255), ("PNUM", 9999), ("PNO", 9999))
    )
    odd += _header_deviations(found, flag, pnum, pno)
    st, cn, pw, mn = (found.get(name, "") for name in ("ST", "CN", "PW", "MN"))
    header = Header(
        st, cn, pw, mn, flag, pnum, pno, found.get("RF", ""), tuple(others), tuple(dict.fromkeys(odd)), [None]
    )
    return header, found.get("QN", "")


def _header_deviations(found: dict[str, str], flag: int | None, pnum: int | None, pno: int | None) -> list[str]:
    odd = []
    st = found.get("ST", "")
    is_split = pnum is not None and pno is not None and 1 <= pno <= pnum
    if not (len(st) == 2 and st.isascii() and st.isalnum() and st.upper() == st):
        odd.append("st_malformed")
    if not found.get("MN"):
        odd.append("mn_missing")
    if flag is None and found.get("Flag"):
        odd.append("flag_malformed")
    if is_split and not (flag or 0) & 2:
        odd.append("pnum_without_flag_bit")
    if not is_split and ((flag or 0) & 2 or "PNUM" in found or "PNO" in found):
        odd.append("flag_split_without_pnum")
    return odd


def _number(text: str, most: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    return int(text) if int(text) <= most else None
