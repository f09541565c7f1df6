"""Sites are put together into buckets, whichever of them have no series."""

import pytest

from analysis.dataset.partitions import BUCKET_SERIES, _buckets


@pytest.mark.parametrize(
    ("series_per_site", "buckets"),
    [
        ([], []),
        ([0, 3], [[0, 1]]),
        ([0, 0], [[0, 1]]),
        ([BUCKET_SERIES, 1, 0], [[0], [1, 2]]),
        ([1, BUCKET_SERIES + 5, 1], [[0], [1], [2]]),
    ],
)
def test_every_site_is_in_one_bucket_also_a_first_one_without_series(
    series_per_site: list[int], buckets: list[list[int]]
) -> None:
    assert _buckets(series_per_site) == buckets
