"""Answers → values, settings and notices of a sample: ratios applied, changes noticed, the clock compared."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from drivers.electricity.dlt645_frame import Dlt645Frame
from drivers.events import Channel, Notice, Parameter, Readings
from drivers.fieldbus.polled_sample import SampleDraft
from drivers.profiles.block_read import read_block
from drivers.profiles.profile import Profile
from drivers.profiles.ratio import Ratio, ratio_at
from gateway.sources.bus_exchange import Result
from gateway.sources.bus_plan import LOCAL, Step

CHANGES = {
    "ct_ratio": "ratio_changed",
    "pt_ratio": "ratio_changed",
    "cover_openings": "cover_opened",
    "terminal_cover_openings": "terminal_cover_opened",
    "meter_clearings": "meter_cleared",
    "demand_clearings": "demand_cleared",
    "event_clearings": "events_cleared",
    "programmings": "meter_programmed",
    "time_settings": "meter_time_set",
    "power_losses": "meter_power_lost",
    "serial_number": "meter_exchanged",
}
"""Setting or counter → kind of the notice when it changes."""
DAY_S = 86_400
NEAR_MIDNIGHT_S = 300


@dataclass(slots=True)
class DeviceMemory:
    """Settings of a device as last read by this process."""

    settings: dict[str, str] = field(default_factory=dict)

    def note(self, draft: SampleDraft, kind: str, channel: str, text: str, **detail: object) -> None:
        draft.notices.append(Notice(draft.device, draft.time_us, kind, channel, text, dict(detail)))

    def learn(self, draft: SampleDraft, parameter: Parameter) -> None:
        """Keep a setting; tell if it is another than last time."""
        before = self.settings.get(parameter.name)
        self.settings[parameter.name] = parameter.value
        if before is not None and before != parameter.value:
            kind = CHANGES.get(parameter.name, "setting_changed")
            text = f"{parameter.name}: {before} -> {parameter.value}"
            detail = {"name": parameter.name, "before": before, "after": parameter.value}
            self.note(draft, kind, parameter.channel, text, **detail)


def add_answer(
    draft: SampleDraft,
    profile: Profile,
    step: Step,
    result: Result,
    memory: DeviceMemory,
    ratios: Sequence[Ratio],
    now_us: int,
) -> None:
    """Put what an answer says into the sample."""
    ratio = ratio_at(ratios, draft.time_us)
    scale = ratio.factor if profile.side == "secondary" else _unscaled
    if step.read is not None:
        for item, value, flag in read_block(step.read, result.registers):
            channel = Channel(item.code, item.quantity, item.statistic, item.unit, item.interval_s)
            draft.values.append((channel, _scaled(value, scale(item.unit)), flag))
    elif result.frame is not None:
        _add_frame(draft, result.frame, scale, memory, ratio, now_us)


def _add_frame(
    draft: SampleDraft,
    frame: Dlt645Frame,
    scale: Callable[[str], float],
    memory: DeviceMemory,
    ratio: Ratio,
    now_us: int,
) -> None:
    for content in frame.contents():
        if isinstance(content, Readings):
            rows = zip(content.shape.channels, content.values, content.flags, strict=True)
            draft.values += [(channel, _scaled(value, scale(channel.unit)), flag) for channel, value, flag in rows]
        elif isinstance(content, Parameter):
            draft.parameters.append(replace(content, device=draft.device, time_us=draft.time_us))
            memory.learn(draft, content)
            _compare_ratio(draft, content, memory, ratio)
    for value in frame.values():
        if value.item.kind in ("date", "time") and value.text is not None:
            _compare_clock(draft, value.item.kind, value.text, frame.identifier, memory, now_us)


def _compare_ratio(draft: SampleDraft, parameter: Parameter, memory: DeviceMemory, ratio: Ratio) -> None:
    """A meter that knows a ratio of its own (above 1) must know the one of the installation's papers."""
    configured = {"ct_ratio": ratio.current, "pt_ratio": ratio.voltage}.get(parameter.name)
    stored = float(parameter.value) if configured is not None else 1.0
    if configured is not None and stored > 1 and not math.isclose(stored, configured):
        text = f"{parameter.name}: the meter says {stored:g}, the configuration {configured:g}"
        detail = {"meter": stored, "configured": configured}
        memory.note(draft, "ratio_mismatch", parameter.channel, text, **detail)


def _compare_clock(
    draft: SampleDraft, kind: str, text: str, identifier: str, memory: DeviceMemory, now_us: int
) -> None:
    """The meter's clock against ours, once a day; we never set it."""
    ours = datetime.fromtimestamp(now_us / 1e6, UTC) + LOCAL
    second_of_day = ours.hour * 3600 + ours.minute * 60 + ours.second
    if kind == "date":
        is_near_midnight = not NEAR_MIDNIGHT_S < second_of_day < DAY_S - NEAR_MIDNIGHT_S
        if text != ours.date().isoformat() and not is_near_midnight:
            memory.note(draft, "clock_date_wrong", identifier, f"the meter says {text}", ours=ours.date().isoformat())
        return
    hour, minute, second = (int(part) for part in text.split(":"))
    drift_s = (hour * 3600 + minute * 60 + second - second_of_day + DAY_S // 2) % DAY_S - DAY_S // 2
    memory.note(draft, "clock_drift", identifier, f"{drift_s:+d} s", drift_s=drift_s)


def _scaled(value: float, factor: float) -> float:
    """Times the ratio, without the noise that binary fractions add to a register's digits."""
    return value if factor == 1 or math.isnan(value) else float(f"{value * factor:.12g}")


def _unscaled(unit: str) -> float:
    return 1.0
