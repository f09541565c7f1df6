"""A broker against the promise, by trying it: an account of its own, a topic of its own, `doctor/#`.

1. Strangers are refused.
2. Messages are published into a session whose window is full, and the connection is left: the session must be there
   afterwards (`session_present`) and bring every message back (the queue), many at once (the window).
3. What the broker says of itself in CONNACK and `$SYS`.

A broker's disk cannot be seen from outside: persistence is read from its configuration file, where that is given.
"""

import asyncio
from dataclasses import replace
from typing import Any

from gateway.doctor.finding import Finding, Grade
from gateway.errors import SourceError
from gateway.sources.mqtt_link import Link, LinkSettings, connected

CANARIES = 1_200  # above Mosquitto's default queue of 1000
WINDOW = 1_000  # a batch
SMALL_WINDOW = 10
TOPIC = "doctor/canary"
QUIET_S = 1.0
LIMIT_S = 60.0
SESSION_S = 600
PACKET_BYTES = 60_000  # a body of the largest size that is taken, with topic and properties

Tls = Any  # a function that makes an ssl.SSLContext, or None


async def check_broker(settings: LinkSettings, tls: Tls = None) -> list[Finding]:
    """Try a broker with the doctor's account in `settings`."""
    name = f"broker {settings.host}:{settings.port}"
    settings = replace(settings, session_expiry_s=SESSION_S, receive_maximum=SMALL_WINDOW, timeout_s=10.0)
    found = [await _strangers(settings, tls, name)]
    try:
        async with connected(settings, tls and tls()) as link:
            found += _granted(link, name)
            await link.subscribe([TOPIC])
            await _publish(link)
        async with connected(replace(settings, receive_maximum=CANARIES * 2), tls and tls()) as link:
            found += await _resumed(link, name)
            await link.unsubscribe([TOPIC])
    except (SourceError, TimeoutError) as error:
        change = "make the doctor's account (gateway device doctor), check host, port and [mqtt.tls]"
        found.append(Finding(Grade.BAD, name, f"cannot be tried: {error or type(error).__name__}", change))
    return found


async def _strangers(settings: LinkSettings, tls: Tls, name: str) -> Finding:
    try:
        async with connected(replace(settings, username=None, password=None, client_id="stranger"), tls and tls()):
            return Finding(Grade.BAD, f"{name} strangers", "are let in", "allow_anonymous false")
    except SourceError:
        return Finding(Grade.GOOD, f"{name} strangers", "are refused")


def _granted(link: Link, name: str) -> list[Finding]:
    """The limits that an MQTT 5 broker announces; absent means none."""
    granted = link.granted
    found = []
    if granted.get("MaximumQoS", 1) < 1:
        found.append(Finding(Grade.BAD, f"{name} QoS", "only 0", "a broker with QoS 1"))
    expiry_s = granted.get("SessionExpiryInterval", SESSION_S)
    if expiry_s < SESSION_S:
        change = "persistent_client_expiration, or the broker's limit of the session expiry"
        found.append(Finding(Grade.BAD, f"{name} session expiry", f"cut down to {expiry_s} s", change))
    packet = granted.get("MaximumPacketSize", PACKET_BYTES)
    if packet < PACKET_BYTES:
        found.append(Finding(Grade.WARNING, f"{name} packet size", f"{packet} bytes", "max_packet_size 65536"))
    return found


async def _publish(link: Link) -> None:
    for number in range(CANARIES):
        link.publish(TOPIC, b"%d" % number)
    async with asyncio.timeout(LIMIT_S):
        while link.unacknowledged:  # noqa: ASYNC110 - paho tells of each, not of the last
            await asyncio.sleep(0.02)


async def _resumed(link: Link, name: str) -> list[Finding]:
    if not link.session_present:
        change = "persistence true; a session must outlive its connection (clustered brokers: durable sessions)"
        return [Finding(Grade.BAD, f"{name} session", "is forgotten with the connection", change)]
    found = [Finding(Grade.GOOD, f"{name} session", "is kept")]
    first = await _quiet(link)
    window = len(first)
    mids = [message.mid for message in first]
    total = window
    while mids:
        link.acknowledge(mids)
        more = await _quiet(link)
        mids = [message.mid for message in more]
        total += len(more)
    if total < CANARIES:
        change = "max_queued_messages 0 and max_queued_bytes as large as the disk allows"
        text = f"{CANARIES} messages were acknowledged, {total} came back"
        found.append(Finding(Grade.BAD, f"{name} queue", text, change))
    else:
        found.append(Finding(Grade.GOOD, f"{name} queue", f"all {CANARIES} messages came back"))
    if window < min(WINDOW, total):
        change = "max_inflight_messages 2000: batches are never larger than the window"
        found.append(Finding(Grade.WARNING, f"{name} window", f"{window} messages at once", change))
    else:
        found.append(Finding(Grade.GOOD, f"{name} window", f"at least {window} messages at once"))
    return found


async def _quiet(link: Link) -> list[Any]:
    """What comes until nothing has come for a while."""
    found: list[Any] = []
    try:
        while True:
            found += await asyncio.wait_for(link.receive(), QUIET_S)
    except TimeoutError:
        return found
