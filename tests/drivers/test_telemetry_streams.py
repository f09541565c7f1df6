"""HJ 212 over MQTT: frames that are cut, and frames that come together."""

import pytest

from drivers.environment.hj212 import Decoder
from drivers.environment.hj212.encode import encode, frame
from drivers.events import BadFrame, Readings, Reason
from drivers.telemetry.envelope import Message, wrap
from drivers.telemetry.mqtt import LineDecoder
from drivers.telemetry.router import MessageDecoder
from drivers.telemetry.streams import Streams

OWN = "eg/v1/acme/sta/s1/raw/hj212"
FOREIGN = "logger/7/up"


def hj212(number: int, mn: str = "s1") -> bytes:
    text = f"QN=20261122030405{number:03};ST=31;CN=2011;PW=123456;MN={mn};Flag=5;CP=&&DataTime=20261122110400;"
    return frame(f"{text}a21026-Rtd={number},a21026-Flag=N&&".encode())


def decode(decoder: MessageDecoder, *payloads: bytes, topic: str = OWN) -> list[object]:
    return [event for payload in payloads for event in decoder.decode(Message(topic, payload))]


def values(events: list[object]) -> list[float]:
    contents = [content for event in events for content in event.contents()]  # type: ignore[attr-defined]
    return [content.values[0] for content in contents if isinstance(content, Readings)]


@pytest.mark.parametrize("topic", [OWN, FOREIGN])
def test_a_frame_may_be_cut_anywhere(topic: str) -> None:
    whole = hj212(1)
    for at in range(2, len(whole)):
        decoder = MessageDecoder()
        events = decode(decoder, whole[:at], topic=topic)
        if at < len(whole) - 2:  # the tail may come later: the frame does not wait for it
            assert events == []
            assert decoder.hj212.pending(topic) == at
        if at < len(whole) - 2 or topic == OWN:
            events += decode(decoder, whole[at:], topic=topic)
        assert [event.raw for event in events] == [whole[:-2]]  # type: ignore[attr-defined]
        assert values(events) == [1]
        assert len(decoder.hj212) == 0


def test_frames_in_one_message_and_one_cut_over_the_border_come_out_in_order() -> None:
    first, second, third = hj212(1), hj212(2), hj212(3)
    decoder = MessageDecoder()
    assert values(decode(decoder, first + second + third[:20])) == [1, 2]
    assert decoder.hj212.pending(OWN) == 20
    assert values(decode(decoder, third[20:])) == [3]


def test_topics_are_lines_of_their_own() -> None:
    mine, other = hj212(1), hj212(2, "s2")
    elsewhere = OWN.replace("s1", "s2")
    decoder = MessageDecoder()
    assert decode(decoder, mine[:30]) == decode(decoder, other[:50], topic=elsewhere) == []
    assert values(decode(decoder, mine[30:])) == [1]
    assert values(decode(decoder, other[50:], topic=elsewhere)) == [2]


def test_json_between_two_pieces_on_a_shared_topic_is_no_piece() -> None:
    whole = hj212(1)
    decoder = MessageDecoder()
    between = b'{"t":"2026-11-22T03:04:05Z","P":1}'
    events = decode(decoder, whole[:40], between, whole[40:], topic=FOREIGN)
    assert [getattr(event, "raw", b"")[:2] for event in events] == [b'{"', b"##"]
    assert values(events[1:]) == [1]


def test_the_packets_of_a_split_message_come_out_each_by_itself() -> None:
    groups = [f"a{number:05}-Avg={number},a{number:05}-Flag=N" for number in range(60)]
    packets = encode(
        "2061", ["DataTime=20261122030000", *groups], mn="s1", st="31", qn="20261122030405000", pw="123456"
    )
    assert len(packets) > 1
    stream = b"".join(packets)
    pieces = [stream[at : at + 700] for at in range(0, len(stream), 700)]
    events = decode(MessageDecoder(), *pieces)
    assert [(event.pno, event.pnum) for event in events] == [  # type: ignore[attr-defined]
        (number, len(packets)) for number in range(1, len(packets) + 1)
    ]
    assert sum(len(content.values) for event in events for content in event.contents()) == 60  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (hj212(1).replace(b"Rtd=1", b"Rtd=9"), Reason.CHECKSUM),  # damaged, but it ends like a frame
        (b"noise without a head", Reason.NOT_A_FRAME),
    ],
)
def test_what_is_no_beginning_is_not_waited_for(payload: bytes, reason: Reason) -> None:
    decoder = MessageDecoder()
    [bad] = decode(decoder, payload)
    assert isinstance(bad, BadFrame)
    assert bad.reason is reason
    assert len(decoder.hj212) == 0


def test_a_rest_that_does_not_come_leaves_its_beginning_as_a_bad_frame() -> None:
    decoder = MessageDecoder()
    assert decode(decoder, hj212(1)[:60]) == []
    [bad] = decoder.hj212.give_up(OWN)
    assert (bad.reason, bad.raw) == (Reason.TRUNCATED, hj212(1)[:60])
    assert decoder.hj212.give_up(OWN) == []


def test_lines_end_with_what_was_still_waiting() -> None:
    decoder = LineDecoder()
    assert decoder.feed(wrap(Message(OWN, hj212(1)[:60])) + b"\n") == []
    [bad] = decoder.flush()
    assert isinstance(bad, BadFrame)
    assert bad.reason is Reason.TRUNCATED


def test_no_more_than_so_many_lines_wait() -> None:
    streams = Streams(Decoder, max_open=2)
    beginning = hj212(1)[:60]
    assert [streams.feed(topic, beginning) for topic in ("a", "b")] == [[], []]
    [bad] = streams.feed("c", beginning)
    assert (bad.reason, len(streams)) == (Reason.TRUNCATED, 2)
    assert values(streams.feed("a", hj212(1)[60:])) == [1]
    assert [streams.feed("c", beginning), len(streams)] == [[], 2]
