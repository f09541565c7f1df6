"""The TCP server for HJ 212: devices connect and stay; the centre listens, answers and asks.

device ══ TCP ══► Connection ─► identify (registry) ─► deliveries ─► intake
                      ▲                                                 │ durable
                      └──────────── answers, requests ◄── Centre ◄──────┘
"""

import asyncio
import contextlib
import ipaddress
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from typing import Any

from drivers.environment.hj212 import Decoder, Profiles
from gateway.config import Hj212Settings
from gateway.metrics import Metrics
from gateway.records import Delivery, Disposition
from gateway.registry import Registry, Verdict
from gateway.sources.connection_limits import Limits
from gateway.sources.hj212_care import Care, CareStore
from gateway.sources.hj212_centre import Centre
from gateway.sources.hj212_connection import Connection
from gateway.sources.hj212_requests import request_of, result_of
from gateway.sources.inbox import Inbox
from gateway.station_keys import decoder_for, load_keys

SWEEP_S = 1.0
BACKLOG = 4_096  # a province returning after an outage connects within a second or two
PROFILES = 65_536

_UNKNOWN = {
    "refuse": Disposition.REFUSED,
    "quarantine": Disposition.QUARANTINED,
    "accept": Disposition.ACCEPTED,
}
_STATUS = {"accepted": Disposition.ACCEPTED, "quarantined": Disposition.QUARANTINED}


class Hj212Server:
    """One listening port and its connections."""

    def __init__(
        self, settings: Hj212Settings, registry: Registry, inbox: Inbox, metrics: Metrics, store: CareStore
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.metrics = metrics
        # Looked up once: a label look-up costs as much as reading ten values.
        self.count_frame = {verdict: metrics.frames.labels(self.name, verdict) for verdict in ("bad", *Disposition)}
        self.count_bytes = metrics.bytes.labels(self.name)
        self.registry = registry
        self.profiles = Profiles(PROFILES)
        self.limits = Limits(
            settings.max_frames_per_s, settings.max_bad_frames, settings.idle_s, settings.first_frame_s
        )
        self._keys = load_keys(settings.keys_file)
        self.centre = Centre(settings, registry, inbox, metrics, self._keys)
        self.port = 0
        self._care = Care(settings, self.centre, registry, store)
        self._inbox = inbox
        self._networks = [ipaddress.ip_network(network) for network in settings.allow_networks]
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._is_reading = True
        self._is_gate_open = True
        inbox.add_gate(self._close_gate, self._open_gate)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen on the configured port; at the end, what is to be sent is sent and the connections are closed."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self), self.settings.host, self.settings.port, backlog=BACKLOG
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for connection in list(self._connections):
                connection.finish()
            await server.wait_closed()

    async def run(self) -> None:
        """Watch over the connections' limits and carry on the centre's exchanges."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.centre.run(), name=f"{self.name} centre")
            tasks.create_task(self._care.run(), name=f"{self.name} care")
            while True:
                await asyncio.sleep(SWEEP_S)
                now_s = time.monotonic()
                for connection in list(self._connections):
                    connection.check_limits(now_s)

    @property
    def devices(self) -> Collection[str]:
        """The devices that are connected now."""
        return self.centre.devices

    def stations(self) -> dict[str, dict[str, Any]]:
        """What was learned of how each station writes."""
        return {mn: self.profiles.of(mn).snapshot() for mn in list(self.profiles)}

    async def carry_out(self, device: str, request: dict[str, Any], *, now_us: int) -> dict[str, Any]:
        """Ask a connected device; see `hj212_requests` for the form of the request and of what comes back."""
        asked = request_of(request, now_us=now_us, edition=self.centre.edition(device))
        return result_of(await self.centre.ask(device, asked))

    def stop_reading(self) -> None:
        """Read nothing more; connections stay open for the answers to what was read."""
        self._is_reading = False
        for connection in self._connections:
            connection.pause("stopping")

    def new_decoder(self) -> Decoder:
        """A decoder with this port's settings; the dialects that it learns are shared."""
        return decoder_for(self.settings, self._keys, profiles=self.profiles)

    def admit(self, connection: Connection) -> str | None:
        """Take a new connection in; the answer is why not."""
        settings = self.settings
        if not self._is_reading:
            return "stopping"
        address = ipaddress.ip_address(connection.address)
        if self._networks and not any(address in network for network in self._networks):
            return "address"
        if len(self._connections) >= settings.max_connections:
            return "connections"
        if self._by_address[connection.address] >= settings.max_connections_per_address:
            return "connections_of_address"
        self._connections.add(connection)
        self._by_address[connection.address] += 1
        self.metrics.connections.labels(self.name).set(len(self._connections))
        if not self._is_gate_open:
            connection.pause("inbox")
        return None

    def release(self, connection: Connection) -> bool:
        """Forget a connection; False if it was never taken in."""
        if connection not in self._connections:
            return False
        self._connections.discard(connection)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]
        self.metrics.connections.labels(self.name).set(len(self._connections))
        self.centre.left(connection)
        return True

    def identify(self, device: str, password: str, address: str) -> tuple[Verdict, Disposition]:
        """What the registry says of a frame, and what is to be done with it."""
        verdict = self.registry.check(device, password, address)
        if verdict is Verdict.PASSED:
            registered = self.registry.get(device)
            status = registered.status if registered is not None else ""
            return verdict, _STATUS.get(status, _UNKNOWN[self.settings.unknown_device])
        if verdict is Verdict.UNKNOWN:
            return verdict, _UNKNOWN[self.settings.unknown_device]
        return verdict, Disposition.REFUSED

    def take(self, deliveries: list[Delivery]) -> None:
        self._inbox.offer(deliveries)

    def _close_gate(self) -> None:
        self._is_gate_open = False
        for connection in self._connections:
            connection.pause("inbox")

    def _open_gate(self) -> None:
        self._is_gate_open = True
        for connection in self._connections:
            connection.resume("inbox")
