"""When a field host has something to upload. Times are those of the device's own clock, in seconds of UTC."""

from collections.abc import Iterator

from simulators.fleet import messages
from simulators.fleet.site import Edition, Site

CHINA_S = 8 * 3600
CLOCK, HEARTBEAT, STATUS, SETTINGS = "1013", "9015", "status", "settings"
_INTERVALS = {
    messages.HOUR: 3600.0,
    messages.DAY: 86400.0,
    CLOCK: 86400.0,
    SETTINGS: 86400.0,
    STATUS: 60.0,
    HEARTBEAT: 60.0,
}


class Schedule:
    """The next due time of each kind of upload; period data follow a site's own few seconds after their period."""

    def __init__(self, site: Site, *, start_s: float) -> None:
        self._site = site
        self._due = {
            kind: self._next(kind, start_s)
            for kind in (messages.REALTIME, messages.MINUTE, messages.HOUR, messages.DAY)
        }
        if site.edition is not Edition.E2005:
            self._due |= {CLOCK: start_s + 86400.0, STATUS: start_s + 60.0, SETTINGS: start_s + 300.0}
        if site.edition is Edition.E2025:
            self._due[HEARTBEAT] = start_s + 60.0

    def take(self, here_s: float) -> Iterator[tuple[str, float]]:
        """The uploads due by `here_s`, each with its due time; they are then due again one interval later."""
        for kind in tuple(self._due):
            while self._due[kind] <= here_s:
                due_s = self._due[kind]
                self._due[kind] += self.interval_s(kind)
                yield kind, due_s

    def next_s(self) -> float:
        return min(self._due.values())

    def interval_s(self, kind: str) -> float:
        if kind == messages.REALTIME:
            return float(self._site.realtime_s)
        return float(self._site.minute_s) if kind == messages.MINUTE else _INTERVALS[kind]

    def period_begin(self, kind: str, due_s: float) -> int:
        """Start of the last whole period before `due_s`; days begin at midnight of China."""
        length = int(self.interval_s(kind))
        return int((due_s + CHINA_S) // length - 1) * length - CHINA_S

    def change_intervals(self, site: Site, here_s: float) -> None:
        """The centre has set other intervals (1062, 1064): they hold from the next upload on."""
        self._site = site
        for kind in (messages.REALTIME, messages.MINUTE):
            self._due[kind] = self._next(kind, here_s)

    def _next(self, kind: str, here_s: float) -> float:
        lag = {messages.REALTIME: 0, messages.MINUTE: 1 + self._site.number % 10, messages.HOUR: 20, messages.DAY: 60}
        late = lag[kind] + (self._site.number % 600 if kind == messages.DAY else 0)
        length = self.interval_s(kind)
        return float((here_s - late + CHINA_S) // length + 1) * length - CHINA_S + late
