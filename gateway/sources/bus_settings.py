"""Settings of serial lines and of the devices on them, one `[[serial]]` table a line.

    [[serial]]
    name = "workshop-2"
    port = "/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0"   # or socket://host:port, rfc2217://host:port
    baud = 2400
    parity = "E"

    [[serial.device]]
    name = "P1"
    profile = "dlt645-three-phase"     # a shipped profile, or the path of a file
    address = "251100000001"
    [[serial.device.ratio]]
    since = 2026-01-01T00:00:00+08:00
    current = 40                       # 200/5 A

A line whose devices talk by themselves has `listen = "hj212"` (or another driver) instead of devices.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from drivers import drivers
from drivers.profiles import Profile, ProfileError, parse, shipped_profile
from drivers.profiles.profile import SerialSettings
from drivers.profiles.ratio import Ratio
from gateway.sources.bus_device import BusDevice
from gateway.sources.bus_plan import Dlt645Plan, ModbusPlan, Plan
from gateway.sources.bus_timing import LineTiming

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
URL_SCHEMES = ("socket://", "rfc2217://", "loop://", "spy://")


class _Section(BaseModel):
    """A table of the configuration file; an unknown key is a mistyped one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RatioSettings(_Section):
    """Transformer ratios from a day on."""

    since: datetime
    current: float = Field(1.0, gt=0)
    voltage: float = Field(1.0, gt=0)

    @field_validator("since")
    @classmethod
    def _has_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("write the time zone, as in 2026-01-01T00:00:00+08:00")
        return value

    def ratio(self) -> Ratio:
        return Ratio(round(self.since.timestamp() * 1e6), self.current, self.voltage)


class BusDeviceSettings(_Section):
    """One instrument on a line."""

    name: Name
    """Identity of the device in the database; no frame on the line carries it."""
    profile: str
    address: str
    """DL/T 645: 12 digits; Modbus: the unit number."""
    edition: Literal["auto", "2007", "1997"] = "auto"
    ratio: tuple[RatioSettings, ...] = ()

    @model_validator(mode="after")
    def _fits_the_profile(self) -> "BusDeviceSettings":
        try:
            protocol = load_profile(self.profile).protocol
        except ProfileError as error:
            raise ValueError(str(error)) from error
        is_number = self.address.isascii() and self.address.isdigit()
        if protocol == "dlt645" and not (is_number and len(self.address) == 12):
            raise ValueError(f"address {self.address!r}: a DL/T 645 address has 12 digits")
        if protocol == "modbus" and not (is_number and 1 <= int(self.address) <= 247):
            raise ValueError(f"address {self.address!r}: a Modbus unit is a number from 1 to 247")
        return self


class SerialLineSettings(_Section):
    """One port and what is connected to it."""

    name: Name
    port: str
    baud: int = Field(9600, ge=300, le=1_000_000)
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    framing: Literal["rtu", "tcp"] = "rtu"
    """`tcp`: Modbus TCP in a socket:// port; RTU over TCP is `rtu` in a socket:// port."""
    period_s: float = Field(60.0, gt=0)
    """Polls begin at whole multiples of this. [s]"""
    reply_delay_s: float = Field(1.0, gt=0, le=3)
    """Longest time from a request to the first byte of its answer, without time on the wire. [s]"""
    quiet_s: float = Field(0.02, ge=0, le=1)
    """Silence on the line before a request; 3.5 characters if that is more. A USB adapter's latency is 16 ms. [s]"""
    listen: str = ""
    """Driver for devices that talk by themselves; nothing is sent on such a line."""
    listen_device: str = ""
    """Identity of such a device if its frames carry none (analysers send an empty MN)."""
    device: tuple[BusDeviceSettings, ...] = ()

    @field_validator("port")
    @classmethod
    def _is_port(cls, value: str) -> str:
        if not (value.startswith("/") or value.startswith(URL_SCHEMES)):
            raise ValueError("expected a device path (best under /dev/serial/by-id/) or " + ", ".join(URL_SCHEMES))
        return value

    @model_validator(mode="after")
    def _has_one_purpose(self) -> "SerialLineSettings":
        if bool(self.listen) == bool(self.device):
            raise ValueError("a line has either devices that are asked, or a driver that listens")
        if self.listen and self.listen not in drivers():
            raise ValueError(f"listen: no driver named {self.listen!r}; there are: {', '.join(drivers())}")
        names = [item.name for item in self.device]
        addresses = [(load_profile(item.profile).protocol, item.address.lstrip("0")) for item in self.device]
        if len(set(names)) < len(names) or len(set(addresses)) < len(addresses):
            raise ValueError("two devices of one line have the same name or the same address")
        return self

    @property
    def serial(self) -> SerialSettings:
        return SerialSettings(self.baud, self.data_bits, self.parity, self.stop_bits)

    @property
    def timing(self) -> LineTiming:
        """On a socket the wire is behind the serial server, whose baud rate is the one configured here."""
        return LineTiming(self.serial.character_s, self.reply_delay_s, quiet_s=self.quiet_s)

    def bus_devices(self) -> list[BusDevice]:
        return [self._bus_device(item) for item in self.device]

    def _bus_device(self, item: BusDeviceSettings) -> BusDevice:
        profile = load_profile(item.profile)
        plan: Plan
        if profile.protocol == "dlt645":
            plan = Dlt645Plan(profile, item.address, item.edition, is_alone=len(self.device) == 1)
        else:
            plan = ModbusPlan(profile, int(item.address), is_tcp=self.framing == "tcp")
        return BusDevice(item.name, profile, plan, [ratio.ratio() for ratio in item.ratio])


def load_profile(name: str) -> Profile:
    """A shipped profile by name, or one from the file of this path.

    Raises
    ------
    ProfileError
        If it cannot be found, read or used.
    """
    if not name.endswith(".toml"):
        return shipped_profile(name)
    try:
        return parse(Path(name).read_text("utf-8"), file=name)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{name}: cannot be read: {error}; expected a profile") from error
