"""Who sent a message: the name in the topic, in the body and in the credential must be the same one.

The broker ties topic and credential (its ACL lets a device publish under its own name only); this ties topic, body and
register. A message under a wrong name is not taken as data: it goes to the dead letters with the reason, and a notice
says whose topic carried whose name, because a shared or stolen credential is a clue and no parse error.
"""

from typing import Any, NamedTuple

from drivers.environment.hj212 import Message as Hj212Message
from drivers.events import BadFrame, Event
from drivers.telemetry.topics import OwnTopic, own_topic
from gateway.config import MqttSettings
from gateway.records import Disposition
from gateway.registry import RegisteredDevice, Registry, Verdict

ANY_ADDRESS = "0.0.0.0"  # a broker does not tell where its clients are
UNKNOWN = {
    "refuse": Disposition.REFUSED,
    "quarantine": Disposition.QUARANTINED,
    "accept": Disposition.ACCEPTED,
}


class Identified(NamedTuple):
    device: str
    disposition: Disposition
    reason: str = ""
    mismatch: dict[str, Any] | None = None  # for the notice


class Identity:
    """The check of one source."""

    def __init__(self, registry: Registry, settings: MqttSettings) -> None:
        self._registry = registry
        self._unknown = UNKNOWN[settings.unknown_device]
        self._nobody = f"source:{settings.name}"  # for what names no device: a page of somebody's answer

    def check(self, event: Event | BadFrame, topic: str) -> Identified:
        """Whose event this is, and what is to be done with it."""
        own = own_topic(topic)
        if isinstance(event, BadFrame):
            return Identified(own.device if own else "", Disposition.ACCEPTED)
        device = own.device if own else event.device
        if own is not None:
            if event.device and event.device != own.device:
                detail = {"topic": topic, "claimed": event.device}
                return Identified(device, Disposition.REFUSED, "identity_mismatch", detail)
            registered = self._registry.get(device)
            if registered is not None and (wrong := _elsewhere(own, registered)):
                detail = {"topic": topic, **wrong}
                return Identified(device, Disposition.REFUSED, "identity_mismatch", detail)
        if not device:
            return Identified(self._nobody, Disposition.ACCEPTED)
        return self._registered(device, event)

    def _registered(self, device: str, event: Event) -> Identified:
        password = event.pw if isinstance(event, Hj212Message) else None
        registered = self._registry.get(device)
        if registered is None:
            reason = Verdict.UNKNOWN.value if self._unknown is Disposition.REFUSED else ""
            return Identified(device, self._unknown, reason)
        if password is not None:
            verdict = self._registry.check(device, password, ANY_ADDRESS)
            if verdict is Verdict.WRONG_PASSWORD:
                return Identified(device, Disposition.REFUSED, verdict.value)
        if registered.status in ("refused", "revoked"):
            return Identified(device, Disposition.REFUSED, Verdict.REVOKED.value)
        if registered.status == "quarantined":
            return Identified(device, Disposition.QUARANTINED)
        if registered.status == "pending":
            return Identified(device, self._unknown)
        return Identified(device, Disposition.ACCEPTED)


def _elsewhere(own: OwnTopic, registered: RegisteredDevice) -> dict[str, str]:
    """How a topic differs from the tenant and kind that the device is registered under."""
    home = registered.answers.get("mqtt", {})
    found = {}
    for name, given in (("tenant", own.tenant), ("kind", own.kind)):
        if isinstance(home, dict) and home.get(name) not in (None, given):
            found[f"registered_{name}"] = str(home[name])
    return found
