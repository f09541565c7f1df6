"""Binary COPY, read back by the server."""

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from gateway.storage.copy_binary import Values, encode_raw_frames, encode_values, raw_frame_row, storable
from gateway.storage.sql import query
from tests.storage.frames import NOW_US

pytestmark = pytest.mark.database


def moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def test_values_come_back_as_they_went(postgres_dsn: str) -> None:
    numbers = [1.5, np.nan, -0.0, 5e-324, 1.7976931348623157e308]
    rows = Values(
        series_ids=np.arange(1, 6, dtype=np.int32),
        times_us=np.array([NOW_US + 1, -1, 0, 1, 2], dtype=np.int64),
        values=np.array(numbers),
        flags=np.frombuffer(b"NDTM*", dtype=np.uint8),
        received_us=np.full(5, NOW_US, dtype=np.int64),
    )
    with psycopg.connect(postgres_dsn) as connection:
        with connection.cursor().copy(query("copy_observations")) as copy:
            copy.write(encode_values(rows))
        found = connection.execute(
            "SELECT series_id, time, value, flag, received_at FROM observation ORDER BY series_id"
        ).fetchall()
    expected_values = [None if number != number else number for number in numbers]
    assert [row[2] for row in found] == expected_values
    assert [row[0] for row in found] == [1, 2, 3, 4, 5]
    assert [row[1] for row in found] == [moment(int(time)) for time in rows.times_us]
    assert [row[3] for row in found] == ["N", "D", "T", "M", "*"]
    assert {row[4] for row in found} == {moment(NOW_US)}


def test_raw_frames_come_back_as_they_went(postgres_dsn: str) -> None:
    frame = bytes(range(256))
    row = raw_frame_row(
        received_us=NOW_US,
        writer_id=7,
        seq=2**40,
        position=3,
        texts=("hj212", "hj212", "[::1]:5", "故\0障", "accepted"),
        deviations=("lower_case_crc", "gbk_text"),
        sha256=b"h" * 32,
        frame=frame,
    )
    with psycopg.connect(postgres_dsn) as connection:
        with connection.cursor().copy(query("copy_raw_frames")) as copy:
            copy.write(encode_raw_frames([row]))
        found = connection.execute("SELECT device, deviations, sha256, bytes, seq, writer_id FROM raw_frame").fetchone()
    assert found == ("故\\x00障", ["lower_case_crc", "gbk_text"], b"h" * 32, frame, 2**40, 7)


@pytest.mark.parametrize(
    ("text", "stored"), [("故障", "故障"), ("a\0b", "a\\x00b"), ("\udc80", "\\udc80"), ("\U0001f6a8", "\U0001f6a8")]
)
def test_what_a_text_cannot_hold_is_written_out(text: str, stored: str) -> None:
    assert storable(text) == stored
