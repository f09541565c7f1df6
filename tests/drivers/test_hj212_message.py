"""What a message says: header, items, values, flags, times, contents."""

import math

import pytest

from drivers.environment.hj212 import Decoder, Edition, Message
from drivers.environment.hj212 import readings as readings_memory
from drivers.environment.hj212 import segment as segment_memory
from drivers.environment.hj212.encode import frame
from drivers.environment.hj212.times import iso, next_qn, time_us, write_qn, write_time
from drivers.events import Notice, Parameter, Position, Readings

HEAD = "QN=20240520210700001;ST={st};CN={cn};PW=123456;MN=010000A8900016F000169DC0;Flag={flag};CP=&&{cp}&&"
AT_US = 1_716_210_360_000_000  # 2024-05-20 21:06:00 +08:00


def message(cp: str, *, cn: str = "2011", st: str = "31", flag: int = 5, **settings: int) -> Message:
    (event,) = Decoder(**settings).feed(frame(HEAD.format(cp=cp, cn=cn, st=st, flag=flag).encode()))
    assert isinstance(event, Message)
    return event


def readings(cp: str, **header: object) -> Readings:
    (content,) = message(cp, **header).contents()  # type: ignore[arg-type]
    assert isinstance(content, Readings)
    return content


def test_header_is_read_by_name_in_any_order() -> None:
    segment = (
        b"ST=32;CN=2051;QN=20190424002721168;MN= ab-1 ;PW=;,FLAG=6;PNO=2;PNUM=3;RF=1;CP=&&DataTime=20190416003000&&"
    )
    (event,) = Decoder().feed(frame(segment))
    assert isinstance(event, Message)
    assert (event.st, event.cn, event.qn, event.pw, event.mn) == ("32", "2051", "20190424002721168", "", "ab-1")
    assert (event.flag, event.pnum, event.pno) == (6, 3, 2)
    assert event.is_split
    assert event.is_resent
    assert event.edition is Edition.HJ2017
    assert set(event.deviations) == {"header_case", "header_separator"}


@pytest.mark.parametrize(
    ("flag", "edition"), [(0, "2005"), (3, "2005"), (4, "2017"), (7, "2017"), (8, "2025"), (255, "2025")]
)
def test_edition_is_in_the_version_bits(flag: int, edition: str) -> None:
    assert message("", cn="9015", flag=flag).edition == edition


def test_real_time_values_with_flags() -> None:
    read = readings(
        "DataTime=20240520210600;a21026-Rtd=12.5,a21026-ZsRtd=13,a21026-Flag=N;S01-Rtd=7.1,S01-Flag=D;B02-Rtd=3"
    )
    assert read.time_us == AT_US
    assert read.device == "010000A8900016F000169DC0"
    assert [tuple(channel) for channel in read.shape.channels] == [
        ("a21026", "so2", "rtd", "mg/m3", 0),
        ("a21026", "so2", "zs_rtd", "mg/m3", 0),
        ("S01", "o2", "rtd", "%", 0),
        ("B02", "flow", "rtd", "m3/s", 0),
    ]
    assert (read.values, read.flags) == ([12.5, 13.0, 7.1, 3.0], "NNDN")


def test_minute_data_carry_the_stations_interval_and_the_total_unit() -> None:
    cp = "DataTime=20240520210600;a21026-Min=1,a21026-Avg=2,a21026-Max=3,a21026-Cou=0.5"
    assert [(c.statistic, c.unit, c.interval_s) for c in readings(cp, cn="2051").shape.channels] == [
        ("min", "mg/m3", 600),
        ("avg", "mg/m3", 600),
        ("max", "mg/m3", 600),
        ("cou", "kg", 600),
    ]
    assert readings(cp, cn="2051", minute_interval_s=300).shape.channels[0].interval_s == 300


@pytest.mark.parametrize(("cn", "interval_s"), [("2011", 0), ("2061", 3600), ("2031", 86400), ("2111", 300)])
def test_interval_follows_from_the_command(cn: str, interval_s: int) -> None:
    assert readings("DataTime=20240520210600;a01901-Avg=850", cn=cn).shape.channels[0].interval_s == interval_s


