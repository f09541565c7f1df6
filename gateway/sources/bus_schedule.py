"""Who is asked next on one line, sans-IO: the clock is an argument, bytes are an argument, actions come out.

         ┌────────── due devices, in turn; those that fail wait until the others are done
         ▼
       IDLE ── Send ──► WAITING ── answer ────────────────────────► IDLE
         ▲                 │ time is up
         │                 ▼
         └───────────── DRAINING: listening as long again; what comes now is a late answer and is thrown away

Invariants, tested:
- A device that is silent costs the line two time-outs in a slot and is then left alone for 1, 3, 7, 15 slots.
- A late answer is never taken for the next question's: DL/T 645 and Modbus TCP answers say what they answer, and a
  Modbus RTU device that owes an answer is asked nothing until it has come, or ten seconds have passed.
- A slot is a whole multiple of the period; a bus that starts inside a slot begins with the next one, so that two
  processes, one after the other, never give two samples of one slot.
- A device is not asked again before its last sample is durable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from drivers.fieldbus.polled_sample import PolledSample
from gateway.sources.bus_device import BusDevice, Took
from gateway.sources.bus_exchange import Exchange, Outcome, Result
from gateway.sources.bus_timing import LATEST_ANSWER_S, LONGEST_REPLY_S, LineTiming


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes to the line now."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """A poll is complete; tell `device.became_durable()` when its sample is."""

    device: BusDevice
    sample: PolledSample


Action = Send | Finished


@dataclass(slots=True)
class _Owed:
    """A question that went unanswered and may still be answered."""

    device: BusDevice
    exchange: Exchange
    sent_s: float


class _State(Enum):
    IDLE = "idle"
    WAITING = "waiting"
    DRAINING = "draining"


@dataclass(slots=True)
class BusStatistics:
    """What happened on the line, counted."""

    requests: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    late_bytes: int = 0
    late_answers: int = 0
    strays: int = 0
    held_back: int = 0
    skipped_slots: int = 0
    busy_s: float = 0.0


class Bus:
    """One line and its devices."""

    def __init__(self, devices: Sequence[BusDevice], timing: LineTiming, *, period_s: float = 60.0) -> None:
        self.devices = tuple(devices)
        self.timing = timing
        self.statistics = BusStatistics()
        self._period_us = round(period_s * 1e6)
        self._slot: int | None = None
        self._first_slot = 0
        self._state = _State.IDLE
        self._device: BusDevice | None = None
        self._exchange: Exchange | None = None
        self._deadline_s = 0.0
        self._longest_s = 0.0
        self._sent_s = 0.0
        self._last_heard_s = -1e9
        self._wanted_since_s: float | None = None
        self._was_lost = False
        self._owed: list[_Owed] = []

    def step(self, now_s: float, now_us: int) -> list[Action]:
        """What to do now: `now_s` is a steady clock, `now_us` the time of day in microseconds UTC."""
        self._open_slot(now_us)
        actions: list[Action] = []
        if self._state is _State.WAITING and now_s >= self._deadline_s and self._exchange is not None:
            actions += self._conclude(self._exchange.expire(), now_s, now_us)
        if self._state is _State.DRAINING and now_s >= self._deadline_s:
            self._state = _State.IDLE
        if self._state is _State.IDLE:
            actions += self._ask_next(now_s, now_us)
        return actions

    def received(self, data: bytes, now_s: float, now_us: int) -> list[Action]:
        """Bytes came in; the actions that follow from them."""
        self._last_heard_s = now_s
        self._settle_owed(data, now_s)
        exchange = self._exchange
        if self._state is not _State.WAITING or exchange is None:
            self.statistics.late_bytes += len(data)
            return self.step(now_s, now_us)
        asks_again = exchange.feed(data)
        if exchange.result is not None:
            return self._conclude(exchange.result, now_s, now_us) + self.step(now_s, now_us)
        if asks_again:
            return [self._send(exchange, now_s)]
        if exchange.is_in_frame:
            longer = max(self._deadline_s, now_s + self.timing.byte_gap_s)
            self._deadline_s = min(longer, self._longest_s)
        return []

    def wake_s(self, now_s: float, now_us: int) -> float:
        """When `step` has something to do next, if nothing is received before. [s, steady clock]"""
        if self._state is not _State.IDLE:
            return self._deadline_s
        if self._next_device(now_s) is not None:
            return max(now_s, self._last_heard_s + self.timing.silence_s)
        next_slot_s = now_s + (self._period_us - now_us % self._period_us) / 1e6
        return min([next_slot_s, *(device.not_before_s for device in self.devices if device.wants_line)])

    def line_lost(self) -> None:
        """The port is gone: the question in hand will be asked again, and its device is not to blame."""
        if self._device is not None and self._exchange is not None:
            self._owe(self._device, self._exchange)
        self._state, self._exchange, self._device = _State.IDLE, None, None
        self._was_lost = True

    def _open_slot(self, now_us: int) -> None:
        slot = now_us // self._period_us
        if self._slot is None:
            self._slot = self._first_slot = slot + 1  # this one has begun, perhaps by the process before us
        if slot > self._slot:
            self._turn_of_slot(slot)
        if self._first_slot <= slot == self._slot:
            for device in self.devices:
                device.open_slot(slot * self._period_us, slot)

    def _turn_of_slot(self, slot: int) -> None:
        self.statistics.skipped_slots += slot - self._slot - 1 if self._slot is not None else 0
        self._slot = slot
        for device in self.devices:
            self.statistics.held_back += device.is_held
            if self._was_lost and device.wants_line and device.has_begun:
                device.cut_short()
        self._was_lost = False

    def _next_device(self, now_s: float) -> BusDevice | None:
        """The device to ask: the one in hand, then those that answer, then those that do not."""
        waiting = [device for device in self.devices if device.wants_line and device.not_before_s <= now_s]
        if self._device in waiting and self._device is not None and self._device.rank == (0, 0):
            return self._device
        return min(waiting, key=self._turn, default=None)

    def _turn(self, device: BusDevice) -> tuple[tuple[int, int], int]:
        """Rank, then age; what noise held up in the last slot is finished before this slot's work."""
        is_old = self._slot is not None and device.slot_us < self._slot * self._period_us
        return (0, 0) if is_old and device.rank[0] == 1 else device.rank, device.slot_us

    def _ask_next(self, now_s: float, now_us: int) -> list[Action]:
        device = self._next_device(now_s)
        if device is None or not self._may_speak(now_s):
            return []
        self._device = device
        self._owed = [owed for owed in self._owed if owed.device is not device]
        exchange = device.next_exchange()
        if exchange is None:
            return self._finish(device, now_us)
        self._exchange = exchange
        return [self._send(exchange, now_s)]

    def _may_speak(self, now_s: float) -> bool:
        """After a silence on the line; over a babbling one after a while, or nobody would be asked at all."""
        if now_s - self._last_heard_s >= self.timing.silence_s - 1e-9:
            self._wanted_since_s = None
            return True
        if self._wanted_since_s is None:
            self._wanted_since_s = now_s
        if now_s - self._wanted_since_s < self.timing.longest_quiet_wait_s:
            return False
        self._wanted_since_s = None
        return True

    def _send(self, exchange: Exchange, now_s: float) -> Send:
        request = exchange.request
        assert self._device is not None
        wire_s = self.timing.wire_s(len(request) + exchange.answer_bytes)
        self._sent_s = now_s
        self._deadline_s = now_s + wire_s + self._device.reply_delay_s(self.timing)
        self._longest_s = max(self._deadline_s, now_s + LONGEST_REPLY_S)
        self._state = _State.WAITING
        self.statistics.requests += 1
        return Send(request)

    def _conclude(self, result: Result, now_s: float, now_us: int) -> list[Action]:
        device, exchange = self._device, self._exchange
        assert device is not None
        assert exchange is not None
        statistics = self.statistics
        statistics.outcomes[result.outcome] += 1
        statistics.strays += getattr(exchange, "strays", 0)
        statistics.busy_s += now_s - self._sent_s
        self._exchange = None
        device.absorb(exchange, result, now_us, self._took(exchange, now_s))
        if result.outcome in (Outcome.SILENCE, Outcome.DAMAGED):
            if exchange.head not in exchange.heard:
                self._owe(device, exchange)
            self._state = _State.DRAINING
            self._deadline_s = now_s + device.reply_delay_s(self.timing) + self.timing.wire_s(exchange.answer_bytes)
        else:
            self._state = _State.IDLE
        return self._finish(device, now_us) if device.is_complete else []

    def _took(self, exchange: Exchange, now_s: float) -> Took:
        line_s = now_s - self._sent_s
        wire_s = self.timing.wire_s(len(exchange.request) + exchange.answer_bytes)
        return Took(line_s, line_s - wire_s, self.timing.reply_delay_s)

    def _owe(self, device: BusDevice, exchange: Exchange) -> None:
        """Remember a question whose answer may still come, and leave the device alone if it could be mistaken."""
        exchange.result = None
        exchange.heard.clear()
        self._owed.append(_Owed(device, exchange, self._sent_s))
        if not exchange.is_identified:
            device.not_before_s = self._sent_s + LATEST_ANSWER_S

    def _settle_owed(self, data: bytes, now_s: float) -> None:
        """Let everything that is heard be tried as a late answer; its value is too old to be kept."""
        self._owed = [owed for owed in self._owed if now_s - owed.sent_s <= LATEST_ANSWER_S]
        for owed in list(self._owed):
            owed.exchange.feed(data)
            if owed.exchange.result is not None:
                delay_s = now_s - owed.sent_s
                owed.device.answered_late(owed.exchange, delay_s, self.timing.reply_delay_s, now_s)
                self.statistics.late_answers += 1
                self._owed.remove(owed)

    def _finish(self, device: BusDevice, now_us: int) -> list[Action]:
        sample = device.close_slot(now_us)
        if self._device is device:
            self._device = device if self._state is not _State.IDLE else None
        return [] if sample is None else [Finished(device, sample)]
