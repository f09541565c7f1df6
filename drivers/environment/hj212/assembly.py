"""Split messages put together again (HJ 212-2017 §6.3.4, Appendix C.49-50).

Packets belong together by (MN, ST, CN, DataTime, PNUM): each packet has a QN of its own, so that cannot be the key.
They may come in any order, again, or never. Every packet describes itself and is stored as it comes; this says
whether all of a message has come, and what is missing.

Bounds: `max_open` messages and `max_packets` packets are held; past either, the oldest is given up as partial, as is
one that has waited `window_s`. For as long, and as many, a completed message is remembered, so that a packet sent
again does not open it anew.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.environment.hj212.message import Message
from drivers.events import Content, Notice

WINDOW_S = 60.0
"""Twice OverTime × ReCount of the usual line: what a packet needs that is lost and sent again to the last."""

Key = tuple[str, str, str, int | None, int]


@dataclass(slots=True)
class Assembled:
    """A split message: its packets in order, complete or not."""

    mn: str
    cn: str
    data_time_us: int | None
    pnum: int
    packets: tuple[Message, ...]
    repeats: int  # packets that came again, equal
    conflicts: tuple[Message, ...]  # packets that came again with another CP

    @property
    def missing(self) -> tuple[int, ...]:
        """PNO of the packets that did not come; the first thousand."""
        here = {packet.pno for packet in self.packets}
        return tuple(number for number in range(1, self.pnum + 1) if number not in here)[:1000]

    @property
    def is_complete(self) -> bool:
        return len(self.packets) == self.pnum

    def contents(self) -> Iterator[Content]:
        """A notice where the message is partial. The packets' own contents are theirs."""
        if not self.is_complete:
            detail = {"cn": self.cn, "pnum": self.pnum, "missing": list(self.missing)}
            yield Notice(self.mn, self.data_time_us, "partial_message", detail=detail)


@dataclass(slots=True)
class _Waiting:
    until_s: float
    packets: dict[int, Message] = field(default_factory=dict)
    repeats: int = 0
    conflicts: list[Message] = field(default_factory=list)

    @property
    def held(self) -> int:
        return len(self.packets) + len(self.conflicts)


class Assembly:
    """Split messages of any number of stations; time is an argument."""

    def __init__(self, *, window_s: float = WINDOW_S, max_open: int = 1024, max_packets: int = 8192) -> None:
        self._window_s = window_s
        self._max_open = max_open
        self._max_packets = max_packets
        self._open: OrderedDict[Key, _Waiting] = OrderedDict()
        self._held = 0
        self._completed: OrderedDict[Key, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, message: Message, now_s: float) -> list[Assembled]:
        """Take one packet; messages that it completes, and those given up for room. Whole messages pass by."""
        if not message.is_split:
            return []
        pnum, pno = message.pnum or 0, message.pno or 0
        key = (message.mn, message.st, message.cn, message.data_time_us, pnum)
        if self._completed.get(key, now_s) > now_s:
            return []
        waiting = self._open.get(key)
        if waiting is None:
            waiting = self._open[key] = _Waiting(now_s + self._window_s)
        known = waiting.packets.get(pno)
        if known is None:
            waiting.packets[pno] = message
            self._held += 1
        elif known.cp == message.cp:
            waiting.repeats += 1
        else:
            waiting.conflicts.append(message)
            self._held += 1
        if len(waiting.packets) == pnum:
            self._completed[key] = now_s + self._window_s
            self._completed.move_to_end(key)
            if len(self._completed) > self._max_open:
                self._completed.popitem(last=False)
            return [self._close(key)]
        done = []
        while len(self._open) > self._max_open or self._held > self._max_packets:
            done.append(self._close(next(iter(self._open))))
        return done

    def expire(self, now_s: float) -> list[Assembled]:
        """Messages that have waited long enough, partial."""
        late = [key for key, waiting in self._open.items() if waiting.until_s <= now_s]
        return [self._close(key) for key in late]

    def flush(self) -> list[Assembled]:
        """All that wait, partial: the line is gone."""
        return [self._close(key) for key in list(self._open)]

    def _close(self, key: Key) -> Assembled:
        waiting = self._open.pop(key)
        self._held -= waiting.held
        mn, _, cn, at, pnum = key
        packets = tuple(waiting.packets[number] for number in sorted(waiting.packets))
        return Assembled(mn, cn, at, pnum, packets, waiting.repeats, tuple(waiting.conflicts))
