"""One simulated RS-485 line in the time that the caller passes: wire time, several devices, echo, a babbling device.

`write` takes what the master sends; `take` gives what the master has received by then; `next_s` says when there will be
more. Two who talk at once mix their bytes, as on a real pair of wires.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.meters import Device, transmission


@dataclass(slots=True)
class SimulatedLine:
    """A line at a given character time; `babble_every_s` is the mean gap between bursts of noise, 0 for none."""

    devices: Sequence[Device]
    character_s: float
    has_echo: bool = False
    babble_every_s: float = 0.0
    babble_bytes: int = 6
    rng: random.Random = field(default_factory=lambda: random.Random(485))
    _due: list[tuple[float, int, bytes]] = field(default_factory=list)
    _count: int = 0
    _next_babble_s: float | None = None

    def write(self, data: bytes, now_s: float) -> None:
        """The master sends; every device hears it when its last byte is through."""
        heard_s = now_s + len(data) * self.character_s
        if self.has_echo:
            self._put(now_s, data)
        for device in self.devices:
            for delay_s, chunk in transmission(device, data, heard_s):
                self._put(heard_s + delay_s, chunk)

    def take(self, now_s: float) -> bytes:
        """What has arrived by now."""
        self._babble(now_s)
        arrived = []
        while self._due and self._due[0][0] <= now_s + 1e-12:
            arrived.append(heapq.heappop(self._due)[2])
        return b"".join(arrived)

    def next_s(self, now_s: float) -> float | None:
        """When the next byte arrives, None if nothing is on its way."""
        self._babble(now_s)
        times = [self._due[0][0]] if self._due else []
        if self._next_babble_s is not None:
            times.append(self._next_babble_s)
        return min(times, default=None)

    def _put(self, start_s: float, data: bytes) -> None:
        for n in range(len(data)):
            self._count += 1
            heapq.heappush(self._due, (start_s + (n + 1) * self.character_s, self._count, data[n : n + 1]))

    def _babble(self, now_s: float) -> None:
        if not self.babble_every_s:
            return
        if self._next_babble_s is None:
            self._next_babble_s = now_s + self.rng.expovariate(1 / self.babble_every_s)
        while self._next_babble_s <= now_s:
            self._put(self._next_babble_s, self.rng.randbytes(self.babble_bytes))
            self._next_babble_s += self.rng.expovariate(1 / self.babble_every_s)
