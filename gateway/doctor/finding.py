"""What the doctor says: one line a check."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    GOOD = "good"
    UNKNOWN = "unknown"  # could not be looked at from here
    WARNING = "warning"  # works, with a risk that the text names
    BAD = "bad"  # the promise does not hold


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was found, what to change ("" where nothing is to be changed)."""

    grade: Grade
    what: str
    found: str
    change: str = ""

    def __str__(self) -> str:
        change = f"\n           change 修改: {self.change}" if self.change else ""
        return f"[{self.grade.value:^7}] {self.what}: {self.found}{change}"