def test_factor_spread_over_two_groups_gets_the_flag_of_each_group() -> None:
    assert readings("DataTime=20240520210600;01-Rtd=1,01-Flag=D;01-ZsRtd=2,01-Flag=N").flags == "DN"
    assert readings("DataTime=20240520210600;01-Flag=D,01-Rtd=1;01-Flag=N,01-ZsRtd=2").flags == "DN"


@pytest.mark.parametrize(("flag", "kept"), [("", "N"), ("N ", "N"), ("C", "C"), ("U", "U"), ("3", "3"), ("Dx", "D")])
def test_flags_are_one_character_each(flag: str, kept: str) -> None:
    assert readings(f"DataTime=20240520210600;a21026-Rtd=1,a21026-Flag={flag};a01012-Rtd=2").flags == kept + "N"


def test_shape_is_the_same_object_for_frames_alike() -> None:
    first = readings("DataTime=20240520210600;a21026-Rtd=1,a21026-Flag=N")
    again = readings("DataTime=20240520210700;a21026-Rtd=2.25,a21026-Flag=D")
    other = readings("DataTime=20240520210700;a21026-Rtd=2.25")
    assert first.shape is again.shape
    assert other.shape is not first.shape
    assert first.shape is readings("DataTime=20240520210600;a21026-Rtd=1;a21026-Flag=N", flag=8).shape


@pytest.mark.parametrize("text", ["", "-", "nan", "inf", "1_000", "0x10", "1e999", "NULL", "1 2"])
def test_what_is_no_number_becomes_nan_and_is_named(text: str) -> None:
    event = message(f"DataTime=20240520210600;a21026-Rtd={text};a01012-Rtd=20")
    assert "not_a_number" in event.deviations
    (read,) = event.contents()
    assert isinstance(read, Readings)
    assert math.isnan(read.values[0])
    assert read.values[1] == 20
    assert event.fields["a21026"]["Rtd"] == text


def test_all_nines_in_a_converted_value_is_a_sentinel_in_2025_only() -> None:
    cp = "DataTime=20240520210600;a21026-Rtd=9999.99,a21026-ZsRtd=9999.99,a21026-Flag=N"
    new, old = message(cp, flag=9), message(cp, flag=5)
    assert "converted_value_sentinel" in new.deviations
    assert new.numbers[0] == 9999.99
    assert math.isnan(new.numbers[1])
    assert new.to_json()["fields"]["a21026"]["ZsRtd"] == 9999.99
    assert old.numbers == [9999.99, 9999.99]
    assert old.deviations == ()


def test_repeated_key_is_a_channel_of_its_own() -> None:
    event = message(
        "DataTime=20240520210600;w00000-Avg=5,w00000-Flag=N;w00000-Avg=77,w00000-Flag=N", cn="2051", st="32"
    )
    assert event.deviations == ("repeated_key",)
    (read,) = event.contents()
    assert isinstance(read, Readings)
    assert [channel.code for channel in read.shape.channels] == ["w00000", "w00000#2"]
    assert read.values == [5, 77]
    assert event.repeats == (("w00000-Avg", "77"), ("w00000-Flag", "N"))


def test_unknown_codes_are_kept_under_their_own_name_and_counted() -> None:
    event = message("DataTime=20240520210600;Nh3-scr-Rtd=4.5;A21026-Rtd=1;a21026-RealOrigin=2")
    assert event.unknown_codes == ("Nh3-scr",)
    (read,) = event.contents()
    assert isinstance(read, Readings)
    assert [(c.code, c.quantity, c.statistic) for c in read.shape.channels] == [
        ("Nh3-scr", "nh3-scr", "rtd"),
        ("a21026", "so2", "rtd"),
        ("a21026", "so2", "realorigin"),
    ]


def test_three_digit_codes_depend_on_the_system() -> None:
    assert readings("DataTime=20240520210600;101-Rtd=1", st="32").shape.channels[0].quantity == "tp"
    assert readings("DataTime=20240520210600;101-Rtd=1", st="31").shape.channels[0].quantity == "101"


def test_facility_states_are_readings() -> None:
    read = readings("DataTime=20240520210600;SB1-RS=1;SB2-RS=0", cn="2021")
    assert [(c.code, c.quantity, c.statistic) for c in read.shape.channels] == [
        ("SB1", "run_state", "rtd"),
        ("SB2", "run_state", "rtd"),
    ]
    hours = readings("DataTime=20240520000000;SB1-RT=23.5", cn="2041")
    assert tuple(hours.shape.channels[0]) == ("SB1", "run_time", "cou", "h", 86400)


