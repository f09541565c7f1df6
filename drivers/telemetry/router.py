"""Which decoder a message is for: by its topic, and without a telling topic by its shape.

    eg/v1/…                      own            raw/{driver}: the bytes of another protocol, by that driver
    thing/product, sys/product   dji
    …/onvif-ej/…, axis/…/event/… cameras
    …v1.1/Observations …         sensorthings
    filters of the mappings      mapping        the configured ones first, then those that come with the program
    anything beginning with ##   HJ 212         as published by many data loggers; frames may be cut, see `streams`
    <…<CmdType>…                 gb28181        alarms forwarded by video platforms
    otherwise                    cloudevents, sensorthings, dji or a mapping, if the body looks like it

What none of them takes is a `BadFrame` with its reason. A retained message is state from before: contents without a
time of their own are taken out of it, since the time of arrival would make old values new.
"""

from collections.abc import Callable, Iterable
from typing import Any

import drivers
from drivers.errors import UnknownDriver
from drivers.events import BadFrame, Decoder, Event, Notice, Reason
from drivers.telemetry import cameras, cloudevents, dji, gb28181, own, sensorthings, sniffer4d
from drivers.telemetry.dialects import shipped
from drivers.telemetry.dji_state import DjiState
from drivers.telemetry.envelope import Message, wrap
from drivers.telemetry.limits import MAX_PAYLOAD_BYTES, Refused, parse_json
from drivers.telemetry.mapping import Mapping
from drivers.telemetry.message import Telemetry
from drivers.telemetry.sessions import Sessions
from drivers.telemetry.streams import Streams
from drivers.telemetry.topics import PREFIX, check_topic, own_topic

HJ212 = "hj212"
LINE_ENDS = (b"\r\n", b"\n", b"\r")  # of the frame before, in a message of its own


