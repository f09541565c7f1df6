"""Requests and what comes of them: a simulated station answers real frames, time is a number."""

from itertools import count

import pytest

from drivers.environment.hj212 import Decoder, Edition, Message
from drivers.environment.hj212 import requests as ask
from drivers.environment.hj212.answers import reply
from drivers.environment.hj212.encode import encode
from drivers.environment.hj212.exchange import Exchanges, Outcome, Result, Station
from drivers.errors import EncodeError

MN = "010000A8900016F000169DC0"
HOUR_US = 3_600_000_000
BEGIN_US = 1_716_206_400_000_000  # 2024-05-20 20:00:00 +08:00
STATION = Station(MN, over_time_s=10, re_count=2)
OLD_STATION = Station(MN, edition=Edition.HJ2005, over_time_s=10, re_count=2)


def exchanges() -> Exchanges:
    numbers = count(1)
    return Exchanges(lambda: f"20240520210700{next(numbers):03d}", max_waiting=2)


def read(data: bytes | None) -> Message:
    assert data is not None
    (message,) = Decoder().feed(data)
    assert isinstance(message, Message)
    return message


def upload(cn: str, time: str, qn: str = "20240520220000000", mn: str = MN) -> Message:
    (data,) = encode(cn, [f"DataTime={time}", "w01018-Avg=5"], mn=mn, st="32", qn=qn)
    return read(data)


def answers(request: Message, *parts: tuple[str, str]) -> list[Message]:
    return [read(reply(cn, [item] if item else [], to=request)) for cn, item in parts]


def offered(desk: Exchanges, messages: list[Message], now_s: float = 1) -> Result | None:
    """Offer messages; the result of the last, and none before it."""
    *before, last = messages
    for message in before:
        assert desk.receive(message, now_s) == (None, None)
    return desk.receive(last, now_s)[0]


@pytest.mark.parametrize("station", [STATION, OLD_STATION])
def test_reading_a_parameter(station: Station) -> None:
    desk = exchanges()
    request = read(desk.start(station, ask.get_real_time_interval(), 0))
    assert (request.cn, request.needs_answer, request.qn) == ("1061", True, "20240520210700001")
    result = offered(desk, answers(request, ("9011", "QnRtn=1"), ("1061", "RtdInterval=30"), ("9012", "ExeRtn=1")))
    assert result is not None
    assert result.outcome is Outcome.DONE
    assert [message.item("RtdInterval") for message in result.replies] == ["30"]
    assert result.reason == "done: ExeRtn=1 (ok)"
    assert not desk.is_open(MN)
    assert desk.next_due_s is None


def test_refused_request_ends_at_once() -> None:
    desk = exchanges()
    request = read(desk.start(STATION, ask.get_clock(), 0))
    result = offered(desk, answers(request, ("9011", "QnRtn=3")))
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.REFUSED, 3)
    assert result.reason == "refused: QnRtn=3 (password_wrong)"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("1", "done"),
        ("2", "failed"),
        ("4", "failed"),
        ("5", "busy"),
        ("100", "no_data"),
        ("77", "failed"),
        ("", "failed"),
    ],
)
def test_outcome_follows_the_execution_result(code: str, outcome: str) -> None:
    desk = exchanges()
    request = read(desk.start(STATION, ask.set_real_time_interval(60), 0))
    result = offered(desk, answers(request, ("9011", "QnRtn=1"), ("9012", f"ExeRtn={code}")))
    assert result is not None
    assert result.outcome == outcome


def test_silence_is_answered_by_the_same_frame_again_then_given_up() -> None:
    desk = exchanges()
    first = desk.start(STATION, ask.get_clock(), 0)
    assert desk.next_due_s == 10
    assert desk.due(9.9) == []
    assert desk.due(10) == [(MN, None, first)]
    assert desk.due(19) == []
    assert desk.due(20) == [(MN, None, first)]
    ((mn, result, following),) = desk.due(30)
    assert (mn, following) == (MN, None)
    assert result is not None
    assert (result.outcome, result.sends) == (Outcome.NO_ANSWER, 3)
    assert desk.due(1000) == []


def test_silence_after_acceptance_is_a_failure_without_sending_again() -> None:
    desk = exchanges()
    request = read(desk.start(STATION, ask.get_clock(), 0))
    assert offered(desk, answers(request, ("9011", "QnRtn=1")), 9) is None
    assert desk.due(18) == []
    ((_, result, _),) = desk.due(19)
    assert result is not None
    assert (result.outcome, result.sends) == (Outcome.NO_RESULT, 1)


