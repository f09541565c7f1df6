"""Control codes, functions and error bits of DL/T 645-2007 (section 5.3, chapter 7) and DL/T 645-1997.

    control   D7      D6        D5            D4 … D0
              reply   abnormal  more follows  function

Functions 01-04, 0A, 0C, 0F and 10 are those of 1997, 08 is in both, the rest are those of 2007.
"""

from dataclasses import dataclass

REPLY, ABNORMAL, FOLLOW_UP = 0x80, 0x40, 0x20

BROADCAST_TIME = 0x08
READ_2007, READ_NEXT_2007, READ_ADDRESS = 0x11, 0x12, 0x13
READ_1997, READ_NEXT_1997, READ_AGAIN_1997 = 0x01, 0x02, 0x03
READS = {READ_2007, READ_NEXT_2007, READ_1997, READ_NEXT_1997, READ_AGAIN_1997}

FUNCTIONS_2007 = {
    0x08: "broadcast time",
    0x11: "read data",
    0x12: "read follow-up",
    0x13: "read address",
    0x14: "write data",
    0x15: "write address",
    0x16: "freeze",
    0x17: "change baud rate",
    0x18: "change password",
    0x19: "clear demand",
    0x1A: "clear meter",
    0x1B: "clear events",
    0x1C: "relay control",
    0x1D: "multi-function terminal",
}
FUNCTIONS_1997 = {
    0x01: "read data",
    0x02: "read follow-up",
    0x03: "read again",
    0x04: "write data",
    0x0A: "write address",
    0x0C: "change baud rate",
    0x0F: "change password",
    0x10: "clear demand",
}

ERRORS_2007 = (
    "other error",
    "no requested data",
    "wrong password / not authorised",
    "baud rate cannot change",
    "too many time zones",
    "too many day periods",
    "too many tariffs",
)
ERRORS_1997 = (
    "illegal data",
    "identifier wrong",
    "wrong password / not authorised",
    "",
    "too many time zones",
    "too many day periods",
    "too many tariffs",
)


@dataclass(frozen=True, slots=True)
class Control:
    """A control byte taken apart."""

    byte: int

    @property
    def is_reply(self) -> bool:
        return bool(self.byte & REPLY)

    @property
    def is_abnormal(self) -> bool:
        return bool(self.byte & ABNORMAL)

    @property
    def has_more(self) -> bool:
        return bool(self.byte & FOLLOW_UP)

    @property
    def function(self) -> int:
        return self.byte & 0x1F

    @property
    def is_1997(self) -> bool:
        return self.function in FUNCTIONS_1997

    @property
    def is_known(self) -> bool:
        """Whether the standards know this byte: flags only on replies, one kind of reply at a time."""
        has_odd_flags = (self.is_abnormal or self.has_more) and not self.is_reply
        return self.name != "" and not has_odd_flags and not (self.is_abnormal and self.has_more)

    @property
    def name(self) -> str:
        return FUNCTIONS_1997.get(self.function) or FUNCTIONS_2007.get(self.function, "")

    def errors(self, error_byte: int) -> list[str]:
        names = ERRORS_1997 if self.is_1997 else ERRORS_2007
        return [name for bit, name in enumerate(names) if name and error_byte >> bit & 1]
