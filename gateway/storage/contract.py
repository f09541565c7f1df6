"""What every store offers, and the records it speaks in. Times are integers, microseconds since 1970-01-01 UTC.

`Store` (PostgreSQL, all tiers) and `MemoryStore` satisfy `AnyStore` and pass the same tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from drivers.events import BadFrame, Event
from gateway.records import Delivery

DeviceStatus = Literal["accepted", "quarantined", "pending", "refused", "revoked"]


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """How the store behaves; every limit has a default that suits one machine.

    Device times outside `received - past_limit_s … received + future_limit_s` are kept out of the chunks
    (TimescaleDB and partitions alike: one clock at 1970 or 2099 would make junk chunks).
    """

    past_limit_s: int = 400 * 86_400
    future_limit_s: int = 600
    chunk_interval_s: int = 7 * 86_400  # 1 day above 5 million rows a day
    connect_timeout_s: int = 5
    lock_timeout_s: float = 10.0
    statement_timeout_s: float = 30.0  # enforced by the server
    deadline_s: float = 60.0  # enforced here, for a server that is hung and cannot enforce anything
    device_cache_s: float = 30.0  # how long another process's change of a device may go unnoticed
    touch_interval_s: float = 60.0  # how often `device.last_seen_at` is written
    migrate: bool = True  # bring the schema up to date on the first connection


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the tables that grow are kept, in days; None: for ever. Batches, revisions, findings and dead letters
    always stay: they are small, and they are evidence."""

    observation_days: int | None = None
    raw_frame_days: int | None = None
    track_days: int | None = None
    device_event_days: int | None = None
    hourly_days: int | None = None
    day_time_zone: str = "Asia/Shanghai"  # whose midnight the days of the roll-ups start at; whole hours from UTC


@dataclass(frozen=True, slots=True)
class Counts:
    """The books, in records. `received == stored + duplicate + revision + dead_letter`, always.

    `stored` includes the `out_of_bounds` ones: kept, but beside the hypertables.
    """

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    revision: int = 0
    dead_letter: int = 0
    out_of_bounds: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.received + other.received,
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.revision + other.revision,
            self.dead_letter + other.dead_letter,
            self.out_of_bounds + other.out_of_bounds,
        )

    @property
    def balance(self) -> int:
        """Records received and not accounted for: 0."""
        return self.received - self.stored - self.duplicate - self.revision - self.dead_letter


@dataclass(frozen=True, slots=True)
class Written:
    """A committed batch: its place in the writer's hash chain and what became of its records."""

    seq: int
    hash: bytes
    counts: Counts


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the registry knows it. `external_id` is what it calls itself (HJ 212: MN)."""

    external_id: str
    protocol: str
    status: DeviceStatus = "accepted"
    password_hash: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)  # per-device answer settings, the source's business
    minute_interval_s: int | None = None  # None: not known; the source's default holds
    allow_list: tuple[str, ...] = ()  # networks in CIDR form; empty: any
    site: str = ""  # "" lets the store make a site of the device's own name
    point: str = ""
    name: str = ""
    last_seen_us: int | None = None


@dataclass(frozen=True, slots=True)
class PendingDevice:
    """An unknown device that knocked and was not let in."""

    external_id: str
    protocol: str
    peer: str
    first_seen_us: int
    last_seen_us: int
    attempts: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A setting's value, in force from `time_us` as far as is known; `last_seen_us`: last reported unchanged."""

    device: str
    channel: str
    name: str
    value: str
    time_us: int
    received_us: int
    last_seen_us: int
    changed_from: str | None  # None: the first value known


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that could not be stored, and why. `records` is what they count for in the books."""

    id: int
    received_us: int
    source: str
    driver: str
    peer: str
    device: str
    reason: str
    detail: str
    records: int
    raw: bytes
    replayed_us: int | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: `counts` of the new batches; `failed` are the ids that are still dead, with the reason."""

    counts: Counts
    replayed: tuple[int, ...]
    failed: dict[int, str]


@dataclass(frozen=True, slots=True)
class Books:
    """The running totals of one writer; `spooled` as the writer last reported it."""

    writer: str
    counts: Counts
    spooled: int


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What `verify_chain` found. `verified`: recomputed from the frames; `linked`: frames dropped by retention, so only
    the link to the batch before could be checked; `problems`: in words, empty if the chain holds."""

    batches: int
    frames: int
    verified: int
    linked: int
    problems: tuple[str, ...]


Decode = Callable[[DeadLetter], Sequence[Event | BadFrame]]


class AnyStore(Protocol):
    """The interface. Every method may raise `StorageError`; when it is transient, calling again is safe."""

    async def write(self, deliveries: Sequence[Delivery]) -> Written:
        """Keep a batch in one transaction, in the order given; returns after COMMIT.

        A batch that is refused as a whole raises; a bad record never does, it becomes a dead letter. After a
        transient error the outcome may be unknown: write the same batch again, what is there is not kept twice.
        """
        ...

    async def device(self, external_id: str) -> Device | None:
        """The device of this name, from a cache of `device_cache_s`."""
        ...

    async def devices(self) -> list[Device]: ...

    async def put_device(self, device: Device) -> None:
        """Add or change a device; it is no longer pending. `site` and `point` are made if they are new."""
        ...

    async def release_device(self, external_id: str) -> None:
        """Accept a quarantined device together with what it has sent so far."""
        ...

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None:
        """Note that an unknown device asked to be let in."""
        ...

    async def pending_devices(self) -> list[PendingDevice]: ...

    async def last_times(self, external_id: str) -> dict[int, int]:
        """The latest data time by interval: {0: …, 60: …, 3600: …}. [s → µs UTC]"""
        ...

    async def gaps(
        self, external_id: str, *, interval_s: int, since_us: int, until_us: int, offset_us: int = 0
    ) -> list[tuple[int, int]]:
        """Stretches [start, end) between since and until without any value of this interval. [µs UTC]

        The grid is the multiples of the interval (+ `offset_us`); the ends are on the grid.
        """
        ...

    async def channels(self, external_id: str) -> list[str]:
        """The codes of a device's real-time and mean values, sorted."""
        ...

    async def parameters(self, external_id: str) -> list[LedgerEntry]:
        """The ledger of a device, oldest first; the last entry of each (channel, name) is in force."""
        ...

    async def dead_letters(
        self,
        *,
        source: str | None = None,
        device: str | None = None,
        reason: str | None = None,
        replayed: bool | None = False,
        limit: int = 100,
        after_id: int = 0,
    ) -> list[DeadLetter]: ...

    async def replay(self, ids: Sequence[int], *, decode: Decode) -> Replayed:
        """Decode dead letters again and write what comes out; what still is no good stays as it is."""
        ...

    async def report_spool(self, records: int) -> None:
        """Tell the books how many records wait in this writer's spool."""
        ...

    async def books(self) -> list[Books]: ...

    async def verify_chain(self, writer: str | None = None) -> ChainReport:
        """Recompute the hash chain of this writer (or another) from the stored frames."""
        ...
