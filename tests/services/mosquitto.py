"""A real Mosquitto for the tests: the shipped configuration with other paths and ports, own certificates, own accounts.

Nothing is skipped when it is missing: it is installed if that can be done, and else the tests fail and say so.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SHIPPED = Path(__file__).parents[2] / "docker" / "mosquitto" / "mosquitto.conf"
START_LIMIT_S = 20


def program() -> str:
    """The path of mosquitto, installed from Debian if it has to be."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "mosquitto"], check=False)
        found = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    if found is None:
        raise RuntimeError("mosquitto is needed for these tests: apt-get install mosquitto")
    return found


@dataclass
class Certificates:
    """An authority of our own, and what it has signed."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        signed = certificate.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.ca = self._write("ca.crt", signed.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, address: str | None = None) -> tuple[Path, Path]:
        """Certificate and key files for a server (with its address) or a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key)
        if address is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        signed = builder.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            self._write(f"{name}.crt", signed.public_bytes(serialization.Encoding.PEM)),
            self._write(f"{name}.key", secret),
        )

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(0o644)
        return path


class Mosquitto:
    """One broker: `port` speaks clear text, `tls_port` TLS, both on 127.0.0.1; accounts in `passwords` and `access`."""

    def __init__(self, *, settings: dict[str, str] | None = None, lines: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="offsite-mqtt-"))
        self.folder.chmod(0o755)
        self.port, self.tls_port = _free_port(), _free_port()
        self.certificates = Certificates(self.folder / "tls")
        self.certificates.issue("server", address="127.0.0.1")
        self.passwords, self.access = self.folder / "passwords", self.folder / "access"
        self.pid_file = self.folder / "mosquitto.pid"
        self.data = self.folder / "data"
        self.data.mkdir()
        for path in (self.passwords, self.access):
            path.touch()
        self.config = self.folder / "mosquitto.conf"
        self.config.write_text(self._config(settings or {}, lines))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [program(), "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.pid_file.write_text(str(self._process.pid))
        limit = time.monotonic() + START_LIMIT_S
        while True:
            if self._process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"mosquitto did not start:\n{self.log()[-3000:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)

    def reload(self) -> None:
        assert self._process is not None
        before = self.log().count("Reloading config")
        self._process.send_signal(signal.SIGHUP)
        limit = time.monotonic() + START_LIMIT_S
        while self.log().count("Reloading config") == before:
            if time.monotonic() > limit:
                raise TimeoutError("mosquitto has not read its files again")
            time.sleep(0.02)

    def forget(self) -> None:
        """Lose all sessions and queues, as a broker without persistence does. It must be stopped."""
        for path in self.data.iterdir():
            path.unlink()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _config(self, settings: dict[str, str], lines: tuple[str, ...]) -> str:
        """The shipped file, line by line, with what must differ on this machine."""
        changed = {
            "listener": f"{self.tls_port} 127.0.0.1",
            "certfile": str(self.folder / "tls/server.crt"),
            "keyfile": str(self.folder / "tls/server.key"),
            "password_file": str(self.passwords),
            "acl_file": str(self.access),
            "persistence_location": f"{self.data}/",
            "sys_interval": "1",
            **settings,
        }
        text = []
        for line in SHIPPED.read_text().splitlines():
            key = line.partition(" ")[0]
            text.append(f"{key} {changed[key]}" if key in changed else line)
        text += ["log_type information", *lines]  # says when it has read its files again
        if os.geteuid() == 0:
            text.append("user root")
        own_name = settings.get("use_username_as_clientid", "true")  # a setting of each listener
        text += [f"listener {self.port} 127.0.0.1", f"use_username_as_clientid {own_name}", ""]
        return "\n".join(text)


@contextlib.contextmanager
def mosquitto(**options: object) -> Iterator[Mosquitto]:
    """A running broker, removed at the end."""
    broker = Mosquitto(**options)  # type: ignore[arg-type]
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
