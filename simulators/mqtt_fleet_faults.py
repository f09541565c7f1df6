"""What happens to messages on their way: doubled, out of order, late by days, from a clock that jumped, rubbish kept.

Each fault takes an iterator of messages and gives one back; they can be put behind each other. None of them loses a
message: what went in comes out at least once, unless it is rubbish that the fault itself has added.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from simulators.mqtt_fleet import Outgoing

DAY_S = 86_400.0

RUBBISH = (
    b"", b"null", b"{", b"\x00\xff\xfe", b"[" * 2_000, b'{"v":{"a21026":NaN}}', b'{"v":{"a21026":1e999}}',
    b'{"t":"soon"}',
    "烟尘".encode("gb18030"), b'{"t":"2026-01-01T00:00:00Z","id":"somebody-else","v":{"a21026":1}}',
)  # fmt: skip


def doubled(messages: Iterable[Outgoing], *, rng: Random, share: float = 0.2, most: int = 4) -> Iterator[Outgoing]:
    """Some messages come again, at once: a device that did not see its PUBACK."""
    for message in messages:
        yield message
        if rng.random() < share:
            for _ in range(rng.randrange(1, most)):
                yield replace(message, is_repeated=True)


def reordered(messages: Iterable[Outgoing], *, rng: Random, depth: int = 8) -> Iterator[Outgoing]:
    """Messages overtake each other within `depth`."""
    waiting: list[Outgoing] = []
    for message in messages:
        waiting.append(message)
        if len(waiting) > depth:
            yield waiting.pop(rng.randrange(len(waiting)))
    rng.shuffle(waiting)
    yield from waiting


def held_back(messages: Iterable[Outgoing], *, from_s: float, until_s: float) -> Iterator[Outgoing]:
    """A line is down from … until: what was made meanwhile is sent when it is back, oldest first."""
    waiting: list[Outgoing] = []
    for message in messages:
        if from_s <= message.at_s < until_s:
            waiting.append(replace(message, at_s=until_s))
            continue
        yield from waiting
        waiting.clear()
        yield message
    yield from waiting


def with_rubbish(messages: Iterable[Outgoing], *, rng: Random, share: float = 0.05) -> Iterator[Outgoing]:
    """Bodies that no decoder takes, some of them retained, between the good ones."""
    for message in messages:
        if rng.random() < share:
            yield replace(message, payload=rng.choice(RUBBISH), is_retained=rng.random() < 0.3)
        yield message


def clock_jumped(messages: Iterable[Outgoing], *, years: int, from_s: float) -> Iterator[Outgoing]:
    """From some moment on the device's clock is wrong by years: the year in its RFC 3339 times is another."""
    for message in messages:
        if message.at_s < from_s:
            yield message
            continue
        payload = message.payload
        for year in (b"2025", b"2026", b"2027"):
            payload = payload.replace(b'"t":"' + year, b'"t":"%d' % (int(year) + years))
        yield replace(message, payload=payload)
