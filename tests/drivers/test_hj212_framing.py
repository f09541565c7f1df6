"""Framing: resynchronisation, dialects, bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.environment.hj212 import DRIVER, Decoder, Message
from drivers.environment.hj212.crc import crc, modbus
from drivers.environment.hj212.deviations import INTEGRITY, LINE_END
from drivers.environment.hj212.encode import frame
from drivers.environment.hj212.framing import MAX_FRAME, NOISE_PIECE
from drivers.events import BadFrame, Reason
from drivers.testing import good_events, held_bytes, printed, random_pieces, run

SEGMENT = b"ST=32;CN=2011;PW=123456;MN=LD130102000172;CP=&&DataTime=20160823235600;011-Rtd=39.694,011-Flag=N&&"
GOOD = frame(SEGMENT)
OTHER = frame(SEGMENT.replace(b"39.694", b"40.1"))


def only(stream: bytes, decoder: Decoder | None = None) -> Message | BadFrame:
    (event,) = run(decoder or Decoder(), [stream])
    return event


def test_message_comes_out_without_waiting_for_its_line_end() -> None:
    (event,) = Decoder().feed(GOOD[:-2])
    assert isinstance(event, Message)
    assert event.raw == GOOD[:-2]
    assert event.deviations == ()


@pytest.mark.parametrize(
    ("stream", "names"),
    [
        (b"##%04d%b%04x\r\n" % (len(SEGMENT), SEGMENT, crc(SEGMENT)), {"lower_case_crc"}),
        (b"##%04d%b%04X\r\n" % (len(SEGMENT), SEGMENT, modbus(SEGMENT)), {"crc_modbus"}),
        (
            b"##%04d%b%02X%02X\r\n" % (len(SEGMENT), SEGMENT, modbus(SEGMENT) & 0xFF, modbus(SEGMENT) >> 8),
            {"crc_modbus_swapped"},
        ),
        (b"##%04d%b%04X\r\n" % (len(SEGMENT) + 6, SEGMENT, crc(SEGMENT)), {"wrong_length"}),
        (b"##%04d%b%04X\r\n" % (len(SEGMENT) - 9, SEGMENT, crc(SEGMENT)), {"wrong_length"}),
        (b"##%d%b%04X\r\n" % (len(SEGMENT), SEGMENT, crc(SEGMENT)), {"short_length_field"}),
        (b"##0001%04d%b%04X\r\n" % (len(SEGMENT), SEGMENT, crc(SEGMENT)), {"long_length_field"}),
        (
            b"##%04d%b%04X\r\n" % (len(SEGMENT), SEGMENT[:-2], crc(SEGMENT[:-2])),
            {"wrong_length", "missing_tail_ampersands"},
        ),
        (frame(SEGMENT[:-2]), {"missing_tail_ampersands"}),
    ],
)
def test_dialect_is_accepted_and_named(stream: bytes, names: set[str]) -> None:
    event = only(stream)
    assert isinstance(event, Message)
    assert set(event.deviations) == names
    assert event.fields["011"]["Rtd"] == "39.694"


def test_lower_case_crc_is_named() -> None:
    segment = next(s for n in range(99) if b"%04X" % crc(s := SEGMENT.replace(b"694", b"%03d" % n)) != b"%04x" % crc(s))
    event = only(b"##%04d%b%04x\r\n" % (len(segment), segment, crc(segment)))
    assert event.deviations == ("lower_case_crc",)


def test_check_value_over_length_and_segment_needs_its_makers_semicolons() -> None:
    segment = b";" + SEGMENT + b";"
    event = only(b"##%04d%b%04X\r\n" % (len(segment), segment, crc(b"%04d" % len(segment) + segment)))
    assert event.deviations == ("crc_len_segment", "stray_semicolon")
    plain = only(b"##%04d%b%04X\r\n" % (len(SEGMENT), SEGMENT, crc(b"%04d" % len(SEGMENT) + SEGMENT)))
    assert isinstance(plain, BadFrame)
    assert plain.reason is Reason.CHECKSUM


def test_length_in_characters_is_told_from_a_wrong_one() -> None:
    segment = SEGMENT.replace(b"011-Flag=N", "i11001-Info=//断电//".encode())
    event = only(b"##%04d%b%04X\r\n" % (len(segment.decode()), segment, crc(segment)))
    assert isinstance(event, Message)
    assert event.deviations == ("length_in_characters",)


@pytest.mark.parametrize(("encoding", "names"), [("utf-8", ()), ("gb18030", ("gbk_text",))])
def test_chinese_text_is_read_in_both_encodings(encoding: str, names: tuple[str, ...]) -> None:
    segment = SEGMENT.replace(b"CN=2011", b"CN=3020").replace(
        b"011-Flag=N", "i11001-Info=//断电，恢复//".encode(encoding)
    )
    event = only(frame(segment))
    assert isinstance(event, Message)
    assert event.deviations == names
    assert event.fields["i11001"]["Info"] == "//断电，恢复//"


def test_bytes_of_no_encoding_are_named() -> None:
    event = only(frame(SEGMENT.replace(b"39.694", b"\xff\xfe")))
    assert "undecodable_text" in event.deviations


def test_checksum_error_is_refused_and_the_next_frame_decodes() -> None:
    damaged = GOOD.replace(b"39.694", b"39.695")
    bad, good = run(Decoder(), [damaged + GOOD])
    assert (bad.reason, bad.raw) == (Reason.CHECKSUM, damaged[:-2])
    assert good.raw == GOOD[:-2]


@pytest.mark.parametrize("lost", range(1, len(GOOD) - 3, 3))
def test_lost_bytes_never_cost_the_next_frame(lost: int) -> None:
    for cut in (GOOD[:lost], GOOD[:lost] + GOOD[lost + 3 :], GOOD[lost:]):
        events = run(Decoder(), [cut + OTHER + GOOD])
        assert [event.raw for event in good_events(events)][-2:] == [OTHER[:-2], GOOD[:-2]]


def test_good_frame_inside_a_length_that_claims_too_much_is_not_kept_waiting() -> None:
    decoder = Decoder()
    events = decoder.feed(b"##9999ST=31;C" + GOOD[:-2])
    assert [type(event) for event in events] == [BadFrame, Message]
    assert events[0].raw == b"##9999ST=31;C"


def test_line_end_behind_a_right_check_value_ends_the_wait_too() -> None:
    decoder = Decoder()
    (event,) = decoder.feed(b"##9999" + GOOD[6:])
    assert isinstance(event, Message)
    assert event.deviations == ("wrong_length",)


def test_frames_without_line_end_between_them_are_told_apart() -> None:
    decoder = Decoder()
    assert len(good_events(run(decoder, [GOOD[:-2] * 4]))) == 4
    assert decoder.profiles.of("LD130102000172").deviations == {"missing_crlf": 4}


@pytest.mark.parametrize(
    ("tail", "name"), [(b"\r\n", None), (b"\n", "lf_only_tail"), (b"**", "double_star_tail"), (b"", "missing_crlf")]
)
def test_line_ends_are_counted_in_the_profile(tail: bytes, name: str | None) -> None:
    for pieces in ([GOOD[:-2] + tail + GOOD], [GOOD[:-2], tail, GOOD]):
        decoder = Decoder()
        assert len(good_events(run(decoder, pieces))) == 2
        counted = decoder.profiles.of("LD130102000172").deviations
        assert counted == ({name: 1} if name else {})
    assert name is None or name in LINE_END


def test_noise_comes_out_and_blank_lines_do_not() -> None:
    noise, good = run(Decoder(), [b"\r\n\r\n##test13912345678\x00\n\r\n" + GOOD + b"\r\n\n"])
    assert (noise.reason, noise.raw) == (Reason.NOT_A_FRAME, b"##test13912345678\x00")
    assert isinstance(good, Message)


def test_truncated_input_says_so() -> None:
    event = only(GOOD[:40])
    assert isinstance(event, BadFrame)
    assert event.reason is Reason.TRUNCATED


def test_frame_without_a_command_is_refused() -> None:
    event = only(frame(b"ST=32;MN=1;CP=&&&&"))
    assert isinstance(event, BadFrame)
    assert event.reason is Reason.SYNTAX


@pytest.mark.parametrize("piece", [b"#", b"##9999", b"##0000&&", b"A", b"&&0000", b"##5000ST=", b"##12", b"\r"])
def test_buffer_is_bounded_whatever_comes(piece: bytes) -> None:
    decoder = Decoder()
    for _ in range(25_000 // len(piece)):
        decoder.feed(piece)
        assert len(decoder._framer._buffer) <= MAX_FRAME
    assert held_bytes(decoder) < 2 * MAX_FRAME + NOISE_PIECE


FRAMES = [GOOD, GOOD[:-2], OTHER]
TOKENS = [b"##", b"##01", b"##0012", b"##9999", b"#", b"\r\n", b"&&", b"&&1C80", b"&&1C80\r\n", b"**"]
PARTS = st.builds(lambda start, end: GOOD[start:end], st.integers(0, 120), st.integers(0, 120))
CHUNKS = st.one_of(st.binary(max_size=40), st.sampled_from(FRAMES + TOKENS), PARTS)


@settings(max_examples=300, deadline=None)
@given(st.lists(CHUNKS, max_size=12), st.randoms(use_true_random=False))
def test_events_do_not_depend_on_how_the_bytes_are_cut(chunks: list[bytes], rng) -> None:  # type: ignore[no-untyped-def]
    stream = b"".join(chunks)
    whole = printed(run(Decoder(), [stream]))
    assert printed(run(Decoder(), [stream[i : i + 1] for i in range(len(stream))])) == whole
    if stream:
        assert printed(run(Decoder(), random_pieces(stream, rng))) == whole


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_random_bytes_never_raise(data: bytes) -> None:
    run(Decoder(), [data])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_frame_is_refused_or_named_and_the_next_one_decodes(data: st.DataObject) -> None:
    mutated = bytearray(GOOD)
    at = data.draw(st.integers(0, len(mutated) - 3))
    mutated[at] ^= data.draw(st.integers(1, 255))
    events = run(Decoder(), [bytes(mutated) + OTHER])
    assert events[-1].raw == OTHER[:-2]
    for event in events[:-1]:
        assert isinstance(event, BadFrame) or set(event.deviations) & set(INTEGRITY)


def test_examples_of_the_driver_are_by_the_book() -> None:
    for example in DRIVER.examples:
        event = only(example)
        assert isinstance(event, Message)
        assert event.deviations == ()
