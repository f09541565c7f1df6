"""Which history to ask a device for: pure planning on times in microseconds of UTC."""

US = 1_000_000
LONGEST_REQUEST_S = 86_400  # a day a request: what a logger can answer in one go
SETTLE_INTERVALS = 2  # the latest intervals may still be on their way


def missing_history(
    gaps: list[tuple[int, int]], *, interval_s: int, since_us: int, until_us: int
) -> list[tuple[int, int]]:
    """Ranges [first, last] of interval starts to ask for, ends included, oldest first.

    `gaps` are the stretches [start, end) without data between `since_us` and `until_us`. One that begins with the
    window is left out: it is the time before the device was there, or was looked at already.
    """
    step_us = interval_s * US
    settled_us = until_us - SETTLE_INTERVALS * step_us
    longest_us = LONGEST_REQUEST_S * US
    ranges = []
    for start, end in gaps:
        if start <= since_us:
            continue
        last = min(end, settled_us) - step_us
        while start <= last:
            stop = min(last, start + longest_us - step_us)
            ranges.append((start, stop))
            start = stop + step_us
    return ranges