def test_power_meter_suffixes_are_quantities() -> None:
    read = readings("DataTime=20240520210600;100003-Ua=222.0,100003-Pt=18,100003-Ept=4.5,100003-Flag=N", st="80")
    assert [tuple(channel) for channel in read.shape.channels] == [
        ("100003-Ua", "voltage_a", "rtd", "V", 0),
        ("100003-Pt", "power", "rtd", "kW", 0),
        ("100003-Ept", "energy", "total", "kWh", 0),
    ]


def test_position_comes_beside_its_readings() -> None:
    values, position = message("DataTime=20240520210600;lng-Rtd=114.3;lat-Rtd=30.5;a80001-Rtd=36").contents()
    assert isinstance(values, Readings)
    assert isinstance(position, Position)
    assert (position.latitude_deg, position.longitude_deg, position.speed_m_s) == (30.5, 114.3, 10.0)


@pytest.mark.parametrize(
    ("cp", "names"),
    [
        ("DataTime=20240520210600000;a21026-Rtd=1", ("data_time_milliseconds",)),
        ("DataTime=202405202106;a21026-Rtd=1", ("data_time_malformed",)),
        ("DataTime=20241320210600;a21026-Rtd=1", ("data_time_malformed",)),
        ("DataTime=20240520210600;a21026-Rtd=1;", ("trailing_separator",)),
        ("DataTime=20240520210600;;a21026-Rtd=1", ("empty_item",)),
        ("DataTime=20240520210600;a21026-Rtd=1;junk", ("bare_item",)),
        ("DataTime=20240520210600,a21026-Rtd=1", ()),
        ("DataTime=20240520210600;a21026-Avg=1", ("statistic_under_other_command",)),
    ],
)
def test_oddities_of_the_data_are_named(cp: str, names: tuple[str, ...]) -> None:
    event = message(cp)
    assert event.deviations == names
    (read,) = event.contents()
    assert isinstance(read, Readings)
    assert read.values == [1.0]


def test_i_codes_are_parameters_states_logs_and_readings() -> None:
    event = message(
        "DataTime=20240520210600;PolId=w01018;i13001-Info=1000;i13007-Info=0.5;i12001-Info=1;i33101-Info=25.5;"
        "i11001-Info=//门开,断电;恢复=1//;i19999-Info=7",
        cn="3020",
    )
    assert list(event.contents()) == [
        Parameter(event.mn, AT_US, "w01018", "range_high", "1000"),
        Parameter(event.mn, AT_US, "w01018", "intercept", "0.5"),
        Notice(event.mn, AT_US, "analyser_status", "w01018", "maintenance", {"code": "i12001", "value": "1"}),
        Readings(event.mn, AT_US, event_shape(event), [25.5], "N"),
        Notice(event.mn, AT_US, "analyser_log", "w01018", "门开,断电;恢复=1", {"code": "i11001"}),
        Parameter(event.mn, AT_US, "w01018", "i19999", "7"),
    ]


def event_shape(event: Message) -> object:
    return next(content.shape for content in event.contents() if isinstance(content, Readings))


def test_serial_sent_unasked_is_a_replacement() -> None:
    unasked = list(message("PolId=w01018;w01018-SN=010000A8", cn="3019", flag=5).contents())
    assert [type(content) for content in unasked] == [Parameter, Notice]
    assert unasked[1].kind == "analyser_replaced"  # type: ignore[union-attr]
    asked = list(message("PolId=w01018;w01018-SN=010000A8", cn="3019", flag=4).contents())
    assert [type(content) for content in asked] == [Parameter]


@pytest.mark.parametrize(
    ("cn", "cp", "kind"),
    [
        ("2081", "DataTime=20240520210600;RestartTime=20240519210600", "restart"),
        ("2072", "AlarmTime=20240520210600;011-Ala=3.5;AlarmType=1", "alarm"),
        ("2073", "DataTime=20240520210600;POW-RT=1", "power"),
        ("1013", "PolId=w01018", "clock_request"),
        ("1011", "SystemTime=20240520210600", "clock"),
        ("3015", "DataTime=20240520210600;VaseNo=3", "sample_kept"),
    ],
)
def test_what_a_station_reports_about_itself_is_a_notice(cn: str, cp: str, kind: str) -> None:
    (content,) = message(cp, cn=cn).contents()
    assert isinstance(content, Notice)
    assert content.kind == kind


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014", "9015", "8013", "9021", "4711"])
def test_answers_heartbeats_and_the_unknown_contain_nothing(cn: str) -> None:
    assert list(message("DataTime=20240520210600;CON-RT=0;QnRtn=1", cn=cn).contents()) == []


