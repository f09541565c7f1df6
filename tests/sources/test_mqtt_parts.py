"""The parts of the MQTT source by themselves: acknowledgements, waiting times, the broker's log, topics of answers."""

import random
from collections.abc import Callable, Sequence

import pytest

from gateway.errors import StorageError
from gateway.sources.mqtt_acks import AckQueue
from gateway.sources.mqtt_backoff import Backoff
from gateway.sources.mqtt_broker_log import finding
from gateway.sources.mqtt_hj212 import answer_topic
from gateway.sources.mqtt_strangers import MOST, Strangers


class Turn:
    """One turn of an event loop: what was asked to be called soon is called at its end."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self._soon: list[Callable[[], None]] = []

    def send(self, mids: Sequence[int]) -> None:
        self.sent.append(list(mids))

    def soon(self, call: Callable[[], None]) -> None:
        self._soon.append(call)

    def end(self) -> None:
        calls, self._soon = self._soon, []
        for call in calls:
            call()


def queue() -> tuple[AckQueue, Turn]:
    turn = Turn()
    return AckQueue(turn.send, turn.soon), turn


def test_what_becomes_durable_in_one_turn_goes_out_together_and_in_order() -> None:
    acks, turn = queue()
    slots = [acks.add(mid, 1) for mid in (7, 8, 9)]
    for slot in reversed(slots):
        slot.durable()
    assert turn.sent == []
    turn.end()
    assert turn.sent == [[7, 8, 9]]
    assert len(acks) == 0


def test_an_open_one_holds_back_those_behind_it() -> None:
    acks, turn = queue()
    first, second, third = (acks.add(mid, 1) for mid in (1, 2, 3))
    second.durable()
    turn.end()
    assert turn.sent == []
    first.durable()
    turn.end()
    assert turn.sent == [[1, 2]]
    third.durable()
    turn.end()
    assert turn.sent == [[1, 2], [3]]


def test_a_message_of_several_deliveries_waits_for_the_last_and_one_of_none_for_nothing() -> None:
    acks, turn = queue()
    double, _ = acks.add(1, 2), acks.add(2, 0)
    double.durable()
    turn.end()
    assert turn.sent == []
    double.durable()
    turn.end()
    assert turn.sent == [[1, 2]]


def test_qos_0_keeps_its_place_and_gets_no_answer() -> None:
    acks, turn = queue()
    zero, one = acks.add(0, 1), acks.add(5, 1)
    one.durable()
    zero.durable()
    turn.end()
    assert turn.sent == [[5]]


def test_after_the_connection_nothing_is_acknowledged() -> None:
    acks, turn = queue()
    slot = acks.add(1, 1)
    slot.durable()
    acks.close()
    turn.end()
    acks.add(2, 1).durable()
    turn.end()
    assert turn.sent == []


def test_waiting_times_are_spread_grow_to_the_limit_and_start_again_after_a_steady_connection() -> None:
    backoff = Backoff(rng=random.Random(1), first_s=1, last_s=30, steady_s=30)
    waits = [backoff.next_s() for _ in range(2_000)]
    assert waits[0] <= 1
    assert max(waits) <= 30
    assert min(waits[10:]) < 1.5  # full jitter: from nothing to the limit
    assert sum(waits[10:]) / len(waits[10:]) == pytest.approx(15, rel=0.1)
    assert backoff.next_s(lasted_s=5) > 0
    assert backoff.next_s(lasted_s=31) <= 1
    others = [Backoff(rng=random.Random(seed)).next_s() for seed in range(500)]
    assert len({round(wait, 2) for wait in others}) > 80  # five hundred do not come back at one moment


@pytest.mark.parametrize(
    ("line", "kind", "device"),
    [
        ("1790000000: Client s1 already connected, closing old connection.", "credential_takeover", "s1"),
        ("x: Denied PUBLISH from s1 (d0, q1, r0, m1, 'eg/v1/a/sta/s2/obs', ... (5 bytes))", "publish_denied", "s1"),
    ],
)
def test_lines_of_the_brokers_log_that_matter(line: str, kind: str, device: str) -> None:
    found = finding(line.encode())
    assert found is not None
    assert (found.kind, found.device) == (kind, device)


@pytest.mark.parametrize("line", [b"New client connected from 1.2.3.4 as s1", b"", b"\xff\xfe", b"x" * 5_000])
def test_other_lines_do_not(line: bytes) -> None:
    assert finding(line) is None


def test_answers_to_hj212_go_where_the_sender_listens() -> None:
    assert answer_topic("eg/v1/acme/sta/MN1/raw/hj212") == "eg/v1/acme/sta/MN1/cmd/hj212"
    assert answer_topic("logger/7/up") == "logger/7/up/reply"


class Listed:
    """A register that can be away."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.is_away = False

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None:
        if self.is_away:
            raise StorageError("away", transient=True)
        self.names.append(external_id)


async def test_strangers_are_listed_once_each_and_a_flood_of_them_is_bounded() -> None:
    register = Listed()
    strangers = Strangers(register)
    for number in range(3 * MOST):
        strangers.note(f"d{number % (2 * MOST)}", peer="b", at_us=number)
    await strangers.list_now()
    assert len(register.names) == len(set(register.names)) == MOST
    register.is_away = True
    strangers.note("late", peer="b", at_us=1)
    await strangers.list_now()
    assert "late" not in register.names
