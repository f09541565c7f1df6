"""A field host's side of the protocol, without I/O and without a clock (HJ 212-2017, section 6 and appendix C).

    due uploads ──► frames ──► pending ──9014──► acknowledged
                                 │ ▲ resent after OverTime, up to ReCount times
                                 ▼ │
                               on-board store, sent again when the line is back (2025: newest first, RF=1)

Two times are passed in: `now_s`, monotonic seconds of the line, for time limits; `time_s`, seconds of UTC of the
simulated world, for data. They run at different speeds when time is accelerated.
"""

import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from simulators.fleet import answers, information, messages
from simulators.fleet.frames import Packet, PacketReader, dressed
from simulators.fleet.messages import Message, stamp
from simulators.fleet.site import Edition, Site

CP_LIMIT = 950  # bytes of CP in one packet (HJ 212-2017, table 4)
STORE_LIMIT = 20_000  # packets kept on board; a real logger holds a year of minutes, ours forgets the oldest
IN_FLIGHT = 16  # packets of the store or of a history answer that wait for their answer at a time
CLOCK_S, SETTINGS_S, STATUS_S = 86400.0, 86400.0, 60.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One packet that wants an answer."""

    qn: str
    cn: str
    data_time: str
    values: int
    body: str  # CP
    system_code: str
    numbers: tuple[int, int] | None  # PNUM, PNO
    raw: bytes


@dataclass(slots=True)
class Pending:
    packet: Outgoing
    deadline_s: float
    attempts: int


@dataclass(slots=True)
class Counts:
    """What a device has done, for the summary at the end."""

    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    unanswerable: int = 0  # sent without Flag: nobody answers
    stored: int = 0
    forgotten: int = 0
    requests: int = 0


class Device:
    """The protocol side of one site. All methods return the bytes to send now."""

    def __init__(self, site: Site, *, start_s: float, over_time_s: float = 10.0, retries: int = 3) -> None:
        self.site = site
        self.over_time_s, self.retries = over_time_s, retries
        self.password = site.password
        self.is_streaming = True
        self.counts = Counts()
        self.acknowledged: deque[Outgoing] = deque()
        self.history: deque[Message] = deque()  # what an open exchange still has to send
        self.exchange: Packet | None = None
        self.clock_error_s = float(site.seed % 31) - 15.0
        self._is_connected = False
        self._has_started = False
        self._reader = PacketReader()
        self._pending: dict[str, Pending] = {}
        self._store: deque[Outgoing] = deque()
        self._last_qn_ms = 0
        self._due = self._first_due(start_s)
        self._told = (information.status(site, start_s), information.settings(site, start_s))

    def connected(self, *, now_s: float, time_s: float) -> bytes:
        """The line is up: power-up report once, a request for the time, and the store."""
        self._is_connected = True
        self._reader = PacketReader()
        out = b""
        if not self._has_started and self.site.edition is not Edition.E2005:
            restart = messages.plain(
                self.site, messages.RESTART, self._device_time(time_s), f"RestartTime={stamp(time_s)}"
            )
            out += self._upload(restart, now_s, time_s)
        self._has_started = True
        return out + self._notice("1013", time_s) + self.step(now_s=now_s, time_s=time_s)

    def disconnected(self) -> None:
        """The line is down: what has no answer yet goes to the store, an open exchange ends."""
        self._is_connected = False
        for pending in self._pending.values():
            self._keep(pending.packet)
        self._pending.clear()
        self.history.clear()
        self.exchange = None

    def receive(self, data: bytes, *, now_s: float, time_s: float) -> bytes:
        """Bytes from the centre: answers settle packets, requests are carried out."""
        out = []
        for packet in self._reader.feed(data):
            if packet.cn in ("9013", "9014"):
                self._settle(packet)
            else:
                self.counts.requests += 1
                out.append(answers.answer(self, packet, time_s))
        return b"".join(out) + self._continue(now_s, time_s)

    def step(self, *, now_s: float, time_s: float) -> bytes:
        """What is due by now: uploads, repeats after OverTime, the store, the rest of a history answer."""
        out = [self._uploads_due(now_s, time_s), self._repeats(now_s)]
        return b"".join(out) + self._continue(now_s, time_s)

    def wait_s(self, *, now_s: float, time_s: float, speed: float) -> float:
        """How long `step` has nothing to do, in seconds of the line."""
        due = min(self._due.values()) - self._device_time(time_s)
        deadlines = [pending.deadline_s - now_s for pending in self._pending.values()]
        return max(0.0, min([due / speed, *deadlines]))

    def set_clock(self, wanted_s: float, time_s: float) -> None:
        """The centre sets our clock. In accelerated time its "now" is not ours: then only our error vanishes."""
        error = wanted_s - time_s
        self.clock_error_s = error if abs(error) < 300.0 else 0.0

    def set_interval(self, *, realtime_s: int | None = None, minute_s: int | None = None) -> None:
        self.site = replace(
            self.site, realtime_s=realtime_s or self.site.realtime_s, minute_s=minute_s or self.site.minute_s
        )

    def reply(self, cn: str, qn: str, body: str = "", *, time_s: float = 0.0) -> bytes:
        """An answer of ours: ST=91, no further answer wanted, the request's QN (in CP for the 2005 edition)."""
        is_old = self.site.edition is Edition.E2005
        body = f"QN={qn};{body}".rstrip(";") if is_old else body
        header = "" if is_old else f"QN={qn};"
        return self._frame(f"{header}ST=91;CN={cn};PW={self.password};MN={self.site.mn};Flag={self._flag(0)};", body)

    def next_qn(self, time_s: float) -> str:
        """A new QN: the device's time in milliseconds, later than any before."""
        self._last_qn_ms = max(self._last_qn_ms + 1, int(self._device_time(time_s) * 1000))
        return stamp(self._last_qn_ms // 1000) + f"{self._last_qn_ms % 1000:03d}"

    def device_time(self, time_s: float) -> float:
        return self._device_time(time_s)

    def _device_time(self, time_s: float) -> float:
        return time_s + self.clock_error_s

    def _first_due(self, start_s: float) -> dict[str, float]:
        """Device time of the next upload of each kind. Period data follow a site's own few seconds after the period."""
        site = self.site
        day_begin = (start_s + 8 * 3600.0) // 86400.0 * 86400.0 - 8 * 3600.0
        due = {
            messages.REALTIME: (start_s // site.realtime_s + 1) * site.realtime_s,
            messages.MINUTE: (start_s // site.minute_s + 1) * site.minute_s + self._lag(10),
            messages.HOUR: (start_s // 3600 + 1) * 3600 + self._lag(60),
            messages.DAY: day_begin + 86400.0 + self._lag(600),
            "1013": start_s + CLOCK_S,
        }
        if site.edition is not Edition.E2005:
            due |= {"status": start_s + STATUS_S, "settings": start_s + SETTINGS_S + self._lag(600)}
        if site.edition is Edition.E2025:
            due["9015"] = start_s + 60.0
        return due

    def _lag(self, most_s: int) -> float:
        return float(1 + self.site.number % most_s)

    def _uploads_due(self, now_s: float, time_s: float) -> bytes:
        out = []
        here_s = self._device_time(time_s)
        for kind in tuple(self._due):
            while self._due[kind] <= here_s:
                due_s = self._due[kind]
                self._due[kind] = due_s + self._interval(kind)
                out.append(self._make(kind, due_s, now_s, time_s))
        return b"".join(out)

    def _interval(self, kind: str) -> float:
        return {
            messages.REALTIME: self.site.realtime_s,
            messages.MINUTE: self.site.minute_s,
            messages.HOUR: 3600.0,
            messages.DAY: 86400.0,
            "1013": CLOCK_S,
            "status": STATUS_S,
            "settings": SETTINGS_S,
            "9015": 60.0,
        }[kind]

    def _make(self, kind: str, due_s: float, now_s: float, time_s: float) -> bytes:
        """The bytes of one upload that has become due."""
        if kind in ("1013", "9015"):
            return self._notice(kind, time_s) if self._is_connected else b""
        if kind == messages.REALTIME:
            message = messages.realtime(self.site, due_s) if self.is_streaming and self._is_connected else None
        elif kind == "settings":
            message = information.report(self.site, due_s, information.SETTINGS)
        elif kind == "status":
            message = self._change(due_s)
        else:
            length = int(self._interval(kind))
            begin = int((due_s + 8 * 3600.0) // length - 1) * length - 8 * 3600
            message = messages.period(self.site, kind, begin)
        return b"" if message is None else self._upload(message, now_s, time_s)

    def _change(self, time_s: float) -> Message | None:
        """A report if status or settings have changed since the last one (3020 is sent on change)."""
        before, self._told = self._told, (information.status(self.site, time_s), information.settings(self.site, time_s))
        names: tuple[str, ...] = ()
        if before[0] != self._told[0]:
            names += (information.STATUS, information.LOG)
        if before[1] != self._told[1]:
            names += information.SETTINGS
        return information.report(self.site, time_s, names) if names else None

    def _upload(self, message: Message, now_s: float, time_s: float) -> bytes:
        """The packets of a message; they wait for their answers, or go to the store while the line is down."""
        out = []
        for packet in self._packets(message, time_s):
            if not self._is_connected:
                self._keep(packet)
                continue
            out.append(self._send(packet, now_s))
        return b"".join(out)

    def _send(self, packet: Outgoing, now_s: float) -> bytes:
        self.counts.sent += 1
        if "no_flag" in self.site.habits:
            self.counts.unanswerable += 1
        else:
            self._pending[packet.qn] = Pending(packet, now_s + self.over_time_s, 1)
        if "repeats" in self.site.habits and zlib.crc32(packet.raw) % 14 == 0:  # 7 % in a real log of 2016
            self.counts.resent += 1
            return packet.raw * 2
        return packet.raw

    def _packets(self, message: Message, time_s: float) -> Iterable[Outgoing]:
        """A message cut into packets between groups where CP would be too long; DataTime stands in each of them."""
        limit = 10_000 if "over_1024" in self.site.habits else CP_LIMIT
        first, *rest = message.groups
        parts: list[tuple[str, int]] = [(first, 0)]
        for group, values in zip(rest, message.values[1:], strict=True):
            text, count = parts[-1]
            if len(text) + 1 + len(group.encode()) > limit:
                parts.append((f"{first};{group}", values))
            else:
                parts[-1] = (f"{text};{group}", count + values)
        data_time = stamp(message.data_time_s)
        for number, (body, values) in enumerate(parts, start=1):
            numbers = (len(parts), number) if len(parts) > 1 else None
            yield self._packet(message.cn, data_time, values, body, message.system_code, numbers, time_s, is_again=False)

    def _packet(
        self,
        cn: str,
        data_time: str,
        values: int,
        body: str,
        system_code: str,
        numbers: tuple[int, int] | None,
        time_s: float,
        *,
        is_again: bool,
    ) -> Outgoing:
        qn = self.next_qn(time_s)
        header = f"ST={system_code};CN={cn};PW={self.password};MN={self.site.mn};"
        if "no_flag" not in self.site.habits:
            header = f"QN={qn};{header}Flag={self._flag(1 | (2 if numbers else 0))};"
        if numbers:
            header += f"PNUM={numbers[0]};PNO={numbers[1]};"
        if is_again:
            header += "RF=1;"
        return Outgoing(qn, cn, data_time, values, body, system_code, numbers, self._frame(header, body))

    def _frame(self, header: str, body: str) -> bytes:
        encoding = "gb18030" if "gbk_text" in self.site.habits else "utf-8"
        return dressed(f"{header}CP=&&{body}&&".encode(encoding), self.site.habits)

    def _flag(self, low_bits: int) -> int:
        return self.site.edition.value << 2 | low_bits

    def _notice(self, cn: str, time_s: float) -> bytes:
        """A notice (1013, 9015): answered by 9013, not repeated. The 2005 edition has neither."""
        if self.site.edition is Edition.E2005:
            return b""
        system_code = "91" if cn == "9015" else self.site.system_code
        header = f"QN={self.next_qn(time_s)};ST={system_code};CN={cn};PW={self.password};MN={self.site.mn};"
        return self._frame(f"{header}Flag={self._flag(1)};", "")

    def _settle(self, packet: Packet) -> None:
        pending = self._pending.pop(packet.qn, None)
        if pending is not None:
            self.counts.acknowledged += 1
            self.acknowledged.append(pending.packet)

    def _repeats(self, now_s: float) -> bytes:
        """Packets without an answer after OverTime are sent again; after ReCount times they are kept on board."""
        out = []
        for qn, pending in tuple(self._pending.items()):
            if pending.deadline_s > now_s:
                continue
            if pending.attempts > self.retries:
                del self._pending[qn]
                self._keep(pending.packet)
                continue
            pending.attempts += 1
            pending.deadline_s = now_s + self.over_time_s
            self.counts.resent += 1
            out.append(pending.packet.raw)
        return b"".join(out)

    def _keep(self, packet: Outgoing) -> None:
        self.counts.stored += 1
        self._store.append(packet)
        if len(self._store) > STORE_LIMIT:
            self._store.popleft()
            self.counts.forgotten += 1

    def _continue(self, now_s: float, time_s: float) -> bytes:
        """Fill the free places in flight: first the open exchange's history, then the store."""
        out = []
        while self._is_connected and len(self._pending) < IN_FLIGHT:
            if self.history:
                out.append(self._upload(self.history.popleft(), now_s, time_s))
            elif self._store:
                out.append(self._send(self._from_store(time_s), now_s))
            else:
                break
        if self.exchange is not None and not self.history and not self._pending:
            out.append(self.reply("9012", self.exchange.qn, "ExeRtn=1"))
            self.exchange = None
        return b"".join(out)

    def _from_store(self, time_s: float) -> Outgoing:
        """The next packet to send again: as it was, oldest first; in 2025 with RF=1, newest first (8.2.2)."""
        if self.site.edition is not Edition.E2025:
            return self._store.popleft()
        old = self._store.pop()
        return self._packet(
            old.cn, old.data_time, old.values, old.body, old.system_code, old.numbers, time_s, is_again=True
        )
