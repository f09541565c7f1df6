import pytest

from drivers.environment.hj212 import Edition
from drivers.errors import EncodeError
from gateway.sources.hj212_requests import KINDS, request_of

NOW_US = 1_788_000_000_000_000
EXAMPLES = {
    "get_clock": ({}, "1011", ()),
    "set_clock": ({}, "1012", ("SystemTime=20260829184000",)),
    "get_real_time_interval": ({}, "1061", ()),
    "set_real_time_interval": ({"seconds": "60"}, "1062", ("RtdInterval=60",)),
    "get_minute_interval": ({}, "1063", ()),
    "set_minute_interval": ({"minutes": 10}, "1064", ("MinInterval=10",)),
    "set_timeout": ({"seconds": 5, "retries": 3}, "1000", ("OverTime=5", "ReCount=3")),
    "start_real_time": ({}, "2011", ()),
    "stop_real_time": ({}, "2012", ()),
    "start_facility_state": ({}, "2021", ()),
    "stop_facility_state": ({}, "2022", ()),
    "history": (
        {"interval": "hour", "begin": "2026-08-01T00:00", "end": "2026-08-01T05:00+08:00"},
        "2061",
        ("BeginTime=20260801000000", "EndTime=20260801050000"),
    ),
    "get_serial": ({"pol_id": "a21026"}, "3019", ("PolId=a21026",)),
    "get_information": ({"pol_id": "a21026", "info_id": "i13007"}, "3020", ("PolId=a21026", "InfoId=i13007")),
    "get_log": (
        {"pol_id": "a21026", "info_id": "i11001", "begin": "2026-08-01", "end": "2026-08-02"},
        "3020",
        ("PolId=a21026", "InfoId=i11001", "BeginTime=20260801000000,EndTime=20260802000000"),
    ),
    "keep_sample": ({}, "3015", ()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_its_command(kind: str) -> None:
    data, cn, groups = EXAMPLES[kind]
    request = request_of({"kind": kind, **data}, now_us=NOW_US, edition=Edition.HJ2017)
    assert (request.cn, request.groups) == (cn, groups)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"kind": "calibrate"}, "no request of kind 'calibrate'"),
        ({}, "no request of kind"),
        ({"kind": "history", "interval": "hour", "begin": "2026-08-01"}, "'end'"),
        ({"kind": "history", "interval": "week", "begin": "2026-08-01", "end": "2026-08-02"}, "'week'"),
        ({"kind": "history", "interval": "hour", "begin": "soon", "end": "2026-08-02"}, "soon"),
        ({"kind": "set_minute_interval", "minutes": "seven"}, "seven"),
    ],
)
def test_what_cannot_be_asked_is_said(data: dict[str, str], text: str) -> None:
    with pytest.raises(EncodeError, match=text):
        request_of(data, now_us=NOW_US, edition=Edition.HJ2017)