def test_2062_is_hour_data_or_a_standard_check() -> None:
    assert readings("DataTime=20240520210600;w01018-Avg=5", cn="2062").shape.channels[0].interval_s == 3600
    cp = "DataTime=20240520210600;w01018-SampleRd=9.8,w01018-StandardValue=10,w01018-ResultType=1"
    values, notice = message(cp, cn="2062", flag=9).contents()
    assert isinstance(values, Readings)
    assert values.shape.channels[0].interval_s == 0
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.channel, notice.text) == ("standard_check", "w01018", "passed")


def test_json_has_numbers_where_values_are_and_text_where_flags_are() -> None:
    shown = message("DataTime=20240520210600;a21026-Rtd=12.50,a21026-Flag=N;a01012-Rtd=7;a01012-Flag=3").to_json()
    assert next(iter(shown)) == "event"
    assert shown["event"] == "message"
    assert shown["data_time"] == "2024-05-20T21:06:00+08:00"
    assert shown["fields"] == {"a21026": {"Rtd": 12.5, "Flag": "N"}, "a01012": {"Rtd": 7, "Flag": "3"}}
    assert shown["deviations"] == []
    assert shown["flag"] == 5


def test_times() -> None:
    assert time_us("20240520210600") == AT_US
    assert time_us("20240520210600", 0) == AT_US + 8 * 3600 * 1_000_000
    assert time_us("20240520210600123") == AT_US + 123_000
    assert time_us("202405202106") == AT_US
    assert time_us("20240520210600-20240520220000") == AT_US
    for text in (
        "",
        "2024",
        "20240230000000",
        "20240520250000",
        "20240520216000",
        "2024052021060x",
        "２０２４０５２０２１０６００",
    ):
        assert time_us(text) is None, text
    assert write_time(AT_US) == "20240520210600"
    assert write_qn(AT_US + 7000) == "20240520210600007"
    assert next_qn("20231231235959999") == "20240101000000000"
    assert iso(AT_US) == "2024-05-20T21:06:00+08:00"


def test_profile_shows_how_a_station_writes() -> None:
    decoder = Decoder()
    lower = frame(HEAD.format(cp="DataTime=20240520210600000;zz1-Rtd=1;", cn="2011", st="31", flag=5).encode())
    decoder.feed(lower * 3)
    shown = decoder.profiles.of("010000A8900016F000169DC0").snapshot()
    assert shown["frames"] == 3
    assert shown["edition"] == "2017"
    assert shown["crc"] == "hj212"
    assert shown["habits"] == ["trailing_separator", "data_time_milliseconds"]
    assert shown["unknown_codes"] == {"zz1": 3}
    assert shown["commands"] == {"2011": 3}


def test_memories_stay_bounded_under_made_up_names() -> None:
    held = []
    for n in range(3 * readings_memory.REMEMBERED):
        cp = f"DataTime=20240520210600;x{n}-Rtd=1;y{n}-Rtd=2"
        segment = f"ST=31;CN=2011;PW=123456;MN=M{n};Flag=5;CP=&&{cp}&&"
        (event,) = Decoder().feed(frame(segment.encode()))
        assert isinstance(event, Message)
        held.append(len(readings_memory._plans))
    assert max(held) <= readings_memory.REMEMBERED
    assert len(segment_memory._headers) <= segment_memory.REMEMBERED


def test_plan_too_long_to_be_remembered_is_read_all_the_same() -> None:
    groups = ";".join(f"{'z' * 30}{n}-Rtd={n}" for n in range(120))
    before = len(readings_memory._plans)
    event = message(f"DataTime=20240520210600;{groups}")
    assert event.numbers == [float(n) for n in range(120)]
    assert event.deviations == ("segment_over_1024",)
    assert len(readings_memory._plans) == before
