"""Packets off a socket: the same messages however the bytes are cut, and everything else left to paho whole."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.sources.mqtt import link_settings
from gateway.sources.mqtt_link import HELD_BYTES, LinkSettings, connected
from gateway.sources.mqtt_reader import READ_BYTES, Incoming, PacketReader
from gateway.sources.mqtt_tls import tls_context
from tests.sources.mqtt_field import Field, HeldInbox, eventually, field_with, running

TOPIC = "eg/v1/acme/sta/s1/obs"
PINGRESP = b"\xd0\x00"
SUBACK = b"\x90\x04\x00\x01\x00\x01"


def length(number: int) -> bytes:
    found = bytearray()
    while True:
        number, seven = divmod(number, 128)
        found.append(seven | (0x80 if number else 0))
        if not number:
            return bytes(found)


def publish(message: Incoming, properties: bytes | None) -> bytes:
    topic = message.topic.encode()
    body = len(topic).to_bytes(2, "big") + topic + (message.mid.to_bytes(2, "big") if message.qos else b"")
    body += (b"" if properties is None else length(len(properties)) + properties) + message.payload
    first = 0x30 | message.is_repeated << 3 | message.qos << 1 | message.is_retained
    return bytes([first]) + length(len(body)) + body


MESSAGES = (
    Incoming(TOPIC, b"{}", 1, False, False, 7),
    Incoming("a", b"", 0, True, False, 0),
    Incoming("主题", b"x" * 300, 1, True, True, 65_535),
    Incoming(TOPIC, b"y" * 20_000, 1, False, False, 8),
)


class Line:
    """Both ends of a connection; what paho would be given is read as paho reads, byte by byte and then the rest."""

    def __init__(self, *, is_version_5: bool) -> None:
        self.is_version_5 = is_version_5
        self.far, near = socket.socketpair()
        near.setblocking(False)
        self.messages: list[Incoming] = []
        self.left: list[bytes] = []
        self.is_ended = False
        self.reader = PacketReader(near, is_version_5=is_version_5, take=self.messages.append, leave=self._leave)

    def _leave(self) -> None:
        try:
            packet = self.reader.recv(1)
            while piece := self.reader.recv(100_000):
                packet += piece
        except ConnectionError:
            self.is_ended = True
        except BlockingIOError:
            self.left.append(packet)

    def send(self, data: bytes) -> None:
        self.far.sendall(data)
        self.reader.readable()

    def close(self) -> None:
        self.far.close()
        self.reader.close()


@pytest.fixture(params=[True, False], ids=["5", "3.1.1"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    found = Line(is_version_5=request.param)
    yield found
    found.close()


@pytest.fixture
def properties(line: Line) -> bytes | None:
    """A user property long enough for two bytes of length, where the version has properties."""
    return b"\x26\x00\x01k" + b"\x00\x96" + b"v" * 150 if line.is_version_5 else None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000, 10**6])
def test_messages_do_not_depend_on_how_the_bytes_are_cut(line: Line, properties: bytes | None, size: int) -> None:
    stream = b"".join(publish(message, properties) for message in MESSAGES)
    for at in range(0, len(stream), size):
        line.send(stream[at : at + size])
    assert line.messages == list(MESSAGES)
    assert line.left == []


def test_other_packets_are_left_to_paho_in_their_place(line: Line, properties: bytes | None) -> None:
    first, second, *_ = (publish(message, properties) for message in MESSAGES)
    line.send(first + SUBACK + second[:3])
    assert (line.messages, line.left) == ([MESSAGES[0]], [SUBACK])
    line.send(second[3:] + PINGRESP)
    assert (line.messages, line.left) == (list(MESSAGES[:2]), [SUBACK, PINGRESP])


@pytest.mark.parametrize(
    "packet",
    [
        b"\x32\x02\x00\x00",  # no room for the packet id
        b"\x32\x04\x00\xffab",  # the topic is longer than the packet
        b"\x32\x00",
        b"\x34\x07\x00\x01a\x00\x01\x00x",  # QoS 2, which nobody has asked for
        b"\xff\xff\xff\xff\xff",  # a length of more than four bytes
    ],
)
def test_what_is_malformed_is_left_to_paho(line: Line, packet: bytes) -> None:
    line.send(packet)
    assert line.messages == []
    assert line.left[0] == packet[: len(line.left[0])]


def test_the_end_of_the_connection_is_left_to_paho(line: Line, properties: bytes | None) -> None:
    line.send(publish(MESSAGES[0], properties))
    line.far.close()
    line.reader.readable()
    assert line.messages == [MESSAGES[0]]
    assert line.is_ended


@pytest.fixture
def mqtt_field() -> Iterator[Field]:
    with field_with("s1") as found:
        yield found


@pytest.mark.broker
async def test_a_backlog_comes_whole_and_in_order_over_tls(mqtt_field: Field) -> None:
    total = 200
    certificates = mqtt_field.broker.certificates
    settings = mqtt_field.settings(port=mqtt_field.broker.tls_port, tls={"ca_file": str(certificates.ca)})
    async with connected(link_settings(settings), tls_context(settings.tls)) as link:
        await link.subscribe(["eg/v1/#"])
    async with mqtt_field.device("s1") as device:
        for number in range(total):
            await device.publish(TOPIC, b"%06d" % number + b"z" * (number * 97 % 30_000), qos=1)
    taken: list[Incoming] = []
    async with connected(link_settings(settings), tls_context(settings.tls)) as link, asyncio.timeout(30):
        while len(taken) < total:
            taken += await link.receive()
    assert [(int(message.payload[:6]), len(message.payload)) for message in taken] == [
        (number, 6 + number * 97 % 30_000) for number in range(total)
    ]


async def fill(mqtt_field: Field, settings: LinkSettings, total: int, payload: bytes) -> None:
    """A session with so many numbered messages waiting in it."""
    async with connected(settings) as link:
        await link.subscribe(["eg/v1/#"])
    async with mqtt_field.device("s1") as device:
        for number in range(total):
            await device.publish(TOPIC, b"%06d" % number + payload, qos=1)


@pytest.mark.broker
async def test_a_broker_that_sends_more_than_the_window_is_held_back_and_nothing_is_lost(
    mqtt_field: Field,
) -> None:
    total, payload = 600, b"z" * 40_000
    settings = link_settings(mqtt_field.settings(receive_maximum=50))
    await fill(mqtt_field, settings, total, payload)
    async with connected(settings) as link:
        taken: list[Incoming] = []
        while len(taken) < 50:
            taken += await link.receive()
        link.acknowledge([message.mid for message in taken])  # Mosquitto 2.0 now sends the whole backlog
        await eventually(lambda: link.is_paused)
        assert HELD_BYTES < link.held_bytes <= HELD_BYTES + READ_BYTES + 2 * len(payload)
        while len(taken) < total:
            more = await link.receive()
            assert link.held_bytes <= HELD_BYTES + READ_BYTES + 2 * len(payload)
            link.acknowledge([message.mid for message in more])
            taken += more
    assert [int(message.payload[:6]) for message in taken] == list(range(total))


@pytest.mark.broker
async def test_more_than_is_held_comes_again_before_the_subscription_is_answered(
    mqtt_field: Field, tmp_path: Path
) -> None:
    total, payload = 600, b"z" * 40_000
    settings = mqtt_field.settings(receive_maximum=50)
    await fill(mqtt_field, link_settings(settings), total, payload)
    taken: list[Incoming] = []
    async with connected(link_settings(settings)) as link:
        while len(taken) < 50:
            taken += await link.receive()
        link.acknowledge([message.mid for message in taken])
        await eventually(lambda: link.is_paused)  # the broker thinks of all of it as on its way
    held = HeldInbox(is_durable_at_once=True)
    async with running(settings, held, tmp_path):
        assert len(await held.wait_for(total - len(taken))) == total - len(taken)
