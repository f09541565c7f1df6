"""Sessions and sequence numbers of devices: loss that shows, wills that come late, one name used by two.

A device starts a session with a birth message and numbers what it sends. A number that was skipped is a loss, and is
reported once. A will that names another session than the present one belongs to a connection long gone (the broker
publishes it when it notices, which may be after the device is back) and must not end the present session. A birth
while another session is still open means that the broker replaced one connection by another: a restart that nobody
noticed, or two devices under one credential, which then take over from each other again and again.

The memory is bounded: the devices heard of least recently are forgotten, and start afresh without a report.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from drivers.events import Notice

MAX_DEVICES = 20_000


@dataclass(slots=True)
class _Session:
    name: str | None = None
    is_open: bool = False
    next_seq: int | None = None
    lost: int = 0
    replaced: int = 0


class Sessions:
    """What is remembered of each device, for one decoder."""

    def __init__(self, *, max_devices: int = MAX_DEVICES) -> None:
        self._devices: OrderedDict[str, _Session] = OrderedDict()
        self._max_devices = max_devices

    def birth(self, device: str, session: Any, time_us: int | None) -> list[Notice]:
        """A session starts."""
        name = _name(session)
        known = self._of(device)
        if known.is_open and known.name == name:
            return []
        found: list[Notice] = []
        if known.is_open:
            known.replaced += 1
            detail = {"session": name, "replaced": known.name, "times": known.replaced}
            found.append(Notice(device, time_us, "session_replaced", detail=detail))
        known.name, known.is_open, known.next_seq = name, True, None
        return found

    def will(self, device: str, session: Any, time_us: int | None) -> list[Notice]:
        """A session ends, says the broker."""
        name = _name(session)
        known = self._of(device)
        if known.is_open and known.name != name:
            detail = {"session": name, "present": known.name}
            return [Notice(device, time_us, "late_will", detail=detail)]
        known.is_open = False
        return []

    def number(self, device: str, session: Any, seq: Any, time_us: int | None) -> list[Notice]:
        """A numbered message came; the report of what is missing before it, if anything is."""
        if type(seq) is not int or seq < 0:
            return []
        known = self._of(device)
        name = _name(session)
        if name is not None and known.name is not None and name != known.name:
            known.name, known.next_seq = name, None  # another session's numbers start again
        elif name is not None:
            known.name = name
        expected = known.next_seq
        if expected is None or (seq == 0 and name is None):  # without session names only a zero tells of a restart
            known.next_seq = seq + 1
            return []
        if seq < expected:
            return []  # a repetition, or what was missing comes late; the rows themselves tell
        known.next_seq = seq + 1
        if seq == expected:
            return []
        known.lost += seq - expected
        detail = {"first": expected, "last": seq - 1, "missing": seq - expected, "missing_so_far": known.lost}
        return [Notice(device, time_us, "sequence_gap", detail=detail)]

    def _of(self, device: str) -> _Session:
        known = self._devices.get(device)
        if known is None:
            known = self._devices[device] = _Session()
            if len(self._devices) > self._max_devices:
                self._devices.popitem(last=False)
        else:
            self._devices.move_to_end(device)
        return known


def _name(session: Any) -> str | None:
    return None if session is None else str(session)[:64]
