"""One device on a line: what it is asked in a slot, what it has taught us, and the sample that comes of it.

Learned and kept while the process runs: identifiers and blocks that the device does not have (they are not asked for
again; a refused block is read item by item), the edition of DL/T 645 that it speaks, how late it answers, its settings
and tamper counters (a change is a notice).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.fieldbus.polled_sample import PolledSample, SampleDraft
from drivers.profiles.profile import Profile
from drivers.profiles.ratio import Ratio
from gateway.sources.bus_exchange import Exchange, Outcome, Result
from gateway.sources.bus_plan import Plan, Step
from gateway.sources.bus_sample import DeviceMemory, add_answer
from gateway.sources.bus_timing import MOST_REPLY_DELAY_S, SLOW_SAMPLE_S, LineTiming

MOST_SKIPPED_SLOTS = 15
ATTEMPTS = {Outcome.SILENCE: 2, Outcome.DAMAGED: 4}
"""Times that a device which answered last time is asked one question in one slot; noise passes, silence stays."""
LATE_FACTOR = 1.5


class Took(NamedTuple):
    """Times of one exchange: on the line in all, until the answer without its wire time, and what is usual. [s]"""

    line_s: float
    delay_s: float
    usual_delay_s: float


@dataclass(slots=True)
class BusDevice:
    """State of one device; the schedule drives it."""

    name: str
    profile: Profile
    plan: Plan
    ratios: Sequence[Ratio] = ()
    memory: DeviceMemory = field(default_factory=DeviceMemory)
    slot_us: int = 0
    is_held: bool = False  # its last sample is not durable yet
    failures: int = 0  # slots in a row without an answer
    not_before_s: float = -1e9  # an older answer may still come until then (steady clock)
    _slot: int = -1
    _resume_slot: int = 0
    _steps: deque[Step] = field(default_factory=deque)
    _draft: SampleDraft | None = None
    _attempts: int = 0
    _late_factor: float = 1.0
    _has_begun: bool = False
    _is_slow: bool = False
    _failures_in_slot: int = 0
    _was_silent: bool = False
    _line_s: float = 0.0

    @property
    def wants_line(self) -> bool:
        return self._draft is not None

    @property
    def is_failing(self) -> bool:
        return self.failures > 0

    @property
    def rank(self) -> tuple[int, int]:
        """Who goes first: the well, then those that failed in this slot, then the silent and slow, who wait for all;
        among equals the one that has had fewer attempts."""
        if self.is_failing or self._was_silent or self._is_slow or self._line_s > SLOW_SAMPLE_S:
            return 2, self._failures_in_slot
        return int(self.has_failed_in_slot), self._failures_in_slot

    @property
    def has_failed_in_slot(self) -> bool:
        return self._failures_in_slot > 0

    @property
    def is_complete(self) -> bool:
        """Nothing is left to ask in this slot."""
        return self._draft is not None and not self._steps

    def reply_delay_s(self, timing: LineTiming) -> float:
        """How long this device may take; more if it has answered late or not at all, up to three seconds."""
        factor = max(self._late_factor, 1.0 + self.failures)
        return min(timing.reply_delay_s * factor, max(MOST_REPLY_DELAY_S, timing.reply_delay_s))

    def open_slot(self, slot_us: int, slot: int) -> None:
        """A new minute: plan its questions, unless the last sample is not durable or the device is left alone.

        A slot that nobody came to ask about is replaced; one that was begun is finished first.
        """
        is_busy = self.is_held or (self.wants_line and self.has_begun)
        if is_busy or slot <= self._slot or slot < self._resume_slot:
            return
        self._has_begun, self._was_silent = False, False
        self._slot, self.slot_us = slot, slot_us
        self._steps = deque(self.plan.steps(slot_us))
        self._draft = SampleDraft(self.name, slot_us, self.profile.name)
        self._attempts, self._line_s, self._failures_in_slot = 0, 0.0, 0

    @property
    def has_begun(self) -> bool:
        """Something was asked in this slot."""
        return self._has_begun

    def cut_short(self) -> None:
        """The slot is over and the line was away: what was read so far is the sample."""
        self._steps.clear()

    def next_exchange(self) -> Exchange | None:
        self._has_begun = True
        return self.plan.exchange(self._steps[0]) if self._steps else None

    def absorb(self, exchange: Exchange, result: Result, now_us: int, took: Took) -> None:
        """Take the end of an exchange in: values, lessons, another attempt, or giving up for this slot."""
        draft, step = self._draft, self._steps[0]
        assert draft is not None
        self._line_s += took.line_s
        if result.raw:
            draft.exchanges.append((exchange.request, result.raw))
            draft.read_us = now_us
        if result.outcome in (Outcome.SILENCE, Outcome.DAMAGED):
            self._fail(result, is_heard=exchange.head in exchange.heard)
            return
        self._steps.popleft()
        self._attempts = 0
        if result.outcome is Outcome.ANSWER:
            self._late_factor = max(self._late_factor, LATE_FACTOR * took.delay_s / took.usual_delay_s)
            add_answer(draft, self.profile, step, result, self.memory, self.ratios, now_us)
            self.plan.answered(step)
        elif result.outcome is Outcome.ABSENT:
            self._steps.extendleft(reversed(self.plan.refused(step)))
        else:
            self.memory.note(draft, "device_refuses", step.name, result.detail)

    def _fail(self, result: Result, *, is_heard: bool) -> None:
        """Once more at the end of the queue if the device was well, else no more in this slot."""
        draft = self._draft
        assert draft is not None
        self._attempts += 1
        if result.outcome is Outcome.DAMAGED:
            self.memory.note(draft, "damaged_answer", self._steps[0].name, result.detail, raw=result.raw.hex())
        # Noise says nothing of a device that has not failed a whole slot: only silence makes another form worth a try.
        is_noise = result.outcome is Outcome.DAMAGED and not self.is_failing
        another_form = self.plan.unanswered(self._steps[0], is_heard=is_heard or is_noise)
        if another_form:
            self._steps = deque(another_form)
        is_spent = self._attempts >= (1 if self.is_failing else ATTEMPTS[result.outcome])
        if is_spent and not (another_form and self._attempts < ATTEMPTS[result.outcome]):
            self._steps.clear()
        self._failures_in_slot += 1
        self._was_silent |= result.outcome is Outcome.SILENCE

    def answered_late(self, exchange: Exchange, delay_s: float, usual_delay_s: float, now_s: float) -> None:
        """The answer that was owed has come: the device needs longer, speaks this form, and may be asked again."""
        self.plan.heard_late(exchange)
        self._late_factor = max(self._late_factor, LATE_FACTOR * delay_s / usual_delay_s)
        self.not_before_s = now_s

    def close_slot(self, now_us: int) -> PolledSample | None:
        """The sample of this slot, or None if there is nothing to tell."""
        draft, self._draft = self._draft, None
        assert draft is not None
        self._steps.clear()
        self._judge(draft)
        self._is_slow = self._line_s > SLOW_SAMPLE_S
        draft.read_us = draft.read_us or now_us
        if not (draft.values or draft.notices or draft.parameters):
            return None
        self.is_held = True
        return draft.finished()

    def _judge(self, draft: SampleDraft) -> None:
        """Well or not: a device that went silent, or came back, is told once."""
        is_well = bool(draft.values or draft.parameters or (draft.exchanges and not self.has_failed_in_slot))
        if is_well and self.failures:
            self.memory.note(draft, "device_answers", "", f"after {self.failures} slots", missed_slots=self.failures)
        if is_well:
            self.failures = 0
            return
        self.failures += 1
        if self.failures == 1:
            self.memory.note(draft, "device_silent", "", "no usable answer in this slot")
        else:
            draft.notices.clear()  # told once; a line that is broken for days must not fill the store
        self._resume_slot = self._slot + 1 + min(2 ** (self.failures - 1) - 1, MOST_SKIPPED_SLOTS)

    def became_durable(self) -> None:
        self.is_held = False
