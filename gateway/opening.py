"""From the configuration to what it stands for: the database, the store, the decoders, the registry."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

from drivers import driver as find_driver
from drivers.events import BadFrame, Decoder, Event, Reason
from gateway.alerts.mqtt_feed import FEED as MQTT_FEED
from gateway.config import Config
from gateway.detection.order import Order
from gateway.facilities.alerting import Feeds
from gateway.facilities.supervision import SupervisionSettings
from gateway.gateway_notice import DRIVER as NOTICE_DRIVER
from gateway.gateway_notice import decode_notice
from gateway.intake import IntakeSettings
from gateway.registry import RegisteredDevice, Registry, Verdict
from gateway.station_keys import decoder_for, load_keys
from gateway.storage import DeadLetter, Device, RetentionSettings, StorageSettings, Store
from gateway.storage.embedded import embedded_postgres


@contextlib.asynccontextmanager
async def opened_database(config: Config) -> AsyncIterator[str]:
    """The connection string; the embedded server is started if the configuration wants it."""
    if config.database.dsn != "embedded":
        yield config.database.dsn
        return
    async with embedded_postgres(config.gateway.state_dir / "postgresql") as dsn:
        yield dsn


@contextlib.asynccontextmanager
async def opened_store(config: Config, *, writer_suffix: str = "") -> AsyncIterator[Store]:
    """The store. A tool that writes beside a running gateway takes a suffix, and so a hash chain of its own."""
    async with opened_database(config) as dsn:
        writer = config.gateway.name + writer_suffix
        async with Store.open(dsn, writer=writer, settings=storage_settings(config)) as store:
            yield store


def storage_settings(config: Config) -> StorageSettings:
    database = config.database
    return StorageSettings(
        past_limit_s=database.oldest_days * 86_400,
        future_limit_s=database.newest_minutes * 60,
        chunk_interval_s=database.chunk_days * 86_400,
        statement_timeout_s=database.statement_timeout_s,
        deadline_s=database.statement_timeout_s + 2,
    )


def detection_order(config: Config, dsn: str) -> Order:
    """What a scheduled run of the analysis is to do."""
    section = config.detection
    return Order(
        dsn=dsn,
        runner=config.gateway.name,
        folder=config.gateway.state_dir / "detection",
        every_s=section.every_minutes * 60.0,
        days=section.days,
        alerts_per_site_month=section.alerts_per_site_month,
        shortest_interval_s=section.shortest_interval_s,
        time_zone=section.time_zone,
        tenant=config.alerts.tenant,
        feeds=(MQTT_FEED,) if config.alerts.host else (),
    )


def supervision_settings(config: Config) -> SupervisionSettings:
    return SupervisionSettings(
        every_s=config.facilities.every_s,
        step_s=config.facilities.step_s,
        feeds=Feeds((MQTT_FEED,) if config.alerts.host else (), config.alerts.tenant),
    )


def retention_settings(config: Config) -> RetentionSettings:
    return RetentionSettings(**config.retention.model_dump())


def intake_settings(config: Config) -> IntakeSettings:
    section = config.intake
    return IntakeSettings(
        batch_frames=section.batch_frames,
        batch_wait_s=section.batch_wait_ms / 1_000,
        inbox_frames=section.inbox_frames,
        inbox_bytes=section.inbox_mib * 2**20,
    )


def registered(device: Device) -> RegisteredDevice:
    """What a source needs to know of a device of the database."""
    return RegisteredDevice(
        device.external_id,
        status=device.status,
        password_hash=device.password_hash,
        allow_networks=device.allow_list,
        answers=device.answer,
        minute_interval_s=device.minute_interval_s,
    )


def decoder_of(config: Config) -> Callable[[str, str, str, bytes], Event | BadFrame]:
    """How (source, driver, device, raw) becomes an event again, with the settings of the source it came by."""
    ports = {settings.name: (settings, load_keys(settings.keys_file)) for settings in config.hj212}

    def decoder(source: str, driver: str) -> Decoder:
        return decoder_for(*ports[source]) if source in ports else find_driver(driver).decoder()

    def decode(source: str, driver: str, device: str, raw: bytes) -> Event | BadFrame:
        if driver == NOTICE_DRIVER:
            return decode_notice(raw)
        reader = decoder(source, driver)
        events = [*reader.feed(raw), *reader.flush()]
        good: list[Event] = [event for event in events if not isinstance(event, BadFrame)]
        return good[0] if good else BadFrame(Reason.NOT_A_FRAME, raw, "not decoded again")

    return decode


def letter_decoder(config: Config, registry: Registry) -> Callable[[DeadLetter], Sequence[Event | BadFrame]]:
    """How a dead letter is decoded again; one of a device that is still not let in stays refused."""
    decode = decoder_of(config)

    def decode_letter(letter: DeadLetter) -> Sequence[Event | BadFrame]:
        event = decode(letter.source, letter.driver, letter.device, letter.raw)
        password = getattr(event, "pw", None)
        if password is not None:
            verdict = registry.check(letter.device, password, letter.peer.rpartition(":")[0])
            if verdict is not Verdict.PASSED:
                return [BadFrame(Reason.REFUSED, letter.raw, verdict.value)]
        return [event]

    return decode_letter


def utc_text(time_us: int) -> str:
    """A time for people, to the second."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
