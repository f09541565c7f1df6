"""One MQTT message as one line of JSON: how a message is kept, spooled, printed and fed to `gateway decode mqtt`.

    {"topic": "eg/v1/…", "payload": "…"}              text, if the payload is UTF-8
    {"topic": "…", "payload_base64": "…"}             any bytes; `payload_hex` is read too
    {"topic": null, "payload": "…"}                   no topic known: recognised by the body
    … "retain": true                                  the broker had kept it
    … "context": {"lat_deg": 30.5, "lat_deg_us": …}   what an earlier message said and this one is completed with

The line is made the same way every time, so the same message is the same bytes and has the same hash.
"""

import base64
import binascii
from typing import Any, NamedTuple

import orjson

from drivers.events import Reason
from drivers.telemetry.limits import Refused

MAX_LINE_BYTES = 62_000


class Message(NamedTuple):
    topic: str
    payload: bytes
    is_retained: bool = False
    context: dict[str, Any] | None = None


def wrap(message: Message) -> bytes:
    """The line of a message, without its newline."""
    more: dict[str, Any] = {"retain": True} if message.is_retained else {}
    if message.context:
        more["context"] = message.context
    try:
        return orjson.dumps({"topic": message.topic, "payload": message.payload.decode(), **more})
    except (UnicodeDecodeError, orjson.JSONEncodeError):
        topic = message.topic.encode("utf-8", "replace").decode()
        return orjson.dumps({"topic": topic, "payload_base64": base64.b64encode(message.payload).decode(), **more})


def unwrap(line: bytes) -> Message:
    """The message of a line.

    Raises
    ------
    Refused
        SYNTAX or SANITY, if the line is not an envelope.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Refused(Reason.SYNTAX, f"not a line of JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused(Reason.SANITY, "a line holds one object with topic and payload")
    topic = value.get("topic")
    if topic is not None and not isinstance(topic, str):
        raise Refused(Reason.SANITY, "topic must be text or null")
    context = value.get("context")
    if context is not None and not isinstance(context, dict):
        raise Refused(Reason.SANITY, "context must be an object")
    return Message(topic or "", _payload(value), value.get("retain") is True, context)


def _payload(value: dict[str, Any]) -> bytes:
    try:
        if isinstance(text := value.get("payload_base64"), str):
            return base64.b64decode(text, validate=True)
        if isinstance(text := value.get("payload_hex"), str):
            return bytes.fromhex(text)
    except (binascii.Error, ValueError) as error:
        raise Refused(Reason.SANITY, f"payload is not what its name says: {error}") from None
    payload = value.get("payload")
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, dict | list):  # written by hand, the body not quoted
        return orjson.dumps(payload)
    raise Refused(Reason.SANITY, "a line needs payload, payload_base64 or payload_hex")
