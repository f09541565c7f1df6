"""One connection of a load: a window of outstanding frames, each sent again until it has its answer."""

import asyncio
import hashlib
import re
import time
from array import array
from collections import OrderedDict
from dataclasses import dataclass, field

from simulators.fleet.frames import frame
from simulators.fleet.messages import stamp
from simulators.ledger import Ledger
from simulators.load.template import Template

_ANSWER = re.compile(rb"QN=(\d{17});[^#]*?CN=(\d{4})")


@dataclass(frozen=True, slots=True)
class Plan:
    """What each connection does."""

    host: str
    port: int
    connections: int
    values_per_frame: int
    frames: int  # per connection; 0: until the time is up
    seconds: float  # 0: until the frames are out
    rate: float  # frames per second over all connections; 0: as fast as answers come
    window: int
    over_time_s: float
    step_s: int  # between the DataTimes of a connection's frames
    start_s: int
    prefix: str
    cn: str
    patience_s: float  # without any answer, before the load gives up


@dataclass(slots=True)
class Tally:
    """What all connections have done together."""

    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    reconnects: int = 0
    refused_connections: int = 0
    unanswered: int = 0
    answer_s: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Sent:
    raw: bytes
    first_s: float
    deadline_s: float


class Connection(asyncio.Protocol):
    """One device: sends up to `window` frames ahead of their answers; survives lost connections."""

    def __init__(self, number: int, plan: Plan, tally: Tally, ledger: Ledger) -> None:
        self._plan, self._tally, self._ledger = plan, tally, ledger
        self.mn = f"{plan.prefix}{number:0{24 - len(plan.prefix)}d}"
        self._template = Template(self.mn, values=plan.values_per_frame, cn=plan.cn, seed=number)
        self._next = 0
        self._outstanding: OrderedDict[bytes, Sent] = OrderedDict()
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self.is_stopped = False
        self.lost = asyncio.Event()

    @property
    def outstanding(self) -> int:
        return len(self._outstanding)

    @property
    def is_done(self) -> bool:
        has_sent_all = self.is_stopped or (self._plan.frames > 0 and self._next >= self._plan.frames)
        return has_sent_all and not self._outstanding

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._tail = transport, b""
        self.lost.clear()
        now_s = time.monotonic()
        for sent in self._outstanding.values():  # what the lost connection left unanswered
            sent.deadline_s = now_s + self._plan.over_time_s
        self._tally.resent += len(self._outstanding)
        transport.write(b"".join(sent.raw for sent in self._outstanding.values()))
        self.fill()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost.set()

    def fill(self) -> None:
        """Without a rate, frames go out as answers come in."""
        if self._plan.rate == 0:
            self.send(self._plan.window - len(self._outstanding))

    def send(self, count: int) -> None:
        """Send new frames, as many as are asked for and the window has room for."""
        plan = self._plan
        if self._transport is None or self.is_stopped:
            return
        count = min(count, plan.window - len(self._outstanding))
        if plan.frames:
            count = min(count, plan.frames - self._next)
        out = []
        now_s = time.monotonic()
        for _ in range(count):
            data_time = stamp(plan.start_s + self._next * plan.step_s).encode()
            raw = self._template.frame(data_time)
            self._outstanding[data_time + b"000"] = Sent(raw, now_s, now_s + plan.over_time_s)
            self._next += 1
            out.append(raw)
        self._tally.sent += len(out)
        if out:
            self._transport.write(b"".join(out))

    def repeat(self, now_s: float) -> None:
        """Send again what has waited longer than OverTime."""
        for sent in self._outstanding.values():
            if sent.deadline_s <= now_s and self._transport is not None:
                sent.deadline_s = now_s + self._plan.over_time_s
                self._tally.resent += 1
                self._transport.write(sent.raw)

    def data_received(self, data: bytes) -> None:
        text = self._tail + data
        end = 0
        for match in _ANSWER.finditer(text):
            end = match.end()
            if match.group(2) == b"9014":
                self._settle(match.group(1))
            elif match.group(2) not in (b"9013", b"9011", b"9012"):
                self._decline(match.group(1))
        self._tail = text[end:][-1024:]
        self.fill()

    def _settle(self, qn: bytes) -> None:
        sent = self._outstanding.pop(qn, None)
        if sent is None:
            return
        self._tally.acknowledged += 1
        self._tally.answer_s.append(time.monotonic() - sent.first_s)
        self._ledger.add(
            mn=self.mn,
            qn=qn.decode(),
            cn=self._plan.cn,
            data_time=qn[:14].decode(),
            sha256=hashlib.sha256(sent.raw.rstrip(b"\r\n")).hexdigest(),
            values=self._plan.values_per_frame,
            acknowledged_s=time.time(),
        )

    def _decline(self, qn: bytes) -> None:
        """Requests are accepted and have no result (9011 QnRtn=1, 9012 ExeRtn=100), so that nobody waits for us."""
        for body in (b"9011;PW=123456;MN=%b;Flag=4;CP=&&QnRtn=1&&", b"9012;PW=123456;MN=%b;Flag=4;CP=&&ExeRtn=100&&"):
            segment = b"QN=%b;ST=91;CN=" % qn + body % self.mn.encode()
            if self._transport is not None:
                self._transport.write(frame(segment))
