"""The adapter around aiomqtt 2.5 and paho-mqtt 2: one MQTT connection, read in batches and acknowledged by hand.

Everything that reaches into these libraries is in this file. Why it must:

- aiomqtt acknowledges on arrival; paho can leave that to us (`manual_ack_set`), aiomqtt has no word for it (#345).
- aiomqtt drops messages when its bounded queue is full, after they were acknowledged. Here messages go into a deque
  that drops nothing that has an acknowledgement. The broker's in-flight window bounds it; where a broker does not keep
  to the window (Mosquitto 2.0.11 with a backlog: two PUBACKs in a window of 1,000 made it send 1,999 messages), the
  reading stops at `HELD_BYTES`, and TCP's flow control holds the rest back.
- aiomqtt does not show `session_present`.
- paho reads one packet with three system calls and one turn of the event loop; `PacketReader` reads what is there.
- PUBACKs of a batch go out as one write. In both versions of the protocol a PUBACK without properties and reason is
  four bytes (MQTT 5, 3.4.2.1: a reason code of success may be left out).
"""

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aiomqtt
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.errors import SourceError
from gateway.sources.mqtt_reader import Incoming, PacketReader

HELD_BYTES = 8 * 2**20
MESSAGE_BYTES = 300  # what a message costs beside its payload, roughly
BATCH = 500
"""Messages handed over at a time: some 30 ms of work, then everybody else has a turn of the event loop."""

