"""Frames that we write: by the book, split, encrypted; answers; and what is never written."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.environment.hj212 import Decoder, Edition, Message
from drivers.environment.hj212 import requests as ask
from drivers.environment.hj212.answers import AnswerStyle, answer_to, reply
from drivers.environment.hj212.crc import crc
from drivers.environment.hj212.encode import ALLOWED, encode, frame
from drivers.environment.hj212.encryption import decrypt_cp, encrypt_cp
from drivers.errors import EncodeError
from drivers.events import BadFrame, Readings
from drivers.testing import check_decoder, run

MN = "010000A8900016F000169DC0"
QN = "20240520210700001"
AT_US = 1_716_210_360_000_000
VECTORS = Path(__file__).parents[1] / "vectors" / "hj212.jsonl"

# HJ 212-2025, Appendix A: the second SM4 example; key: sixteen bytes 0x30. Its cipher text is printed there.
SM4_KEY = b"0" * 16
SM4_CIPHER = bytes.fromhex(
    "E43E159ACFAB242CB53155FB8B9281A1 A242577ABFAED881BE88B72D69FC55ED 1A80119FAAC8B3CD33D285CC76F57F2C"
    "A7F88B9573C6647E0F07E24609BD6B63 EB20C5B9784F28E71D2F4994FF61D9E1 3B391A1D2A454B65388D5D9435DBF021"
    "528C7BF9755EF16518710C0CAC0ADEF9 C5156CD0A5A17674AC0ED2ABC40023E9 EF70128554B82438E91ADCE98A0D03A4"
)


def decoded(frames: list[bytes] | bytes, decoder: Decoder | None = None) -> list[Message]:
    events = run(decoder or Decoder(), frames if isinstance(frames, list) else [frames])
    assert not [event for event in events if isinstance(event, BadFrame)]
    return events


def upload(cn: str = "2011", flag: str = "Flag=5;", qn: str = f"QN={QN};", st_: str = "32") -> Message:
    (event,) = decoded(frame(f"{qn}ST={st_};CN={cn};PW=123456;MN={MN};{flag}CP=&&DataTime=20240520210600&&".encode()))
    return event


CODES = st.sampled_from(["a21026", "w01018", "011", "S01", "LA", "Nh3-scr"])
NUMBERS = st.decimals(min_value=-1000, max_value=100_000, places=3).map(str)
GROUPS = st.lists(st.builds(lambda c, v: f"{c}-Rtd={v},{c}-Flag=N", CODES, NUMBERS), max_size=120)


@settings(max_examples=150, deadline=None)
@given(GROUPS, st.sampled_from(Edition), st.booleans())
def test_what_is_encoded_decodes_to_the_same(groups: list[str], edition: Edition, needs_answer: bool) -> None:
    frames = encode(
        "2011",
        ["DataTime=20240520210600", *groups],
        mn=MN,
        st="31",
        qn=QN,
        edition=edition,
        needs_answer=needs_answer,
    )
    messages = decoded(frames)
    assert len(messages) == len(frames)
    sent = [tuple(item.split("=")) for group in groups for item in group.split(",")]
    assert [pair for message in messages for pair in message.pairs if pair[0] != "DataTime"] == sent
    for number, message in enumerate(messages, 1):
        assert (message.mn, message.st, message.cn, message.pw) == (MN, "31", "2011", "123456")
        assert message.edition is edition
        assert message.needs_answer is needs_answer
        assert message.data_time_us == AT_US
        assert set(message.deviations) <= {"repeated_key"}
        if len(messages) > 1:
            assert (message.pnum, message.pno) == (len(messages), number)
    assert len({message.qn for message in messages}) == len(messages)


def test_long_message_is_split_between_groups_within_the_limit() -> None:
    groups = [f"a{24001 + n}-Rtd=1.5,a{24001 + n}-Flag=N" for n in range(100)]
    frames = encode("2011", ["DataTime=20240520210600", *groups], mn=MN, st="31", qn=QN)
    assert len(frames) == 4
    assert all(len(data) <= 12 + 1024 for data in frames)
    messages = decoded(frames)
    assert [message.qn[-3:] for message in messages] == ["001", "002", "003", "004"]
    assert all(message.flag == 6 for message in messages)
    contents = [content for message in messages for content in message.contents()]
    assert [value for c in contents if isinstance(c, Readings) for value in c.values] == [1.5] * 100


def test_encoded_frames_pass_the_shared_checks() -> None:
    check_decoder(Decoder, encode("2051", ["DataTime=20240520210600", "a21026-Avg=1"], mn=MN, st="31", qn=QN))


REFUSED = "1022 1032 1042 1072 3011 3012 3013 3014 3016 3021 3024 3031 3032 0000 x"


@pytest.mark.parametrize("cn", REFUSED.split())
def test_what_changes_an_instrument_or_a_station_cannot_be_encoded(cn: str) -> None:
    with pytest.raises(EncodeError, match=cn):
        encode(cn, [], mn=MN, st="31", qn=QN)
    assert cn not in ALLOWED


@pytest.mark.parametrize(
    ("groups", "header"),
    [
        (["a=&&"], {}),
        (["a=##0001"], {}),
        (["a=1\r\n"], {}),
        (["x" * 1100], {}),
        ([], {"mn": "A;CN=3021"}),
        ([], {"pw": "1&2"}),
        ([], {"is_resent": True}),
    ],
)
def test_what_cannot_be_written_is_refused(groups: list[str], header: dict[str, object]) -> None:
    arguments: dict[str, object] = {"mn": MN, "st": "31", "qn": QN} | header
    with pytest.raises(EncodeError):
        encode("2011", groups, **arguments)  # type: ignore[arg-type]


def test_segment_longer_than_the_length_field_is_refused() -> None:
    with pytest.raises(EncodeError, match="four digits"):
        frame(b"x" * 10_000)


def test_sm4_example_of_the_standard() -> None:
    segment = sm4_segment()
    head, tail = segment.split(b"CP=&&")[0] + b"CP=&&", b"g=N&&"
    assert encrypt_cp(segment, SM4_KEY) == head + SM4_CIPHER + tail
    assert decrypt_cp(head + SM4_CIPHER + tail, SM4_KEY) == segment
    assert crc(segment) == 0xB541
    assert crc(head + SM4_CIPHER + tail) == 0x90C1


def sm4_segment() -> bytes:
    """The plain segment of the example: 234 bytes, its check value B541."""
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        data = str(json.loads(line)["frame"]).encode("latin-1")
        if data.startswith(b"##0234QN=20240520210700000"):
            return data[6:240]
    raise AssertionError("the example is not among the vectors")


def test_encrypted_frame_is_read_with_a_key_and_refused_without() -> None:
    segment = sm4_segment()
    data = frame(segment, sent=encrypt_cp(segment, SM4_KEY))
    assert len(data) == len(frame(segment))
    asked = []

    def keys(mn: str) -> list[bytes]:
        asked.append(mn)
        return [b"x" * 16, SM4_KEY]

    (event,) = decoded(data, Decoder(keys=keys))
    assert event.is_encrypted
    assert event.deviations == ()
    assert event.raw == data[:-2]
    assert event.fields["a01011"]["Avg"] == "1.35"
    assert asked == [MN]
    (bad,) = run(Decoder(), [data])
    assert isinstance(bad, BadFrame)
    check_decoder(lambda: Decoder(keys=lambda mn: [SM4_KEY]), [data])


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=16, max_size=16), st.lists(NUMBERS, min_size=1, max_size=40))
def test_encryption_round_trip(key: bytes, values: list[str]) -> None:
    groups = [f"a{24001 + n}-Rtd={value}" for n, value in enumerate(values)]
    frames = encode("2011", groups, mn=MN, st="31", qn=QN, edition=Edition.HJ2025, key=key)
    messages = decoded(b"".join(frames), Decoder(keys=lambda mn: [key]))
    assert [pair[1] for message in messages for pair in message.pairs] == values


def test_key_of_another_length_is_our_mistake() -> None:
    with pytest.raises(EncodeError, match="16 bytes"):
        encrypt_cp(b"CP=&&0123456789abcdef&&", b"short")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (upload(flag="Flag=5;"), f"QN={QN};ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&"),
        (upload(flag="Flag=9;"), f"QN={QN};ST=91;CN=9014;PW=123456;MN={MN};Flag=8;CP=&&&&"),
        (upload(flag="Flag=1;"), f"ST=91;CN=9014;PW=123456;MN={MN};Flag=0;CP=&&QN={QN};CN=2011&&"),
        (upload(flag="Flag=1;", qn=""), f"ST=91;CN=9014;PW=123456;MN={MN};Flag=0;CP=&&CN=2011&&"),
        (upload("1013"), f"QN={QN};ST=91;CN=9013;PW=123456;MN={MN};Flag=4;CP=&&&&"),
        (upload("9015", flag="Flag=8;"), f"QN={QN};ST=91;CN=9013;PW=123456;MN={MN};Flag=8;CP=&&&&"),
        (upload("4711"), f"QN={QN};ST=91;CN=9014;PW=123456;MN={MN};Flag=4;CP=&&&&"),
    ],
)
def test_answers_by_edition(message: Message, text: str) -> None:
    assert answer_to(message) == frame(text.encode())


@pytest.mark.parametrize(
    "message",
    [
        upload(flag="Flag=4;"),
        upload(flag=""),
        upload("9015", flag="Flag=0;"),
        upload("9014"),
        upload("9011"),
        upload("9013"),
    ],
)
def test_no_answer_where_none_is_due(message: Message) -> None:
    assert answer_to(message) is None


def test_answer_style_of_a_station() -> None:
    style = AnswerStyle(edition=Edition.HJ2025, has_qn_rtn=True, keeps_st=True, is_always=True)
    expected = f"QN={QN};ST=21;CN=9014;PW=123456;MN={MN};Flag=8;CP=&&QnRtn=1&&"
    assert answer_to(upload(flag="Flag=4;", st_="21"), style) == frame(expected.encode())


def test_reply_of_a_station_names_the_request() -> None:
    (request,) = decoded(encode("1061", [], mn=MN, st="32", qn=QN, edition=Edition.HJ2005, needs_answer=True))
    (answer,) = decoded(reply("9011", ["QnRtn=1"], to=request))
    assert (answer.qn, answer.answered_qn, answer.item("QnRtn")) == ("", QN, "1")


def test_requests_are_checked() -> None:
    assert ask.history("2061", AT_US, AT_US).groups == ("BeginTime=20240520210600", "EndTime=20240520210600")
    assert ask.set_clock(AT_US).groups == ("SystemTime=20240520210600",)
    assert ask.keep_sample(Edition.HJ2017).cn == "3015"
    assert ask.keep_sample(Edition.HJ2025).cn == "3022"
    for wrong in (
        lambda: ask.history("2011", AT_US, AT_US),
        lambda: ask.history("2061", AT_US, AT_US - 1),
        lambda: ask.set_timeout(0, 3),
        lambda: ask.set_real_time_interval(29),
        lambda: ask.set_minute_interval(7),
        lambda: ask.keep_sample(Edition.HJ2005),
        lambda: ask.set_key(AT_US, b"short"),
    ):
        with pytest.raises(EncodeError):
            wrong()
