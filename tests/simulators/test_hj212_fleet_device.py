"""A field host behaves as the standard says: answers, repeats, keeps, sends again. Time is passed in."""

import pytest

from simulators.fleet.device import IN_FLIGHT, Device
from simulators.fleet.frames import PacketReader, frame
from simulators.fleet.messages import parse_stamp, stamp
from simulators.fleet.site import make_site

START = 1_795_327_260.0  # 2026-11-22 14:01 in China
SITE_2017, SITE_2025, SITE_2005 = make_site(5), make_site(3), make_site(1)


class Line:
    """A device, the two clocks, and what it has sent, read as packets."""

    def __init__(self, site, **settings):
        self.device = Device(site, start_s=START, **settings)
        self.now_s, self.time_s = 0.0, START
        self.connect()

    def connect(self):
        self.reader, self.sent = PacketReader(), []
        self.read(self.device.connected(now_s=self.now_s, time_s=self.time_s))

    def read(self, data):
        packets = self.reader.feed(data)
        self.sent += packets
        return packets

    def advance(self, seconds):
        self.now_s += seconds
        self.time_s += seconds
        return self.read(self.device.step(now_s=self.now_s, time_s=self.time_s))

    def next(self, cn):
        """Advance, answering everything else, until a packet of this command comes."""
        while True:
            self.acknowledge_all()
            found = [packet for packet in self.advance(1.0) if packet.cn == cn]
            if found:
                self.sent = []
                return found[0]

    def receive(self, qn, cn, body="", **header):
        fields = {"ST": "91", "CN": cn, "PW": "123456", "MN": self.device.site.mn, "Flag": "5"} | header
        text = ";".join(f"{name}={value}" for name, value in fields.items())
        data = frame(f"QN={qn};{text};CP=&&{body}&&".encode())
        return self.read(self.device.receive(data, now_s=self.now_s, time_s=self.time_s))

    def acknowledge_all(self):
        for _ in range(50):
            waiting = [packet for packet in self.sent if packet.cn.startswith(("2", "3"))]
            self.sent = []
            for packet in waiting:
                self.receive(packet.qn, "9014")
            if self.device.is_settled and not self.sent:
                return


def commands(packets):
    return [packet.cn for packet in packets]


def test_a_new_connection_reports_power_up_and_settings_once_and_asks_for_the_time():
    line = Line(SITE_2017)
    assert commands(line.sent) == ["2081", "3020", "3020", "1013"]
    assert line.sent[1].fields["i12001-Info"] == "0"
    assert float(line.sent[2].fields["i13008-Info"]) == pytest.approx(1.0, abs=0.1)
    assert parse_stamp(line.sent[0].fields["RestartTime"]) == pytest.approx(START, abs=20)
    line.acknowledge_all()
    line.device.disconnected()
    line.connect()
    assert "2081" not in commands(line.sent)
    assert "1013" in commands(line.sent)


def test_the_2005_edition_has_no_power_up_report_heartbeat_or_time_request():
    line = Line(SITE_2005)
    line.advance(3 * 3600.0)
    assert {"2011", "2051", "2061"} <= set(commands(line.sent))
    assert not {"2081", "1013", "9015", "3020"} & set(commands(line.sent))


def test_every_upload_comes_at_its_interval_with_its_own_data_time():
    line, seen = Line(SITE_2017), []
    for _ in range(26 * 60):
        line.advance(60.0)
        seen += line.sent
        line.acknowledge_all()
    times = {cn: [p.fields["DataTime"] for p in seen if p.cn == cn] for cn in ("2011", "2031", "2051", "2061")}
    assert len(times["2011"]) == pytest.approx(26 * 3600 / SITE_2017.realtime_s, abs=2)
    assert all(len(set(found)) == len(found) for found in times.values())
    assert (len(times["2051"]), len(times["2061"]), len(times["2031"])) == (156, 26, 1)
    assert times["2031"] == ["20261122000000"]
    assert all(text.endswith("0000") for text in times["2061"])
    assert all(text[-3] == "0" and text.endswith("00") for text in times["2051"])
    logs = [packet for packet in seen if "i11001-Info" in packet.fields]
    assert len(logs) >= 2  # the daily calibration began and ended


def test_an_answer_settles_a_frame_and_it_is_booked_once():
    line = Line(SITE_2017)
    upload = line.next("2011")
    line.device.acknowledged.clear()
    line.receive(upload.qn, "9014")
    line.receive(upload.qn, "9014")
    (booked,) = line.device.acknowledged
    assert (booked.qn, booked.cn) == (upload.qn, "2011")
    assert upload.qn.encode() in booked.raw


