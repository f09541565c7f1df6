"""The shared checks catch what they are there for: a sound toy decoder passes, each spoilt one fails."""

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.events import BadFrame, Content, Reason
from drivers.testing import check_decoder, held_bytes

FRAMES = [b"<a1>", b"<b22>", b"<c333>"]


class Toy:
    """`<` text `>`: whatever is outside, or longer than 20 bytes, is noise."""

    LIMIT = 20

    def __init__(self) -> None:
        self.buffer = b""

    def feed(self, data: bytes) -> list[Any]:
        events: list[Any] = []
        for byte in data:
            events += self.take(bytes([byte]))
        return events

    def take(self, byte: bytes) -> list[Any]:
        if byte == b"<":
            noise, self.buffer = self.buffer, byte
            return [BadFrame(Reason.NOT_A_FRAME, noise)] if noise else []
        self.buffer += byte
        if byte == b">" and self.buffer.startswith(b"<"):
            frame, self.buffer = self.buffer, b""
            return [ToyEvent(frame)]
        if len(self.buffer) >= self.LIMIT:
            noise, self.buffer = self.buffer, b""
            return [BadFrame(Reason.OVERSIZE, noise)]
        return []

    def flush(self) -> list[Any]:
        rest, self.buffer = self.buffer, b""
        return [BadFrame(Reason.TRUNCATED, rest)] if rest else []


class ToyEvent:
    device = ""
    deviations = ()

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def contents(self) -> Iterator[Content]:
        return iter(())

    def to_json(self) -> dict[str, Any]:
        return {"event": "toy", "text": self.raw.decode("latin-1")}


class DependsOnCuts(Toy):
    def feed(self, data: bytes) -> list[Any]:
        return super().feed(data)[:2]


class LosesFramesInNoise(Toy):
    def take(self, byte: bytes) -> list[Any]:
        if byte == b"<" and self.buffer:
            byte = b"?"
        return super().take(byte)


class Raises(Toy):
    def take(self, byte: bytes) -> list[Any]:
        byte.decode("ascii")
        return super().take(byte)


class Unbounded(Toy):
    LIMIT = 1 << 30


class HandsOutTwice(Toy):
    def take(self, byte: bytes) -> list[Any]:
        return [event for event in super().take(byte) for _ in range(2)]


class PrintsNan(Toy):
    def take(self, byte: bytes) -> list[Any]:
        events = super().take(byte)
        for event in events:
            event_json = {"event": "toy", "value": float("nan")}
            if isinstance(event, ToyEvent):
                event.to_json = lambda shown=event_json: shown  # type: ignore[method-assign]
        return events


class RefusesGoodFrames(Toy):
    def take(self, byte: bytes) -> list[Any]:
        return [BadFrame(Reason.CHECKSUM, event.raw) for event in super().take(byte)]


def test_sound_decoder_passes() -> None:
    check_decoder(Toy, FRAMES)


@pytest.mark.parametrize(
    "spoilt", [DependsOnCuts, LosesFramesInNoise, Raises, Unbounded, HandsOutTwice, PrintsNan, RefusesGoodFrames]
)
def test_spoilt_decoder_is_caught(spoilt: type[Toy]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check_decoder(spoilt, FRAMES)


def test_no_frames_is_no_test() -> None:
    with pytest.raises(AssertionError, match="at least one"):
        check_decoder(Toy, [])


def test_held_bytes_follows_attributes_slots_and_containers() -> None:
    class Slotted:
        __slots__ = ("kept",)

        def __init__(self) -> None:
            self.kept = [b"12345", {"key": bytearray(7)}]

    toy = Toy()
    toy.buffer = b"123"
    toy.inner = Slotted()  # type: ignore[attr-defined]
    assert held_bytes(toy) == len(b"123") + len(b"12345") + len("key") + 7
