"""Printer-style text of an instrument → values, by regular expressions configured for the model.

    [text]
    name = "three-in-one-printer"
    title = "…"
    encoding = "gbk"
    end = "-----"                     # a line that ends one record; absent: every line is a record
    line = [ {pattern = "液阻.*?(?P<value>[0-9.]+) *Pa", code = "resistance", quantity = "pressure", unit = "Pa"}, … ]

A pattern has one group named `value`. Lines that no pattern matches are kept in the record and counted: a new firmware
that prints otherwise must not pass unnoticed.
"""

import codecs
import re
import tomllib
from dataclasses import dataclass, field
from math import isfinite

from drivers.profiles.profile import ProfileError

MAX_RECORD = 64 * 1024


@dataclass(frozen=True, slots=True)
class LinePattern:
    """One kind of line."""

    pattern: re.Pattern[str]
    code: str
    quantity: str
    unit: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class TextProfile:
    """How one model prints."""

    name: str
    title: str
    encoding: str
    end: str
    patterns: tuple[LinePattern, ...]


@dataclass(slots=True)
class TextRecord:
    """One printed record; `values` by code, several if a line came several times."""

    raw: bytes
    values: dict[str, list[float]] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)


def parse_text_profile(text: str, *, file: str = "profile") -> TextProfile:
    """A text profile from its TOML.

    Raises
    ------
    ProfileError
        At the first mistake, naming file and key.
    """
    try:
        table = tomllib.loads(text)["text"]
        return TextProfile(
            str(table["name"]),
            str(table["title"]),
            codecs.lookup(str(table.get("encoding", "utf-8"))).name,
            str(table.get("end", "")),
            tuple(_pattern(row, file, number) for number, row in enumerate(table["line"])),
        )
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{file}: {error}; expected TOML") from error
    except KeyError as error:
        raise ProfileError(f"{file}: text: {error.args[0]} is missing") from error
    except LookupError as error:
        raise ProfileError(f"{file}: text.encoding: {error}") from error


def _pattern(row: dict[str, str | float], file: str, number: int) -> LinePattern:
    try:
        pattern = re.compile(str(row["pattern"]))
    except re.error as error:
        raise ProfileError(f"{file}: text.line[{number}].pattern: {error}") from error
    if "value" not in pattern.groupindex:
        raise ProfileError(f"{file}: text.line[{number}].pattern: expected a group named value")
    return LinePattern(pattern, str(row["code"]), str(row["quantity"]), str(row["unit"]), float(row.get("scale", 1.0)))


class TextReader:
    """Bytes in, records out."""

    def __init__(self, profile: TextProfile) -> None:
        self._profile = profile
        self._buffer = bytearray()
        self._record = bytearray()

    def feed(self, data: bytes) -> list[TextRecord]:
        self._buffer += data
        records = []
        while (end := self._buffer.find(b"\n") + 1) > 0:
            line = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._record += line
            is_end = not self._profile.end or self._text(line).strip().startswith(self._profile.end)
            if is_end or len(self._record) > MAX_RECORD:
                records += self._take()
        if len(self._buffer) > MAX_RECORD:
            self._record += self._buffer
            self._buffer.clear()
            records += self._take()
        return records

    def flush(self) -> list[TextRecord]:
        """The print-out has ended without its last line."""
        self._record += self._buffer
        self._buffer.clear()
        return self._take()

    def _take(self) -> list[TextRecord]:
        record = TextRecord(bytes(self._record))
        self._record.clear()
        for line in self._text(record.raw).splitlines():
            if line.strip() and not (self._profile.end and line.strip().startswith(self._profile.end)):
                self._read_line(record, line)
        return [record] if record.values or record.unmatched else []

    def _read_line(self, record: TextRecord, line: str) -> None:
        for kind in self._profile.patterns:
            found = kind.pattern.search(line)
            if found is None:
                continue
            try:
                value = float(found["value"]) * kind.scale
            except ValueError:
                break
            if isfinite(value):
                record.values.setdefault(kind.code, []).append(value)
                return
        record.unmatched.append(line)

    def _text(self, raw: bytes) -> str:
        return raw.decode(self._profile.encoding, "replace")
