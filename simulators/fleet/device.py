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
from dataclasses import dataclass, replace

from simulators.fleet import answers, information, messages
from simulators.fleet.frames import Packet, PacketReader
from simulators.fleet.messages import Message, stamp
from simulators.fleet.packets import Outgoing, Packets
from simulators.fleet.schedule import CLOCK, HEARTBEAT, SETTINGS, STATUS, Schedule
from simulators.fleet.site import Edition, Site

STORE_LIMIT = 20_000  # packets kept on board; a real logger holds a year, ours forgets the oldest and counts it
IN_FLIGHT = 16  # packets of the store or of a history answer that wait for their answer at a time


@dataclass(slots=True)
class Pending:
    """A packet that waits for its answer."""

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
    kept: int = 0
    forgotten: int = 0
    requests: int = 0


class Device:
    """The protocol side of one site. Methods that return bytes return what to send now."""

    def __init__(self, site: Site, *, start_s: float, over_time_s: float = 10.0, retries: int = 3) -> None:
        self.site: Site = site
        self.packets = Packets(site)
        self.over_time_s, self.retries = over_time_s, retries
        self.is_streaming = True  # real-time data: started by 2011, stopped by 2012
        self.counts = Counts()
        self.acknowledged: deque[Outgoing] = deque()  # emptied by the client, for the ledger
        self.history: deque[Message] = deque()  # what the open exchange still has to send
        self.exchange: Packet | None = None
        self.clock_error_s = float(site.seed % 31) - 15.0
        self._is_connected = self._has_started = False
        self._reader = PacketReader()
        self._pending: dict[str, Pending] = {}
        self._history_qns: set[str] = set()
        self._store: deque[Outgoing] = deque()
        self._schedule = Schedule(site, start_s=start_s)
        self._told: tuple[int, dict[str, str]] | None = None  # status and settings last reported

    def connected(self, *, now_s: float, time_s: float) -> bytes:
        """The line is up: once the power-up report and the settings, a request for the time, then what has waited."""
        self._is_connected = True
        self._reader = PacketReader()
        out = b""
        if not self._has_started and self.site.edition is not Edition.E2005:
            here_s = self.here_s(time_s)
            told = ((information.STATUS, information.LOG), information.SETTINGS)
            first = (
                messages.plain(self.site, messages.RESTART, here_s, f"RestartTime={stamp(here_s)}"),
                *(information.report(self.site, here_s, names) for names in told),
            )
            out = b"".join(self._upload(message, now_s, time_s) for message in first)
        self._has_started = True
        out += self.packets.notice(CLOCK, time_s=self.here_s(time_s))
        return out + self.step(now_s=now_s, time_s=time_s)

    def disconnected(self) -> None:
        """The line is down: what has no answer yet goes to the store, an open exchange ends."""
        self._is_connected = False
        for pending in self._pending.values():
            self._keep(pending.packet)
        self._pending.clear()
        self.end_exchange()

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
        out = [self._make(kind, due_s, now_s, time_s) for kind, due_s in self._schedule.take(self.here_s(time_s))]
        return b"".join(out) + self._repeats(now_s) + self._continue(now_s, time_s)

    def wait_s(self, *, now_s: float, time_s: float, speed: float) -> float:
        """How long `step` has nothing to do, in seconds of the line."""
        due_s = (self._schedule.next_s() - self.here_s(time_s)) / speed
        return max(0.0, min([due_s, *(pending.deadline_s - now_s for pending in self._pending.values())]))

    @property
    def is_settled(self) -> bool:
        """Whether everything sent so far has its answer and nothing is kept on board."""
        return not self._pending and not self._store

    def here_s(self, time_s: float) -> float:
        """What the device's own clock shows."""
        return time_s + self.clock_error_s

    def set_clock(self, wanted_s: float, time_s: float) -> None:
        """The centre sets our clock. In accelerated time its "now" is not ours: then only our error vanishes."""
        error = wanted_s - time_s
        self.clock_error_s = error if abs(error) < 300.0 else 0.0

    def set_intervals(self, time_s: float, *, realtime_s: int | None = None, minute_s: int | None = None) -> None:
        self.site = replace(
            self.site, realtime_s=realtime_s or self.site.realtime_s, minute_s=minute_s or self.site.minute_s
        )
        self._schedule.change_intervals(self.site, self.here_s(time_s))

    def end_exchange(self) -> None:
        self.exchange = None
        self.history.clear()
        self._history_qns.clear()

    def _make(self, kind: str, due_s: float, now_s: float, time_s: float) -> bytes:
        """The bytes of one upload that has become due. Real-time data and notices are not caught up on."""
        if kind in (CLOCK, HEARTBEAT):
            return self.packets.notice(kind, time_s=self.here_s(time_s)) if self._is_connected else b""
        message: Message | None
        if kind == messages.REALTIME:
            message = messages.realtime(self.site, due_s) if self.is_streaming and self._is_connected else None
        elif kind == SETTINGS:
            message = information.report(self.site, due_s, information.SETTINGS)
        elif kind == STATUS:
            message = self._change(due_s)
        else:
            message = messages.period(self.site, kind, self._schedule.period_begin(kind, due_s))
        return b"" if message is None else self._upload(message, now_s, time_s)

    def _change(self, time_s: float) -> Message | None:
        """A report if status or settings have changed since the last one (3020 is sent on change)."""
        status, settings = information.status(self.site, time_s), information.settings(self.site, time_s)
        old_status, old_settings = self._told or (status, settings)
        self._told = status, settings
        names: tuple[str, ...] = (information.STATUS, information.LOG) if status != old_status else ()
        names += information.SETTINGS if settings != old_settings else ()
        return information.report(self.site, time_s, names) if names else None

    def _upload(self, message: Message, now_s: float, time_s: float) -> bytes:
        """The packets of a message; they wait for their answers, or go to the store while the line is down."""
        out = []
        for packet in self.packets.of_message(message, time_s=self.here_s(time_s)):
            if self._is_connected:
                out.append(self._send(packet, now_s))
            else:
                self._keep(packet)
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

    def _settle(self, packet: Packet) -> None:
        pending = self._pending.pop(packet.qn, None)
        if pending is not None:
            self.counts.acknowledged += 1
            self.acknowledged.append(pending.packet)

    def _repeats(self, now_s: float) -> bytes:
        """Packets without an answer after OverTime are sent again; after ReCount repeats they are kept on board."""
        out = []
        for qn, pending in tuple(self._pending.items()):
            if pending.deadline_s > now_s:
                continue
            if pending.attempts > self.retries:
                self._keep(self._pending.pop(qn).packet)
                continue
            pending.attempts += 1
            pending.deadline_s = now_s + self.over_time_s
            self.counts.resent += 1
            out.append(pending.packet.raw)
        return b"".join(out)

    def _keep(self, packet: Outgoing) -> None:
        self.counts.kept += 1
        self._store.append(packet)
        if len(self._store) > STORE_LIMIT:
            self._store.popleft()
            self.counts.forgotten += 1

    def _continue(self, now_s: float, time_s: float) -> bytes:
        """Fill the free places in flight: first from the open exchange's history, then from the store."""
        out = []
        while self._is_connected and len(self._pending) < IN_FLIGHT:
            if self.history:
                before = set(self._pending)
                out.append(self._upload(self.history.popleft(), now_s, time_s))
                self._history_qns |= self._pending.keys() - before
            elif self._store:
                is_newest_first = self.site.edition is Edition.E2025  # HJ 212-2025, 8.2.2
                kept = self._store.pop() if is_newest_first else self._store.popleft()
                out.append(self._send(self.packets.again(kept, time_s=self.here_s(time_s)), now_s))
            else:
                break
        if self.exchange is not None and not self.history and not self._history_qns & self._pending.keys():
            out.append(self.packets.reply("9012", self.exchange.qn, "ExeRtn=1"))
            self.end_exchange()
        return b"".join(out)
