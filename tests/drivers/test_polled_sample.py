"""The record of a poll reads back as it was written, without any configuration."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.events import BadFrame, Channel, Notice, Parameter, Readings
from drivers.fieldbus.polled_sample import DRIVER, PolledSampleDecoder, SampleDraft
from drivers.testing import check_decoder


def test_decoder_keeps_the_contract() -> None:
    check_decoder(DRIVER, DRIVER.examples)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["P", "ODO mg/L", "温度", "\n"]), st.floats(allow_infinity=False), st.sampled_from("ND")
        ),
        max_size=5,
    )
)
def test_values_come_back_bit_for_bit(rows: list[tuple[str, float, str]]) -> None:
    draft = SampleDraft("m", 60_000_000, "p", 61_000_000)
    draft.values = [(Channel(code, "power", "rtd", "kW", 0), value, flag) for code, value, flag in rows]
    event = draft.finished()
    assert len(event.values) == len(rows)
    for (code, value, flag), channel, back, kept in zip(rows, event.channels, event.values, event.flags, strict=True):
        assert (code, flag) == (channel.code, kept)
        assert back == value or (math.isnan(back) and math.isnan(value))


def test_all_contents_come_back_and_are_printed() -> None:
    draft = SampleDraft("m", 60_000_000, "p", 61_000_000, exchanges=[(b"\x01", b"\xff\x02")])
    draft.values.append((Channel("P", "power", "rtd", "kW", 0), 1.5, "N"))
    draft.notices.append(Notice("m", 60_000_000, "ratio_changed", "04000306", "40 -> 30", {"after": "30"}))
    draft.parameters.append(Parameter("m", 60_000_000, "04000306", "ct_ratio", "30"))
    event = draft.finished()
    readings, notice, parameter = event.contents()
    assert isinstance(readings, Readings)
    assert (readings.time_us, readings.values) == (60_000_000, [1.5])
    assert notice == draft.notices[0]
    assert parameter == draft.parameters[0]
    assert event.exchanges == ((b"\x01", b"\xff\x02"),)
    assert event.to_json()["values"] == {"P": {"value": 1.5, "unit": "kW", "flag": "N"}}
    assert PolledSampleDecoder().feed(event.raw) == [event]


@pytest.mark.parametrize(
    "change",
    [
        (b'"time_us":60', b'"time_us":"x"'),
        (b"1.5", b"NaN"),
        (b"1.5", b'"much"'),
        (b'"N"]', b'"NN"]'),
        (b'"values":[[', b'"values":[[[],'),
        (b"}\n", b"\n"),
    ],
)
def test_damaged_record_is_refused(change: tuple[bytes, bytes]) -> None:
    draft = SampleDraft("m", 60, "p", 61)
    draft.values.append((Channel("P", "power", "rtd", "kW", 0), 1.5, "N"))
    raw = draft.encode()
    assert change[0] in raw
    events: list[Any] = PolledSampleDecoder().feed(raw.replace(*change))
    assert [type(event) for event in events] == [BadFrame]
