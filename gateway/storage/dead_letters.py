"""The dead letters: listed, decoded again, written again."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from drivers.events import BadFrame, Event
from gateway.records import Delivery
from gateway.storage.contract import Counts, DeadLetter, Decode, Replayed, Written

Write = Callable[[Sequence[Delivery]], Awaitable[Written]]


async def replay_letters(
    letters: Sequence[DeadLetter],
    *,
    decode: Decode,
    write: Write,
    mark: Callable[[Sequence[int]], Awaitable[None]],
    missing: dict[int, str],
) -> Replayed:
    """Decode each letter and write what comes out, keeping its time of arrival; `mark` notes those that are done.

    Letter by letter, so that one that fails does not hold up the others. A crash between the write and the mark makes
    the next replay find duplicates, nothing worse.
    """
    counts = Counts()
    done: list[int] = []
    failed = dict(missing)
    for letter in letters:
        events = decode(letter)
        bad = [event for event in events if isinstance(event, BadFrame)]
        if bad or not events:
            failed[letter.id] = f"{bad[0].reason}: {bad[0].detail}" if bad else "nothing came out of it"
            continue
        written = await write([_delivery(letter, event) for event in events])
        counts += written.counts
        await mark([letter.id])
        if written.counts.dead_letter:
            failed[letter.id] = "written again as a new dead letter"
        else:
            done.append(letter.id)
    return Replayed(counts=counts, replayed=tuple(done), failed=failed)


def _delivery(letter: DeadLetter, event: Event | BadFrame) -> Delivery:
    return Delivery(
        received_us=letter.received_us,
        source=letter.source,
        driver=letter.driver,
        peer=letter.peer,
        device=letter.device,
        raw=event.raw,
        event=event,
    )


def letter_of(row: dict[str, Any], *, microseconds: Callable[[Any], int]) -> DeadLetter:
    """A row of the table."""
    replayed_at = row["replayed_at"]
    return DeadLetter(
        id=row["id"],
        received_us=microseconds(row["received_at"]),
        source=row["source"],
        driver=row["driver"],
        peer=row["peer"],
        device=row["device"],
        reason=row["reason"],
        detail=row["detail"],
        records=row["records"],
        raw=bytes(row["bytes"]),
        replayed_us=None if replayed_at is None else microseconds(replayed_at),
    )
