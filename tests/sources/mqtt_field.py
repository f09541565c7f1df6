"""What the MQTT tests share: a broker with accounts, devices that publish, an inbox that the test makes durable."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from gateway.config import MqttSettings
from gateway.gateway_notice import GatewayNotice
from gateway.identity.provisioning import BrokerFiles, Provisioning
from gateway.identity.rights import Rights
from gateway.metrics import Metrics
from gateway.records import Delivery
from gateway.registry import RegisteredDevice, Registry
from gateway.sources.mqtt import MqttSource
from gateway.storage.memory import MemoryStore
from tests.services.mosquitto import Mosquitto

PATIENCE_S = 20.0


class HeldInbox:
    """An inbox that keeps what it is given; the test says when a delivery is durable, and a ledger on disk notes it."""

    def __init__(self, ledger: Path | None = None, *, is_durable_at_once: bool = False) -> None:
        self.deliveries: list[Delivery] = []
        self.gates: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self.is_durable_at_once = is_durable_at_once
        self._ledger = ledger
        self._arrived = asyncio.Event()

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries += deliveries
        self._arrived.set()
        if self.is_durable_at_once:
            self.make_durable(deliveries)

    def add_gate(self, close: Callable[[], None], reopen: Callable[[], None]) -> None:
        self.gates.append((close, reopen))

    def make_durable(self, deliveries: Sequence[Delivery]) -> None:
        if self._ledger is not None:
            with self._ledger.open("ab") as file:
                file.writelines(delivery.raw + b"\n" for delivery in deliveries)
                file.flush()
                os.fsync(file.fileno())
        for delivery in deliveries:
            if delivery.on_durable is not None:
                delivery.on_durable()

    async def wait_for(self, number: int) -> list[Delivery]:
        """The first `number` deliveries from devices (the gateway's own notices not counted)."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.from_devices) < number:
                self._arrived.clear()
                await self._arrived.wait()
        return self.from_devices

    @property
    def from_devices(self) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if not isinstance(delivery.event, GatewayNotice)]

    def notices(self, kind: str) -> list[GatewayNotice]:
        found = [delivery.event for delivery in self.deliveries if isinstance(delivery.event, GatewayNotice)]
        return [notice for notice in found if notice.kind == kind]


@dataclass
class Field:
    """A broker with the gateway's account and those of devices."""

    broker: Mosquitto
    secrets: dict[str, str] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=lambda: MemoryStore(writer="test"))

    @property
    def files_untold(self) -> BrokerFiles:
        """The broker's files while nobody has to be told of changes."""
        return BrokerFiles(self.broker.passwords, self.broker.access)

    @property
    def provisioning(self) -> Provisioning:
        files = BrokerFiles(self.broker.passwords, self.broker.access, self.broker.pid_file)
        return Provisioning(self.store, files)

    async def add(self, *devices: str, rights: Rights | None = None) -> None:
        rows = [(device, rights or Rights("acme", "sta")) for device in devices]
        for credential in await self.provisioning.add(rows):
            self.secrets[credential.device] = credential.secret

    def settings(self, **changes: Any) -> MqttSettings:
        values = {
            "host": "127.0.0.1",
            "port": self.broker.port,
            "client_id": "gateway",
            "username": "gateway",
            "password": self.secrets["gateway"],
            "unknown_device": "accept",
            "reconnect_max_s": 0.2,
            **changes,
        }
        return MqttSettings.model_validate(values)

    @contextlib.asynccontextmanager
    async def device(self, name: str, **options: Any) -> AsyncIterator[aiomqtt.Client]:
        """A device's connection, MQTT 5 unless said otherwise."""
        arguments = {"identifier": name, "protocol": aiomqtt.ProtocolVersion.V5, **options}
        client = aiomqtt.Client("127.0.0.1", self.broker.port, username=name, password=self.secrets[name], **arguments)
        async with client:
            yield client


@contextlib.contextmanager
def field_with(*devices: str, **options: Any) -> Iterator[Field]:
    """A started broker with an account for the gateway and for each device."""
    broker = Mosquitto(**options)
    found = Field(broker)

    async def provision() -> None:
        found.secrets["gateway"] = (await Provisioning(found.store, found.files_untold).add_gateway()).secret
        for device in devices:
            await found.add(device)

    asyncio.run(provision())
    try:
        broker.start()
        yield found
    finally:
        broker.remove()


@contextlib.asynccontextmanager
async def running(
    settings: MqttSettings, inbox: Any, state_dir: Path, *, devices: Sequence[RegisteredDevice] = ()
) -> AsyncIterator[MqttSource]:
    """A source at work, connected; cancelled at the end."""
    source = MqttSource(settings, Registry(devices), inbox, Metrics(), state_dir=state_dir)
    task = asyncio.create_task(source.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await source.is_connected.wait()
        yield source
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def eventually(condition: Callable[[], Any], *, within_s: float = PATIENCE_S) -> Any:
    """Wait until `condition` is true of another process; the answer is what it gave."""
    limit = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > limit:
            raise TimeoutError(f"not so within {within_s} s")
        await asyncio.sleep(0.02)
    return value


def observation(number: int, *, device: str = "s1") -> bytes:
    """An observation whose value and second are its number."""
    hour, rest = divmod(number, 3600)
    text = f"2026-11-22T{hour:02}:{rest // 60:02}:{rest % 60:02}Z"
    return b'{"t":"%s","id":"%s","v":{"a21026":%d}}' % (text.encode(), device.encode(), number)


def numbers(deliveries: Sequence[Delivery]) -> list[float]:
    """The values of the observations, in order of arrival."""
    return [content.values[0] for delivery in deliveries for content in delivery.event.contents()]  # type: ignore[union-attr]