def test_history_is_matched_by_time_and_each_packet_renews_the_wait() -> None:
    desk = exchanges()
    request = read(desk.start(STATION, ask.history("2061", BEGIN_US, BEGIN_US + 2 * HOUR_US), 0))
    assert offered(desk, answers(request, ("9011", "QnRtn=1")), 1) is None
    for n, time in enumerate(("20240520200000", "20240520210000", "20240520220000")):
        assert offered(desk, [upload("2061", time)], 9 + 9 * n) is None
    assert offered(desk, [upload("2061", "20240520230000"), upload("2051", "20240520210000")], 30) is None
    assert offered(desk, [upload("2061", "20240520210000", mn="OTHER")], 30) is None
    assert desk.next_due_s == 37
    result = offered(desk, answers(request, ("9012", "ExeRtn=1")), 36)
    assert result is not None
    assert (result.outcome, result.packets) == (Outcome.DONE, 3)
    assert [message.qn for message in result.replies] == ["20240520220000000"] * 3


def test_uploads_between_acceptance_and_result_do_not_disturb() -> None:
    desk = exchanges()
    request = read(desk.start(STATION, ask.set_clock(BEGIN_US), 0))
    accepted, done = answers(request, ("9011", "QnRtn=1"), ("9012", "ExeRtn=1"))
    result = offered(desk, [upload("2011", "20240520210000"), accepted, upload("2051", "20240520210000"), done])
    assert result is not None
    assert (result.outcome, result.packets) == (Outcome.DONE, 0)


def test_late_answer_to_an_exchange_before_is_not_taken() -> None:
    desk = exchanges()
    old = read(desk.start(STATION, ask.get_clock(), 0))
    for now_s in (10, 20, 30):
        desk.due(now_s)
    new = read(desk.start(STATION, ask.get_minute_interval(), 31))
    assert old.qn != new.qn
    assert offered(desk, answers(old, ("9011", "QnRtn=2"), ("1011", "SystemTime=1"), ("9012", "ExeRtn=1")), 32) is None
    assert desk.is_open(MN)


def test_answer_without_qn_is_taken_because_only_one_exchange_is_open() -> None:
    desk = exchanges()
    desk.start(OLD_STATION, ask.get_clock(), 0)
    (data,) = encode("9011", ["QnRtn=2"], mn=MN, st="91", qn="", edition=Edition.HJ2005)
    result = offered(desk, [read(data)])
    assert result is not None
    assert result.outcome is Outcome.REFUSED


def test_stop_is_a_notice_answered_by_9013() -> None:
    desk = exchanges()
    request = read(desk.start(STATION, ask.stop_real_time(), 0))
    result = offered(desk, answers(request, ("9013", "")))
    assert result is not None
    assert result.outcome is Outcome.DONE


def test_one_exchange_at_a_time_and_the_line_behind_it_is_bounded() -> None:
    desk = exchanges()
    first = read(desk.start(STATION, ask.get_clock(), 0))
    assert desk.start(STATION, ask.get_minute_interval(), 0) is None
    assert desk.start(STATION, ask.get_serial("w01018"), 0) is None
    with pytest.raises(EncodeError, match="waiting"):
        desk.start(STATION, ask.get_clock(), 0)
    result, following = desk.receive(answers(first, ("9011", "QnRtn=2"))[0], 1)
    assert result is not None
    assert read(following).cn == "1063"
    for now_s in (11, 21):
        desk.due(now_s)
    ((_, timed_out, following),) = desk.due(31)
    assert timed_out is not None
    assert timed_out.outcome is Outcome.NO_ANSWER
    assert read(following).cn == "3019"


def test_stations_do_not_wait_for_each_other() -> None:
    desk = exchanges()
    one = read(desk.start(STATION, ask.get_clock(), 0))
    two = read(desk.start(Station("B", edition=Edition.HJ2025), ask.get_clock(), 0))
    assert two.flag == 9
    assert offered(desk, answers(two, ("9011", "QnRtn=1"), ("1011", "SystemTime=20240520210000"), ("9012", "ExeRtn=1")))
    assert desk.is_open(one.mn)


def test_lost_line_forgets_what_was_asked() -> None:
    desk = exchanges()
    desk.start(STATION, ask.get_clock(), 0)
    desk.start(STATION, ask.get_minute_interval(), 0)
    assert [request.cn for request in desk.drop(MN)] == ["1011", "1063"]
    assert desk.due(100) == []
    assert desk.drop(MN) == []


def test_new_key_is_sent_encrypted_or_not_at_all() -> None:
    desk = exchanges()
    request = ask.set_key(BEGIN_US, b"k" * 16)
    with pytest.raises(EncodeError, match="plain text"):
        desk.start(Station(MN, edition=Edition.HJ2025), request, 0)
    data = desk.start(Station(MN, edition=Edition.HJ2025, key=b"0" * 16), request, 0)
    assert data is not None
    assert b"k" * 16 not in data
    (message,) = Decoder(keys=lambda mn: [b"0" * 16]).feed(data)
    assert isinstance(message, Message)
    assert message.item("NewSK") == "k" * 16
