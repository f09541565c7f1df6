from gateway.sources.history_gaps import US, missing_history

HOUR = 3_600
DAY = 24


def hours(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
    return [(start * HOUR * US, end * HOUR * US) for start, end in pairs]


def plan(gaps: list[tuple[int, int]], *, until: int) -> list[tuple[int, int]]:
    ranges = missing_history(hours(*gaps), interval_s=HOUR, since_us=0, until_us=until * HOUR * US)
    return [(start // HOUR // US, stop // HOUR // US) for start, stop in ranges]


def test_a_gap_is_asked_for_from_its_first_to_its_last_interval() -> None:
    assert plan([(5, 8)], until=20) == [(5, 7)]
    assert plan([(5, 6), (9, 11)], until=20) == [(5, 5), (9, 10)]


def test_the_latest_intervals_are_left_to_come_by_themselves() -> None:
    assert plan([(5, 20)], until=20) == [(5, 17)]
    assert plan([(18, 20)], until=20) == []


def test_the_time_before_the_device_was_there_is_not_asked_for() -> None:
    assert plan([(0, 4), (6, 7)], until=20) == [(6, 6)]


def test_a_long_gap_is_asked_for_a_day_at_a_time() -> None:
    assert plan([(1, 60)], until=100) == [(1, DAY), (DAY + 1, 2 * DAY), (2 * DAY + 1, 59)]
