"""A bus, a simulated line and a clock that jumps: hours of polling in seconds, the same every time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drivers.fieldbus.polled_sample import PolledSample
from drivers.profiles import shipped_profile
from drivers.profiles.profile import SerialSettings
from gateway.sources.bus_device import BusDevice
from gateway.sources.bus_plan import Dlt645Plan
from gateway.sources.bus_schedule import Bus, Finished, Send
from simulators.meters import Device, Dlt645Meter, ThreePhaseLoad
from simulators.meters_line import SimulatedLine

LINE = SerialSettings(2400, 8, "E", 1)
MINUTE_US = 60_000_000
START_US = 1_795_339_200_000_000 + 1_000_000  # the first slot that is wholly ours begins at 59 s
METER = shipped_profile("dlt645-three-phase")


@dataclass
class VirtualRun:
    """A bus, a simulated line, and a clock that jumps to whatever happens next."""

    bus: Bus
    line: SimulatedLine
    is_durable_at_once: bool = True
    now_s: float = 0.0
    samples: list[PolledSample] = field(default_factory=list)
    held: list[BusDevice] = field(default_factory=list)
    sent: list[tuple[float, bytes]] = field(default_factory=list)

    def until(self, end_s: float) -> "VirtualRun":
        while self.now_s < end_s:
            self._act(self.bus.step(self.now_s, self._us()))
            times = [self.bus.wake_s(self.now_s, self._us()), self.line.next_s(self.now_s) or math.inf]
            self.now_s = min(max(min(times), self.now_s + 1e-4), end_s)
            data = self.line.take(self.now_s)
            if data:
                self._act(self.bus.received(data, self.now_s, self._us()))
        return self

    def _us(self) -> int:
        return START_US + round(self.now_s * 1e6)

    def _act(self, actions: Sequence[Send | Finished]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.sent.append((self.now_s, action.data))
                self.line.write(action.data, self.now_s)
            else:
                self.samples.append(action.sample)
                if self.is_durable_at_once:
                    action.device.became_durable()
                else:
                    self.held.append(action.device)

    def of(self, name: str) -> list[PolledSample]:
        return [sample for sample in self.samples if sample.device == name]

    def values(self, name: str, number: int = -1) -> dict[str, float]:
        sample = self.of(name)[number]
        return {channel.code: value for channel, value in zip(sample.channels, sample.values, strict=True)}


def meter(number: int, power_kw: Callable[[float], float] | None = None, **settings: object) -> Dlt645Meter:
    load = ThreePhaseLoad(power_kw=power_kw or (lambda t: 10.0 + number))
    return Dlt645Meter(f"2511000000{number:02}", load, **settings)  # type: ignore[arg-type]


def device(simulated: Device, **settings: object) -> BusDevice:
    if isinstance(simulated, Dlt645Meter):
        plan = Dlt645Plan(METER, simulated.address)
        return BusDevice(simulated.address, METER, plan, **settings)  # type: ignore[arg-type]
    raise TypeError(simulated)
