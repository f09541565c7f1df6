"""The real receive log: 12,677 lines of 2016, damage and repeats included; see tests/data/README.md."""

import gzip
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from drivers.environment.hj212 import Decoder, Message
from drivers.environment.hj212.crc import crc_text
from drivers.environment.hj212.deviations import INTEGRITY
from drivers.events import BadFrame, Notice, Readings

LOG = Path(__file__).parents[1] / "data" / "hj212_fieldlog_2016_sample.h212.gz"


@cache
def stream() -> bytes:
    return gzip.decompress(LOG.read_bytes())


@cache
def events() -> tuple[Any, ...]:
    decoder = Decoder()
    data = stream()
    found = [event for at in range(0, len(data), 4096) for event in decoder.feed(data[at : at + 4096])]
    return (*found, *decoder.flush())


def messages() -> list[Message]:
    return [event for event in events() if isinstance(event, Message)]


def is_valid(line: bytes) -> bool:
    """Length and check value as the standard says, read the plain way."""
    if not (line[:2] == b"##" and line[2:6].isdigit()):
        return False
    segment = line[6:-4]
    return len(segment) == int(line[2:6]) and line[-4:] == crc_text(segment)


def test_every_valid_line_is_a_message_and_nothing_else_is() -> None:
    lines = [line.rstrip(b"\r") for line in stream().split(b"\n")[:-1]]
    valid = [line for line in lines if is_valid(line)]
    assert len(lines) == 12_677
    assert len(valid) == 12_666
    assert [message.raw for message in messages()] == valid


def test_the_rest_comes_out_with_its_reason() -> None:
    bad = [event for event in events() if isinstance(event, BadFrame)]
    assert Counter(event.reason for event in bad) == {"length": 7, "not_a_frame": 2}
    assert [event.raw for event in bad if event.reason == "not_a_frame"] == [
        b"2BC0",
        b"##test13912345678\x00\nm&\n\x00;VerSion=2.5&&9601",  # three lines that are no frames, one after the other
    ]


def test_repeats_and_deviations_are_what_they_are() -> None:
    read = messages()
    assert len(read) - len({message.raw for message in read}) == 947
    counted = Counter(name for message in read for name in message.deviations)
    assert counted == {"data_time_milliseconds": 7_913, "repeated_key": 22, "st_malformed": 3}
    assert not set(counted) & set(INTEGRITY)


def test_commands_and_stations() -> None:
    read = messages()
    assert Counter(message.cn for message in read) == {
        "2011": 6_274,
        "2051": 2_530,
        "2021": 1_301,
        "9015": 1_196,
        "8013": 540,
        "2061": 494,
        "2031": 119,
        "9011": 103,
        "9012": 102,
        "1013": 4,
        "2073": 2,
        "2072": 1,
    }
    assert len({message.mn for message in read}) == 138


def test_every_value_of_the_log_is_read() -> None:
    contents = [content for message in messages() for content in message.contents()]
    values = [value for content in contents if isinstance(content, Readings) for value in content.values]
    assert len(values) == 136_620
    assert not [value for value in values if value != value]
    assert Counter(content.kind for content in contents if isinstance(content, Notice)) == {
        "clock_request": 4,
        "power": 2,
        "alarm": 1,
    }
    flags = Counter(flag for content in contents if isinstance(content, Readings) for flag in content.flags)
    assert set(flags) <= set("NFMSDCTBP")


def test_values_agree_with_a_plain_reading_of_the_text() -> None:
    for message in messages()[::7]:
        expected = []
        for item in message.cp.replace(",", ";").split(";"):
            name, _, text = item.partition("=")
            if "-" in name and not name.endswith("-Flag") and message.plan is not None:
                expected.append(float(text))
        found = [value for c in message.contents() if isinstance(c, Readings) for value in c.values]
        assert found == expected
