"""The centre's side of a request: who is asked what, what is still due, when to send again, when to give up.

    start ─► ASKED ──9011 QnRtn=1──► ACCEPTED ──9012──► Result(DONE, NO_DATA, BUSY, FAILED …)
               │  └─ 9011 QnRtn≠1 ─► Result(REFUSED)       ▲
               │                         └─ data ──────────┘  (each packet starts the waiting time again)
               └─ nothing in OverTime: sent again, ReCount times, then Result(NO_ANSWER)
                                         ACCEPTED and nothing in OverTime: Result(NO_RESULT)

Sans-IO: messages and the time go in, frames to send and results come out. One exchange is open per MN, because stations
run one at a time (ExeRtn=5); others wait in a bounded line. Uploads come between 9011 and 9012, so every message is
offered here and the store gets it all the same. Data packets of a history carry nothing that points back: they
are matched by MN, CN and DataTime within the range asked for (HJ 212-2017 Appendix C; OverTime and ReCount: §6.5).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from drivers.environment.hj212.codes import Edition, ExeRtn, QnRtn
from drivers.environment.hj212.encode import encode
from drivers.environment.hj212.message import Message
from drivers.environment.hj212.requests import Kind, Request
from drivers.errors import EncodeError

OVER_TIME_S = 10.0
RE_COUNT = 3
"""HJ 212-2017 §6.5: 10 s and three times for mobile networks, the usual line."""

MAX_WAITING = 32
"""Requests in line for one station; a day of hourly gaps asked for one by one fits."""

MAX_REPLIES = 64
"""Messages kept for the one who asked; more are counted, and the store has them all."""


ENCRYPTED = frozenset({"1014", "3020"})
"""Requests whose CP is encrypted where the station has a key (HJ 212-2025 §6.4)."""


class Outcome(StrEnum):
    """How a request ended."""

    DONE = "done"
    NO_DATA = "no_data"  # ExeRtn=100
    REFUSED = "refused"  # QnRtn other than 1
    BUSY = "busy"  # ExeRtn=5
    FAILED = "failed"  # ExeRtn other than 1, 5, 100
    NO_ANSWER = "no_answer"  # no 9011 (9013 for a notice), sent 1 + ReCount times
    NO_RESULT = "no_result"  # 9011, then silence


@dataclass(slots=True)
class Result:
    """What became of a request. `code` is QnRtn or ExeRtn where the station gave one."""

    mn: str
    request: Request
    outcome: Outcome
    code: int | None = None
    replies: list[Message] = field(default_factory=list)
    packets: int = 0
    sends: int = 1

    @property
    def reason(self) -> str:
        """The outcome with the name of the station's code, for people."""
        if self.code is None:
            return self.outcome.value
        table: type[QnRtn] | type[ExeRtn] = QnRtn if self.outcome is Outcome.REFUSED else ExeRtn
        name = table(self.code).name.lower() if self.code in {int(member) for member in table} else "unlisted"
        return f"{self.outcome.value}: {table.__name__}={self.code} ({name})"


@dataclass(frozen=True, slots=True)
class Station:
    """How to speak to a station."""

    mn: str
    st: str = "32"
    pw: str = "123456"
    edition: Edition = Edition.HJ2017
    over_time_s: float = OVER_TIME_S
    re_count: int = RE_COUNT
    key: bytes | None = None


@dataclass(slots=True)
class _Open:
    station: Station
    request: Request
    qn: str
    frame: bytes
    due_s: float
    sends: int = 1
    is_accepted: bool = False
    replies: list[Message] = field(default_factory=list)
    packets: int = 0

    def result(self, outcome: Outcome, code: int | None = None) -> Result:
        return Result(self.station.mn, self.request, outcome, code, self.replies, self.packets, self.sends)


