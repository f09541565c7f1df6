import pytest

from gateway.sources.connection_limits import ConnectionLimits, Limits

LIMITS = Limits(max_frames_per_s=10.0, max_bad_frames=3, idle_s=60.0, first_frame_s=20.0, burst_s=2.0)


def test_a_burst_passes_and_then_reading_pauses_to_the_rate() -> None:
    limits = ConnectionLimits(LIMITS, now_s=0.0)
    assert limits.received(good=20, bad=0, now_s=0.0) == 0.0
    assert limits.received(good=5, bad=0, now_s=0.0) == pytest.approx(0.5)
    assert limits.received(good=0, bad=0, now_s=1.0) == 0.0
    assert limits.received(good=25, bad=0, now_s=100.0) == pytest.approx(0.5)  # no more than a burst is saved up


def test_bad_frames_in_a_row_close_and_a_good_one_forgives() -> None:
    limits = ConnectionLimits(LIMITS, now_s=0.0)
    limits.received(good=0, bad=3, now_s=1.0)
    assert limits.why_close(now_s=1.0) is None
    limits.received(good=1, bad=0, now_s=1.0)
    limits.received(good=0, bad=3, now_s=1.0)
    assert limits.why_close(now_s=1.0) is None
    limits.received(good=0, bad=1, now_s=1.0)
    assert limits.why_close(now_s=1.0) == "bad_frames"


def test_half_open_and_idle_connections_are_closed_in_time() -> None:
    silent = ConnectionLimits(LIMITS, now_s=0.0)
    assert silent.why_close(now_s=20.0) is None
    assert silent.why_close(now_s=20.1) == "no_frame"
    idle = ConnectionLimits(LIMITS, now_s=0.0)
    idle.received(good=1, bad=0, now_s=5.0)
    assert idle.why_close(now_s=65.0) is None
    assert idle.why_close(now_s=65.1) == "idle"
