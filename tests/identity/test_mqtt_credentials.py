"""Credentials and rights: the files, and what a real Mosquitto makes of them."""

import asyncio
import contextlib
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
from pydantic import ValidationError

from gateway.config import MqttSettings
from gateway.errors import ConfigError
from gateway.identity.access import access_file
from gateway.identity.passwords import PasswordFile, hash_secret, is_secret_of, new_secret
from gateway.identity.provisioning import BrokerFiles, Provisioning
from gateway.identity.rights import GatewayRights, Rights, check_id
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.sources.mqtt import MqttSource
from gateway.storage.memory import MemoryStore
from tests.services.mosquitto import Certificates, Mosquitto
from tests.sources.mqtt_field import Field, HeldInbox, eventually, field_with, observation, running

BAD_NAMES = ("", "+", "#", "a/b", "$SYS", "a b", "a\n", "a+", "ü", "..", "x" * 65, "a:b", "'; DROP", "a\0")


@pytest.fixture
def work(tmp_path: Path) -> Provisioning:
    return Provisioning(MemoryStore(writer="test"), BrokerFiles(tmp_path / "passwords", tmp_path / "access"))


def lines(tmp_path: Path, name: str) -> list[str]:
    return (tmp_path / name).read_text().splitlines()


def test_a_hash_is_what_mosquitto_itself_would_write() -> None:
    """A line of mosquitto_passwd 2.0.11 for the password "secret"."""
    salt = "uX3vUU+l9hyix0pm"
    digest = "a5fw2czpzbyAwCLvd5lIYlYJ641Z2s1YH45GA1W0xHJWiw7rj5q9XPBnkQ3u5PDzPfEokBfh0UG/8Wj57O8yYg=="
    written = f"$7$101${salt}${digest}"
    assert is_secret_of("secret", written)
    assert not is_secret_of("Secret", written)
    assert not is_secret_of("secret", "no hash")


def test_secrets_are_long_and_never_the_same_and_salted() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert min(map(len, secrets)) >= 43
    assert hash_secret("x") != hash_secret("x")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_mean_more_than_itself_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        check_id(name)


async def test_a_refused_name_changes_neither_register_nor_files(work: Provisioning, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        await work.add([("good", Rights("acme", "sta")), ("bad/#", Rights("acme", "sta"))])
    assert not (tmp_path / "passwords").exists()
    with pytest.raises(ConfigError, match="not registered"):
        await work.revoke("good")


async def test_the_secret_is_in_no_file(work: Provisioning, tmp_path: Path) -> None:
    [credential] = await work.add([("s1", Rights("acme", "sta"))])
    for path in tmp_path.iterdir():
        assert credential.secret not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    [(name, hashed)] = [line.split(":", 1) for line in lines(tmp_path, "passwords")]
    assert name == "s1"
    assert is_secret_of(credential.secret, hashed)


async def test_rotate_makes_the_old_secret_worthless_and_revoke_takes_all_away(
    work: Provisioning, tmp_path: Path
) -> None:
    rights = Rights("acme", "uav", "dji", sub_devices=("DRONE1",))
    [old] = await work.add([("DOCK1", rights)])
    new = await work.rotate("DOCK1")
    [line] = lines(tmp_path, "passwords")
    assert is_secret_of(new.secret, line.partition(":")[2])
    assert not is_secret_of(old.secret, line.partition(":")[2])
    await work.revoke("DOCK1")
    assert lines(tmp_path, "passwords") == []
    assert "user DOCK1" not in lines(tmp_path, "access")


async def test_a_name_has_one_credential_and_the_gateways_is_not_to_be_had(work: Provisioning) -> None:
    await work.add([("s1", Rights("acme", "sta"))])
    for names in (["s1"], ["gateway"], ["s2", "s2"]):
        with pytest.raises(ConfigError, match="has a credential already"):
            await work.add([(name, Rights("acme", "sta")) for name in names])


def test_a_damaged_password_file_is_not_overwritten_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text("s1:$7$1$x$y\nno colon here\n")
    with pytest.raises(ConfigError, match="line 2"):
        PasswordFile(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "a/b"}, {"kind": "boat"}, {"protocol": "telnet"}, {"protocol": "vendor"},
        {"protocol": "vendor", "topics": ("a/#",)}, {"protocol": "vendor", "topics": ("eg/v1/a/sta/s2/obs",)},
        {"protocol": "dji", "sub_devices": ("+",)},
    ],
)  # fmt: skip
def test_rights_that_reach_beyond_the_device_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Rights(**{"tenant": "acme", "kind": "sta", **changes})  # type: ignore[arg-type]


