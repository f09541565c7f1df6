"""The simulated meters answer as real ones do, and every fault of theirs does what its name says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.electricity.dlt645 import Dlt645Decoder
from drivers.electricity.dlt645_frame import Dlt645Frame
from drivers.electricity.dlt645_request import read_address, read_data, read_follow_up
from drivers.events import BadFrame
from drivers.fieldbus.modbus_request import encode_rtu
from drivers.fieldbus.modbus_rtu import ModbusRtuDecoder
from simulators.meters import Dlt645Meter, Faults, ModbusInstrument, ThreePhaseLoad, bcd, broken, transmission
from simulators.meters_line import SimulatedLine

ADDRESS = "251100000001"


def meter(**settings: object) -> Dlt645Meter:
    return Dlt645Meter(ADDRESS, ThreePhaseLoad(power_kw=lambda t: 30.0), **settings)  # type: ignore[arg-type]


def answers(device: Dlt645Meter, request: bytes) -> list[Dlt645Frame | BadFrame]:
    decoder = Dlt645Decoder()
    data = b"".join(chunk for _, chunk in transmission(device, request, 0.0))
    return decoder.feed(data) + decoder.flush()


def test_meter_answers_what_it_measures() -> None:
    (event,) = answers(meter(), read_data(ADDRESS, "0203FF00"))
    assert event.to_json()["values"] == {"total": 30.0, "phase A": 10.0, "phase B": 10.0, "phase C": 10.0}
    (event,) = answers(meter(), read_data(ADDRESS, "0206FF00"))
    assert event.to_json()["values"]["total"] == 0.85


def test_meter_answers_only_to_its_address_and_its_edition() -> None:
    assert answers(meter(), read_data("251100000002", "00010000")) == []
    assert answers(meter(), read_data(ADDRESS, "9010")) == []
    assert answers(meter(is_1997=True), read_data(ADDRESS, "00010000")) == []
    assert answers(meter(is_1997=True), read_address()) == []
    (event,) = answers(meter(), read_address())
    assert event.to_json()["reported_address"] == ADDRESS


def test_energy_grows_by_power_times_time() -> None:
    device = meter()
    device.answer(read_data(ADDRESS, "00010000"), 0.0)
    raw = device.answer(read_data(ADDRESS, "00010000"), 7200.0)
    assert raw is not None
    (event,) = Dlt645Decoder().feed(raw)
    assert event.to_json()["value"] == pytest.approx(1060.0)


def test_parts_of_an_answer_are_asked_for_one_after_the_other() -> None:
    device = meter(parts={"0203FF00": 3})
    (first,) = answers(device, read_data(ADDRESS, "0203FF00"))
    (second,) = answers(device, read_follow_up(ADDRESS, "0203FF00", 1))
    (last,) = answers(device, read_follow_up(ADDRESS, "0203FF00", 2))
    assert [event.to_json()["control"] for event in (first, second, last)] == ["B1", "B2", "92"]
    assert all(isinstance(event, Dlt645Frame) for event in (first, second, last))


@pytest.mark.parametrize(
    ("faults", "kinds"),
    [
        (Faults(), [Dlt645Frame]),
        (Faults(is_silent=True), []),
        (Faults(copies=2), [Dlt645Frame, Dlt645Frame]),
        (Faults(cut_first=15), [BadFrame, Dlt645Frame]),
        (Faults(is_checksum_wrong=True), [BadFrame]),
        (Faults(before=b"\x00", behind=b"\xff"), [Dlt645Frame]),
    ],
)
def test_faults_do_what_they_say(faults: Faults, kinds: list[type]) -> None:
    assert [type(event) for event in answers(meter(faults=faults), read_data(ADDRESS, "00010000"))] == kinds


@pytest.mark.parametrize("preamble", range(5))
def test_preamble_has_the_asked_number_of_bytes(preamble: int) -> None:
    (event,) = answers(meter(faults=Faults(preamble=preamble)), read_data(ADDRESS, "00010000"))
    assert event.to_json()["preamble_fe"] == preamble


def test_refusal_fill_and_foreign_address() -> None:
    device = meter(filled_phases="C")
    (event,) = answers(device, read_data(ADDRESS, "0201FF00"))
    assert event.to_json()["values"]["phase C"] is None
    broken(device, refuses=True)
    (event,) = answers(device, read_data(ADDRESS, "00010000"))
    assert event.to_json()["errors"] == ["no requested data"]
    broken(device, refuses=False, answers_as="251100000099")
    (event,) = answers(device, read_data(ADDRESS, "00010000"))
    assert event.to_json()["address"] == "251100000099"


def test_slow_bytes_come_one_by_one() -> None:
    sent = transmission(meter(faults=Faults(delay_s=0.1, byte_gap_s=0.4)), read_data(ADDRESS, "00010000"), 5.0)
    assert {len(chunk) for _, chunk in sent} == {1}
    assert [delay for delay, _ in sent[:3]] == pytest.approx([0.1, 0.5, 0.9])


def test_modbus_instrument_answers_and_refuses() -> None:
    device = ModbusInstrument(5, lambda address, t: 7 if address < 10 else None, most_registers=4)
    replies = {}
    for name, request in {
        "good": encode_rtu(5, 3, 0, 2),
        "absent": encode_rtu(5, 3, 9, 2),
        "long": encode_rtu(5, 3, 0, 5),
        "coils": encode_rtu(5, 1, 0, 2),
        "other": encode_rtu(6, 3, 0, 2),
    }.items():
        raw = device.answer(request, 0.0)
        replies[name] = None if raw is None else ModbusRtuDecoder().feed(raw)[0].to_json()
    assert replies["good"] is not None
    assert replies["good"]["registers"] == [7, 7]
    codes = {name: reply["exception"] for name, reply in replies.items() if reply and reply["kind"] == "exception"}
    assert codes == {"absent": 2, "long": 3, "coils": 1}
    assert replies["other"] is None


@given(st.integers(-799_999, 799_999))
def test_bcd_is_what_the_decoder_reads(number: int) -> None:
    value = number / 10_000
    (event,) = answers(meter(settings={"02030000": bcd(value, 3, 4)}), read_data(ADDRESS, "02030000"))
    assert event.to_json()["value"] == pytest.approx(value, abs=1e-9)


def test_line_takes_wire_time_and_echoes() -> None:
    line = SimulatedLine([meter()], character_s=0.01, has_echo=True)
    request = read_data(ADDRESS, "00010000")
    line.write(request, 0.0)
    assert line.take(0.01 * len(request)) == request
    first = 0.01 * len(request) + 0.05 + 0.01
    assert line.next_s(1.0) == pytest.approx(first)
    assert len(line.take(first)) == 1
    assert len(line.take(10.0)) == 23
    assert line.next_s(10.0) is None


def test_babbling_device_is_heard_all_the_time_and_the_same_every_time() -> None:
    heard = []
    for _ in range(2):
        line = SimulatedLine([], character_s=0.001, babble_every_s=1.0, babble_bytes=4)
        heard.append([line.take(float(second)) for second in range(60)])
    assert heard[0] == heard[1]
    assert 100 < sum(map(len, heard[0])) < 500
