"""Storage: batches of deliveries in, one transaction each; nothing lost, nothing doubled, everything accounted for.

    deliveries ─► Store.write ─► BEGIN
                                   raw frames, hashed and chained        raw_frame, batch, writer
                                   values ─ COPY ─► observation          (duplicates counted, differing: revisions)
                                   notices, positions, settings          device_event, track, parameter_ledger
                                   what cannot be stored                 dead_letter, with bytes and reason
                                 COMMIT ─► Written(seq, hash, counts)

Invariant: `received = stored + duplicate + revision + dead_letter`, checked by the database for each batch. One
record of the books is one value of a `Readings`, one `Notice`, `Parameter` or `Position`, or one dead letter.
"""

from gateway.storage.contract import (
    AnyStore,
    Books,
    ChainReport,
    Counts,
    DeadLetter,
    Device,
    LedgerEntry,
    PendingDevice,
    Replayed,
    RetentionSettings,
    StorageSettings,
    Written,
)
from gateway.storage.memory import MemoryStore
from gateway.storage.retention import Maintained, maintain
from gateway.storage.schema import migrate
from gateway.storage.store import Store
from gateway.storage.tier import Tier

__all__ = [
    "AnyStore",
    "Books",
    "ChainReport",
    "Counts",
    "DeadLetter",
    "Device",
    "LedgerEntry",
    "Maintained",
    "MemoryStore",
    "PendingDevice",
    "Replayed",
    "RetentionSettings",
    "StorageSettings",
    "Store",
    "Tier",
    "Written",
    "maintain",
    "migrate",
]