class Exchanges:
    """All open exchanges of a gateway, one per MN, and those in line behind them.

    Parameters
    ----------
    new_qn
        Gives a QN never given before (17 digits of the time).
    """

    def __init__(self, new_qn: Callable[[], str], *, max_waiting: int = MAX_WAITING) -> None:
        self._new_qn = new_qn
        self._max_waiting = max_waiting
        self._open: dict[str, _Open] = {}
        self._waiting: dict[str, deque[tuple[Station, Request]]] = {}

    def is_open(self, mn: str) -> bool:
        return mn in self._open

    def start(self, station: Station, request: Request, now_s: float) -> bytes | None:
        """The frame to send now; None if another exchange is open and this one waits in line.

        Raises
        ------
        EncodeError
            If the request cannot be written, or the line is full.
        """
        if station.mn not in self._open:
            return self._begin(station, request, now_s)
        line = self._waiting.setdefault(station.mn, deque())
        if len(line) >= self._max_waiting:
            raise EncodeError(f"{station.mn}: {len(line)} requests are waiting already")
        _frame(station, request, self._new_qn())
        line.append((station, request))
        return None

    def receive(self, message: Message, now_s: float) -> tuple[Result | None, bytes | None]:
        """Offer a message. A result if it ended an exchange, and the frame of the next one in line."""
        current = self._open.get(message.mn)
        if current is None:
            return None, None
        result = _advance(current, message, now_s)
        return (result, self._end(message.mn, now_s)) if result else (None, None)

    def due(self, now_s: float) -> list[tuple[str, Result | None, bytes | None]]:
        """What time has brought: per MN a result, or a frame to send (again, or the next in line), or both."""
        happened: list[tuple[str, Result | None, bytes | None]] = []
        for mn, current in list(self._open.items()):
            if now_s < current.due_s:
                continue
            if not current.is_accepted and current.sends <= current.station.re_count:
                current.sends += 1
                current.due_s = now_s + current.station.over_time_s
                happened.append((mn, None, current.frame))
            else:
                outcome = Outcome.NO_RESULT if current.is_accepted else Outcome.NO_ANSWER
                happened.append((mn, current.result(outcome), self._end(mn, now_s)))
        return happened

    @property
    def next_due_s(self) -> float | None:
        """When `due` has to be called next; None if nothing is open."""
        return min((current.due_s for current in self._open.values()), default=None)

    def drop(self, mn: str) -> list[Request]:
        """The station's line is gone: forget its exchanges; returns what was asked and not answered."""
        current = self._open.pop(mn, None)
        lost = [current.request] if current else []
        return lost + [request for _, request in self._waiting.pop(mn, ())]

    def _begin(self, station: Station, request: Request, now_s: float) -> bytes:
        qn = self._new_qn()
        frame = _frame(station, request, qn)
        self._open[station.mn] = _Open(station, request, qn, frame, now_s + station.over_time_s)
        return frame

    def _end(self, mn: str, now_s: float) -> bytes | None:
        """Close the open exchange; the frame of the next in line."""
        del self._open[mn]
        line = self._waiting.get(mn)
        if not line:
            self._waiting.pop(mn, None)
            return None
        return self._begin(*line.popleft(), now_s)


def _frame(station: Station, request: Request, qn: str) -> bytes:
    is_secret = request.cn in ENCRYPTED
    if request.cn == "1014" and station.key is None:
        raise EncodeError("a new key is not sent in plain text: the station has no key to encrypt it with")
    (frame,) = encode(
        request.cn,
        request.groups,
        mn=station.mn,
        st=station.st,
        qn=qn,
        pw=station.pw,
        edition=station.edition,
        needs_answer=True,
        key=station.key if is_secret else None,
    )
    return frame


def _advance(current: _Open, message: Message, now_s: float) -> Result | None:
    """What the message does to its station's open exchange."""
    if message.cn in ("9011", "9012", "9013"):
        if message.answered_qn not in (current.qn, ""):
            return None  # of an exchange before, late
        return _answer(current, message, now_s)
    if _belongs(current, message):
        current.is_accepted = True
        current.packets += 1
        current.due_s = now_s + current.station.over_time_s
        if len(current.replies) < MAX_REPLIES:
            current.replies.append(message)
    return None


def _answer(current: _Open, message: Message, now_s: float) -> Result | None:
    if message.cn == "9013":
        return current.result(Outcome.DONE) if current.request.kind is Kind.NOTICE else None
    if message.cn == "9011":
        code = _code(message.item("QnRtn"))
        if code != QnRtn.READY:
            return current.result(Outcome.REFUSED, code)
        current.is_accepted = True
        current.due_s = now_s + current.station.over_time_s
        return None
    code = _code(message.item("ExeRtn"))
    outcomes = {ExeRtn.OK: Outcome.DONE, ExeRtn.BUSY: Outcome.BUSY, ExeRtn.NO_DATA: Outcome.NO_DATA}
    return current.result(outcomes.get(ExeRtn(code), Outcome.FAILED) if code in _EXE else Outcome.FAILED, code)


_EXE = {int(member) for member in ExeRtn}


def _belongs(current: _Open, message: Message) -> bool:
    """Whether a message is data that the open exchange asked for."""
    request = current.request
    if message.cn != request.cn:
        return False
    if request.kind is Kind.READING:
        return message.qn in (current.qn, "")
    if request.kind is Kind.HISTORY and request.begin_us is not None and request.end_us is not None:
        at = message.data_time_us
        return at is not None and request.begin_us <= at <= request.end_us
    return False


def _code(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None