def test_without_an_answer_a_frame_is_repeated_byte_for_byte_and_then_kept():
    line = Line(SITE_2017, over_time_s=5.0, retries=2)
    line.device.is_streaming = False
    upload = line.next("2051")
    assert line.advance(4.0) == []
    assert [packet.qn for packet in line.advance(1.5)] == [upload.qn]
    assert [packet.qn for packet in line.advance(5.5)] == [upload.qn]
    assert line.device.counts.kept == 0
    line.advance(5.5)
    assert line.device.counts.kept == 1
    assert not line.device.is_settled
    line.acknowledge_all()
    assert line.device.is_settled


def test_what_a_lost_connection_left_unanswered_is_sent_again_oldest_first():
    line = Line(SITE_2017)
    line.acknowledge_all()
    line.advance(2 * 3600.0)
    left = [packet.qn for packet in line.sent if packet.cn in ("2011", "2051", "2061", "3020")]
    line.device.disconnected()
    line.connect()
    again = [packet.qn for packet in line.sent if packet.cn in ("2011", "2051", "2061", "3020")]
    assert again == left[:IN_FLIGHT]
    line.acknowledge_all()
    assert line.device.is_settled


def test_2025_sends_again_newest_first_with_the_resend_mark():
    line = Line(SITE_2025)
    line.acknowledge_all()
    line.device.disconnected()
    line.time_s += 3 * 3600.0
    line.device.step(now_s=line.now_s, time_s=line.time_s)
    line.connect()
    again = [packet for packet in line.sent if packet.fields.get("RF") == "1" and packet.cn == "2051"]
    times = [packet.fields["DataTime"] for packet in again]
    assert len(times) > 10
    assert times == sorted(times, reverse=True)


def test_real_time_data_of_an_outage_are_lost_and_period_data_are_not():
    line = Line(SITE_2017)
    line.acknowledge_all()
    line.device.disconnected()
    line.time_s += 3600.0
    line.device.step(now_s=line.now_s, time_s=line.time_s)
    line.connect()
    line.acknowledge_all()
    counted = [packet.cn for packet in line.device.acknowledged]
    assert counted.count("2051") == 6
    assert counted.count("2011") == 0


def test_2025_beats_every_minute_and_is_content_with_9013():
    line = Line(SITE_2025)
    line.acknowledge_all()
    beats = [packet for packet in line.advance(61.0) if packet.cn == "9015"]
    assert len(beats) == 1
    assert beats[0].fields["Flag"] == "9"
    assert line.receive(beats[0].qn, "9013") == []


@pytest.mark.parametrize(
    ("cn", "body", "expected"),
    [
        ("1061", "", {"RtdInterval": str(SITE_2017.realtime_s)}),
        ("1063", "", {"MinInterval": "10"}),
        ("1011", "", {"SystemTime": stamp(START + Device(SITE_2017, start_s=START).clock_error_s)}),
        ("3019", "PolId=w01018", {"PolId": "w01018"}),
        ("3020", "PolId=w01018;InfoId=i13001", {"i13001-Info": "200.0"}),
        ("3020", "PolId=w01018;InfoId=i12001", {"i12001-Info": "0"}),
    ],
)
def test_a_reading_is_answered_with_9011_the_value_and_9012_under_the_requests_qn(cn, body, expected):
    line = Line(SITE_2017)
    line.acknowledge_all()
    replies = line.receive("20261122140100123", cn, body)
    assert commands(replies) == ["9011", cn, "9012"]
    assert {packet.qn for packet in replies} == {"20261122140100123"}
    assert replies[0].fields["QnRtn"] == replies[2].fields["ExeRtn"] == "1"
    assert expected.items() <= replies[1].fields.items()


@pytest.mark.parametrize(
    ("cn", "header", "code"),
    [("1011", {"PW": "000000"}, "3"), ("1011", {"MN": "X"}, "4"), ("3021", {}, "8"), ("7777", {}, "8")],
)
def test_a_request_that_is_not_for_us_is_refused_with_its_code(cn, header, code):
    line = Line(SITE_2017)
    line.acknowledge_all()
    replies = line.receive("20261122140100123", cn, **header)
    assert commands(replies) == ["9011"]
    assert replies[0].fields["QnRtn"] == code


def test_the_2005_edition_refuses_what_it_does_not_know_with_its_own_code_and_qn_in_cp():
    line = Line(SITE_2005)
    (reply,) = line.receive("20261122140100123", "3020", "PolId=011;InfoId=i13001")
    assert (reply.cn, reply.fields["QnRtn"], reply.qn) == ("9011", "2", "20261122140100123")


