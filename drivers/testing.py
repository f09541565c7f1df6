"""Checks that every decoder passes, to be called from its tests and by the shared contract test.

    check_decoder(DRIVER, [frame, frame, …])

feeds good frames whole, byte by byte, split at random and with noise around, then damaged and random bytes, and asserts
that the events do not depend on how the bytes were cut, that noise never costs a good frame, that nothing raises, that
every event prints as JSON, that no byte comes out twice and that the buffer stays bounded. Each check is also a
function of its own, for protocols to which one of them cannot apply (say which and why in the test).
"""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from drivers import Driver
from drivers.events import BadFrame, Decoder

Factory = Driver | Callable[[], Decoder]

NOISE: tuple[bytes, ...] = (
    b"\r\n",
    b"\x00\xff\x00",
    b"GET / HTTP/1.0\r\n\r\n",
    b"AT+CSQ\r\r\nOK\r\n",
    b"\x7f\x80\x81\xfe",
)
"""Line noise, an internet scanner and a modem's echo: what a field line carries besides frames."""

MAX_BUFFER_BYTES = 64 * 1024
"""No field protocol has a frame longer than this; a decoder that holds more is unbounded in practice."""


def make(decoder: Factory) -> Decoder:
    """A fresh decoder of the driver, or from the factory."""
    return decoder.decoder() if isinstance(decoder, Driver) else decoder()


def check_decoder(
    decoder: Factory,
    frames: Iterable[bytes],
    *,
    noise: Sequence[bytes] = NOISE,
    max_buffer_bytes: int = MAX_BUFFER_BYTES,
    seed: int = 212,
) -> None:
    """All checks below, on good `frames`."""
    good = [bytes(frame) for frame in frames]
    check_good_frames(decoder, good)
    check_any_split(decoder, good, seed=seed)
    check_noise(decoder, good, noise=noise)
    check_damage(decoder, good, seed=seed)
    check_random_bytes(decoder, seed=seed)
    check_bounded_buffer(decoder, good, max_buffer_bytes=max_buffer_bytes)


def check_good_frames(decoder: Factory, frames: Sequence[bytes]) -> None:
    """Each frame by itself, to a fresh decoder, gives events and no `BadFrame`; `raw` is part of what was fed."""
    assert frames, "a driver needs at least one example frame"
    for frame in frames:
        events = run(make(decoder), [frame])
        assert events, f"no event from {frame!r}"
        for event in events:
            assert not isinstance(event, BadFrame), f"{event.reason} ({event.detail}) from {frame!r}"
            assert event.raw in frame, f"raw {event.raw!r} is not in {frame!r}"


def check_any_split(decoder: Factory, frames: Sequence[bytes], *, seed: int = 212, rounds: int = 20) -> None:
    """The same bytes give the same events, however they are cut."""
    stream = b"".join(frames)
    whole = printed(run(make(decoder), [stream]))
    assert printed(run(make(decoder), [stream[i : i + 1] for i in range(len(stream))])) == whole
    rng = random.Random(seed)
    for _ in range(rounds):
        assert printed(run(make(decoder), random_pieces(stream, rng))) == whole


def check_noise(decoder: Factory, frames: Sequence[bytes], *, noise: Sequence[bytes] = NOISE) -> None:
    """Every good frame comes out, once and in order, with any `noise` before, between and after."""
    expected = printed(good_events(run(make(decoder), frames)))
    for junk in noise:
        pieces = [junk]
        for frame in frames:
            pieces += [frame, junk]
        assert printed(good_events(run(make(decoder), pieces))) == expected, f"a good frame is lost in noise {junk!r}"


def check_damage(decoder: Factory, frames: Sequence[bytes], *, seed: int = 212, rounds: int = 40) -> None:
    """Damaged frames never raise and never come out longer than they went in."""
    rng = random.Random(seed)
    for _ in range(rounds):
        run(make(decoder), random_pieces(b"".join(damaged(frame, rng) for frame in frames), rng))


def check_random_bytes(decoder: Factory, *, seed: int = 212, rounds: int = 20, size: int = 4096) -> None:
    """Random bytes never raise."""
    rng = random.Random(seed)
    for _ in range(rounds):
        run(make(decoder), random_pieces(rng.randbytes(rng.randrange(1, size)), rng))


def check_bounded_buffer(
    decoder: Factory, frames: Sequence[bytes], *, max_buffer_bytes: int = MAX_BUFFER_BYTES, total: int = 1 << 17
) -> None:
    """Endless input that never completes a frame does not make the decoder hold more than `max_buffer_bytes`."""
    heads = [frame[: max(1, len(frame) // 2)] for frame in frames]
    for piece in [b"\x00" * 997, b"#" * 997, b"A" * 997, *(head * (1 + 997 // len(head)) for head in heads[:8])]:
        subject = make(decoder)
        for n in range(1 + total // len(piece)):
            subject.feed(piece)
            if (
                n % 32 == 31
            ):  # often enough to see growth; walking the decoder each time would take the time of the test
                held = held_bytes(subject)
                assert held <= max_buffer_bytes, f"holds {held} bytes of {piece[:20]!r}…"


def run(decoder: Decoder, pieces: Iterable[bytes]) -> list[Any]:
    """Feed and flush; assert on the way what holds for any input at all."""
    events: list[Any] = []
    fed = 0
    for piece in pieces:
        fed += len(piece)
        events += decoder.feed(piece)
        assert sum(len(event.raw) for event in events) <= fed, "more bytes came out than went in"
    events += decoder.flush()
    assert sum(len(event.raw) for event in events) <= fed, "more bytes came out than went in"
    for event in events:
        json.dumps(event.to_json(), allow_nan=False)
        if not isinstance(event, BadFrame):
            list(event.contents())
    return events


def good_events(events: Iterable[Any]) -> list[Any]:
    return [event for event in events if not isinstance(event, BadFrame)]


def printed(events: Iterable[Any]) -> list[str]:
    """Events as comparable text: everything that `gateway decode` would show, and the bytes."""
    return [json.dumps(event.to_json(), sort_keys=True, default=str) + event.raw.hex() for event in events]


def random_pieces(stream: bytes, rng: random.Random) -> list[bytes]:
    """`stream` cut at random places, empty pieces included."""
    cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(1, 12)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def damaged(frame: bytes, rng: random.Random) -> bytes:
    """`frame` with bytes changed, lost, doubled or cut off."""
    data = bytearray(frame)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0 if at < len(data):
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 4)]
            case 2:
                data[at:at] = data[at : at + rng.randrange(1, 9)]
            case _ if rng.random() < 0.3:
                del data[at:]
    return bytes(data)


def held_bytes(thing: Any, seen: set[int] | None = None) -> int:
    """Bytes and characters reachable from `thing` through attributes and containers. [B]"""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, type) or callable(thing):
        return 0
    seen.add(id(thing))
    if isinstance(thing, bytes | bytearray | memoryview | str):
        return len(thing)
    children: list[Any] = []
    if isinstance(thing, dict):
        children = [*thing.keys(), *thing.values()]
    elif hasattr(thing, "__iter__") and hasattr(thing, "__len__"):
        children = list(thing)
    for owner in type(thing).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        children += [getattr(thing, name) for name in names if name[:2] != "__" and hasattr(thing, name)]
    children += list(getattr(thing, "__dict__", {}).values())
    return sum(held_bytes(child, seen) for child in children)
