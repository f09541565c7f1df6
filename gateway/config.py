"""The configuration file, gateway.toml: what may stand in it, and clear errors for what may not.

Secrets never stand in the file: a setting marked as secret may be written `env:NAME` or `file:/path`, and is read from
there. `check` touches neither the network nor the database.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from drivers.telemetry.mapping import MappingError, mapping_from
from drivers.telemetry.topics import PARTIAL, is_shared, matches
from gateway.errors import ConfigError
from gateway.sources.bus_settings import SerialLineSettings


def _network(text: str) -> str:
    ipaddress.ip_network(text)
    return text


def _secret(text: str) -> str:
    """Resolve `env:NAME` and `file:/path`; anything else stands for itself."""
    kind, _, rest = text.partition(":")
    if kind == "env":
        if rest not in os.environ:
            raise ValueError(f"the environment variable {rest} is not set")
        return os.environ[rest]
    if kind == "file":
        try:
            return Path(rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{rest} cannot be read: {error.strerror}") from error
    return text


Network = Annotated[str, AfterValidator(_network)]
Secret = Annotated[str, AfterValidator(_secret)]
Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Section(BaseModel):
    """A table of the file; an unknown key is an error, because it is a mistyped one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewaySettings(Section):
    name: Name = "gateway-1"
    """Name of this writer in the evidence chain; unique among the processes on one database."""
    state_dir: Path = Path("var")
    """Spool, embedded database, snapshot of the registry."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_s: float = Field(25.0, gt=0, le=300)
    """How long SIGTERM waits for what was read to become durable. [s]"""


class DatabaseSettings(Section):
    dsn: Secret = "embedded"
    """`embedded`, or a PostgreSQL connection string, or env:NAME or file:/path that holds one."""
    chunk_days: int = Field(7, ge=1, le=90)
    oldest_days: int = Field(400, ge=1)
    """Device times older than this before the arrival are kept out of the hypertable. [d]"""
    newest_minutes: int = Field(10, ge=1)
    """Device times later than this after the arrival are kept out of the hypertable. [min]"""
    statement_timeout_s: float = Field(8.0, gt=0)


class RetentionSection(Section):
    """Days that the growing tables are kept; absent: for ever."""

    observation_days: int | None = Field(None, ge=1)
    raw_frame_days: int | None = Field(None, ge=1)
    track_days: int | None = Field(None, ge=1)
    device_event_days: int | None = Field(None, ge=1)
    hourly_days: int | None = Field(None, ge=1)


class IntakeSection(Section):
    batch_frames: int = Field(1_000, ge=1, le=100_000)
    batch_wait_ms: float = Field(20.0, ge=0, le=10_000)
    inbox_frames: int = Field(20_000, ge=1)
    inbox_mib: int = Field(64, ge=1)


class SpoolSettings(Section):
    max_mib: int = Field(1_024, ge=1)


class AdminSettings(Section):
    host: str = "127.0.0.1"
    port: Port = 9212


class Hj212Settings(Section):
    name: Name = "hj212"
    host: str = "0.0.0.0"
    port: Port = 9200
    unknown_device: Literal["refuse", "quarantine", "accept"] = "quarantine"
    """What happens to an MN that is not registered: refused and listed as pending, kept apart, or taken in."""
    allow_networks: tuple[Network, ...] = ()
    """Source addresses that may connect; empty: any."""
    max_connections: int = Field(12_000, ge=1)
    max_connections_per_address: int = Field(2_000, ge=1)
    idle_s: float = Field(900.0, gt=0)
    """A connection that sends nothing for so long is closed. [s]"""
    first_frame_s: float = Field(120.0, gt=0)
    """A connection that has not sent one good frame by then is closed (half-open, scanners). [s]"""
    max_frames_per_s: float = Field(200.0, gt=0)
    """Long-term rate of one connection; above it reading pauses. [1/s]"""
    max_bad_frames: int = Field(200, ge=1)
    """Bad frames in a row after which the connection is closed."""
    utc_offset_minutes: int = Field(480, ge=-720, le=840)
    minute_interval_s: int = Field(600, ge=60, le=1800)
    answer_uploads: bool = True
    """Answer uploads that ask for it (Flag bit A), after they are durable."""
    keys_file: Path | None = None
    """SM4 keys of stations that encrypt (HJ 212-2025 §6.4); see `station_keys`."""
    calibrate_clock: bool = True
    """Answer 1013 with 1012, and set clocks that are off by more than `clock_tolerance_s`."""
    clock_tolerance_s: float = Field(60.0, gt=0)
    fetch_gaps: bool = True
    """Ask for missing minute and hour data when a device is back."""
    fetch_gaps_days: int = Field(7, ge=1, le=60)
    read_parameters_hour: int = Field(3, ge=0, le=23)
    """Local hour of the daily reading of device parameters (3020)."""
    overtime_s: float = Field(10.0, ge=1, le=99)
    retries: int = Field(3, ge=0, le=99)


class MqttTls(Section):
    """TLS towards a broker. Chain and host name are always verified: there is no switch to turn that off."""

    ca_file: str | None = None
    """Authorities to trust, PEM; none: those of the system."""
    cert_file: str | None = None
    """Certificate chain of this client, PEM."""
    key_file: str | None = None
    key_password: Secret | None = None


SHARED_SESSION_S = 3_600  # a member of a shared subscription must be able to come back before its session ends


class MqttSettings(Section):
    name: Name = "mqtt"
    host: str
    port: Port = 8883
    protocol: Literal["5", "3.1.1"] = "5"
    client_id: Name
    """Name of the session at the broker; must stay the same over restarts, and be no other process's."""
    username: Secret | None = None
    password: Secret | None = None
    tls: MqttTls | None = None
    allow_plain_text: bool = False
    """Speak to a host other than this one without TLS; everybody on the way reads and writes with you."""
    topics: tuple[str, ...] = ("eg/v1/#",)
    """Filters to subscribe, QoS 1: a shard of the devices, or `$share/group/filter`."""
    unknown_device: Literal["refuse", "quarantine", "accept"] = "quarantine"
    receive_maximum: int = Field(2_000, ge=1, le=65_535)
    """Messages that may be unacknowledged at once (MQTT 5): the back-pressure. Two batches keep the broker busy."""
    qos0_limit: int = Field(10_000, ge=1)
    """Unread QoS 0 messages; above it they are dropped and counted, as QoS 0 allows."""
    session_expiry_s: int = Field(7 * 86_400, ge=0, le=0xFFFF_FFFE)
    """How long the broker keeps what came while we were away (MQTT 5). [s]"""
    keepalive_s: int = Field(60, ge=5, le=65_535)
    reconnect_max_s: float = Field(30.0, gt=0)
    mapping: tuple[dict[str, Any], ...] = ()
    """Vendors' JSON by a table, see docs/mqtt.md."""

    @field_validator("topics")
    @classmethod
    def _filters(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for text in topics:
            levels = text.split("/")
            if (
                not text
                or "#" in text[:-1]
                or any(len(level) > 1 and ("+" in level or "#" in level) for level in levels)
            ):
                raise ValueError(f"{text!r} is not a topic filter")
            if is_shared(text) and any(matches(topic, "/".join(levels[2:])) for topic in PARTIAL):
                raise ValueError(f"{text!r}: DJI's partial messages need one reader; share other topics only")
        return topics

    @field_validator("mapping")
    @classmethod
    def _mappings(cls, tables: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for table in tables:
            try:
                mapping_from(table)
            except MappingError as error:
                raise ValueError(str(error)) from error
        return tables

    @model_validator(mode="after")
    def _shared_sessions_last(self) -> "MqttSettings":
        if any(is_shared(topic) for topic in self.topics) and self.session_expiry_s < SHARED_SESSION_S:
            raise ValueError(
                f"session_expiry_s = {self.session_expiry_s} with a shared subscription: what a member was given is "
                f"lost with its session, not handed to the others; give {SHARED_SESSION_S} at least"
            )
        return self

    @model_validator(mode="after")
    def _no_clear_text_abroad(self) -> "MqttSettings":
        if self.tls is None and not self.allow_plain_text and not is_loopback(self.host):
            raise ValueError(f"{self.host} is not this machine: give [mqtt.tls], or say allow_plain_text = true")
        return self


def is_loopback(host: str) -> bool:
    """Whether traffic to this host does not leave the machine."""
    if host in ("localhost", "ip6-localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class DetectionSettings(Section):
    every_minutes: int = Field(0, ge=0)
    """How often the analysis runs, in one of the processes on the database; 0: this one does not take part. [min]"""
    days: int = Field(60, ge=1)
    """How far back each run reads; from so long before the end of a site's accepted period, if that is earlier. [d]"""
    alerts_per_site_month: float = Field(1.0, gt=0)
    shortest_interval_s: int = Field(60, ge=1)
    """Series with values closer than this are not analysed: real-time data would outweigh everything else. [s]"""
    time_zone: str = "Asia/Shanghai"

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is not an IANA time zone like Asia/Shanghai") from error


class AlertSettings(Section):
    """Where alerts are published; the connection is verified TLS unless `plain_text` is set."""

    host: str = ""
    """The MQTT broker; empty: alerts stay in the database."""
    port: Port = 8883
    client_id: Name = "gateway-alerts"
    username: Secret = ""
    password: Secret = ""
    tenant: Name = "default"
    """Topics are eg/v1/{tenant}/alerts/{site}."""
    ca_file: str = ""
    """Authorities to trust, PEM; empty: those of the system."""
    plain_text: bool = False
    """No TLS: everybody on the way reads and writes with you."""


class FacilitySettings(Section):
    every_s: float = Field(20.0, ge=0)
    """How often the power of facilities is looked at; 0: this process does not take part. [s]"""
    step_s: float = Field(60.0, gt=0, le=60)
    """Values are put together into steps of this length; states need three of them. [s]"""


class Config(Section):
    """The whole file."""

    gateway: GatewaySettings = GatewaySettings()
    database: DatabaseSettings = DatabaseSettings()
    retention: RetentionSection = RetentionSection()
    intake: IntakeSection = IntakeSection()
    spool: SpoolSettings = SpoolSettings()
    admin: AdminSettings = AdminSettings()
    detection: DetectionSettings = DetectionSettings()
    alerts: AlertSettings = AlertSettings()
    facilities: FacilitySettings = FacilitySettings()
    hj212: tuple[Hj212Settings, ...] = ()
    mqtt: tuple[MqttSettings, ...] = ()
    serial: tuple[SerialLineSettings, ...] = ()


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises
    ------
    ConfigError
        Naming the file, the key and the form that was expected.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path), expected="a readable file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), file=str(path), expected="TOML") from error
    return parse(data, path)


def parse(data: dict[str, Any], path: Path) -> Config:
    """Check settings that came from `path`; every mistake is named in the error."""
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("; ".join(map(_mistake, error.errors())), file=str(path)) from error
    sources: tuple[Hj212Settings | MqttSettings | SerialLineSettings, ...] = (
        *config.hj212,
        *config.mqtt,
        *config.serial,
    )
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name!r} is used twice", file=str(path), key="name", expected="one name a source")
    return config


def _mistake(item: Any) -> str:
    key = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        return f"{key}: no such key is known here"
    given = repr(item["input"])
    return f"{key}: {item['msg']}, got {given if len(given) < 60 else given[:57] + '...'}"
