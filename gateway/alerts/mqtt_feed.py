"""Alerts to an MQTT 5 broker, QoS 1.

A message counts as delivered when PUBACK has come with a reason code below 0x80 (MQTT 5, 3.4.2.1): a broker that
refuses it by its access list acknowledges it all the same, with 0x87.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import aiomqtt
import orjson
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.alerts.cloudevent import CONTENT_TYPE, topic_of
from gateway.alerts.outbox import Outbox
from gateway.config import AlertSettings
from gateway.errors import SourceError, StorageError
from gateway.storage import StorageSettings
from gateway.storage.link import Link

log = structlog.get_logger("gateway.alerts")

FEED = "mqtt"
LOOK_EVERY_S = 1.0
PUBACK_S = 5.0  # well below the deadline of a database transaction, in which it is waited for
RECONNECT_MAX_S = 60.0


async def publish_alerts(dsn: str, storage: StorageSettings, settings: AlertSettings) -> None:
    """Deliver what is in the outbox, and what comes into it, until cancelled. Without a broker: nothing to do."""
    if not settings.host:
        return
    link = Link(dsn, storage, name="gateway alerts")
    wait_s = LOOK_EVERY_S
    try:
        while True:
            try:
                async with _Publisher(settings) as publisher:
                    wait_s = LOOK_EVERY_S
                    await _deliver(Outbox(link, FEED), publisher)
            except (SourceError, StorageError) as error:
                log.warning("alerts_wait", error=str(error), again_in_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RECONNECT_MAX_S)
    finally:
        await link.close()


async def _deliver(outbox: Outbox, publisher: "_Publisher") -> None:
    while True:
        while await outbox.deliver_next(publisher.send):
            pass
        await asyncio.sleep(LOOK_EVERY_S)
        publisher.check()


class _Client(aiomqtt.Client):
    """aiomqtt 2.5 throws away why a broker acknowledged as it did, and tells of a lost connection to readers only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.refusals: dict[int, str] = {}

    @property
    def has_ended(self) -> bool:
        return self._disconnected.done()

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        if reason_code.is_failure:
            self.refusals[mid] = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


class _Publisher:
    """A connection for publishing; foreign errors come out as `SourceError`."""

    def __init__(self, settings: AlertSettings) -> None:
        self._tenant = settings.tenant
        self._client = _client(settings)
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.ContentType = CONTENT_TYPE

    async def __aenter__(self) -> "_Publisher":
        try:
            await self._client.__aenter__()
        except aiomqtt.MqttError as error:
            raise SourceError(f"the broker for alerts: {error}") from error
        return self

    async def __aexit__(self, *details: Any) -> None:
        try:
            await self._client.__aexit__(*details)
        except aiomqtt.MqttError as error:
            raise SourceError(f"the broker for alerts: {error}") from error

    async def send(self, event: Mapping[str, Any]) -> None:
        """Publish one event and wait for its PUBACK."""
        try:
            await self._client.publish(
                topic_of(dict(event), tenant=self._tenant),
                orjson.dumps(event),
                qos=1,
                properties=self._properties,
                timeout=PUBACK_S,
            )
        except aiomqtt.MqttError as error:
            raise SourceError(f"the broker for alerts: {error}") from error
        if self._client.refusals:
            reasons = ", ".join(self._client.refusals.values())
            self._client.refusals.clear()
            raise SourceError(f"the broker refused an alert: {reasons}")

    def check(self) -> None:
        """Notice a connection that was lost while there was nothing to send."""
        if self._client.has_ended:
            raise SourceError("the broker for alerts closed the connection")


def _client(settings: AlertSettings) -> _Client:
    context = None
    if not settings.plain_text:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise SourceError(f"alerts.ca_file cannot be used: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return _Client(
        hostname=settings.host,
        port=settings.port,
        username=settings.username or None,
        password=settings.password or None,
        identifier=settings.client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=context,
    )
