"""How much of its minute a line needs, computed before it is run: whether sixteen meters fit is arithmetic.

Wire time is exact: bytes of request and answer times the time of a character. The rest is what devices take to think:
`usual_s` with a short delay, `worst_s` with the longest that DL/T 645-2007 allows (500 ms).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.sources.bus_device import BusDevice
from gateway.sources.bus_settings import SerialLineSettings

USUAL_DELAY_S = 0.1
WORST_DELAY_S = 0.5


@dataclass(frozen=True, slots=True)
class DeviceBudget:
    """What one device costs its line in every period."""

    name: str
    profile: str
    reads: int
    wire_bytes: int
    wire_s: float
    usual_s: float
    worst_s: float


@dataclass(frozen=True, slots=True)
class BusBudget:
    """What all devices of a line cost it."""

    line: str
    settings: str
    period_s: float
    devices: tuple[DeviceBudget, ...]

    @property
    def usual_s(self) -> float:
        return sum(device.usual_s for device in self.devices)

    @property
    def worst_s(self) -> float:
        return sum(device.worst_s for device in self.devices)

    @property
    def load(self) -> float:
        """Share of the period that the line is busy, as usual; above 1 the minute cannot be kept. [1]"""
        return self.usual_s / self.period_s

    @property
    def verdict(self) -> str:
        if self.usual_s > self.period_s:
            return "too_much"
        return "tight" if self.worst_s > self.period_s else "fits"


def plan_bus(line: SerialLineSettings) -> BusBudget:
    """The budget of a line whose devices are asked; empty for one that listens."""
    devices = tuple(_device_budget(device, line) for device in line.bus_devices())
    return BusBudget(line.name, str(line.serial), line.period_s, devices)


def plan_buses(lines: Iterable[SerialLineSettings]) -> list[BusBudget]:
    return [plan_bus(line) for line in lines]


def _device_budget(device: BusDevice, line: SerialLineSettings) -> DeviceBudget:
    steps = [step for step in device.plan.steps(0) if not step.is_daily]
    exchanges = [device.plan.exchange(step) for step in steps]
    count = sum(len(exchange.request) + exchange.answer_bytes for exchange in exchanges)
    timing = line.timing
    wire_s = timing.wire_s(count)
    pauses_s = len(steps) * timing.silence_s
    return DeviceBudget(
        device.name,
        device.profile.name,
        len(steps),
        count,
        wire_s,
        wire_s + pauses_s + len(steps) * USUAL_DELAY_S,
        wire_s + pauses_s + len(steps) * WORST_DELAY_S,
    )
