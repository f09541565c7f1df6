"""How a station writes: learned from what it sends, bounded, and shown per station."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from drivers.environment.hj212.codes import EDITIONS, Edition

if TYPE_CHECKING:
    from drivers.environment.hj212.message import Message

MAX_KINDS = 256
MAX_UNKNOWN_CODES = 64
MAX_STATIONS = 4096

Kind = tuple[str, int | None, tuple[str, ...]]
"""Command, Flag and deviations of a frame: a station sends few different ones."""

OTHER = "…"
"""Stands for what came after a table was full."""


class Profile:
    """One station's dialect: how often which deviation, edition, command; the unknown factor codes. Bounded."""

    __slots__ = ("_kinds", "_line_ends", "_unknown_codes")

    def __init__(self) -> None:
        self._kinds: dict[Kind, int] = {}
        self._line_ends: Counter[str] = Counter()
        self._unknown_codes: dict[str, int] = {}

    def observe(self, message: "Message") -> None:
        """Learn from one message."""
        header = message.header
        kind = (header.cn[:8], header.flag, message.deviations)
        known = self._kinds.get(kind)
        if known is None and len(self._kinds) >= MAX_KINDS:
            kind = (OTHER, None, ())
            known = self._kinds.get(kind)
        self._kinds[kind] = (known or 0) + 1
        if message.plan is None:
            return
        for code in message.plan.codes:
            code = code[:32]
            if code not in self._unknown_codes and len(self._unknown_codes) >= MAX_UNKNOWN_CODES:
                code = OTHER
            self._unknown_codes[code] = self._unknown_codes.get(code, 0) + 1

    def observe_line_end(self, name: str) -> None:
        """Learn how the frame before was ended: a name of `deviations.LINE_END`."""
        self._line_ends[name] += 1

    @property
    def frames(self) -> int:
        return sum(self._kinds.values())

    @property
    def deviations(self) -> dict[str, int]:
        """How many frames show each, the most frequent first."""
        counts = Counter(self._line_ends)
        for (_, _, names), count in self._kinds.items():
            for name in names:
                counts[name] += count
        return dict(counts.most_common())

    @property
    def editions(self) -> dict[str, int]:
        """How many frames name each in Flag, the most frequent first."""
        counts: Counter[str] = Counter()
        for (_, flag, _), count in self._kinds.items():
            counts[EDITIONS[min((flag or 0) >> 2, 2)].value] += count
        return dict(counts.most_common())

    @property
    def commands(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for (cn, _, _), count in self._kinds.items():
            counts[cn] += count
        return dict(counts.most_common())

    @property
    def edition(self) -> Edition:
        """The edition that most frames name; 2005 before any."""
        return Edition(next(iter(self.editions), Edition.HJ2005))

    @property
    def crc_kind(self) -> str:
        """The check value that the station computes: hj212, or the name of the deviation that most frames show."""
        kinds = ("crc_modbus", "crc_modbus_swapped", "crc_len_segment")
        counts = self.deviations
        best = max(kinds, key=lambda name: counts.get(name, 0))
        return best if counts.get(best, 0) * 2 > self.frames else "hj212"

    def snapshot(self) -> dict[str, Any]:
        """Plain data for people and metrics; `habits` are the deviations that most frames show."""
        counts, frames = self.deviations, self.frames
        return {
            "frames": frames,
            "edition": self.edition.value,
            "crc": self.crc_kind,
            "habits": [name for name, count in counts.items() if count * 2 > frames],
            "deviations": counts,
            "editions": self.editions,
            "commands": self.commands,
            "unknown_codes": dict(self._unknown_codes),
        }


class Profiles:
    """Profiles by MN; the first one met is forgotten when there are more than `most`."""

    __slots__ = ("_most", "_stations")

    def __init__(self, most: int = MAX_STATIONS) -> None:
        self._most = most
        self._stations: dict[str, Profile] = {}

    def of(self, mn: str) -> Profile:
        """The profile of a station, made when first asked for."""
        mn = mn[:64]
        found = self._stations.get(mn)
        if found is None:
            if len(self._stations) >= self._most:
                del self._stations[next(iter(self._stations))]
            found = self._stations[mn] = Profile()
        return found

    def __len__(self) -> int:
        return len(self._stations)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stations)

    def __contains__(self, mn: object) -> bool:
        return mn in self._stations

    def snapshot(self) -> dict[str, dict[str, Any]]:
        return {mn: profile.snapshot() for mn, profile in self._stations.items()}
