"""Adding, rotating and revoking: the registry first, then the broker's files, then the broker is told to read them.

The registry is the truth. If the program stops between the two, the files are behind and the device cannot connect yet,
or can still connect but is refused by the gateway (status revoked); doing it again puts that right.
"""

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from gateway.errors import ConfigError
from gateway.identity.access import DOCTOR, access_file
from gateway.identity.files import replace_file
from gateway.identity.passwords import PasswordFile, new_secret
from gateway.identity.rights import GatewayRights, Rights, check_id
from gateway.storage.contract import Device

RIGHTS = "mqtt"
"""Key of the rights among a device's settings in the registry."""


class DeviceRegister(Protocol):
    """What provisioning needs of the storage."""

    async def devices(self) -> list[Device]: ...
    async def put_device(self, device: Device) -> None: ...


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where the broker's files are, and how it is told that they changed."""

    passwords: Path
    access: Path
    pid_file: Path | None = None

    def reload(self) -> bool:
        """SIGHUP to the broker, if its pid file is known; False if nobody was told."""
        if self.pid_file is None:
            return False
        try:
            os.kill(int(self.pid_file.read_text()), signal.SIGHUP)
        except (OSError, ValueError) as error:
            raise ConfigError(f"the broker cannot be told: {error}", file=str(self.pid_file)) from error
        return True


@dataclass(frozen=True, slots=True)
class Credential:
    """What a device is given, once."""

    device: str
    secret: str


class Provisioning:
    """The operations of `gateway device`."""

    def __init__(self, register: DeviceRegister, files: BrokerFiles, *, gateway: GatewayRights | None = None) -> None:
        self._register = register
        self._files = files
        self._gateway = gateway or GatewayRights()

    async def add(self, rows: Iterable[tuple[str, Rights]], *, site: str = "", name: str = "") -> list[Credential]:
        """Register devices and make their credentials; all of them or none.

        Raises
        ------
        ConfigError
            If a name is not allowed, is the gateway's, or has a credential already.
        """
        wanted = list(rows)
        known = {device.external_id: device for device in await self._register.devices()}
        passwords = PasswordFile(self._files.passwords)
        names = [device for device, _ in wanted]
        for device in names:
            check_id(device)
            if device == DOCTOR or self._gateway.is_process(device) or device in passwords or names.count(device) > 1:
                raise ConfigError(
                    f"{device!r} has a credential already", key="device", expected="a new name, or rotate"
                )
        for device, rights in wanted:
            row = known.get(device) or Device(device, protocol="mqtt", site=site, name=name)
            await self._register.put_device(replace(row, status="accepted", answer=_with(row, rights)))
        return await self._give(passwords, names)

    async def add_gateway(self, account: str | None = None) -> Credential:
        """Make, or make anew, the credential of a gateway process.

        Raises
        ------
        ConfigError
            If the account is not "gateway" or "gateway-…".
        """
        name = account or self._gateway.name
        check_id(name)
        if not self._gateway.is_process(name):
            expected = f"{self._gateway.name} or {self._gateway.name}-…"
            raise ConfigError(f"{name!r} is not allowed", key="account", expected=expected)
        [credential] = await self._give(PasswordFile(self._files.passwords), [name])
        return credential

    async def add_doctor(self) -> Credential:
        """Make, or make anew, the credential of `gateway doctor`."""
        [credential] = await self._give(PasswordFile(self._files.passwords), [DOCTOR])
        return credential

    async def rotate(self, device: str) -> Credential:
        """Make the credential anew; the old one is worth nothing when the broker has read the file.

        Raises
        ------
        ConfigError
            If the device has none.
        """
        passwords = PasswordFile(self._files.passwords)
        if device not in passwords:
            raise ConfigError(f"{device!r} has no credential", key="device", expected=_listed(passwords.names))
        [credential] = await self._give(passwords, [device])
        return credential

    async def revoke(self, device: str) -> None:
        """Take the credential away, and refuse what still comes under this name.

        Raises
        ------
        ConfigError
            If the device is not registered.
        """
        known = {row.external_id: row for row in await self._register.devices()}
        if device not in known:
            raise ConfigError(f"{device!r} is not registered", key="device", expected=_listed(tuple(known)))
        await self._register.put_device(replace(known[device], status="revoked"))
        passwords = PasswordFile(self._files.passwords)
        passwords.remove(device)
        passwords.save()
        await self.write_access()

    async def write_access(self) -> None:
        """Write the access file from the registry."""
        rights = {
            device.external_id: Rights.from_dict(device.answer[RIGHTS])
            for device in await self._register.devices()
            if RIGHTS in device.answer and device.status not in ("revoked", "refused")
        }
        processes = [name for name in PasswordFile(self._files.passwords).names if self._gateway.is_process(name)]
        replace_file(self._files.access, access_file(self._gateway, rights, processes=processes))

    async def _give(self, passwords: PasswordFile, names: Iterable[str]) -> list[Credential]:
        credentials = [Credential(name, new_secret()) for name in names]
        for credential in credentials:
            passwords.put(credential.device, credential.secret)
        passwords.save()
        await self.write_access()
        return credentials


def _with(device: Device, rights: Rights) -> dict[str, Any]:
    return {**device.answer, RIGHTS: rights.to_dict()}


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(sorted(names)[:8])
    return f"one of {shown}{', …' if len(names) > 8 else ''}" if names else "none is registered yet"
