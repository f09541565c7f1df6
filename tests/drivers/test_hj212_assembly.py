"""Split messages: in any order, again, never; bounded."""

import random

from drivers.environment.hj212 import Decoder, Message
from drivers.environment.hj212.assembly import Assembly
from drivers.environment.hj212.encode import encode
from drivers.events import Notice

MN = "010000A8900016F000169DC0"


def packets(time: str = "20240520210000", mn: str = MN) -> list[Message]:
    groups = [f"a{24001 + n}-Avg={n}.5,a{24001 + n}-Flag=N" for n in range(100)]
    frames = encode("2051", [f"DataTime={time}", *groups], mn=mn, st="31", qn="20240520210700001")
    read = [message for message in Decoder().feed(b"".join(frames)) if isinstance(message, Message)]
    assert len(read) == 4
    return read


def test_any_order_completes_in_order() -> None:
    for seed in range(10):
        sent = packets()
        random.Random(seed).shuffle(sent)
        assembly = Assembly()
        assert [assembly.add(packet, 0) for packet in sent[:3]] == [[], [], []]
        (whole,) = assembly.add(sent[3], 5)
        assert whole.is_complete
        assert [packet.pno for packet in whole.packets] == [1, 2, 3, 4]
        assert list(whole.contents()) == []
        assert len(assembly) == 0


def test_whole_messages_pass_by() -> None:
    (data,) = encode("2011", ["DataTime=20240520210000"], mn=MN, st="31", qn="20240520210700001")
    (message,) = Decoder().feed(data)
    assert isinstance(message, Message)
    assert Assembly().add(message, 0) == []


def test_repeats_are_counted_and_conflicts_kept() -> None:
    sent = packets()
    other = packets()[1]
    other.cp = other.cp.replace("25.5", "99.9", 1).replace("26.5", "99.9", 1).replace("30.5", "99.9")
    assert other.cp != sent[1].cp
    assembly = Assembly()
    for packet in (sent[0], sent[1], sent[1], other, sent[2]):
        assert assembly.add(packet, 0) == []
    (whole,) = assembly.add(sent[3], 0)
    assert whole.repeats == 1
    assert whole.conflicts == (other,)


def test_packet_sent_again_after_completion_does_not_open_the_message_anew() -> None:
    assembly = Assembly(window_s=60)
    for packet in packets():
        assembly.add(packet, 0)
    assert assembly.add(packets()[2], 30) == []
    assert len(assembly) == 0
    assert assembly.expire(1000) == []


def test_incomplete_message_is_reported_as_partial_when_its_time_is_over() -> None:
    assembly = Assembly(window_s=60)
    first, _, third, _ = packets()
    assembly.add(first, 0)
    assembly.add(third, 30)
    assert assembly.expire(59) == []
    (partial,) = assembly.expire(60)
    assert not partial.is_complete
    assert partial.missing == (2, 4)
    (notice,) = partial.contents()
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.device) == ("partial_message", MN)
    assert notice.detail == {"cn": "2051", "pnum": 4, "missing": [2, 4]}


def test_messages_of_other_stations_and_times_are_kept_apart() -> None:
    assembly = Assembly()
    mixed = [
        packet for group in zip(packets(), packets("20240520211000"), packets(mn="B"), strict=True) for packet in group
    ]
    done = [whole for packet in mixed for whole in assembly.add(packet, 0)]
    assert len(done) == 3
    assert all(whole.is_complete for whole in done)


def test_memory_is_bounded_by_messages_and_packets() -> None:
    assembly = Assembly(max_open=10, max_packets=15)
    given_up = []
    for minute in range(40):
        for packet in packets(f"2024052021{minute:02d}00")[:2]:
            given_up += assembly.add(packet, 0)
            assert len(assembly) <= 10
    assert all(not whole.is_complete for whole in given_up)
    rest = assembly.flush()
    assert sum(len(whole.packets) for whole in rest) <= 15
    assert sum(len(whole.packets) for whole in given_up + rest) == 80
    assert len(assembly) == 0
