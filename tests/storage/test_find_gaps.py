"""The grid of `find_gaps`, against a plain loop."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.storage.gaps import find_gaps

SECOND_US = 1_000_000


def naive(times: list[int], *, step: int, since: int, until: int, offset: int) -> list[tuple[int, int]]:
    gaps: list[tuple[int, int]] = []
    start = since + (offset - since) % step
    while start + step <= until:
        if not any(start <= time < start + step for time in times):
            if gaps and gaps[-1][1] == start:
                gaps[-1] = (gaps[-1][0], start + step)
            else:
                gaps.append((start, start + step))
        start += step
    return gaps


@given(
    times=st.lists(st.integers(-50, 150)),
    interval_s=st.integers(1, 20),
    since=st.integers(-60, 100),
    length=st.integers(0, 100),
    offset=st.integers(-30, 30),
)
def test_gaps_agree_with_a_plain_loop(times: list[int], interval_s: int, since: int, length: int, offset: int) -> None:
    found = find_gaps(
        [time * SECOND_US for time in times],
        interval_s=interval_s,
        since_us=since * SECOND_US,
        until_us=(since + length) * SECOND_US,
        offset_us=offset * SECOND_US,
    )
    expected = naive(times, step=interval_s, since=since, until=since + length, offset=offset)
    assert found == [(start * SECOND_US, end * SECOND_US) for start, end in expected]


def test_an_empty_span_has_no_gaps() -> None:
    assert find_gaps([], interval_s=60, since_us=0, until_us=0) == []