def test_the_access_file_names_only_devices_with_topics_of_their_own() -> None:
    text = access_file(GatewayRights(), {"s1": Rights("a", "sta"), "CAM1": Rights("a", "cam", "onvif")})
    assert "user s1" not in text
    assert "user CAM1\ntopic write CAM1/onvif-ej/#" in text
    assert "pattern write eg/v1/+/+/%u/obs" in text


# ---- against a real broker


@pytest.fixture
def broker_field() -> Iterator[Field]:
    with field_with("s1", "s2") as found:
        yield found


async def heard(field: Field, inbox: HeldInbox, topic: str, *, sender: str) -> bool:
    """Whether a message published by `sender` on `topic` reaches the gateway; a second, allowed one marks the end.

    What Mosquitto does with a client that asks for too much differs: 2.0.11 closes the connection.
    """
    with contextlib.suppress(aiomqtt.MqttError):
        async with field.device(sender) as device:
            await device.publish(topic, observation(1, device=sender), qos=1)
    async with field.device(sender) as device:
        await device.publish(f"eg/v1/acme/sta/{sender}/event", b'{"t":"2026-11-22T03:04:05Z","kind":"mark"}', qos=1)
    await eventually(lambda: any(b"mark" in item.raw for item in inbox.deliveries))
    return any(b"a21026" in item.raw for item in inbox.deliveries)


@pytest.mark.broker
@pytest.mark.parametrize(
    ("topic", "is_allowed"),
    [
        ("eg/v1/acme/sta/s1/obs", True),
        ("eg/v1/acme/sta/s2/obs", False),
        ("eg/v1/acme/sta/s1/cmd/hj212", False),
        ("eg/v1/acme/sta/s1/obs/more", False),
        ("thing/product/s1/osd", False),
        ("s1", False),
    ],
)
async def test_a_device_publishes_under_its_own_name_only(
    broker_field: Field, tmp_path: Path, topic: str, is_allowed: bool
) -> None:
    inbox = HeldInbox(is_durable_at_once=True)
    settings = broker_field.settings(topics=("eg/v1/#", "thing/product/#"))
    async with running(settings, inbox, tmp_path):
        assert await heard(broker_field, inbox, topic, sender="s1") is is_allowed


@pytest.mark.broker
async def test_a_device_hears_no_other_device(broker_field: Field) -> None:
    async with broker_field.device("s1") as spy, broker_field.device("s2") as device:
        for topic in ("#", "eg/v1/#", "eg/v1/acme/sta/s2/obs", "$SYS/#"):
            await spy.subscribe(topic, qos=1)
        await device.publish("eg/v1/acme/sta/s2/obs", observation(1, device="s2"), qos=1)
        await asyncio.sleep(0.3)
        assert len(spy.messages) == 0


@pytest.mark.broker
@pytest.mark.parametrize("name", ["+", "#", "$SYS"])
async def test_a_wildcard_as_a_name_is_refused_even_if_somebody_writes_it_into_the_file(
    broker_field: Field, tmp_path: Path, name: str
) -> None:
    passwords = PasswordFile(broker_field.broker.passwords)
    passwords.put(name, "secret")
    passwords.save()
    broker_field.broker.reload()
    broker_field.secrets[name] = "secret"
    inbox = HeldInbox(is_durable_at_once=True)
    async with running(broker_field.settings(), inbox, tmp_path):
        try:
            async with broker_field.device(name) as device:
                await device.publish("eg/v1/acme/sta/s2/obs", observation(1), qos=1)
                await device.publish(f"eg/v1/acme/sta/{name}/obs", observation(1), qos=1)
        except (aiomqtt.MqttError, ValueError):
            pass  # refused at the door, or by the client library's own check
        async with broker_field.device("s2") as device:
            await device.publish("eg/v1/acme/sta/s2/event", b'{"kind":"mark"}', qos=1)
        await inbox.wait_for(1)
    assert [b"mark" in item.raw for item in inbox.from_devices] == [True]


