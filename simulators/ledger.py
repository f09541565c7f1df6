"""The book of what the gateway has acknowledged, as the devices saw it: what stands here must be in the database once.

One JSON object a line: mn, qn, cn, data_time (as the frame says it), sha256 of the frame from ## to the check value,
number of measured values in it, and the time of the acknowledgement in seconds of UTC. A line counts once it is
synced to the disk.
"""

import json
import os
from pathlib import Path
from types import TracebackType


class Ledger:
    """Appends to a file; `sync` makes everything added so far durable. Without a path it only counts."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("ab", buffering=1 << 20) if path else None
        self._is_dirty = False
        self.entries = 0
        self.values = 0

    def add(
        self, *, mn: str, qn: str, cn: str, data_time: str, sha256: str, values: int, acknowledged_s: float
    ) -> None:
        self.entries += 1
        self.values += values
        if self._file is None:
            return
        line = {"mn": mn, "qn": qn, "cn": cn, "data_time": data_time, "sha256": sha256, "values": values}
        self._file.write(json.dumps(line | {"acknowledged": round(acknowledged_s, 6)}).encode() + b"\n")
        self._is_dirty = True

    def sync(self) -> None:
        if self._file is not None and self._is_dirty:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._is_dirty = False

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sync()
        if self._file is not None:
            self._file.close()
