"""How long a line takes and how long one waits on it.

A device that does not answer costs its time-out twice: once waiting, once listening, so that a late answer does not
collide with the next one. Where answers do not say what they answer (Modbus RTU), the device is not asked again
until its late answer has come or cannot come any more.
"""

from dataclasses import dataclass

from drivers.profiles.profile import SerialSettings

LONGEST_REPLY_S = 16.0
"""A device that sends byte by byte with gaps of nearly half a second needs this for 35 bytes. [s]"""
SLOW_SAMPLE_S = 10.0
"""A device that takes longer for a whole sample lets the others go first. [s]"""
MOST_REPLY_DELAY_S = 3.0
LATEST_ANSWER_S = 10.0
"""No instrument, converter or serial server holds an answer back for longer. [s]"""


@dataclass(frozen=True, slots=True)
class LineTiming:
    """Times of one line. DL/T 645-2007 section 4: answer delay 20-500 ms, up to 500 ms between two bytes."""

    character_s: float
    reply_delay_s: float = 1.0  # request sent → first byte of the answer, at most
    byte_gap_s: float = 0.5  # inside an answer that has begun
    quiet_s: float = 0.02  # silence before a request; 3.5 characters if that is more
    longest_quiet_wait_s: float = 1.0  # then a babbling line is spoken over

    @classmethod
    def of(cls, settings: SerialSettings, **times: float) -> "LineTiming":
        return cls(settings.character_s, **times)

    def wire_s(self, count: int) -> float:
        """Time of `count` bytes on the line. [s]"""
        return count * self.character_s

    @property
    def silence_s(self) -> float:
        return max(self.quiet_s, 3.5 * self.character_s)
