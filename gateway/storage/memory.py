"""The same store in memory: for tests of everything that needs a store, and as a plain statement of what it does.

It passes the tests of the real one. Nothing survives the process, so no field device may be acknowledged on it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.errors import StorageError
from gateway.records import Delivery
from gateway.storage.chain import GENESIS, Verifier, batch_hash, frame_hash
from gateway.storage.contract import (
    Books,
    ChainReport,
    Counts,
    DeadLetter,
    Decode,
    Device,
    LedgerEntry,
    PendingDevice,
    Replayed,
    StorageSettings,
    Written,
)
from gateway.storage.dead_letters import replay_letters
from gateway.storage.gaps import find_gaps
from gateway.storage.memory_rows import MemoryRows
from gateway.storage.unpack import Unpacked, unpack


class MemoryStore:
    """`contract.AnyStore` on dictionaries. `is_away` makes every call fail as if the database were away."""

    def __init__(self, *, writer: str, settings: StorageSettings | None = None) -> None:
        self.writer = writer
        self.settings = settings or StorageSettings()
        self.is_away = False
        self.rows = MemoryRows(self.settings)
        self.raw_frames: list[list[Delivery]] = []  # by batch
        self._letters: dict[int, DeadLetter] = {}
        self._devices: dict[str, Device] = {}
        self._pending: dict[str, PendingDevice] = {}
        self._chain: list[tuple[bytes, bytes]] = []  # previous hash, hash
        self._counts = Counts()
        self._spooled = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, *, writer: str, settings: StorageSettings | None = None) -> AsyncIterator["MemoryStore"]:
        yield cls(writer=writer, settings=settings)

    async def write(self, deliveries: Sequence[Delivery]) -> Written:
        self._check()
        if not deliveries:
            raise ValueError("an empty batch")
        counts = Counts()
        for position, delivery in enumerate(deliveries):
            unpacked = unpack(position, delivery)
            self.rows.refuse_unstorable(unpacked)
            if unpacked.reason:
                self._bury(unpacked)
                counts += Counts(received=unpacked.records, dead_letter=unpacked.records)
            else:
                counts += self._keep(unpacked)
        self.raw_frames.append(list(deliveries))
        previous = self._chain[-1][1] if self._chain else GENESIS
        hash_ = batch_hash(previous, (frame_hash(delivery.raw) for delivery in deliveries))
        self._chain.append((previous, hash_))
        self._counts += counts
        return Written(len(self._chain), hash_, counts)

    def _check(self) -> None:
        if self.is_away:
            raise StorageError("the store is away", transient=True)

    def _bury(self, unpacked: Unpacked) -> None:
        delivery = unpacked.delivery
        letter = DeadLetter(
            id=len(self._letters) + 1,
            received_us=delivery.received_us,
            source=delivery.source,
            driver=delivery.driver,
            peer=delivery.peer,
            device=delivery.device or getattr(delivery.event, "device", ""),
            reason=unpacked.reason,
            detail=unpacked.detail,
            records=unpacked.records,
            raw=delivery.raw,
        )
        self._letters[letter.id] = letter

    def _keep(self, unpacked: Unpacked) -> Counts:
        counts = Counts()
        for content in unpacked.contents():
            self._meet(unpacked, unpacked.device_of(content))
            counts += self.rows.keep(unpacked, content)
        return counts

    def _meet(self, unpacked: Unpacked, name: str) -> None:
        status = "quarantined" if unpacked.quarantined else "accepted"
        device = self._devices.get(name)
        if device is None:
            point = name if unpacked.quarantined else "1"
            device = Device(name, unpacked.delivery.driver, status, site=name, point=point)  # type: ignore[arg-type]
        seen = max(device.last_seen_us or 0, unpacked.delivery.received_us)
        self._devices[name] = replace(device, last_seen_us=seen)

    async def device(self, external_id: str) -> Device | None:
        self._check()
        return self._devices.get(external_id)

    async def devices(self) -> list[Device]:
        self._check()
        return [self._devices[name] for name in sorted(self._devices)]

    async def put_device(self, device: Device) -> None:
        self._check()
        old = self._devices.get(device.external_id)
        if old is not None:
            kept = {"last_seen_us": old.last_seen_us}
            place = {} if device.site else {"site": old.site, "point": old.point}
            device = replace(device, **kept, **place)  # type: ignore[arg-type]
        self._devices[device.external_id] = replace(device, point=device.point or ("1" if device.site else ""))
        self._pending.pop(device.external_id, None)

    async def release_device(self, external_id: str) -> None:
        self._check()
        device = self._devices.get(external_id)
        if device is None:
            return
        self._devices[external_id] = replace(device, status="accepted")
        self.rows.release(external_id)

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None:
        self._check()
        old = self._pending.get(external_id)
        first_us = old.first_seen_us if old else at_us
        last_us = max(old.last_seen_us, at_us) if old else at_us
        attempts = old.attempts + 1 if old else 1
        self._pending[external_id] = PendingDevice(external_id, protocol, peer, first_us, last_us, attempts)

    async def pending_devices(self) -> list[PendingDevice]:
        self._check()
        return [self._pending[name] for name in sorted(self._pending)]

    async def last_times(self, external_id: str) -> dict[int, int]:
        self._check()
        last: dict[int, int] = {}
        for (place, _, _, interval_s), time_us in self.rows.observations:
            if place == (external_id, False):
                last[interval_s] = max(last.get(interval_s, time_us), time_us)
        return last

    async def gaps(
        self, external_id: str, *, interval_s: int, since_us: int, until_us: int, offset_us: int = 0
    ) -> list[tuple[int, int]]:
        self._check()
        times = [
            at
            for (place, *_, step), at in self.rows.observations
            if place == (external_id, False) and step == interval_s
        ]
        return find_gaps(times, interval_s=interval_s, since_us=since_us, until_us=until_us, offset_us=offset_us)

    async def channels(self, external_id: str) -> list[str]:
        self._check()
        keys = (key for key, _ in self.rows.observations)
        return sorted({code for place, code, kind, _ in keys if place[0] == external_id and kind in ("rtd", "avg")})

    async def parameters(self, external_id: str) -> list[LedgerEntry]:
        self._check()
        entries = [entry for place, entry, _ in self.rows.ledger if place == (external_id, False)]
        return sorted(entries, key=lambda entry: entry.time_us)

    async def dead_letters(
        self,
        *,
        source: str | None = None,
        device: str | None = None,
        reason: str | None = None,
        replayed: bool | None = False,
        limit: int = 100,
        after_id: int = 0,
    ) -> list[DeadLetter]:
        self._check()
        wanted = {"source": source, "device": device, "reason": reason}
        found = [
            letter
            for letter in self._letters.values()
            if letter.id > after_id
            and all(value is None or getattr(letter, name) == value for name, value in wanted.items())
            and (replayed is None or (letter.replayed_us is not None) == replayed)
        ]
        return found[:limit]

    async def replay(self, ids: Sequence[int], *, decode: Decode) -> Replayed:
        self._check()
        waiting = [self._letters[one] for one in sorted(set(ids)) if one in self._letters]
        letters = [letter for letter in waiting if letter.replayed_us is None]
        missing = dict.fromkeys(set(ids) - {letter.id for letter in letters}, "not there, or replayed already")
        return await replay_letters(letters, decode=decode, write=self.write, mark=self._mark_replayed, missing=missing)

    async def _mark_replayed(self, ids: Sequence[int]) -> None:
        for one in ids:
            letter = self._letters[one]
            self._letters[one] = replace(letter, replayed_us=letter.received_us)

    async def report_spool(self, records: int) -> None:
        self._check()
        self._spooled = records

    async def books(self) -> list[Books]:
        self._check()
        return [Books(self.writer, self._counts, self._spooled)]

    async def verify_chain(self, writer: str | None = None) -> ChainReport:
        self._check()
        verifier = Verifier()
        if writer not in (None, self.writer):
            return verifier.report(None)
        for seq, (previous, hash_) in enumerate(self._chain, start=1):
            frames = [frame_hash(delivery.raw) for delivery in self.raw_frames[seq - 1]]
            verifier.batch(seq, previous, hash_, len(frames), frames)
        return verifier.report((len(self._chain), self._chain[-1][1]) if self._chain else None)