FAILURE = 0x80  # SUBACK reason codes from here on are refusals, in both versions of the protocol


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How to reach a broker. `tls` is made anew for every connection, so that renewed certificates are used."""

    host: str
    port: int
    client_id: str
    is_version_5: bool = True
    username: str | None = None
    password: str | None = None
    keepalive_s: int = 60
    session_expiry_s: int = 7 * 86_400
    receive_maximum: int = 2_000
    qos0_limit: int = 10_000
    timeout_s: float = 10.0


class Link:
    """One connection, from CONNACK to its loss. Made by `connected`."""

    def __init__(self, client: aiomqtt.Client, settings: LinkSettings) -> None:
        self._client = client
        self._paho: Any = client._client
        self._settings = settings
        self._arrived: deque[Incoming] = deque()
        self.held_bytes = 0
        self._reader: PacketReader | None = None
        self.is_paused = False
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self.session_present = False
        self.granted: dict[str, int] = {}  # limits that an MQTT 5 broker announced, by property name
        self.dropped_qos0 = 0
        self._capture()

    def _capture(self) -> None:
        on_connect = self._paho.on_connect

        def connected(client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
            self.session_present = bool(flags.session_present)
            if properties is not None:
                self.granted = {name: value for name, value in vars(properties).items() if isinstance(value, int)}
            on_connect(client, userdata, flags, reason, properties)

        on_socket_open = self._paho.on_socket_open

        def opened(client: Any, userdata: Any, sock: Any) -> None:  # in a thread of aiomqtt's
            on_socket_open(client, userdata, sock)
            self._reader = client._sock = PacketReader(
                sock, is_version_5=self._settings.is_version_5, take=self._take, leave=client.loop_read
            )
            # After aiomqtt's own, and in its place.
            self._loop.call_soon_threadsafe(self._loop.add_reader, sock.fileno(), self._read)

        self._paho.on_connect = connected
        self._paho.on_socket_open = opened
        self._paho.manual_ack_set(True)

    def _read(self) -> None:
        assert self._reader is not None
        try:
            self._reader.readable()
        except Exception as error:  # whatever paho raises means that the connection cannot go on, as aiomqtt has it
            if self.is_open:
                self._client._disconnected.set_exception(error)
        self._paho._last_bytes_received = time.monotonic()  # for paho's keep-alive, which sees no messages here
        if self.held_bytes > HELD_BYTES and self.is_open:
            self.is_paused = True
            self._loop.remove_reader(self._reader.fileno())

    def _take(self, message: Incoming) -> None:
        if message.qos == 0 and len(self._arrived) >= self._settings.qos0_limit:
            self.dropped_qos0 += 1  # the sender asked for no more: QoS 0 is not held back by any window
            return
        self._arrived.append(message)
        self.held_bytes += len(message.payload) + MESSAGE_BYTES
        self._wake.set()

    async def receive(self) -> list[Incoming]:
        """What has arrived, in order, `BATCH` at the most; waits until there is something.

        Raises
        ------
        SourceError
            When the connection is lost.
        """
        while not self._arrived:
            self._wake.clear()
            waiting = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait((waiting, self._client._disconnected), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if self._client._disconnected.done() and not self._arrived:
                raise SourceError(f"connection lost: {_reason(self._client._disconnected)}")
        await asyncio.sleep(0)
        batch = [self._arrived.popleft() for _ in range(min(BATCH, len(self._arrived)))]
        self.held_bytes -= sum(len(message.payload) + MESSAGE_BYTES for message in batch)
        if self.is_paused and self.held_bytes < HELD_BYTES // 2:
            self.is_paused = False
            if self._reader is not None and self.is_open and (number := self._reader.fileno()) >= 0:
                self._loop.add_reader(number, self._read)
        return batch

    @property
    def is_open(self) -> bool:
        return not self._client._disconnected.done()

    async def subscribe(self, filters: Sequence[str], *, within_s: float | None = None) -> None:
        """Subscribe with QoS 1; retained messages come only with a new subscription where the protocol allows it.

        The answer comes behind what the broker has to send again, so somebody must `receive` meanwhile. Waits for
        `within_s` (the connection's timeout unless said), also when the connection is lost.

        Raises
        ------
        SourceError
            If the broker refuses one of them, or the connection is lost.
        """
        if self._settings.is_version_5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            wanted: Any = [(item, options) for item in filters]
        else:
            wanted = [(item, 1) for item in filters]
        with _translated():
            granted = await self._client.subscribe(wanted, timeout=within_s)
        for item, code in zip(filters, granted, strict=True):
            number = code if isinstance(code, int) else int(cast(Any, code).value)
            if number >= FAILURE:
                raise SourceError(f"the broker refuses the subscription to {item} ({number})")

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """End subscriptions of the session.

        Raises
        ------
        SourceError
            If the connection is lost.
        """
        with _translated():
            await self._client.unsubscribe(list(filters))

    @property
    def unacknowledged(self) -> int:
        """Messages of ours that the broker has not acknowledged yet."""
        return len(self._paho._out_messages)

    def acknowledge(self, mids: Sequence[int]) -> None:
        """PUBACK these, in this order, as one write."""
        if self.is_open:
            packet = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)
            self._paho._packet_queue(paho.PUBACK, packet, 0, 0)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1 without waiting; paho keeps it until the broker has it or the connection ends."""
        if self.is_open:
            self._paho.publish(topic, payload, qos=1)


@contextlib.asynccontextmanager
async def connected(settings: LinkSettings, tls: ssl.SSLContext | None = None) -> AsyncIterator[Link]:
    """Connect, resuming the session; on leaving, what is queued to be sent is sent and DISCONNECT ends it.

    Raises
    ------
    SourceError
        If the broker cannot be reached or refuses.
    """
    client = aiomqtt.Client(settings.host, settings.port, **_arguments(settings), tls_context=tls)
    link = Link(client, settings)
    with _translated():
        await client.__aenter__()
    try:
        yield link
    finally:
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


def _arguments(settings: LinkSettings) -> dict[str, Any]:
    common: dict[str, Any] = {
        "identifier": settings.client_id,
        "username": settings.username,
        "password": settings.password,
        "keepalive": settings.keepalive_s,
        "timeout": settings.timeout_s,
    }
    if not settings.is_version_5:
        return {**common, "protocol": aiomqtt.ProtocolVersion.V311, "clean_session": False}
    properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.ReceiveMaximum = settings.receive_maximum
    return {**common, "protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}


@contextlib.contextmanager
def _translated() -> Any:
    try:
        yield
    except (aiomqtt.MqttError, OSError, ssl.SSLError) as error:
        raise SourceError(str(error) or type(error).__name__) from error


def _reason(disconnected: "asyncio.Future[None]") -> str:
    error = disconnected.exception() if not disconnected.cancelled() else None
    return str(error) if error is not None else "closed by the broker"
