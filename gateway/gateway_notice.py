"""Events of the gateway's own: what it noticed about a device that the device did not say itself.

They travel and are stored like any frame of the field, so that they are in the hash chain and survive in the spool;
their "frame" is a line of JSON and their driver's name is `gateway`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from drivers.events import BadFrame, Content, Notice, Reason
from gateway.records import Delivery

DRIVER = "gateway"


@dataclass(slots=True)
class GatewayNotice:
    """One notice; satisfies `drivers.events.Event`."""

    device: str
    kind: str  # "wrong_password", "second_address", "exchange", "incomplete_message", …
    time_us: int
    detail: dict[str, Any] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()

    @property
    def raw(self) -> bytes:
        return orjson.dumps(self.to_json(), option=orjson.OPT_SORT_KEYS)

    def contents(self) -> Iterator[Content]:
        yield Notice(self.device, self.time_us, self.kind, detail=self.detail)

    def to_json(self) -> dict[str, Any]:
        return {
            "event": "gateway_notice",
            "device": self.device,
            "kind": self.kind,
            "time_us": self.time_us,
            "detail": self.detail,
        }

    def delivery(self, *, source: str, peer: str) -> Delivery:
        return Delivery(self.time_us, source, DRIVER, peer, self.device, self.raw, self)


def decode_notice(raw: bytes) -> GatewayNotice | BadFrame:
    """The notice again, from the spool."""
    try:
        data = orjson.loads(raw)
        return GatewayNotice(data["device"], data["kind"], data["time_us"], data["detail"])
    except (ValueError, KeyError, TypeError) as error:
        return BadFrame(Reason.SYNTAX, raw, str(error))
