"""What DJI devices said before: partial messages are completed from it, roles are taken from the topology.

A key that is absent in an `osd` or `state` message means "as before". The last value of every field is held with the
time at which it was said, so that a reader can tell a fresh value from an old one. What is held completes a position
only while it is younger than three OSD periods: an old position must never come out as a new observation.

Times here are those of the messages; the decoder has no clock. Messages without a time are not remembered.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

MAX_DEVICES = 2_000
MAX_FIELDS = 400
HOLD_US = 6_000_000  # three periods of the documented 0.5 Hz


class Held(NamedTuple):
    value: Any
    time_us: int


class DjiState:
    """Fields and roles by serial number; the devices heard of least recently are forgotten first."""

    def __init__(self, *, max_devices: int = MAX_DEVICES, max_fields: int = MAX_FIELDS) -> None:
        self._fields: OrderedDict[str, dict[str, Held]] = OrderedDict()
        self._roles: OrderedDict[str, str] = OrderedDict()
        self._max_devices = max_devices
        self._max_fields = max_fields

    def merge(self, device: str, fields: dict[str, Any], time_us: int | None) -> None:
        """Take over the fields of one message; a message older than what is held does not overwrite it."""
        if time_us is None:
            return
        held = _bounded(self._fields, device, {}, self._max_devices)
        for name, value in fields.items():
            before = held.get(name)
            if (before is None and len(held) < self._max_fields) or (before is not None and before.time_us <= time_us):
                held[name] = Held(value, time_us)

    def snapshot(self, device: str) -> dict[str, Held]:
        """The last value of every field, each with its own time."""
        return dict(self._fields.get(device, {}))

    def recent(self, device: str, name: str, time_us: int | None) -> Held | None:
        """A held field, if it was said at most `HOLD_US` before `time_us`."""
        held = self._fields.get(device, {}).get(name)
        if held is None or time_us is None or not 0 <= time_us - held.time_us <= HOLD_US:
            return None
        return held

    def set_role(self, device: str, role: str) -> None:
        self._roles.pop(device, None)
        _bounded(self._roles, device, role, self._max_devices)

    def role(self, device: str) -> str | None:
        return self._roles.get(device)


def _bounded(memory: "OrderedDict[str, Any]", key: str, default: Any, limit: int) -> Any:
    value = memory.setdefault(key, default)
    memory.move_to_end(key)
    if len(memory) > limit:
        memory.popitem(last=False)
    return value