def test_history_comes_as_uploads_under_their_own_qn_and_ends_with_9012_after_the_last_answer():
    line = Line(SITE_2017)
    line.acknowledge_all()
    request = "20261122140100777"
    replies = line.receive(request, "2051", "BeginTime=20261122000000;EndTime=20261122060000")
    assert commands(replies) == ["9011", *["2051"] * IN_FLIGHT]
    data = []
    for _ in range(60):
        data += [packet for packet in line.sent if packet.cn == "2051"]
        waiting, line.sent = [p for p in line.sent if p.cn == "2051"], []
        for packet in waiting:
            line.receive(packet.qn, "9014")
        if any(packet.cn == "9012" for packet in line.sent):
            break
    (last,) = [packet for packet in line.sent if packet.cn == "9012"]
    assert (last.qn, last.fields["ExeRtn"]) == (request, "1")
    assert [packet.fields["DataTime"] for packet in data] == [
        f"20261122{hour:02d}{minute:02d}00" for hour in range(6) for minute in range(0, 60, 10)
    ] + ["20261122060000"]
    assert request not in {packet.qn for packet in data}


def test_a_history_answer_repeats_what_was_uploaded():
    line = Line(SITE_2017)
    line.acknowledge_all()
    line.advance(1200.0)
    upload = next(packet for packet in line.sent if packet.cn == "2051")
    line.acknowledge_all()
    begin = upload.fields["DataTime"]
    again = line.receive("20261122140100777", "2051", f"BeginTime={begin};EndTime={begin}")[1]
    assert again.fields | {"QN": ""} == upload.fields | {"QN": ""}


def test_history_without_data_ends_with_100_and_a_second_exchange_finds_the_device_busy():
    line = Line(SITE_2017)
    line.acknowledge_all()
    replies = line.receive("20261122140100777", "2061", "BeginTime=20301122000000;EndTime=20301122060000")
    assert [packet.fields.get("ExeRtn") for packet in replies] == [None, "100"]
    line.receive("20261122140100778", "2061", "BeginTime=20261121000000;EndTime=20261122000000")
    replies = line.receive("20261122140100779", "2061", "BeginTime=20261121000000;EndTime=20261122000000")
    assert [packet.fields.get("ExeRtn") for packet in replies if packet.qn.endswith("779")] == [None, "5"]


def test_setting_the_clock_and_the_intervals_takes_effect():
    line = Line(SITE_2017)
    line.acknowledge_all()
    line.receive("20261122140100123", "1012", f"SystemTime={stamp(START)}")
    assert line.device.here_s(START) == START
    line.receive("20261122140100124", "1062", "RtdInterval=120")
    line.receive("20261122140100125", "1064", "MinInterval=5")
    assert (line.device.site.realtime_s, line.device.site.minute_s) == (120, 300)
    line.sent = []
    line.advance(600.0)
    assert commands(line.sent).count("2051") == 2
    assert commands(line.sent).count("2011") == 5
    refused = line.receive("20261122140100126", "1064", "MinInterval=7")
    assert refused[-1].fields["ExeRtn"] == "3"


def test_real_time_data_stop_and_start_on_request():
    line = Line(SITE_2017)
    line.acknowledge_all()
    assert commands(line.receive("20261122140100123", "2012")) == ["9013"]
    assert "2011" not in commands(line.advance(300.0))
    assert commands(line.receive("20261122140100124", "2011")) == ["9011", "9012"]
    assert "2011" in commands(line.advance(60.0))


def test_a_repeating_device_sends_some_frames_twice():
    line = Line(make_site(17))
    assert "repeats" in line.device.site.habits
    line.device.over_time_s = 1e9
    line.advance(24 * 3600.0)
    qns = [packet.qn for packet in line.sent if packet.cn == "2011"]
    share = 1.0 - len(set(qns)) / len(qns)
    assert 0.02 < share < 0.15


def test_the_wait_is_exactly_until_the_next_thing_to_do():
    line = Line(SITE_2017, over_time_s=5.0)
    wait_s = line.device.wait_s(now_s=line.now_s, time_s=line.time_s, speed=1.0)
    assert 0.0 < wait_s <= 5.0
    line.acknowledge_all()
    wait_s = line.device.wait_s(now_s=line.now_s, time_s=line.time_s, speed=1.0)
    assert line.advance(wait_s - 0.01) == []
    assert line.advance(0.02) != []
    fast = line.device.wait_s(now_s=line.now_s, time_s=line.time_s, speed=60.0)
    assert fast <= 1.0
