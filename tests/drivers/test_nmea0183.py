"""NMEA 0183: checksum, refused fields, what counts as a fix, and how RMC and GGA become one position."""

from datetime import UTC, datetime
from functools import reduce
from operator import xor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.events import BadFrame, Position, Reason
from drivers.positioning.nmea0183 import DRIVER, Nmea0183Decoder, NmeaSentence
from drivers.testing import check_decoder


def sentence(text: str) -> bytes:
    return f"${text}*{reduce(xor, text.encode()):02X}\r\n".encode()


def decode(*texts: str) -> list[Any]:
    decoder = Nmea0183Decoder()
    events = [event for text in texts for event in decoder.feed(sentence(text))]
    return events + decoder.flush()


def positions(*texts: str) -> list[Position]:
    return [content for event in decode(*texts) for content in event.contents()]


def rmc(clock: str, *, status: str = "A", mode: str = "A", nav: str = "V", date: str = "221126") -> str:
    return f"GNRMC,{clock},{status},2841.1000,N,11553.2000,E,10.0,90.0,{date},,,{mode},{nav}"


def gga(clock: str, *, quality: int = 1) -> str:
    return f"GNGGA,{clock},2841.1000,N,11553.2000,E,{quality},12,0.8,37.0,M,-4.0,M,,"


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_decoder_keeps_the_contract() -> None:
    check_decoder(DRIVER, DRIVER.examples)


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    decoder = Nmea0183Decoder()
    for event in decoder.feed(data) + decoder.flush():
        event.to_json()


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="$*"), max_size=80))
def test_any_text_behind_a_known_type_prints(text: str) -> None:
    for kind in ("RMC", "GGA", "GLL", "GSV", "GSA", "VTG", "ZDA", "GST", "TXT", "GBS", "DTM"):
        for event in decode(f"GP{kind},{text}"):
            list(event.contents())
            event.to_json()


def test_good_fix_with_navigational_status_v_counts() -> None:
    (position,) = positions(rmc("120000.00"))
    assert position.latitude_deg == pytest.approx(28.685, abs=1e-7)
    assert position.speed_m_s == pytest.approx(5.1444, abs=1e-4)
    assert position.time_us == us("2026-11-22T12:00:00")


@pytest.mark.parametrize("text", [rmc("120000", status="V"), rmc("120000", mode="N"), gga("120000", quality=0)])
def test_no_fix_is_no_position(text: str) -> None:
    assert positions(text) == []


def test_empty_position_is_null_and_not_zero() -> None:
    (event,) = decode("GNGGA,120000.00,,,,,0,00,99.99,,,,,,")
    printed = event.to_json()
    assert (printed["lat_deg"], printed["lon_deg"], printed["altitude_m"]) == (None, None, None)
    assert list(event.contents()) == []


@pytest.mark.parametrize("quality", [6, 7, 8])
def test_estimated_manual_and_simulated_positions_are_not_evidence(quality: int) -> None:
    (position,) = positions(gga("120000", quality=quality))
    assert position.detail["is_evidence"] is False
    assert positions(gga("120000", quality=4))[0].detail["is_evidence"] is True


@pytest.mark.parametrize("mode", ["E", "M", "S"])
def test_modes_without_a_fix_are_not_evidence(mode: str) -> None:
    assert positions(rmc("120000", mode=mode))[0].detail["is_evidence"] is False


@pytest.mark.parametrize("is_gga_first", [True, False])
def test_gga_and_rmc_of_a_second_are_one_position(is_gga_first: bool) -> None:
    texts = []
    for clock in ("120000.00", "120001.00", "120002.00"):
        pair = [gga(clock), rmc(clock)]
        texts += pair if is_gga_first else pair[::-1]
    found = positions(*texts)
    assert len(found) == 3
    for position in found[1:]:
        assert position.detail["sentences"] == ["GGA", "RMC"]
        assert position.altitude_msl_m == 37.0
        assert position.speed_m_s is not None
        assert position.altitude_ellipsoid_m is None
    assert [p.time_us for p in found[1:]] == [us("2026-11-22T12:00:01"), us("2026-11-22T12:00:02")]


