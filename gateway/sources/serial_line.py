"""The serial source: asks the devices of one line every minute, or listens to one that talks by itself.

    port thread ─► SerialLine ─► Bus (schedule) ─► Finished ─► deliver(Delivery) ─► intake
                       ▲                                            │ on_durable
                       └──── the device may be asked again ◄────────┘

A poll advances only after its sample is durable: until then its device is not asked again, and the slots that pass are
counted as held back. On a listening line every frame is delivered, good or bad; nothing is ever written to it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import structlog

from drivers import driver as find_driver
from drivers.events import BadFrame, Decoder
from gateway.records import Delivery
from gateway.sources.bus_schedule import Action, Bus, Send
from gateway.sources.bus_settings import SerialLineSettings
from gateway.sources.serial_line_port import SerialPort

log = structlog.get_logger("gateway.serial")

SAMPLE_DRIVER = "polled-sample"
QUIET_FLUSH_S = 2.0
"""A listening line that is silent so long has no more of a frame to come. [s]"""

Deliver = Callable[[Delivery], Awaitable[None]]


class Clock(Protocol):
    """The two clocks of a source."""

    def steady_s(self) -> float: ...
    def now_us(self) -> int: ...


class SystemClock:
    """The clocks of this machine."""

    def steady_s(self) -> float:
        return time.monotonic()

    def now_us(self) -> int:
        return time.time_ns() // 1000


class SerialLine:
    """One line; `run` until cancelled."""

    def __init__(
        self,
        settings: SerialLineSettings,
        deliver: Deliver,
        *,
        clock: Clock | None = None,
        new_decoder: Callable[[], Decoder] | None = None,
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.is_open = False
        self._deliver = deliver
        self._clock = clock or SystemClock()
        self._inbox: list[tuple[int, bytes]] = []
        self._wake = asyncio.Event()
        self._was_lost = False
        self._is_stopping = False
        self.port: SerialPort | None = None
        self.bus = None if settings.listen else Bus(
            settings.bus_devices(), settings.timing, period_s=settings.period_s
        )  # fmt: skip
        self._new_decoder = new_decoder or find_driver(settings.listen or SAMPLE_DRIVER).decoder

    async def run(self) -> None:
        """Keep the port open and work the line; returns after `stop_reading`."""
        self.port = SerialPort(self.settings.port, self.settings.serial, self)
        self.port.start()
        try:
            if self.bus is None:
                await self._listen(self.port)
            else:
                await self._poll(self.port, self.bus)
        finally:
            await self.port.close()

    def stop_reading(self) -> None:
        """Ask nothing more; what was read is delivered."""
        self._is_stopping = True
        self._wake.set()

    # What the port tells, in the event loop.

    def on_open(self) -> None:
        self.is_open = True
        log.info("port_open", line=self.name, port=self.settings.port, settings=str(self.settings.serial))
        self._wake.set()

    def on_data(self, data: bytes) -> None:
        self._inbox.append((self._clock.now_us(), data))
        self._wake.set()

    def on_lost(self, reason: str) -> None:
        self.is_open = False
        self._was_lost = True
        log.warning("port_lost", line=self.name, port=self.settings.port, reason=reason)
        self._wake.set()

    # Asking.

    async def _poll(self, port: SerialPort, bus: Bus) -> None:
        while not self._is_stopping:
            if self._was_lost:
                self._was_lost = False
                self._take_inbox(port)
                bus.line_lost()
            for _, data in self._take_inbox(port):
                await self._act(port, bus.received(data, *self._now()))
            if self.is_open:
                await self._act(port, bus.step(*self._now()))
            await self._sleep(bus.wake_s(*self._now()) - self._clock.steady_s() if self.is_open else None)

    async def _act(self, port: SerialPort, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                await port.write(action.data)
            else:
                device, sample = action.device, action.sample
                delivery = self._delivery(sample.raw, sample, SAMPLE_DRIVER, sample.device, sample.read_us)
                delivery.on_durable = self._on_durable(device.became_durable)
                await self._deliver(delivery)

    def _on_durable(self, became_durable: Callable[[], None]) -> Callable[[], None]:
        def told() -> None:
            became_durable()
            self._wake.set()

        return told

    # Listening.

    async def _listen(self, port: SerialPort) -> None:
        decoder = self._new_decoder()
        while not self._is_stopping:
            chunks = self._take_inbox(port)
            events = [(us, event) for us, data in chunks for event in decoder.feed(data)]
            is_silent = not chunks and not await self._sleep(QUIET_FLUSH_S)
            if self._was_lost or is_silent:
                self._was_lost = False
                events += [(self._clock.now_us(), event) for event in decoder.flush()]
            for received_us, event in events:
                await self._deliver_heard(event, received_us)

    async def _deliver_heard(self, event: Any, received_us: int) -> None:
        claimed = "" if isinstance(event, BadFrame) else event.device
        device = claimed or self.settings.listen_device
        await self._deliver(self._delivery(event.raw, event, self.settings.listen, device, received_us))

    # Both.

    def _delivery(self, raw: bytes, event: Any, driver: str, device: str, received_us: int) -> Delivery:
        return Delivery(
            received_us=received_us,
            source=self.name,
            driver=driver,
            peer=self.settings.port,
            device=device,
            raw=raw,
            event=event,
        )

    def _take_inbox(self, port: SerialPort) -> list[tuple[int, bytes]]:
        chunks, self._inbox = self._inbox, []
        port.consumed(sum(len(data) for _, data in chunks))
        return chunks

    def _now(self) -> tuple[float, int]:
        return self._clock.steady_s(), self._clock.now_us()

    async def _sleep(self, most_s: float | None) -> bool:
        """Until something happens, at most so long; whether something did."""
        try:
            await asyncio.wait_for(self._wake.wait(), None if most_s is None else max(most_s, 0.0))
        except TimeoutError:
            return False
        finally:
            self._wake.clear()
        return True