@pytest.mark.broker
async def test_nobody_enters_without_a_name_or_with_a_wrong_or_revoked_secret(broker_field: Field) -> None:
    port = broker_field.broker.port
    attempts = [{}, {"username": "s1", "password": ""}, {"username": "s1", "password": "s1"}]
    attempts += [{"username": name, "password": name} for name in ("admin", "root", "gateway")]
    for account in attempts:
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", port, identifier="x", **account):
                pass
    await broker_field.provisioning.revoke("s2")
    broker_field.broker.reload()
    with pytest.raises(aiomqtt.MqttError):
        async with broker_field.device("s2"):
            pass


async def error_of(settings: MqttSettings, tmp_path: Path) -> str:
    """Why the broker is not entered."""
    source = MqttSource(settings, Registry(), HeldInbox(), Metrics(), state_dir=tmp_path)
    task = asyncio.create_task(source.run())
    try:
        return str(await eventually(lambda: source.last_error))
    finally:
        assert not source.is_connected.is_set()
        task.cancel()
        await asyncio.wait([task])


# paho leaves the socket of a failed handshake to the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.broker
async def test_tls_is_verified_and_a_broker_with_a_strange_certificate_is_not_spoken_to(
    broker_field: Field, tmp_path: Path
) -> None:
    tls = {"ca_file": str(broker_field.broker.certificates.ca)}
    inbox = HeldInbox(is_durable_at_once=True)
    good = broker_field.settings(port=broker_field.broker.tls_port, tls=tls)
    async with running(good, inbox, tmp_path), broker_field.device("s1") as device:
        for number in range(50):
            await device.publish("eg/v1/acme/sta/s1/obs", observation(number), qos=1)
        await inbox.wait_for(50)
    other = {"ca_file": str(Certificates(tmp_path / "other").ca)}
    strange = broker_field.settings(port=broker_field.broker.tls_port, tls=other)
    assert "CERTIFICATE_VERIFY_FAILED" in await error_of(strange, tmp_path)
    wrong_name = broker_field.settings(host="localhost", port=broker_field.broker.tls_port, tls=tls)
    assert "Hostname mismatch" in await error_of(wrong_name, tmp_path)
    missing = broker_field.settings(port=broker_field.broker.tls_port, tls={"ca_file": "/nowhere"})
    assert "TLS files cannot be used" in await error_of(missing, tmp_path)


# paho leaves the socket of a failed handshake to the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.broker
async def test_a_client_certificate_is_shown_to_a_broker_that_wants_one(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "devices")
    broker = Mosquitto(settings={"tls_version": f"tlsv1.2\ncafile {certificates.ca}\nrequire_certificate true"})
    field = Field(broker)
    field.secrets["gateway"] = (await Provisioning(field.store, field.files_untold).add_gateway()).secret
    cert, key = certificates.issue("gateway")
    tls = {"ca_file": str(broker.certificates.ca), "cert_file": str(cert), "key_file": str(key)}
    try:
        await asyncio.to_thread(broker.start)
        async with running(field.settings(port=broker.tls_port, tls=tls), HeldInbox(), tmp_path):
            pass
        without = field.settings(port=broker.tls_port, tls={"ca_file": tls["ca_file"]})
        assert await error_of(without, tmp_path)
    finally:
        broker.remove()


def test_clear_text_to_another_machine_has_to_be_asked_for(broker_free_settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="allow_plain_text"):
        MqttSettings.model_validate({**broker_free_settings, "host": "broker.example.org"})
    MqttSettings.model_validate({**broker_free_settings, "host": "broker.example.org", "allow_plain_text": True})
    MqttSettings.model_validate({**broker_free_settings, "host": "127.0.0.1"})


@pytest.fixture
def broker_free_settings() -> dict[str, object]:
    return {"client_id": "gateway", "username": "gateway", "password": "x"}


def test_the_broker_is_told_by_its_pid_file(tmp_path: Path) -> None:
    listening = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", listening], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        files = BrokerFiles(tmp_path / "p", tmp_path / "a", tmp_path / "pid")
        (tmp_path / "pid").write_text(str(process.pid))
        assert files.reload()
        assert process.wait(10) == -1  # SIGHUP
    with pytest.raises(ConfigError, match="cannot be told"):
        files.reload()
    assert not BrokerFiles(tmp_path / "p", tmp_path / "a").reload()
