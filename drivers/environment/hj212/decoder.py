"""The decoder: a byte stream in, messages and refused bytes out."""

from drivers.environment.hj212.framing import Framer, Item, Keys
from drivers.environment.hj212.message import Message, Settings
from drivers.environment.hj212.profile import Profile, Profiles
from drivers.environment.hj212.times import CHINA_OFFSET_S
from drivers.events import BadFrame, Reason


class Decoder:
    """One connection's or file's decoder.

    Parameters
    ----------
    utc_offset_s
        Offset of the station's clock. [s]
    minute_interval_s
        What one minute-data interval (2051) is; a setting of the station that no frame carries. [s]
    keys
        SM4 keys of an MN, newest first; without it nothing is decrypted.
    profiles
        Where dialects are learned; shared between the connections of a gateway, or the decoder's own.
    """

    __slots__ = ("_framer", "_last", "profiles", "settings")

    def __init__(
        self,
        *,
        utc_offset_s: int = CHINA_OFFSET_S,
        minute_interval_s: int = 600,
        keys: Keys | None = None,
        profiles: Profiles | None = None,
    ) -> None:
        self._framer = Framer(keys)
        self._last: Profile | None = None
        self.settings = Settings(utc_offset_s, minute_interval_s)
        self.profiles = Profiles() if profiles is None else profiles

    def feed(self, data: bytes) -> list[Message | BadFrame]:
        """Messages and refused bytes completed by `data`, in order."""
        return self._events(self._framer.feed(data))

    def flush(self) -> list[Message | BadFrame]:
        """The input has ended."""
        return self._events(self._framer.flush())

    @property
    def pending(self) -> int:
        """Bytes held of a frame that has not come whole."""
        return self._framer.pending

    def _events(self, items: list[Item]) -> list[Message | BadFrame]:
        events: list[Message | BadFrame] = []
        for item in items:
            if isinstance(item, tuple):
                message = Message(item, self.settings)
                if not message.header.cn:
                    events.append(BadFrame(Reason.SYNTAX, message.raw, "no CN", message.deviations))
                    continue
                self._last = self.profiles.of(message.header.mn)
                self._last.observe(message)
                events.append(message)
            elif isinstance(item, BadFrame):
                events.append(item)
            elif self._last is not None:
                self._last.observe_line_end(str(item))
        return events
