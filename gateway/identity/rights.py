"""What a device may publish and what it may hear, by the protocol it speaks.

Names are white-listed: `+`, `#`, `/`, `$` and spaces in a name would turn a right for one into a right for all
(CVE-2017-7650 was that hole in Mosquitto's patterns).
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from drivers.telemetry.topics import ID, KINDS
from gateway.errors import ConfigError

Protocol = Literal["own", "dji", "onvif", "axis", "vendor"]
PROTOCOLS: tuple[Protocol, ...] = ("own", "dji", "onvif", "axis", "vendor")

_DJI_WRITES = ("osd", "state", "events", "services_reply", "requests", "property/set_reply", "drc/up")
_DJI_READS = ("services", "events_reply", "requests_reply", "property/set", "drc/down")


@dataclass(frozen=True, slots=True)
class Rights:
    """The broker side of a device; kept with the device in the registry."""

    tenant: str
    kind: str
    protocol: Protocol = "own"
    sub_devices: tuple[str, ...] = ()  # DJI: serial numbers that a dock or controller speaks for
    topics: tuple[str, ...] = ()  # vendor: topic names it publishes on

    def __post_init__(self) -> None:
        check_id(self.tenant, what="tenant")
        if self.kind not in KINDS:
            raise ConfigError(f"kind {self.kind!r} is not known", key="kind", expected=" | ".join(KINDS))
        if self.protocol not in PROTOCOLS:
            raise ConfigError(f"{self.protocol!r} is not known", key="protocol", expected=" | ".join(PROTOCOLS))
        for serial in self.sub_devices:
            check_id(serial, what="sub-device")
        for topic in self.topics:
            _check_topic(topic)
        if self.protocol == "vendor" and not self.topics:
            raise ConfigError("a vendor's device needs its topics", key="topics", expected="--topic NAME")

    def writes(self, device: str) -> list[str]:
        """Topics beyond the pattern of our own grammar that the device may publish on."""
        if self.protocol == "dji":
            serials = (device, *self.sub_devices)
            return [f"thing/product/{serial}/{part}" for serial in serials for part in _DJI_WRITES] + [
                f"sys/product/{device}/status"
            ]
        return {
            "own": [],
            "onvif": [f"{device}/onvif-ej/#"],
            "axis": [f"axis/{device}/event/#"],
            "vendor": list(self.topics),
        }[self.protocol]

    def reads(self, device: str) -> list[str]:
        """Topics beyond the pattern of our own grammar that the device may subscribe to."""
        if self.protocol != "dji":
            return []
        return [f"thing/product/{device}/{part}" for part in _DJI_READS] + [f"sys/product/{device}/status_reply"]

    def to_dict(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "kind": self.kind,
            "protocol": self.protocol,
            "sub_devices": list(self.sub_devices),
            "topics": list(self.topics),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Rights":
        return cls(
            data["tenant"],
            data["kind"],
            data.get("protocol", "own"),
            tuple(data.get("sub_devices", ())),
            tuple(data.get("topics", ())),
        )


@dataclass(frozen=True, slots=True)
class GatewayRights:
    """What the gateway itself may do at the broker."""

    name: str = "gateway"
    reads: tuple[str, ...] = field(
        default=(
            "eg/v1/#",
            "thing/product/#",
            "sys/product/#",
            "+/onvif-ej/#",
            "axis/+/event/#",
            "$SYS/broker/log/#",
        )
    )
    writes: tuple[str, ...] = (
        "eg/v1/+/+/+/cmd/#",
        "eg/v1/+/alerts/#",
        "thing/product/+/events_reply",
        "sys/product/+/status_reply",
    )

    def is_process(self, account: str) -> bool:
        """Whether an account is that of a gateway process: "gateway", "gateway-2", …"""
        return account == self.name or account.startswith(f"{self.name}-")


def check_id(name: str, *, what: str = "device") -> None:
    """Refuse a name that could mean more than itself.

    Raises
    ------
    ConfigError
        Unless it is 1 to 64 letters, digits, `_` and `-`.
    """
    if not ID.fullmatch(name):
        raise ConfigError(f"{what} {name!r} is not allowed", key=what, expected="1 to 64 of A-Z a-z 0-9 _ -")


def _check_topic(topic: str) -> None:
    if not topic or any(c in topic for c in "+#\0\n\r") or topic.startswith(("$", "eg/", "thing/", "sys/")):
        raise ConfigError(
            f"topic {topic!r} is not allowed", key="topics", expected="a name without wildcards, outside our prefixes"
        )
