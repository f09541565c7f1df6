"""Whether the broker should know us: a note on disk of the last session, so that its loss shows after a restart too."""

import json
import time
from pathlib import Path

from gateway.config import MqttSettings


class SessionFile:
    """The note of one source: which broker kept which client's session, and when that was last seen to work."""

    def __init__(self, path: Path, settings: MqttSettings) -> None:
        self._path = path
        self._identity = f"{settings.host}:{settings.port} {settings.client_id}"
        self.last_us: int | None = None
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            if note["identity"] == self._identity:
                self.last_us = int(note["last_us"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # no note, or one that cannot be read: then a lost session cannot be told from a first one

    @property
    def was_there(self) -> bool:
        return self.last_us is not None

    def save(self) -> None:
        """Note that the session exists now."""
        self.last_us = time.time_ns() // 1_000
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps({"identity": self._identity, "last_us": self.last_us}), encoding="utf-8")
        draft.replace(self._path)