def test_receiver_with_one_kind_of_sentence_gives_every_position() -> None:
    assert len(positions(*[rmc(f"12000{n}") for n in range(5)])) == 5
    assert len(positions(*[gga(f"12000{n}") for n in range(5)])) == 5


def test_gga_after_midnight_is_of_the_next_day() -> None:
    found = positions(rmc("235959.00"), gga("235959.00"), gga("000000.00"), gga("000001.00"))
    assert found[-1].time_us == us("2026-11-23T00:00:01")


def test_heading_antenna_is_not_the_vehicle() -> None:
    text = rmc("120000").replace("GNRMC", "GNRMCH")
    (event,) = decode(text)
    assert event.to_json()["lat_deg"] == pytest.approx(28.685)
    assert list(event.contents()) == []


def moving(clock: str, minute: str, speed_kn: str = "10.0") -> str:
    return rmc(clock).replace("2841.1000", f"28{minute}").replace("10.0,90.0", f"{speed_kn},90.0")


def test_jump_beyond_the_speed_is_doubted() -> None:
    found = positions(moving("120000", "41.1000"), moving("120001", "41.1028"), moving("120002", "43.0000"))
    assert [position.detail.get("doubts") for position in found] == [None, None, ["jump"]]


def test_position_whose_decimals_never_move_is_doubted() -> None:
    clocks = [f"12{minute:02}{second:02}" for minute in range(6) for second in (0, 30)]
    found = positions(*[moving(clock, "41.1000") for clock in clocks])
    doubted = [position.detail.get("doubts") == ["frozen"] for position in found]
    assert doubted == [False] * 6 + [True] * 6


def test_field_that_is_no_number_costs_only_itself() -> None:
    (event,) = decode("GNRMC,121614.00,A,5327.04173,N,00214.41443,W,X.138,,200122,,,A,V")
    assert event.to_json()["speed_kn"] == "unparsable: X.138"
    assert event.deviations == ("unparsable_field",)
    (position,) = event.contents()
    assert position.speed_m_s is None


@pytest.mark.parametrize("latitude", ["9100.0,N", "2860.0,N", "28x1.0,N", "2841.1,E", "2841.1,", "١٢٣٤.5,N"])
def test_impossible_latitude_gives_no_position(latitude: str) -> None:
    events = decode(f"GNGGA,120000,{latitude},11553.2,E,1,12,0.8,37.0,M,,M,,")
    assert all(isinstance(event, BadFrame) or list(event.contents()) == [] for event in events)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"$GPGGA,114130,3809.1250,N,02415.8050,E,1,04,5.6,1500.0,M,34.5,M,,\r\n", Reason.CHECKSUM),
        (sentence("GPGLL,,,,,,V").replace(b"*", b"*0"), Reason.CHECKSUM),
        (b"\xff\xfe\r\n", Reason.NOT_A_FRAME),
        (b"$\xff,1*00\r\n", Reason.SYNTAX),
        (b"$GPGGA,1141", Reason.TRUNCATED),
    ],
)
def test_broken_sentences_are_refused_with_a_reason(raw: bytes, reason: Reason) -> None:
    decoder = Nmea0183Decoder()
    (bad,) = decoder.feed(raw) + decoder.flush()
    assert isinstance(bad, BadFrame)
    assert bad.reason is reason


def test_lower_case_checksum_is_accepted() -> None:
    raw = DRIVER.examples[2].replace(b"*6A", b"*6a")
    (event,) = Nmea0183Decoder().feed(raw)
    assert isinstance(event, NmeaSentence)


def test_sentence_cut_by_the_next_one_does_not_cost_it() -> None:
    good = sentence(rmc("120000"))
    events = Nmea0183Decoder().feed(good[:20] + good)
    assert [type(event) for event in events] == [BadFrame, NmeaSentence]


def test_types_outside_the_tables_are_named_by_pynmeagps() -> None:
    (event,) = decode(
        "PUBX,00,081350.00,4717.113210,N,00833.915187,E,546.589,G3,2.1,2.0,0.007,77.52,0.007,,0.92,1.19,0.77,9,0,0"
    )
    assert event.to_json()["talker"] == "P"
    assert event.to_json()["navStat"] == "G3"
    (event,) = decode("GPXYZ,1,2")
    assert event.to_json() | {"field_01": "1", "field_02": "2"} == event.to_json()
