from drivers.events import BadFrame, Notice
from gateway.gateway_notice import GatewayNotice, decode_notice
from gateway.records import count_records


def test_a_notice_is_the_same_again_after_the_spool() -> None:
    notice = GatewayNotice("MN1", "second_address", 1_700_000_000_000_000, {"peer": "10.0.0.1:5", "名": "二"})
    assert decode_notice(notice.raw) == notice
    [content] = notice.contents()
    assert content == Notice("MN1", notice.time_us, "second_address", detail=notice.detail)
    assert count_records(notice.delivery(source="hj212", peer="")) == 1


def test_what_is_no_notice_is_a_bad_frame() -> None:
    for raw in (b"", b"[]", b"{}", b"\xff", b'{"device": 1}'):
        assert isinstance(decode_notice(raw), BadFrame)
