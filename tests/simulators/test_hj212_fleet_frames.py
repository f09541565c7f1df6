"""Frames of the fleet against the standard's own figures and against the gateway's decoder, written by other hands."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.environment.hj212 import Decoder
from drivers.events import Readings
from simulators.fleet import messages
from simulators.fleet.frames import PacketReader, crc, crc_folded, crc_modbus, dressed, frame
from simulators.fleet.packets import CP_LIMIT, Packets
from simulators.fleet.site import Edition, make_fleet, make_site

VECTORS = Path(__file__).parents[1] / "vectors" / "hj212.jsonl"
TIME = 1_795_327_200.0  # 2026-11-22 14:00 in China

# What the decoder must say of the frames of a device with this habit.
NAMED = {
    "lower_case_crc": {"lower_case_crc"},
    "over_1024": {"segment_over_1024"},
    "milliseconds": {"data_time_milliseconds"},
    "wrong_length": {"wrong_length"},
    "crc_modbus": {"crc_modbus"},
}


def uploads(site):
    """One message of each kind of upload."""
    begin = int(TIME)
    yield messages.realtime(site, TIME)
    yield messages.period(site, messages.MINUTE, begin - 600)
    yield messages.period(site, messages.HOUR, begin - 3600)
    yield messages.period(site, messages.DAY, begin - 14 * 3600 - 86400)


def test_the_printed_crc_values():
    assert crc(b"") == crc_folded(b"") == 0xFFFF
    assert crc(b"123456789") == crc_folded(b"123456789") == 0x2F80
    assert crc_modbus(b"123456789") == 0x4B37
    example = b"QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&"
    assert frame(example) == b"##0087" + example + b"2200\r\n"  # HJ 212-2025, A.1


@given(st.binary(max_size=1200))
def test_the_folded_crc_is_the_crc(segment):
    assert crc_folded(segment) == crc(segment)


def test_the_reader_takes_the_valid_vectors_and_survives_the_others():
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        vector = json.loads(line)
        data = vector["frame"].encode("utf-8", "surrogateescape")
        reader = PacketReader()
        packets = reader.feed(data) + reader.feed(frame(b"QN=20260101000000000;ST=91;CN=9014;Flag=4;CP=&&&&"))
        if vector["valid"] and data.count(b"##") == 1:
            assert len(packets) == 2, vector
        assert packets == [] or packets[-1].cn


def test_a_stream_cut_anywhere_gives_the_same_packets():
    stream = b"noise" + frame(b"QN=1;CN=1011;CP=&&&&") + b"##12" + frame(b"QN=2;CN=2051;CP=&&BeginTime=3;EndTime=4&&")
    whole = PacketReader().feed(stream)
    assert [packet.cn for packet in whole] == ["1011", "2051"]
    assert whole[1].fields["EndTime"] == "4"
    for cut in range(len(stream)):
        reader = PacketReader()
        assert reader.feed(stream[:cut]) + reader.feed(stream[cut:]) == whole


@pytest.mark.parametrize("site", make_fleet(20), ids=lambda site: f"{site.number}-{'-'.join(site.habits)}")
def test_the_gateways_decoder_reads_every_upload_as_it_was_meant(site):
    for message in uploads(site):
        decoder, found = Decoder(), []
        for packet in Packets(site).of_message(message, time_s=TIME):
            found += decoder.feed(packet.raw)
        found += decoder.flush()
        assert {event.to_json()["event"] for event in found} == {"message"}
        readings = [item for event in found for item in event.contents() if isinstance(item, Readings)]
        assert sum(len(item.values) for item in readings) == sum(message.values)
        assert {item.time_us for item in readings} == {int(message.data_time_s) * 1_000_000}
        sent = sorted(float(pair.split("=")[1]) for pair in measured(message))
        read = sorted(9999.99 if math.isnan(value) else value for item in readings for value in item.values)
        assert read == sent
        assert {event.device for event in found} == {site.mn}
        assert expected(site, message) <= {name for event in found for name in event.deviations}


def measured(message):
    """The `name=number` pairs of a message that carry measured values."""
    for group in message.groups[1:]:
        yield from (p for p in group.split(",") if not p.split("=")[0].endswith(("Flag", "EFlag", "SampleTime")))


def expected(site, message):
    names = set().union(*(NAMED.get(habit, set()) for habit in site.habits))
    return names - {"segment_over_1024"} if message.cn == messages.REALTIME else names  # real-time data are short


def test_a_conforming_station_shows_no_deviation():
    for number in (3, 5, 8):
        site = make_site(number)
        assert not site.habits
        for message in uploads(site):
            for packet in Packets(site).of_message(message, time_s=TIME):
                (event,) = Decoder().feed(packet.raw)
                assert event.deviations == ()


def test_a_long_message_is_cut_between_groups_and_every_packet_has_its_own_qn():
    site = make_site(10)
    assert "long_messages" in site.habits
    message = messages.period(site, messages.HOUR, int(TIME) - 3600)
    parts = list(Packets(site).of_message(message, time_s=TIME))
    assert [part.numbers for part in parts] == [(len(parts), number) for number in range(1, len(parts) + 1)]
    assert len(parts) > 1
    assert len({part.qn for part in parts}) == len(parts)
    assert all(part.body.startswith("DataTime=20261122130000;") for part in parts)
    assert all(len(part.body.encode()) <= CP_LIMIT for part in parts)
    groups = [group for part in parts for group in part.body.split(";")[1:]]
    assert groups == list(message.groups[1:])
    assert sum(part.values for part in parts) == sum(message.values)


def test_the_2005_edition_has_old_codes_and_qn_of_answers_in_cp():
    site = make_site(6)
    assert site.edition is Edition.E2005
    assert "02-Rtd=" in messages.realtime(site, TIME).groups[1]
    reply = Packets(site).reply("9011", "20261122140000000", "QnRtn=1")
    assert b";CP=&&QN=20261122140000000;QnRtn=1&&" in reply
    assert reply[6:].startswith(b"ST=91;CN=9011;")


def test_habits_show_in_the_bytes():
    segment = b"QN=1;ST=31;CN=2011;CP=&&&&"
    right = b"%04X" % crc(segment)
    assert dressed(segment, frozenset()) == b"##0026" + segment + right + b"\r\n"
    assert dressed(segment, frozenset({"missing_crlf"})) == b"##0026" + segment + right
    assert dressed(segment, frozenset({"wrong_length"})).startswith(b"##0032")
    assert dressed(segment, frozenset({"lower_case_crc"})).endswith(right.lower() + b"\r\n")
    assert dressed(segment, frozenset({"crc_modbus"})).endswith(b"%04X\r\n" % crc_modbus(segment))
