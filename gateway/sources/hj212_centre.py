"""The centre's side of the dialogue (上位机): answers to what is durable, requests of our own, what we notice.

One centre for each port. It knows which connection each device is on; requests go out on it, one open exchange a
device, and their results come back to whoever asked. What we asked and what came of it is stored as a notice: that we
set a clock or read a parameter is part of the evidence. What the centre only notes down here (`arrivals`,
`clock_requests` …) is taken care of in `hj212_care.py`.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter

from drivers.environment.hj212 import Edition, Message
from drivers.environment.hj212.answers import AnswerStyle, answer_cn, answer_to
from drivers.environment.hj212.assembly import Assembly
from drivers.environment.hj212.exchange import Exchanges, Outcome, Result, Station
from drivers.environment.hj212.requests import Request
from drivers.environment.hj212.times import next_qn, write_qn
from gateway.config import Hj212Settings
from gateway.gateway_notice import GatewayNotice
from gateway.metrics import Metrics
from gateway.registry import Registry, Verdict
from gateway.sources.hj212_answer_style import answer_style
from gateway.sources.inbox import Inbox
from gateway.station_keys import StationKeys

if TYPE_CHECKING:
    from gateway.sources.hj212_connection import Connection

TICK_S = 0.5
NOTICE_EVERY_S = 600.0  # one notice of a kind about a device in this time; the metrics count all
CLOCK_EVERY_S = 3_600.0  # a device's clock is looked at no more often
REMEMBERED = 65_536  # devices and kinds whose last notice is remembered


class Centre:
    """Answers and requests of one port."""

    def __init__(
        self, settings: Hj212Settings, registry: Registry, inbox: Inbox, metrics: Metrics, keys: StationKeys
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._inbox = inbox
        self._metrics = metrics
        self._keys = keys
        self._utc_offset_s = settings.utc_offset_minutes * 60
        self._connections: dict[str, Connection] = {}
        self._stations: dict[str, Station] = {}
        self._exchanges = Exchanges(self._new_qn)
        self._asked: dict[tuple[str, Request], list[asyncio.Future[Result]]] = {}
        self._assembly = Assembly()
        self._noticed: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._last_qn = ""
        self._answer_counts: dict[str | None, Counter] = {}
        self.arrivals: OrderedDict[str, None] = OrderedDict()  # devices that have come and wait to be greeted
        self.clock_requests: OrderedDict[str, None] = OrderedDict()  # devices that asked for the time (1013)
        self.doubtful_clocks: OrderedDict[str, None] = OrderedDict()  # devices whose real-time data look out of time
        self.strangers: OrderedDict[str, tuple[str, int]] = OrderedDict()  # unknown devices: peer, time

    @property
    def devices(self) -> Collection[str]:
        """The devices that are connected now."""
        return self._connections.keys()

    async def run(self) -> None:
        """Send again what has no answer, give up what is overdue."""
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            for mn, result, frame in self._exchanges.due(now_s):
                self._go_on(mn, result, frame)
            for partial in self._assembly.expire(now_s):
                detail = {"cn": partial.cn, "pnum": partial.pnum, "missing": list(partial.missing)}
                self.notice(partial.mn, "partial_message", detail, every_s=0.0)

    def stranger(self, device: str, verdict: Verdict, peer: str, received_us: int) -> None:
        """A frame that did not pass the identity check."""
        self._metrics.identity.labels(self._settings.name, verdict.value).inc()
        if verdict is Verdict.UNKNOWN:
            self.strangers[device] = (peer, received_us)
            if len(self.strangers) > REMEMBERED:
                self.strangers.popitem(last=False)
        else:
            self.notice(device, verdict.value, {"peer": peer})

    def arrived(self, device: str, connection: "Connection") -> None:
        """A device has sent its first frame on this connection."""
        before = self._connections.get(device)
        if before is not None and before.is_open and before.address != connection.address:
            self.notice(device, "second_address", {"peer": connection.peer, "before": before.peer})
        if len(connection.devices) > 1:
            self.notice(device, "shared_connection", {"peer": connection.peer, "devices": len(connection.devices)})
        self._connections[device] = connection
        self.arrivals[device] = None

    def left(self, connection: "Connection") -> None:
        """A connection is gone, and with it what was asked on it."""
        for device in connection.devices:
            if self._connections.get(device) is connection:
                del self._connections[device]
                self._stations.pop(device, None)
                self.arrivals.pop(device, None)
                for request in self._exchanges.drop(device):
                    self._finish(Result(device, request, Outcome.NO_ANSWER))

    def received(self, device: str, message: Message, received_us: int) -> None:
        """Take part of a message that concerns our dialogue; the store gets it all the same."""
        if device not in self._stations:
            self._stations[device] = self._station(device, message)
        now_s = time.monotonic()
        if self._exchanges.is_open(device):
            self._go_on(device, *self._exchanges.receive(message, now_s))
        if message.is_split:
            self._assembly.add(message, now_s)
        if message.cn == "2011" and self._settings.calibrate_clock and message.data_time_us is not None:
            offset_s = (message.data_time_us - received_us) / 1e6
            is_off = abs(offset_s) > self._settings.clock_tolerance_s and not message.is_resent
            if is_off and self._is_time_for(device, "clock", CLOCK_EVERY_S):
                self.doubtful_clocks[device] = None

    def durable(self, device: str, message: Message, connection: "Connection") -> None:
        """A message is durable: answer it, if it wants an answer."""
        style = self._style(device)
        if style is not None and connection.is_open:
            answer = answer_to(message, style)
            if answer is not None:
                connection.send(answer)
                self._answered(answer_cn(message, style)).inc()
        if message.cn == "1013" and self._settings.calibrate_clock and connection.is_open:
            self.clock_requests[device] = None

    async def ask(self, device: str, request: Request) -> Result:
        """Ask a device that is connected, and wait for what comes of it.

        Raises
        ------
        EncodeError
            If the request cannot be written for this device, or too many wait already.
        LookupError
            If the device is not connected here.
        """
        connection, station = self._connections.get(device), self._stations.get(device)
        if connection is None or station is None:
            raise LookupError(f"{device} is not connected")
        frame = self._exchanges.start(station, request, time.monotonic())
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asked.setdefault((device, request), []).append(future)
        if frame is not None:
            connection.send(frame)
        return await future

    def edition(self, device: str) -> Edition:
        """The edition that a connected device speaks."""
        station = self._stations.get(device)
        return Edition.HJ2017 if station is None else station.edition

    def notice(self, device: str, kind: str, detail: dict[str, Any], *, every_s: float = NOTICE_EVERY_S) -> None:
        """Store something that we noticed about a device, not too often."""
        if every_s == 0 or self._is_time_for(device, kind, every_s):
            notice = GatewayNotice(device, kind, _now_us(), detail)
            self._inbox.offer((notice.delivery(source=self._settings.name, peer=str(detail.get("peer", ""))),))

    def _answered(self, cn: str | None) -> Counter:
        """The counter of an answer; looked up once, because it is needed with every frame."""
        if cn not in self._answer_counts:
            self._answer_counts[cn] = self._metrics.answers.labels(self._settings.name, cn)
        return self._answer_counts[cn]

    def _station(self, device: str, message: Message) -> Station:
        settings = self._settings
        style = self._style(device)
        edition = style.edition if style is not None and style.edition is not None else message.edition
        return Station(
            device,
            st=message.st or "31",
            pw=message.pw,
            edition=edition,
            over_time_s=settings.overtime_s,
            re_count=settings.retries,
            key=next(iter(self._keys.get(device, ())), None),
        )

    def _style(self, device: str) -> AnswerStyle | None:
        """How this device wants to be answered; None: not at all."""
        return answer_style(self._registry.get(device), answers_uploads=self._settings.answer_uploads)

    def _go_on(self, mn: str, result: Result | None, frame: bytes | None) -> None:
        if result is not None:
            self._finish(result)
        connection = self._connections.get(mn)
        if frame is not None and connection is not None:
            connection.send(frame)

    def _finish(self, result: Result) -> None:
        self._metrics.exchanges.labels(result.request.cn, result.outcome.value).inc()
        detail = {"cn": result.request.cn, "cp": ";".join(result.request.groups), "result": result.reason}
        self.notice(result.mn, "exchange", detail, every_s=0.0)
        futures = self._asked.get((result.mn, result.request), [])
        if futures:
            future = futures.pop(0)
            if not future.done():
                future.set_result(result)
        if not futures:
            self._asked.pop((result.mn, result.request), None)

    def _is_time_for(self, device: str, kind: str, every_s: float) -> bool:
        key, now_s = (device, kind), time.monotonic()
        last_s = self._noticed.get(key)
        if last_s is not None and now_s - last_s < every_s:
            return False
        self._noticed[key] = now_s
        self._noticed.move_to_end(key)
        if len(self._noticed) > REMEMBERED:
            self._noticed.popitem(last=False)
        return True

    def _new_qn(self) -> str:
        """The time to the millisecond, and never the same twice."""
        qn = write_qn(_now_us(), self._utc_offset_s)
        if qn <= self._last_qn:
            qn = next_qn(self._last_qn)
        self._last_qn = qn
        return qn


def _now_us() -> int:
    return time.time_ns() // 1_000
