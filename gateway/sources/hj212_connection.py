"""One TCP connection of an HJ 212 device: bytes in, deliveries out, answers back when they are durable.

An asyncio protocol and not a task with streams: ten thousand idle connections must cost little memory, and a frame on
its way in should cost no context switch.
"""

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, cast

from drivers.environment.hj212 import Decoder, Message
from drivers.events import BadFrame
from gateway.records import Delivery, Disposition
from gateway.registry import Verdict
from gateway.sources.connection_limits import ConnectionLimits

if TYPE_CHECKING:
    from gateway.sources.hj212_server import Hj212Server


PIECE_BYTES = 16_384
"""What the decoder is given at a time: the budget of bad frames is looked at in between, because text made to look like
the heads of frames is costly to refuse."""


class Connection(asyncio.Protocol):
    """Decodes, checks identity, hands over; the server owns what connections share."""

    def __init__(self, server: "Hj212Server") -> None:
        self._server = server
        self._decoder: Decoder = server.new_decoder()
        self._limits = ConnectionLimits(server.limits, now_s=time.monotonic())
        self._transport: asyncio.Transport | None = None
        self._paused_for: set[str] = set()
        self._answers: list[bytes] = []
        self.address = ""
        self.peer = ""
        self.device = ""  # the MN of the last frame that had one; a frame without takes it over
        self.devices: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, port, *_ = self._transport.get_extra_info("peername")
        self.address, self.peer = host, f"{host}:{port}"
        if reason := self._server.admit(self):
            self._server.metrics.refused_connections.labels(self._server.name, reason).inc()
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._server.release(self):
            self._hand_over(self._decoder.flush())

    def data_received(self, data: bytes) -> None:
        self._server.count_bytes.inc(len(data))
        now_s = time.monotonic()
        for at in range(0, len(data), PIECE_BYTES):
            events = self._decoder.feed(data[at : at + PIECE_BYTES])
            bad = sum(isinstance(event, BadFrame) for event in events)
            pause_s = self._limits.received(good=len(events) - bad, bad=bad, now_s=now_s)
            self._hand_over(events)
            if reason := self._limits.why_close(now_s=now_s):
                self.close(reason)
                return
        if pause_s > 0:
            self.pause("rate")
            asyncio.get_running_loop().call_later(pause_s, self.resume, "rate")

    def check_limits(self, now_s: float) -> None:
        """Close the connection if it has been silent or useless for too long."""
        if reason := self._limits.why_close(now_s=now_s):
            self.close(reason)

    def close(self, reason: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._server.metrics.closed_connections.labels(self._server.name, reason).inc()
            self._transport.close()

    def pause(self, why: str) -> None:
        """Stop reading; the device's own sending then stops by TCP's flow control."""
        if self._transport is not None and not self._transport.is_closing() and not self._paused_for:
            self._transport.pause_reading()
        self._paused_for.add(why)

    def resume(self, why: str) -> None:
        self._paused_for.discard(why)
        if self._transport is not None and not self._transport.is_closing() and not self._paused_for:
            self._transport.resume_reading()

    def send(self, frame: bytes) -> None:
        """Send soon; the frames of one turn of the event loop go out together."""
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._flush)
        self._answers.append(frame)

    def finish(self) -> None:
        """Send what is to be sent, then close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _flush(self) -> None:
        if self.is_open and self._transport is not None:
            self._transport.write(b"".join(self._answers))
        self._answers.clear()

    def _hand_over(self, events: list[Message | BadFrame]) -> None:
        if events:
            received_us = time.time_ns() // 1_000
            self._server.take([self._delivery(event, received_us) for event in events])

    def _delivery(self, event: Message | BadFrame, received_us: int) -> Delivery:
        server = self._server
        delivery = Delivery(received_us, server.name, "hj212", self.peer, self.device, event.raw, event)
        for deviation in event.deviations:
            server.metrics.deviations.labels(server.name, deviation).inc()
        if isinstance(event, BadFrame):
            server.count_frame["bad"].inc()
            return delivery
        if event.mn:
            self.device = event.mn
        delivery.device = self.device or f"address:{self.address}"
        verdict, delivery.disposition = server.identify(delivery.device, event.pw, self.address)
        server.count_frame[delivery.disposition].inc()
        if verdict is not Verdict.PASSED:
            server.centre.stranger(delivery.device, verdict, self.peer, received_us)
        if delivery.disposition is Disposition.REFUSED:
            delivery.reason = verdict.value
            return delivery
        if delivery.device not in self.devices:
            self.devices.add(delivery.device)
            server.centre.arrived(delivery.device, self)
        server.centre.received(delivery.device, event, received_us)
        delivery.on_durable = partial(server.centre.durable, delivery.device, event, self)
        return delivery
