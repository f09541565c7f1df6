"""One good frame of HJ 212."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drivers.environment.hj212.codes import PERIODS_S, Edition
from drivers.environment.hj212.contents import contents_of
from drivers.environment.hj212.framing import Frame
from drivers.environment.hj212.items import Items, read_items, split_name
from drivers.environment.hj212.readings import NO_VALUES, Plan, number, read_values
from drivers.environment.hj212.segment import read_segment
from drivers.environment.hj212.times import CHINA_OFFSET_S, iso, time_us
from drivers.events import Content


@dataclass(frozen=True, slots=True)
class Settings:
    """What a decoder has to be told of a station, because no frame says it."""

    utc_offset_s: int = CHINA_OFFSET_S
    minute_interval_s: int = 600  # HJ 212-2017 §6.6.3: 10 min unless set by 1064


class Message:
    """A frame read: header, items, values. Satisfies `drivers.events.Event`.

    `mn`, `st`, `cn`, `pw`, `qn` are text as sent ("" where absent, blanks removed); `flag`, `pnum`, `pno` are numbers
    or None. `cp` is the text between the ampersands, decrypted. `data_time_us` is DataTime, the start of the interval
    for averages. Of uploads of data, `plan` says which channels `numbers` and `flags` are. Items are read
    from `cp` when first asked for.
    """

    __slots__ = (
        "_items",
        "cp",
        "data_time_us",
        "deviations",
        "flags",
        "header",
        "is_encrypted",
        "numbers",
        "plan",
        "qn",
        "raw",
        "settings",
    )

    def __init__(self, frame: Frame, settings: Settings) -> None:
        self.raw, data, odd, self.is_encrypted = frame
        self.settings = settings
        self.header, self.qn, self.cp, more = read_segment(data)
        if more:
            odd += more
        self._items: Items | None = None
        self.plan: Plan | None = None
        if self.header.cn in PERIODS_S:
            read = read_values(self.cp, self.header, settings.minute_interval_s)
            self.plan, self.numbers, self.flags, text, more = read
        else:
            self._items = read_items(self.cp)
            more = self._items.deviations
            text = self.item("DataTime")
        if more:
            odd += more
        self.data_time_us = time_us(text, settings.utc_offset_s) if text else None
        if text and (self.data_time_us is None or len(text) != 14):
            is_milliseconds = len(text) == 17 and self.data_time_us is not None
            odd += ("data_time_milliseconds" if is_milliseconds else "data_time_malformed",)
        self.deviations: tuple[str, ...] = tuple(dict.fromkeys(odd)) if len(odd) > 1 else odd

    @property
    def device(self) -> str:
        return self.header.mn

    @property
    def mn(self) -> str:
        return self.header.mn

    @property
    def st(self) -> str:
        return self.header.st

    @property
    def cn(self) -> str:
        return self.header.cn

    @property
    def pw(self) -> str:
        return self.header.pw

    @property
    def flag(self) -> int | None:
        return self.header.flag

    @property
    def pnum(self) -> int | None:
        return self.header.pnum

    @property
    def pno(self) -> int | None:
        return self.header.pno

    @property
    def edition(self) -> Edition:
        """By Flag, for what that is worth (`codes.Edition`); a station's is learned in its profile."""
        return self.header.edition

    @property
    def is_split(self) -> bool:
        """One packet of several."""
        return self.pnum is not None and self.pno is not None and 1 <= self.pno <= self.pnum and self.pnum > 1

    @property
    def is_resent(self) -> bool:
        """RF=1: sent again after a break (HJ 212-2025)."""
        return self.header.rf == "1"

    @property
    def needs_answer(self) -> bool:
        """Bit A of Flag."""
        return bool((self.header.flag or 0) & 1)

    @property
    def answered_qn(self) -> str:
        """Of an answer: the QN of what it answers, which 2005 writes into CP."""
        return self.item("QN") or self.qn

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All items of CP in order, name and value."""
        if self._items is None:
            self._items = read_items(self.cp)
        return self._items.pairs

    @property
    def items(self) -> dict[str, str]:
        """Items without a factor code (`DataTime`, `PolId`, `QnRtn`), the first of each name."""
        found: dict[str, str] = {}
        for name, value in self.pairs:
            if not split_name(name)[1]:
                found.setdefault(name, value)
        return found

    def item(self, name: str) -> str:
        """An item without a factor code by name, whatever its case; "" if there is none."""
        folded = name.casefold()
        return next((value for other, value in self.pairs if other.casefold() == folded), "")

    @property
    def fields(self) -> dict[str, dict[str, str]]:
        """Values by factor code and suffix as sent, the first of each; see `repeats`."""
        found: dict[str, dict[str, str]] = {}
        for name, value in self.pairs:
            code, suffix = split_name(name)
            if suffix:
                found.setdefault(code, {}).setdefault(suffix, value)
        return found

    @property
    def repeats(self) -> tuple[tuple[str, str], ...]:
        """Items whose name came before in the same CP."""
        seen: set[str] = set()
        again = []
        for name, value in self.pairs:
            if name in seen:
                again.append((name, value))
            seen.add(name)
        return tuple(again)

    @property
    def unknown_codes(self) -> tuple[str, ...]:
        """Factor codes that no table knows; stored under their own names."""
        return self.plan.codes if self.plan is not None else ()

    def contents(self) -> Iterator[Content]:
        return contents_of(self)

    def to_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "event": "message",
            "mn": self.mn,
            "st": self.st,
            "cn": self.cn,
            "qn": self.qn,
            "flag": self.flag,
            "data_time": None if self.data_time_us is None else iso(self.data_time_us, self.settings.utc_offset_s),
            "fields": {code: {s: _json_value(s, v) for s, v in row.items()} for code, row in self.fields.items()},
            "deviations": list(self.deviations),
            "edition": self.edition.value,
            "items": self.items,
        }
        optional = {
            "repeats": [list(pair) for pair in self.repeats],
            "pnum": self.pnum,
            "pno": self.pno,
            "rf": self.header.rf,
            "header": dict(self.header.others),
            "encrypted": self.is_encrypted,
            "unknown_codes": list(self.unknown_codes),
        }
        return shown | {name: value for name, value in optional.items() if value}

    def __repr__(self) -> str:
        return f"Message({self.raw!r}, deviations={self.deviations!r})"


def _json_value(suffix: str, text: str) -> float | int | str:
    """A number where the text is one; flags and names of digits stay text."""
    if suffix.casefold() in NO_VALUES:
        return text
    value = number(text)
    if value != value:
        return text
    is_whole = abs(value) < 1 << 53 and text.lstrip("+-").isdigit()
    return int(value) if is_whole else value
