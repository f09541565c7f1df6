"""The hash chain: what makes a later change of a stored frame show.

    hash(0) = 32 zero bytes
    hash(n) = SHA-256( hash(n-1) ‖ SHA-256(frame 1) ‖ SHA-256(frame 2) ‖ … )       the frames of batch n, in order

A third party needs the raw frames of a writer by (seq, position) and a hash from a source that it trusts (printed,
sent, signed at the time): any later batch's hash vouches for all frames before it.
"""

import hashlib
from collections.abc import Iterable

from gateway.storage.contract import ChainReport
from gateway.storage.link import Link
from gateway.storage.sql import query

GENESIS = bytes(32)
_STEP = 500  # batches verified at a time


def frame_hash(frame: bytes) -> bytes:
    return hashlib.sha256(frame).digest()


def batch_hash(previous: bytes, frame_hashes: Iterable[bytes]) -> bytes:
    """The next link."""
    return hashlib.sha256(b"".join((previous, *frame_hashes))).digest()


class Verifier:
    """Goes along a chain batch by batch, in order, and collects what is wrong in words."""

    def __init__(self) -> None:
        self._previous = GENESIS
        self._seq = 0
        self._counted = {"batches": 0, "frames": 0, "verified": 0, "linked": 0}
        self._problems: list[str] = []

    def batch(self, seq: int, previous: bytes, hash_: bytes, frames: int, frame_hashes: list[bytes]) -> None:
        """The next batch and the hashes recomputed from what is left of its frames."""
        self._counted["batches"] += 1
        self._counted["frames"] += len(frame_hashes)
        if seq != self._seq + 1:
            self._problems.append(f"batch {self._seq + 1} is missing")
        if previous != self._previous:
            self._problems.append(f"batch {seq} does not follow from the one before it")
        if frames and not frame_hashes:
            self._counted["linked"] += 1
        elif len(frame_hashes) != frames:
            self._problems.append(f"batch {seq} has {len(frame_hashes)} of its {frames} frames")
        elif batch_hash(previous, frame_hashes) != hash_:
            self._problems.append(f"batch {seq} does not have the hash of its frames")
        else:
            self._counted["verified"] += 1
        self._seq, self._previous = seq, hash_

    def report(self, head: tuple[int, bytes] | None) -> ChainReport:
        """`head` is what the writer's own row says is last."""
        if head is not None and head != (self._seq, self._previous):
            self._problems.append(f"the chain ends at batch {self._seq}, the writer's head is at {head[0]}")
        return ChainReport(**self._counted, problems=tuple(self._problems))


async def verify(link: Link, writer: str) -> ChainReport:
    """Recompute a writer's chain from the stored bytes, a stretch at a time.

    A batch whose frames retention has dropped altogether can only be checked for its link. Batches that are committed
    meanwhile are not looked at.
    """
    async with link.use() as connection:
        head = await (await connection.execute(query("chain_head"), {"writer": writer})).fetchone()
    verifier = Verifier()
    last = head["seq"] if head else 0
    for first in range(1, last + 1, _STEP):
        stretch = {"writer": writer, "first": first, "last": min(first + _STEP - 1, last)}
        async with link.use() as connection:
            frames = await (await connection.execute(query("chain_frames"), stretch)).fetchall()
            batches = await (await connection.execute(query("chain"), stretch)).fetchall()
        hashes: dict[int, list[bytes]] = {}
        for row in frames:
            hashes.setdefault(row["seq"], []).append(row["recomputed"])
        for row in batches:
            seq = row["seq"]
            verifier.batch(seq, row["previous_hash"], row["hash"], row["frames"], hashes.get(seq, []))
    return verifier.report((head["seq"], head["hash"]) if head else None)
