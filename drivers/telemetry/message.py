"""The event that one MQTT message makes, and the answer that some messages ask for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from drivers.events import Content, Notice


class Reply(NamedTuple):
    """A message that the sender waits for; it may go out only after the event is durable."""

    topic: str
    body: dict[str, Any]

    def payload(self, now_ms: int) -> bytes:
        """The bytes to publish; the sending time is the publisher's. [ms since 1970 UTC]"""
        return orjson.dumps({**self.body, "timestamp": now_ms})


@dataclass(slots=True)
class Telemetry:
    """One good MQTT message.

    `fields` is what `gateway decode` prints of it, in the order of the message, with names that end in their unit;
    `held` is what is stored. `findings` is what the message shows only together with those before it (a number was
    skipped, a session was replaced): the source reports them as notices of its own, so that what `raw` says by itself
    decodes to the same contents whenever it is decoded again.
    """

    kind: str  # "observation", "dji_osd", "onvif_event", …
    device: str
    topic: str
    fields: dict[str, Any] = field(default_factory=dict)
    held: list[Content] = field(default_factory=list)
    deviations: tuple[str, ...] = ()
    replies: tuple[Reply, ...] = ()
    findings: tuple[Notice, ...] = ()
    context: dict[str, Any] | None = None  # what earlier messages gave to it, to be kept with the bytes
    raw: bytes = b""

    def contents(self) -> Iterator[Content]:
        return iter(self.held)

    def to_json(self) -> dict[str, Any]:
        """ "event" is the sender's own name for what happened where it has one, `kind` is ours."""
        return {
            "event": self.fields.get("event", self.kind),
            "kind": self.kind,
            "device": self.device,
            "topic": self.topic,
            **{name: value for name, value in self.fields.items() if name != "event"},
            **({"findings": [_printed(finding) for finding in self.findings]} if self.findings else {}),
            "deviations": list(self.deviations),
            "flags": sorted(name.replace("_", "-") for name in self.deviations),
        }


def _printed(finding: Notice) -> dict[str, Any]:
    return {"kind": finding.kind, "device": finding.device, "text": finding.text, "detail": finding.detail}
