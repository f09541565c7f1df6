"""Bounded batches, made durable, then acknowledged.

    offer() ─► inbox (bounded by bytes) ─► batch (by records and time) ─┬─► store.write() ── COMMIT ──► on_durable()
                                                                        └─► spool.append() ─ fsync ──► on_durable()
                                              drained in order afterwards ◄──┘

Full inbox: the sources stop reading. Full spool: nothing is acknowledged until there is room. Nothing is ever dropped.
"""

from gateway.intake.intake import Intake, IntakeSettings
from gateway.intake.spool import Spool, SpoolFull

__all__ = ["Intake", "IntakeSettings", "Spool", "SpoolFull"]
