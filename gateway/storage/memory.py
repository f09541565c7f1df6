"""The same store in memory: for tests of everything that needs a store, and as a plain statement of what it does.

It passes the tests of the real one. Nothing survives the process, so no field device may be acknowledged on it.
"""

from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any

from drivers.events import Content, Notice, Parameter, Position, Readings
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
from gateway.storage.unpack import Unpacked, unpack

Place = tuple[str, bool]  # device, whether in quarantine
SeriesKey = tuple[Place, str, str, int]  # place, channel, statistic, interval


class MemoryStore:
    """`contract.AnyStore` on dictionaries. `is_away` makes every call fail as if the database were away."""

    def __init__(self, *, writer: str, settings: StorageSettings | None = None) -> None:
        self.writer = writer
        self.settings = settings or StorageSettings()
        self.is_away = False
        self.observations: dict[tuple[SeriesKey, int], tuple[float | None, str]] = {}
        self.revisions: set[Hashable] = set()
        self.events: set[Hashable] = set()
        self.track: dict[tuple[Place, int], Hashable] = {}
        self.out_of_bounds: set[Hashable] = set()
        self.raw_frames: list[list[Delivery]] = []  # by batch
        self._units: dict[SeriesKey, str] = {}
        self._ledger: list[tuple[Place, LedgerEntry, int | None]] = []  # with the claimed time
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
            self._refuse_unstorable(unpacked)
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

    def _refuse_unstorable(self, unpacked: Unpacked) -> None:
        """What PostgreSQL would refuse: text with NUL or lone surrogates, positions off the globe, mixed units."""
        for content in list(unpacked.contents()):
            if not all(map(_is_storable, _texts(content, unpacked.device_of(content)))):
                unpacked.refuse("refused_by_database", "text that PostgreSQL cannot hold")
            elif isinstance(content, Position) and not _is_on_the_globe(content):
                unpacked.refuse("refused_by_database", "latitude or longitude out of range")
        for reading in list(unpacked.readings):
            for key, channel in zip(self._series(unpacked, reading), reading.shape.channels, strict=True):
                if self._units.setdefault(key, channel.unit) != channel.unit:
                    unpacked.refuse("unusable_channel", f"{channel.code} is kept in {self._units[key]!r}")

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
            counts += _KEEP[type(content)](self, unpacked, content)
        return counts

    def _meet(self, unpacked: Unpacked, name: str) -> None:
        status = "quarantined" if unpacked.quarantined else "accepted"
        device = self._devices.get(name)
        if device is None:
            point = name if unpacked.quarantined else "1"
            device = Device(name, unpacked.delivery.driver, status, site=name, point=point)  # type: ignore[arg-type]
        seen = max(device.last_seen_us or 0, unpacked.delivery.received_us)
        self._devices[name] = replace(device, last_seen_us=seen)

    def _place(self, unpacked: Unpacked, content: Content) -> Place:
        return unpacked.device_of(content), unpacked.quarantined

    def _series(self, unpacked: Unpacked, reading: Readings) -> list[SeriesKey]:
        place = self._place(unpacked, reading)
        return [(place, channel.code, channel.statistic, channel.interval_s) for channel in reading.shape.channels]

    def _is_out_of_bounds(self, unpacked: Unpacked, content: Content) -> bool:
        received_us = unpacked.delivery.received_us
        if content.time_us is None:
            return False
        earliest = received_us - self.settings.past_limit_s * 1_000_000
        return not earliest <= content.time_us <= received_us + self.settings.future_limit_s * 1_000_000

    def _keep_once(self, kept: set[Hashable], key: Hashable, *, out_of_bounds: bool) -> Counts:
        is_new = key not in kept
        kept.add(key)
        return Counts(1, int(is_new), int(not is_new), out_of_bounds=int(is_new and out_of_bounds))

    def _revise(self, key: Hashable) -> Counts:
        is_new = key not in self.revisions
        self.revisions.add(key)
        return Counts(1, 0, int(not is_new), int(is_new))

    def _keep_readings(self, unpacked: Unpacked, reading: Readings) -> Counts:
        time_us = unpacked.delivery.received_us if reading.time_us is None else reading.time_us
        is_out = self._is_out_of_bounds(unpacked, reading)
        counts = Counts()
        for key, number, flag in zip(self._series(unpacked, reading), reading.values, reading.flags, strict=True):
            row = (None if number != number else number, flag)
            if is_out:
                counts += self._keep_once(self.out_of_bounds, (key, time_us, row), out_of_bounds=True)
            elif (key, time_us) not in self.observations:
                self.observations[key, time_us] = row
                counts += Counts(received=1, stored=1)
            elif self.observations[key, time_us] == row:
                counts += Counts(received=1, duplicate=1)
            else:
                counts += self._revise((key, time_us, row))
        return counts

    def _keep_notice(self, unpacked: Unpacked, notice: Notice) -> Counts:
        is_out = self._is_out_of_bounds(unpacked, notice)
        time_us = unpacked.delivery.received_us if notice.time_us is None else notice.time_us
        said = (notice.kind, notice.channel, notice.text, repr(sorted(notice.detail.items())))
        key = (unpacked.device_of(notice), time_us, said)
        return self._keep_once(self.out_of_bounds if is_out else self.events, key, out_of_bounds=is_out)

    def _keep_position(self, unpacked: Unpacked, position: Position) -> Counts:
        place = self._place(unpacked, position)
        time_us = unpacked.delivery.received_us if position.time_us is None else position.time_us
        facts = repr({**asdict(position), "time_us": None, "device": None})
        if self._is_out_of_bounds(unpacked, position):
            return self._keep_once(self.out_of_bounds, (place, time_us, facts), out_of_bounds=True)
        if (place, time_us) not in self.track:
            self.track[place, time_us] = facts
            return Counts(received=1, stored=1)
        if self.track[place, time_us] == facts:
            return Counts(received=1, duplicate=1)
        return self._revise((place, time_us, facts))

    def _keep_parameter(self, unpacked: Unpacked, parameter: Parameter) -> Counts:
        received_us = unpacked.delivery.received_us
        claimed_us = parameter.time_us
        is_claim_used = claimed_us is not None and not self._is_out_of_bounds(unpacked, parameter)
        time_us = claimed_us if is_claim_used and claimed_us is not None else received_us
        place = self._place(unpacked, parameter)
        entries = [
            (index, entry, claimed)
            for index, (where, entry, claimed) in enumerate(self._ledger)
            if where == place and (entry.channel, entry.name) == (parameter.channel, parameter.name)
        ]
        before = [one for one in entries if one[1].time_us <= time_us]
        in_force = max(before, key=lambda one: (one[1].time_us, one[0])) if before else None
        if in_force is not None and in_force[1].value == parameter.value:
            index, entry, claimed = in_force
            self._ledger[index] = (place, replace(entry, last_seen_us=max(entry.last_seen_us, time_us)), claimed)
            return Counts(received=1, duplicate=1)
        for _, entry, claimed in entries:
            is_same_time = entry.time_us == time_us if claimed_us is None else claimed == claimed_us
            if entry.value == parameter.value and is_same_time:
                return Counts(received=1, duplicate=1)
        changed_from = in_force[1].value if in_force else None
        device, _ = place
        entry = LedgerEntry(
            device, parameter.channel, parameter.name, parameter.value, time_us, received_us, time_us, changed_from
        )
        self._ledger.append((place, entry, claimed_us))
        return Counts(received=1, stored=1)

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
        old, new = (external_id, True), (external_id, False)
        if not any(key[0] == new for key, _ in self.observations):
            moved = {
                ((new, *key[1:]) if key[0] == old else key, at): row for (key, at), row in self.observations.items()
            }
            self.observations = moved
            self._units = {(new, *key[1:]) if key[0] == old else key: unit for key, unit in self._units.items()}
        self._ledger = [(new if place == old else place, entry, claimed) for place, entry, claimed in self._ledger]

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
        for (place, _, _, interval_s), time_us in self.observations:
            if place == (external_id, False):
                last[interval_s] = max(last.get(interval_s, time_us), time_us)
        return last

    async def gaps(
        self, external_id: str, *, interval_s: int, since_us: int, until_us: int, offset_us: int = 0
    ) -> list[tuple[int, int]]:
        self._check()
        times = [
            at for (place, *_, step), at in self.observations if place == (external_id, False) and step == interval_s
        ]
        return find_gaps(times, interval_s=interval_s, since_us=since_us, until_us=until_us, offset_us=offset_us)

    async def parameters(self, external_id: str) -> list[LedgerEntry]:
        self._check()
        entries = [entry for place, entry, _ in self._ledger if place == (external_id, False)]
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


_KEEP: dict[type, Callable[[MemoryStore, Unpacked, Any], Counts]] = {
    Readings: MemoryStore._keep_readings,
    Notice: MemoryStore._keep_notice,
    Position: MemoryStore._keep_position,
    Parameter: MemoryStore._keep_parameter,
}


def _texts(content: Content, device: str) -> list[str]:
    """Everything in a content that goes into a text column."""
    if isinstance(content, Readings):
        return [device, *(text for one in content.shape.channels for text in (one.code, one.quantity, one.unit))]
    if isinstance(content, Notice):
        return [device, content.kind, content.channel, content.text, *_strings(content.detail)]
    if isinstance(content, Parameter):
        return [device, content.channel, content.name, content.value]
    return [device, *_strings(content.detail)]


def _strings(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [text for item in tree.items() for text in _strings(list(item))]
    if isinstance(tree, list | tuple):
        return [text for item in tree for text in _strings(item)]
    return [tree] if isinstance(tree, str) else []


def _is_storable(text: str) -> bool:
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def _is_on_the_globe(position: Position) -> bool:
    return -90 <= position.latitude_deg <= 90 and -180 <= position.longitude_deg <= 180
