"""What is known about a site apart from its observations: channels, facilities, events, the parameter ledger."""

from dataclasses import dataclass

AIR, WATER, POWER = "air", "water", "power"
DOCUMENTED = frozenset({"calibration", "maintenance"})


@dataclass(frozen=True, slots=True)
class Channel:
    """One series: a quantity at a point, one statistic, one interval. Absent optional keys are `None`."""

    site: str
    point: str
    id: str
    medium: str
    quantity: str
    statistic: str
    unit: str
    interval_s: int
    limit: float | None = None
    range_low: float | None = None
    range_high: float | None = None
    detection_limit: float | None = None
    derived_from: tuple[str, ...] = ()
    formula: str | None = None
    reference_oxygen_pct: float | None = None

    @property
    def path(self) -> str:
        """`site/point`, the key that observations use."""
        return f"{self.site}/{self.point}"


@dataclass(frozen=True, slots=True)
class Facility:
    """A production or treatment facility; `channel` is `point/channel` of the series that shows whether it runs."""

    id: str
    kind: str
    channel: str
    run_kw: float | None = None
    treats: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A documented event.

    `point` is `None` when the whole site is meant. [s, UTC]; `end_s` is infinite while it lasts.
    """

    start_s: float
    end_s: float
    site: str
    point: str | None
    kind: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A parameter's value in force from `time_s`, reported at `reported_s`. [s, UTC]"""

    time_s: float
    point: str
    channel: str
    parameter: str
    value: float
    reported_s: float


@dataclass(frozen=True, slots=True)
class Site:
    """A site as registered. `accepted_until_s` is `None` where no history was verified."""

    id: str
    name: str
    industry: str
    channels: tuple[Channel, ...]
    facilities: tuple[Facility, ...] = ()
    accepted_until_s: float | None = None
    longitude: float | None = None
    latitude: float | None = None
