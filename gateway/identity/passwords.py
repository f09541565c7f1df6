"""Mosquitto's password file: one line an account, `name:$7$iterations$salt$hash`.

`$7$` is PBKDF2 with HMAC-SHA-512, 12 bytes of salt, 64 of hash, both in base64; Mosquitto 2.0 and 2.1 read it. Secrets
are 32 random bytes, so that no dictionary helps and the number of iterations matters little: it is kept low because the
broker computes the hash in its only thread, and five hundred devices come back at once after an outage.
"""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from gateway.errors import ConfigError
from gateway.identity.files import replace_file

ITERATIONS = 1_000
SALT_BYTES = 12
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret for a device: 32 random bytes, 43 characters, none of which needs quoting."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The secret as the password file holds it."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def is_secret_of(secret: str, hashed: str) -> bool:
    """Whether `hashed` was made of this secret."""
    try:
        _, kind, iterations, salt, _ = hashed.split("$")
        again = hash_secret(secret, salt=base64.b64decode(salt), iterations=int(iterations))
    except ValueError:
        return False
    return kind == "7" and hmac.compare_digest(again, hashed)


class PasswordFile:
    """The accounts of a broker. `save` replaces the file whole, readable by its owner and group only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._accounts: dict[str, str] = {}
        if path.exists():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                name, colon, hashed = line.partition(":")
                if line and not line.startswith("#") and not (colon and hashed.startswith("$")):
                    raise ConfigError(f"line {number} is no account", file=str(path), expected="name:$7$…")
                if colon:
                    self._accounts[name] = hashed

    def __contains__(self, name: str) -> bool:
        return name in self._accounts

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._accounts)

    def put(self, name: str, secret: str) -> None:
        self._accounts[name] = hash_secret(secret)

    def remove(self, name: str) -> None:
        self._accounts.pop(name, None)

    def save(self) -> None:
        lines = (f"{name}:{hashed}\n" for name, hashed in sorted(self._accounts.items()))
        replace_file(self._path, "".join(lines))
