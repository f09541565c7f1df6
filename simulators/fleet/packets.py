"""Packets of a field host: messages cut to size, numbered, addressed and framed as its edition and habits demand."""

from collections.abc import Iterator
from dataclasses import dataclass

from simulators.fleet.frames import dressed
from simulators.fleet.messages import Message, stamp
from simulators.fleet.site import Edition, Site

CP_LIMIT = 950  # bytes of CP in one packet (HJ 212-2017, 6.3)
ANSWER_WANTED, NUMBERED = 1, 2  # bits A and D of Flag


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One packet that wants an answer, with what is needed to address it anew."""

    qn: str
    cn: str
    data_time: str
    values: int
    body: str  # CP
    system_code: str
    numbers: tuple[int, int] | None  # PNUM, PNO
    raw: bytes


class Packets:
    """Makes the packets of one site; holds nothing but the last QN."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.password = site.password
        self._last_qn_ms = 0

    def of_message(self, message: Message, *, time_s: float) -> Iterator[Outgoing]:
        """A message cut between groups where CP would be too long; DataTime stands in every packet (C.49, C.50)."""
        limit = 10_000 if "over_1024" in self.site.habits else CP_LIMIT
        first, *rest = message.groups
        parts: list[tuple[str, int]] = [(first, 0)]
        for group, values in zip(rest, message.values[1:], strict=True):
            text, count = parts[-1]
            if len(text.encode()) + 1 + len(group.encode()) > limit:
                parts.append((f"{first};{group}", values))
            else:
                parts[-1] = (f"{text};{group}", count + values)
        for number, (body, values) in enumerate(parts, start=1):
            numbers = (len(parts), number) if len(parts) > 1 else None
            qn = self.next_qn(time_s)
            raw = self._frame(self._header(qn, message.cn, message.system_code, numbers), body)
            yield Outgoing(qn, message.cn, stamp(message.data_time_s), values, body, message.system_code, numbers, raw)

    def again(self, old: Outgoing, *, time_s: float) -> Outgoing:
        """A packet kept on board, to be sent again: as it was, but under a new QN with RF=1 since 2025."""
        if self.site.edition is not Edition.E2025:
            return old
        qn = self.next_qn(time_s)
        raw = self._frame(self._header(qn, old.cn, old.system_code, old.numbers) + "RF=1;", old.body)
        return Outgoing(qn, old.cn, old.data_time, old.values, old.body, old.system_code, old.numbers, raw)

    def notice(self, cn: str, *, time_s: float) -> bytes:
        """A notice (1013, 9015), answered by 9013; the 2005 edition has neither."""
        if self.site.edition is Edition.E2005:
            return b""
        system_code = "91" if cn == "9015" else self.site.system_code
        return self._frame(self._header(self.next_qn(time_s), cn, system_code, None), "")

    def reply(self, cn: str, qn: str, body: str = "") -> bytes:
        """An answer of ours: ST=91, no answer wanted, the QN of the request (in CP in the 2005 edition)."""
        if self.site.edition is Edition.E2005:
            header, body = "", f"QN={qn};{body}".rstrip(";")
        else:
            header = f"QN={qn};"
        header += f"ST=91;CN={cn};PW={self.password};MN={self.site.mn};Flag={self._flag(0)};"
        return self._frame(header, body)

    def next_qn(self, time_s: float) -> str:
        """A new QN: the time in milliseconds, later than any before."""
        self._last_qn_ms = max(self._last_qn_ms + 1, int(time_s * 1000))
        return f"{stamp(self._last_qn_ms // 1000)}{self._last_qn_ms % 1000:03d}"

    def _header(self, qn: str, cn: str, system_code: str, numbers: tuple[int, int] | None) -> str:
        header = f"ST={system_code};CN={cn};PW={self.password};MN={self.site.mn};"
        if "no_flag" not in self.site.habits:
            header = f"QN={qn};{header}Flag={self._flag(ANSWER_WANTED | (NUMBERED if numbers else 0))};"
        return header + (f"PNUM={numbers[0]};PNO={numbers[1]};" if numbers else "")

    def _flag(self, low_bits: int) -> int:
        return self.site.edition.value << 2 | low_bits

    def _frame(self, header: str, body: str) -> bytes:
        encoding = "gb18030" if "gbk_text" in self.site.habits else "utf-8"
        return dressed(f"{header}CP=&&{body}&&".encode(encoding), self.site.habits)
