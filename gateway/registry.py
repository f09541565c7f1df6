"""Who may send: the registered devices, in memory, and the identity check of a frame.

The check is on the path of every frame, so it is a dictionary look-up; the pipeline refreshes the devices from the
database. A snapshot beside the spool lets a gateway that starts while the database is away know its devices.

HJ 212 sends its six-character password in clear text with every frame: the check guards against mix-ups and the
simplest forgeries, no more. What is stored is a salted SHA-256, so that a stolen table does not show them at once.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson


class Verdict(StrEnum):
    """What the identity check says."""

    PASSED = "passed"
    UNKNOWN = "unknown_device"
    WRONG_PASSWORD = "wrong_password"
    WRONG_ADDRESS = "wrong_address"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """What a source needs to know of a device."""

    external_id: str  # MN
    status: str = "accepted"  # accepted, quarantined, refused, revoked
    password_hash: str | None = None  # none: not checked
    allow_networks: tuple[str, ...] = ()  # empty: any
    answers: dict[str, Any] = field(default_factory=dict)  # how its answers differ from the standard's
    minute_interval_s: int | None = None


def hash_password(device: str, password: str) -> str:
    """What the registry stores of a device's password."""
    return "sha256$" + hashlib.sha256(f"{device}\0{password}".encode()).hexdigest()


class Registry:
    """The devices by external id."""

    def __init__(self, devices: Iterable[RegisteredDevice] = ()) -> None:
        self._devices = {device.external_id: device for device in devices}
        self._proved: dict[str, str] = {}  # device → password that has passed, to hash it once

    def __len__(self) -> int:
        return len(self._devices)

    def get(self, external_id: str) -> RegisteredDevice | None:
        return self._devices.get(external_id)

    def replace(self, devices: Iterable[RegisteredDevice]) -> None:
        """Take over what the database says now."""
        self._devices = {device.external_id: device for device in devices}
        self._proved.clear()

    def check(self, external_id: str, password: str, address: str) -> Verdict:
        """Whether this device may send from there with this password."""
        device = self._devices.get(external_id)
        if device is None:
            return Verdict.UNKNOWN
        if device.status in ("refused", "revoked"):
            return Verdict.REVOKED
        if device.allow_networks and not _is_within(address, device.allow_networks):
            return Verdict.WRONG_ADDRESS
        if device.password_hash is None or self._proved.get(external_id) == password:
            return Verdict.PASSED
        if not hmac.compare_digest(hash_password(external_id, password), device.password_hash):
            return Verdict.WRONG_PASSWORD
        self._proved[external_id] = password
        return Verdict.PASSED

    def save(self, path: Path) -> None:
        """Write the snapshot, whole or not at all."""
        draft = path.with_suffix(".new")
        draft.write_bytes(orjson.dumps(list(self._devices.values())))
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Registry":
        """The snapshot of an earlier run; no devices where there is none."""
        if not path.exists():
            return cls()
        rows = orjson.loads(path.read_bytes())
        return cls(RegisteredDevice(**{**row, "allow_networks": tuple(row["allow_networks"])}) for row in rows)


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    host = ipaddress.ip_address(address)
    return any(host in ipaddress.ip_network(network) for network in networks)
