"""What Mosquitto tells of its clients in `$SYS/broker/log/…`: take-overs and refused publications.

A second CONNECT under one client id throws the first client out. With `use_username_as_clientid true` the client id is
the credential, so this is one credential in two places: a device that has lost its line and is back, or a copy.
Mosquitto 2.0 and 2.1, `log_type error`, `notice`; a refused publication is logged only with `log_type debug`.
"""

import re
from typing import NamedTuple

PREFIX = "$SYS/broker/log/"

_PATTERNS = (
    (re.compile(r"Client (?P<id>\S+) already connected, closing old connection"), "credential_takeover"),
    (re.compile(r"Denied PUBLISH from (?P<id>\S+) \(.*'(?P<topic>[^']*)'"), "publish_denied"),
    (re.compile(r"Client (?P<id>\S+) disconnected, not authorised"), "not_authorised"),
)


class BrokerFinding(NamedTuple):
    kind: str
    device: str
    text: str


def finding(payload: bytes) -> BrokerFinding | None:
    """What a line of the broker's log says of a device, if it is one of the lines that matter."""
    text = payload[:1_000].decode("utf-8", "replace")
    for pattern, kind in _PATTERNS:
        if found := pattern.search(text):
            return BrokerFinding(kind, found["id"][:64], text)
    return None
