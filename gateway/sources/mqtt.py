"""MQTT brokers as a source: messages in, PUBACK when they are durable, answers where a device waits for one.

    broker ═ QoS 1 ═► Link.receive ─► MessageDecoder ─► identify ─► inbox.offer ─► … durable
       ▲                                                                             │
       └────────────── PUBACKs in the order of arrival, answers ◄── AckQueue ◄───────┘

Nothing is held that the broker does not hold too: a message is forgotten here only after its PUBACK. What is not
acknowledged when the connection goes comes again, and the store knows it already or stores it then. The in-flight
window (`receive_maximum`, in MQTT 3.1.1 the broker's `max_inflight_messages`) is the back-pressure: when the inbox is
full this takes no more, the window fills, and the broker keeps the rest; a broker that sends more is not read.

A message that cannot be used is delivered as a dead letter and acknowledged like any other: a kept connection never
sends it again, and unacknowledged it would block the window for ever.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import structlog
from prometheus_client import Counter

from drivers.environment.hj212 import Decoder as Hj212Decoder
from drivers.environment.hj212 import Message as Hj212Message
from drivers.environment.hj212 import Profiles
from drivers.environment.hj212.answers import answer_cn, answer_to
from drivers.events import BadFrame, Event
from drivers.telemetry.envelope import Message
from drivers.telemetry.mapping import mapping_from
from drivers.telemetry.message import Reply, Telemetry
from drivers.telemetry.router import MessageDecoder
from drivers.telemetry.topics import is_downward, is_shared
from gateway.config import MqttSettings
from gateway.errors import SourceError
from gateway.gateway_notice import GatewayNotice
from gateway.metrics import Metrics
from gateway.records import Delivery, Disposition
from gateway.registry import Registry, Verdict
from gateway.sources import mqtt_broker_log
from gateway.sources.hj212_answer_style import answer_style
from gateway.sources.inbox import Inbox
from gateway.sources.mqtt_acks import AckQueue
from gateway.sources.mqtt_backoff import Backoff
from gateway.sources.mqtt_hj212 import SplitMessages, answer_topic, driver_of
from gateway.sources.mqtt_identity import Identified, Identity
from gateway.sources.mqtt_link import Link, LinkSettings, connected
from gateway.sources.mqtt_pieces import Pieces
from gateway.sources.mqtt_reader import Incoming
from gateway.sources.mqtt_session import SessionFile
from gateway.sources.mqtt_strangers import PendingRegister, Strangers
from gateway.sources.mqtt_tls import tls_context

log = structlog.get_logger("gateway.mqtt")

Answer = Callable[[], None]
PROFILES = 65_536
SUBSCRIBE_S = 600.0  # a broker may have a long queue to send again before it answers
NEEDS_ALL = frozenset(("sequence_gap", "session_replaced", "late_will"))
"""Findings that only who gets all messages of a device can make; a member of a shared subscription gets some."""


class MqttSource:
    """One broker; reconnects for ever. `run` owns the work, `stop_reading` ends the reading but not the answering."""

    def __init__(
        self,
        settings: MqttSettings,
        registry: Registry,
        inbox: Inbox,
        metrics: Metrics,
        *,
        state_dir: Path,
        register: PendingRegister | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.generation = 0  # connections so far
        self._inbox = inbox
        self._metrics = metrics
        self._decoder = new_decoder(settings)
        self._registry = registry
        self._identity = Identity(registry, settings)
        self.split = SplitMessages(self._notice_partial)
        self._strangers = Strangers(register)
        self._session = SessionFile(state_dir / f"mqtt-{settings.name}.session", settings)
        self._backoff = Backoff(rng=rng or random.Random(), last_s=settings.reconnect_max_s)
        self._frames: dict[str, Counter] = {}  # by verdict
        self._peer = f"{settings.host}:{settings.port}"
        self._is_shared = any(is_shared(topic) for topic in settings.topics)
        self._room = asyncio.Event()
        self._room.set()
        self._is_stopping = False
        self.last_error = ""  # why there is no connection
        self.is_connected = asyncio.Event()
        inbox.add_gate(self._room.clear, self._room.set)

    async def run(self) -> None:
        """Connect, read, and connect again, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._strangers.run(), name=f"{self.name} strangers")
            tasks.create_task(self.split.run(), name=f"{self.name} split messages")
            await self._read_for_ever()

    async def _read_for_ever(self) -> None:
        while True:
            started = time.monotonic()
            try:
                await self._connection()
            except SourceError as error:
                if str(error) != self.last_error:  # once, not once an attempt
                    log.warning("mqtt_away", source=self.name, broker=self._peer, error=str(error))
                self.last_error = str(error)
                await asyncio.sleep(self._backoff.next_s(lasted_s=time.monotonic() - started))

    def stop_reading(self) -> None:
        """Take no more messages; what was taken is still acknowledged. Unread messages stay with the broker."""
        self._is_stopping = True

    async def _connection(self) -> None:
        tls = tls_context(self.settings.tls) if self.settings.tls else None
        async with connected(link_settings(self.settings), tls) as link:
            self.generation += 1
            loop = asyncio.get_running_loop()
            acks = AckQueue(link.acknowledge, loop.call_soon)
            pieces = Pieces(loop.call_later, lambda topic: self._give_up(topic, pieces, link))
            try:
                self._note_session(link)
                # At the same time: the answer to SUBSCRIBE comes behind all that the broker has to send again.
                subscribing = asyncio.create_task(self._subscribe(link), name=f"{self.name} subscribing")
                taking = asyncio.create_task(self._take_for_ever(link, acks, pieces), name=f"{self.name} taking")
                try:
                    done, _ = await asyncio.wait((subscribing, taking), return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                    await taking
                finally:
                    subscribing.cancel()
                    taking.cancel()
                    await asyncio.gather(subscribing, taking, return_exceptions=True)
            finally:
                pieces.close()
                self._decoder.hj212.forget()
                self.is_connected.clear()
                self._metrics.connections.labels(self.name).set(0)
                acks.flush()
                acks.close()

    async def _subscribe(self, link: Link) -> None:
        await link.subscribe(self.settings.topics, within_s=SUBSCRIBE_S)
        await asyncio.to_thread(self._session.save)
        log.info("mqtt_ready", source=self.name, broker=self._peer, session_present=link.session_present)
        self._metrics.connections.labels(self.name).set(1)
        self.last_error = ""
        self.is_connected.set()

    async def _take_for_ever(self, link: Link, acks: AckQueue, pieces: Pieces) -> None:
        while True:
            await self._take(link, acks, pieces)

    def _note_session(self, link: Link) -> None:
        """A session that the broker has forgotten took its queue with it: that may be a gap, and is written down."""
        if link.session_present or not self._session.was_there:
            return
        detail = {
            "broker": self._peer,
            "client_id": self.settings.client_id,
            "last_connected_us": self._session.last_us,
        }
        notice = GatewayNotice(f"source:{self.name}", "session_lost", time.time_ns() // 1_000, detail)
        self._inbox.offer([notice.delivery(source=self.name, peer=self._peer)])
        log.warning("mqtt_session_lost", source=self.name, broker=self._peer)

    async def _take(self, link: Link, acks: AckQueue, pieces: Pieces) -> None:
        messages = await link.receive()
        await self._room.wait()
        if self._is_stopping:
            await asyncio.Event().wait()  # until cancelled; these messages are not acknowledged and come again
        received_us = time.time_ns() // 1_000
        deliveries: list[Delivery] = []
        self._metrics.bytes.labels(self.name).inc(sum(len(message.payload) for message in messages))
        for message in messages:
            made = self._deliveries(message, received_us, link)
            pending = self._decoder.hj212.pending(message.topic)
            if pending or message.topic in pieces:
                pieces.add(message.topic, acks.add(message.mid, 1), len(message.payload))
                pieces.settle(message.topic, made, pending=pending)
            else:
                slot = acks.add(message.mid, len(made))
                for delivery in made:
                    delivery.on_durable = slot.after(delivery.on_durable)
            deliveries += made
        if link.dropped_qos0:
            self._metrics.deviations.labels(self.name, "qos0_dropped").inc(link.dropped_qos0)
            link.dropped_qos0 = 0
        self._inbox.offer(deliveries)

    def _give_up(self, topic: str, pieces: Pieces, link: Link) -> None:
        """The rest of a frame has not come in time."""
        received_us = time.time_ns() // 1_000
        made: list[Delivery] = []
        for event in self._decoder.hj212.give_up(topic):
            made += self._checked(event, topic, received_us, link)
        pieces.settle(topic, made, pending=0)
        self._inbox.offer(made)

    def _deliveries(self, incoming: Incoming, received_us: int, link: Link) -> list[Delivery]:
        if incoming.topic.startswith(mqtt_broker_log.PREFIX):
            return self._broker_log(incoming, received_us)
        if is_downward(incoming.topic):
            return []
        found: list[Delivery] = []
        for event in self._decoder.decode(Message(incoming.topic, incoming.payload, incoming.is_retained)):
            found += self._checked(event, incoming.topic, received_us, link)
        return found

    def _checked(self, event: Event | BadFrame, topic: str, received_us: int, link: Link) -> list[Delivery]:
        """The delivery of one event, with what the gateway itself noticed about it beside it."""
        driver = driver_of(event, topic)
        peer = self._peer if driver == "mqtt" else f"{self._peer}/{topic}"
        who = self._identity.check(event, topic)
        delivery = Delivery(
            received_us, self.name, driver, peer, who.device, event.raw, event, who.disposition, who.reason
        )
        self._count(event, who)
        if who.reason == Verdict.UNKNOWN:
            self._strangers.note(who.device, peer=self._peer, at_us=received_us)
        made = [delivery]
        if who.mismatch is not None:
            made.append(self._notice(who.device, "identity_mismatch", received_us, who.mismatch))
        if isinstance(event, Telemetry):
            for finding in event.findings:
                if self._is_shared and finding.kind in NEEDS_ALL:
                    continue
                detail = finding.detail | ({"text": finding.text} if finding.text else {})
                made.append(self._notice(finding.device, finding.kind, finding.time_us or received_us, detail))
        if who.disposition is not Disposition.REFUSED:
            delivery.on_durable = self._answer(event, topic, who.device, link)
            if isinstance(event, Hj212Message):
                self.split.add(event)
        return made

    def _count(self, event: Event | BadFrame, who: Identified) -> None:
        verdict = "bad" if isinstance(event, BadFrame) else who.disposition.value
        counter = self._frames.get(verdict)
        if counter is None:  # looking a label up costs more than counting
            counter = self._frames[verdict] = self._metrics.frames.labels(self.name, verdict)
        counter.inc()
        if who.reason:
            self._metrics.identity.labels(self.name, who.reason).inc()
        for deviation in event.deviations:
            self._metrics.deviations.labels(self.name, deviation).inc()

    def _answer(self, event: Event | BadFrame, topic: str, device: str, link: Link) -> Answer | None:
        """What is to be sent when the event is durable, if the device waits for something."""
        if isinstance(event, Telemetry) and event.replies:
            return partial(self._reply, link, event.replies)
        if isinstance(event, Hj212Message):
            style = answer_style(self._registry.get(device), answers_uploads=True)
            if style is not None and (frame := answer_to(event, style)):
                return partial(self._publish, link, answer_topic(topic), frame, answer_cn(event, style) or "")
        return None

    def _notice(self, device: str, kind: str, time_us: int, detail: dict[str, object]) -> Delivery:
        return GatewayNotice(device, kind, time_us, detail).delivery(source=self.name, peer=self._peer)

    def _notice_partial(self, device: str, detail: dict[str, object]) -> None:
        self._inbox.offer([self._notice(device, "partial_message", time.time_ns() // 1_000, detail)])

    def _broker_log(self, incoming: Incoming, received_us: int) -> list[Delivery]:
        found = mqtt_broker_log.finding(incoming.payload)
        if found is None or incoming.is_retained:
            return []
        self._metrics.identity.labels(self.name, found.kind).inc()
        return [self._notice(found.device, found.kind, received_us, {"text": found.text})]

    def _reply(self, link: Link, replies: Sequence[Reply]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for reply in replies:
            self._publish(link, reply.topic, reply.payload(now_ms), "reply")

    def _publish(self, link: Link, topic: str, payload: bytes, command: str) -> None:
        link.publish(topic, payload)
        self._metrics.answers.labels(self.name, command).inc()


def new_decoder(settings: MqttSettings, profiles: Profiles | None = None) -> MessageDecoder:
    """A decoder with the mappings of this source; HJ 212 dialects are learned across its messages."""
    shared = profiles or Profiles(PROFILES)
    return MessageDecoder(
        [mapping_from(table) for table in settings.mapping],
        inner={"hj212": lambda: Hj212Decoder(profiles=shared)},
    )


def link_settings(settings: MqttSettings) -> LinkSettings:
    return LinkSettings(
        host=settings.host,
        port=settings.port,
        client_id=settings.client_id,
        is_version_5=settings.protocol == "5",
        username=settings.username,
        password=settings.password,
        keepalive_s=settings.keepalive_s,
        session_expiry_s=settings.session_expiry_s,
        receive_maximum=settings.receive_maximum,
        qos0_limit=settings.qos0_limit,
    )
