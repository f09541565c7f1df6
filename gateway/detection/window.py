"""Which part of each site's history is read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """Values with `since <= time < until`; `reference_days` moves `since` back for sites with an accepted period.

    The analysis judges a site by its own accepted history, so a window without it would judge nothing. With
    `reference_days` a site's window begins so many days before the end of its accepted period, if that is earlier. It
    then begins at the same moment in every run, and findings keep their beginnings and ids.
    """

    since: datetime
    until: datetime
    reference_days: int | None = None

    def since_of(self, accepted_until: datetime | None) -> datetime:
        """Where the window of a site begins."""
        if self.reference_days is None or accepted_until is None:
            return self.since
        return min(self.since, accepted_until - timedelta(days=self.reference_days))


def scheduled_window(now: datetime, *, days: int) -> Window:
    """The window of a scheduled run; it begins at midnight UTC, so that the runs of one day begin alike."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(midnight - timedelta(days=days), now, reference_days=days)
