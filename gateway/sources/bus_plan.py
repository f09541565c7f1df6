"""What a device is asked in one slot, and how the plan changes with what the device says of itself.

Blocks first: five block reads of a DL/T 645 meter take half the time of twelve single ones. A block that a device does
not have is replaced by its items, an item that it does not have is dropped. Daily questions are spread, one a slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from drivers.electricity.dlt645_frame import single_identifier
from drivers.electricity.dlt645_identifiers import layout
from drivers.profiles.block_read import BlockRead, plan_reads, single_reads
from drivers.profiles.profile import Profile
from gateway.sources.bus_exchange import Dlt645Exchange, Exchange, ModbusExchange

LOCAL = timedelta(hours=8)
"""Days of a meter begin at Beijing midnight."""
TWINS = {"00010000": "9010", "00020000": "9020", "0001FF00": "901F", "04000101": "C010", "04000102": "C011"}
TWINS |= {"04000402": "C032", "03300000": "B212"}
TWIN_FAMILIES = {"0201": "B61", "0202": "B62", "0203": "B63", "0204": "B64", "0206": "B65"}


@dataclass(frozen=True, slots=True)
class Step:
    """One question: an identifier or a block of registers."""

    name: str
    read: BlockRead | None = None
    is_daily: bool = False


class Plan(Protocol):
    """Turns slots into questions and learns from the answers."""

    def steps(self, slot_us: int) -> Sequence[Step]: ...
    def exchange(self, step: Step) -> Exchange: ...
    def answered(self, step: Step) -> None: ...

    def refused(self, step: Step) -> Sequence[Step]:
        """The device does not have this; what to ask instead."""
        ...

    def unanswered(self, step: Step, *, is_heard: bool) -> Sequence[Step]:
        """No answer; other questions for the rest of the slot, or none to repeat the same one. `is_heard`: the
        beginning of an answer came."""
        ...

    def heard_late(self, exchange: Exchange) -> None:
        """An answer came after its time."""
        ...


@dataclass(slots=True)
class ModbusPlan:
    """Blocks of a register profile."""

    profile: Profile
    unit: int
    is_tcp: bool = False
    _reads: list[BlockRead] = field(default_factory=list)
    _transaction: int = 0

    def __post_init__(self) -> None:
        profile = self.profile
        self._reads = plan_reads(profile.items, max_registers=profile.max_registers, max_gap=profile.max_gap)

    def steps(self, slot_us: int) -> Sequence[Step]:
        return [self._step(read) for read in self._reads]

    def exchange(self, step: Step) -> Exchange:
        assert step.read is not None
        if not self.is_tcp:
            return ModbusExchange(self.unit, step.read)
        self._transaction = self._transaction % 0xFFFF + 1
        return ModbusExchange(self.unit, step.read, self._transaction)

    def answered(self, step: Step) -> None:
        """A block that is answered stays as it is."""

    def refused(self, step: Step) -> Sequence[Step]:
        assert step.read is not None
        at = self._reads.index(step.read)
        singles = single_reads(step.read) if len(step.read.items) > 1 else []
        self._reads[at : at + 1] = singles
        return [self._step(read) for read in singles]

    def unanswered(self, step: Step, *, is_heard: bool) -> Sequence[Step]:
        return ()

    def heard_late(self, exchange: Exchange) -> None:
        """There is only one form to ask in."""

    @staticmethod
    def _step(read: BlockRead) -> Step:
        return Step(f"{read.function}:{read.address}+{read.count}", read)


@dataclass(slots=True)
class Dlt645Plan:
    """Identifiers of a meter; 2007 first, their 1997 twins where the meter only answers to those."""

    profile: Profile
    address: str
    edition: str = "auto"  # "2007", "1997" or "auto"
    is_alone: bool = False  # the only meter of its line
    _replaced: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _is_known: bool = False
    _is_1997: bool = False
    _daily: list[str] = field(default_factory=list)
    _day: object = None

    def __post_init__(self) -> None:
        self._is_1997, self._is_known = self.edition == "1997", self.edition != "auto"

    def steps(self, slot_us: int) -> Sequence[Step]:
        day = (datetime.fromtimestamp(slot_us / 1e6, UTC) + LOCAL).date()
        if day != self._day:
            self._day, self._daily = day, list(self.profile.daily)
        minute = [Step(name) for name in self._spoken(self.profile.minute)]
        daily = [Step(name, is_daily=True) for name in self._spoken(self._daily[:1])]
        if self._daily and not daily:
            self._daily.pop(0)
        return [*minute, *daily]

    def exchange(self, step: Step) -> Exchange:
        return Dlt645Exchange(self.address, step.name, takes_wildcard_answer=self.is_alone)

    def answered(self, step: Step) -> None:
        self._is_known = True
        self._is_1997 = len(step.name) == 4
        self._done(step)

    def refused(self, step: Step) -> Sequence[Step]:
        self._is_known = True
        singles = singles_of(step.name)
        self._replaced[step.name] = singles
        self._done(step)
        return [Step(name, is_daily=step.is_daily) for name in singles]

    def heard_late(self, exchange: Exchange) -> None:
        if isinstance(exchange, Dlt645Exchange):
            self._is_known, self._is_1997 = True, len(exchange.identifier) == 4

    def unanswered(self, step: Step, *, is_heard: bool) -> Sequence[Step]:
        """Until a meter has answered once, ask in the other edition after every silence."""
        if self._is_known or is_heard:
            return ()
        self._is_1997 = not self._is_1997
        return [Step(name) for name in self._spoken(self.profile.minute)]

    def _done(self, step: Step) -> None:
        if step.is_daily and self._daily:
            self._daily.pop(0)

    def _spoken(self, identifiers: Sequence[str]) -> list[str]:
        """The identifiers in the meter's edition, with what it does not have replaced."""
        names = [twin_1997(name) for name in identifiers] if self._is_1997 else list(identifiers)
        spoken: list[str] = []
        for name in filter(None, names):
            for single in self._replaced.get(name, (name,)):
                spoken += self._replaced.get(single, (single,))
        return spoken


def singles_of(identifier: str) -> tuple[str, ...]:
    """The identifiers of a block's parts; empty for what is no block."""
    found = layout(identifier)
    if found is None or not found.is_block:
        return ()
    return tuple(single_identifier(identifier, item) for item in found.items(20))


def twin_1997(identifier: str) -> str | None:
    """The 1997 identifier of the same quantity; None if that edition has none."""
    if len(identifier) == 4:
        return identifier
    family = TWIN_FAMILIES.get(identifier[:4])
    if family is not None:
        return family + ("F" if identifier[4:6] == "FF" else identifier[5])
    return TWINS.get(identifier)