class MessageDecoder:
    """One MQTT message at a time; remembers sessions and DJI state in bounded memory. No clock, never raises."""

    def __init__(self, mappings: Iterable[Mapping] = (), inner: dict[str, Callable[[], Decoder]] | None = None) -> None:
        """`inner` makes the decoders of other protocols' bytes, by driver name, where the driver's own will not do."""
        self.sessions = Sessions()
        self.dji = DjiState()
        self._mappings = (*mappings, *shipped())
        self._inner = inner or {}
        self.hj212 = Streams(lambda: self._inner_decoder(HJ212))

    def decode(self, message: Message, *, raw: bytes | None = None) -> list[Event | BadFrame]:
        """The events of a message, mostly one; none where it is the beginning of a frame (`self.hj212.pending`).

        `raw` is kept as their bytes: the envelope line if not given.
        """
        try:
            if inner := self._inner_driver(message.topic, message.payload):
                return self._decode_inner(inner, message.topic, message.payload)
            event = self._decode(message)
        except Refused as refusal:
            kept = wrap(message) if raw is None else raw
            if refusal.identity:
                return [_mismatch(refusal.identity, refusal.detail, message.topic, kept)]
            return [BadFrame(refusal.reason, kept, refusal.detail, refusal.deviations)]
        if message.is_retained:
            _without_arrival_times(event)
        if event.context:
            message = message._replace(context=event.context)
        event.raw = wrap(message) if raw is None else raw
        return [event]

    def _inner_driver(self, topic: str, payload: bytes) -> str | None:
        """The driver whose bytes the payload is, if it is not a message of its own."""
        parts = own_topic(topic)
        if parts is not None and parts.channel == "raw":
            return parts.format
        return HJ212 if self.hj212.is_next(topic, payload) else None

    def _decode(self, message: Message) -> Telemetry:
        topic, payload = message.topic, message.payload
        if topic and (wrong := check_topic(topic)):
            raise Refused(Reason.REFUSED, wrong)
        if cameras.ONVIF in topic and not payload:
            return cameras.decode_onvif(topic, None)
        if gb28181.looks_like(payload):
            return gb28181.decode_gb28181(topic, payload)
        value, deviations = parse_json(payload)
        event = self._decode_value(message, value)
        event.deviations = deviations + event.deviations
        return event

    def _decode_value(self, message: Message, value: Any) -> Telemetry:
        topic = message.topic
        if topic.startswith(PREFIX):
            parts = own_topic(topic)
            if parts is None:
                raise Refused(Reason.REFUSED, "topic does not follow eg/v1/{tenant}/{kind}/{id}/{channel}")
            return own.decode_own(parts, topic, value, self.sessions)
        if topic.startswith(dji.PREFIXES):
            return dji.decode_dji(topic, value, self.dji, message.context)
        if cameras.ONVIF in topic:
            return cameras.decode_onvif(topic, value)
        if topic.startswith("axis/") and "/event/" in topic:
            return cameras.decode_axis(topic, value)
        if sensorthings.TOPIC.fullmatch(topic):
            return sensorthings.decode_sensorthings(topic, value)
        for mapping in self._mappings:
            if mapping.applies(topic, value):
                return mapping.decode(topic, value)
        return self._by_shape(topic, value)

    def _by_shape(self, topic: str, value: Any) -> Telemetry:
        for recognise, decode in self._shapes:
            if recognise(value):
                return decode(self, topic, value)
        raise Refused(Reason.NOT_A_FRAME, "no mapping for this topic, and no body that is known")

    def _decode_inner(self, name: str, topic: str, payload: bytes) -> list[Event | BadFrame]:
        """The payload by the driver of this name. Each message is a whole input of its own, HJ 212 apart."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            return [BadFrame(Reason.OVERSIZE, payload, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are taken")]
        try:
            if name == HJ212:
                events = self.hj212.feed(topic, payload)
                is_expected = bool(events) or self.hj212.pending(topic) > 0 or payload in LINE_ENDS
            else:
                decoder = self._inner_decoder(name)
                events = [*decoder.feed(payload), *decoder.flush()]
                is_expected = bool(events)
        except UnknownDriver:
            return [BadFrame(Reason.REFUSED, payload, f"no driver named {name}")]
        return (
            events if is_expected else [BadFrame(Reason.NOT_A_FRAME, payload, f"nothing in it for the driver {name}")]
        )

    def _inner_decoder(self, name: str) -> Decoder:
        return self._inner[name]() if name in self._inner else drivers.driver(name).decoder()

    _shapes: tuple[tuple[Callable[[Any], bool], Callable[["MessageDecoder", str, Any], Telemetry]], ...] = (
        (
            lambda v: isinstance(v, dict) and "specversion" in v,
            lambda self, topic, v: cloudevents.decode_cloudevent(topic, v),
        ),
        (
            lambda v: isinstance(v, dict) and (v.get("biz_code") == "device_osd" or ("host" in v and "sn" in v)),
            lambda self, topic, v: dji.decode_situation(v, self.dji),
        ),
        (
            lambda v: isinstance(v, dict) and "device_sn" in v and "recorded_at" in v,
            lambda self, topic, v: dji.decode_normalised(v, self.dji),
        ),
        (
            lambda v: isinstance(v, dict) and isinstance(v.get("message"), dict) and "timestamp" in v,
            lambda self, topic, v: cameras.decode_axis(topic, v),
        ),
        (
            lambda v: isinstance(v, dict) and "UtcTime" in v,
            lambda self, topic, v: cameras.decode_onvif(topic, v),
        ),
        (sniffer4d.looks_like, lambda self, topic, v: sniffer4d.decode_sniffer4d(topic, v)),
        (sensorthings.looks_like, lambda self, topic, v: sensorthings.decode_sensorthings(topic, v)),
    )


def _mismatch(identity: tuple[str, str], text: str, topic: str, raw: bytes) -> Telemetry:
    """One device spoke under another's name: nothing of it is stored as values, but that it happened is."""
    speaker, claimed = identity
    detail = {"topic": topic[:256], "claimed": claimed}
    notice = Notice(speaker, None, "identity_mismatch", text=text, detail=detail)
    fields = {"detail": text, "claimed": claimed}
    return Telemetry("identity_mismatch", speaker, topic, fields, [notice], ("identity_mismatch",), raw=raw)


def _without_arrival_times(event: Telemetry) -> None:
    timed = [item for item in event.held if item.time_us is not None]
    if len(timed) < len(event.held):
        event.held = timed
        event.deviations += ("retained_without_time",)
    event.fields["is_retained"] = True
