"""HJ 212 that comes in pieces: data loggers and DTUs cut the bytes of a serial line where they like.

    message 1   ##0123QN=…;CP=&&DataTime=…      ─┐ one frame
    message 2   …;a21026-Rtd=12.5,…&&A1B2\\r\\n  ─┘
    message 3   ##…&&1234\\r\\n##…&&5678\\r\\n        two frames

Each topic is a line of its own. Its decoder is kept only while a frame has begun and not ended, so memory is bounded:
`MAX_OPEN` of them, each with one frame. When so many wait, a further message is taken as it is, whole. A message that
ends like a frame is whole too: what is damaged in it is not waited for. Two devices that send pieces on one topic at
the same time cannot be told apart; what comes of that are bad frames.

No clock: who waits for the rest, and for how long, is the caller's business (`pending`, `give_up`).
"""

import re
from collections.abc import Callable
from typing import Any

MARK = b"##"
MAX_OPEN = 1_000
_TAIL = re.compile(rb"(?<!CP=)&&;?[0-9A-Fa-f]{4}(?:\r\n?|\n|\*\*)?\Z")
_OTHERS = (b"{", b"[", b"<")  # JSON and XML begin so, and no piece of HJ 212 that we know of


class Streams:
    """The lines, by topic. `new_decoder` makes HJ 212 decoders; what it makes must know its `pending` bytes."""

    def __init__(self, new_decoder: Callable[[], Any], *, max_open: int = MAX_OPEN) -> None:
        self._new_decoder = new_decoder
        self._max_open = max_open
        self._open: dict[str, Any] = {}  # decoders in the middle of a frame

    def __len__(self) -> int:
        return len(self._open)

    def is_next(self, topic: str, payload: bytes) -> bool:
        """Whether a message on a topic that tells nothing is HJ 212: a frame, or the rest of one."""
        return payload.startswith(MARK) or (topic in self._open and not payload.startswith(_OTHERS))

    def feed(self, topic: str, payload: bytes) -> list[Any]:
        """Events and bad frames that this message completes; a message without a topic is whole."""
        decoder = self._open.pop(topic, None) or self._new_decoder()
        events: list[Any] = decoder.feed(payload)
        is_whole = not topic or not decoder.pending or _TAIL.search(payload) is not None
        if is_whole or len(self._open) >= self._max_open:
            events += decoder.flush()
        else:
            self._open[topic] = decoder
        return events

    def pending(self, topic: str) -> int:
        """How many bytes of this topic wait for the rest of their frame."""
        decoder = self._open.get(topic)
        return 0 if decoder is None else decoder.pending

    def give_up(self, topic: str) -> list[Any]:
        """The rest does not come: what waits, as bad frames or as what can be made of it."""
        decoder = self._open.pop(topic, None)
        return [] if decoder is None else decoder.flush()

    def flush(self) -> list[Any]:
        """Give all of them up."""
        return [event for topic in list(self._open) for event in self.give_up(topic)]

    def forget(self) -> None:
        """What waits will come again from its beginning."""
        self._open.clear()
