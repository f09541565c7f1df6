"""Printer-style text becomes values by configured patterns; what no pattern knows is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.profiles import ProfileError
from drivers.profiles.text_line import TextReader, parse_text_profile

PROFILE = """
[text]
name = "printer"
title = "三合一"
encoding = "gbk"
end = "----"
line = [
    {pattern = "液阻 *38L.*?(?P<value>[0-9.]+) *Pa", code = "resistance_38", quantity = "pressure", unit = "Pa"},
    {pattern = "A/L *(?P<value>[0-9.]+)", code = "a_l", quantity = "a_l", unit = "1"},
]
"""
PRINTED = "日期 2026-11-20\r\n液阻 38L/min: 120.5 Pa\r\nA/L 1.07\r\nA/L 1.11\r\n--------\r\n".encode("gbk")


def test_record_is_read_whatever_the_pieces() -> None:
    for step in (1, 7, len(PRINTED)):
        reader = TextReader(parse_text_profile(PROFILE))
        records = [r for at in range(0, len(PRINTED), step) for r in reader.feed(PRINTED[at : at + step])]
        (record,) = records + reader.flush()
        assert record.values == {"resistance_38": [120.5], "a_l": [1.07, 1.11]}
        assert record.unmatched == ["日期 2026-11-20"]
        assert record.raw == PRINTED


def test_print_out_without_its_last_line_comes_out_at_the_end() -> None:
    reader = TextReader(parse_text_profile(PROFILE))
    assert reader.feed(b"A/L 1.2\r\n") == []
    assert reader.flush()[0].values == {"a_l": [1.2]}
    assert reader.flush() == []


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    reader = TextReader(parse_text_profile(PROFILE))
    reader.feed(data)
    reader.flush()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('(?P<value>[0-9.]+)"', '([0-9.]+)"', r"line\[1\].pattern: expected a group named value"),
        ("A/L *(", "A/L *((", r"line\[1\].pattern"),
        ('code = "a_l", ', "", "code is missing"),
        ('"gbk"', '"gbq"', "encoding"),
        ("[text]", "[text", "expected TOML"),
    ],
)
def test_mistakes_are_named(old: str, new: str, message: str) -> None:
    assert old in PROFILE
    with pytest.raises(ProfileError, match=message):
        parse_text_profile(PROFILE.replace(old, new), file="mine.toml")
