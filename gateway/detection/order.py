"""What passes between the service and the process of a scheduled run; importing it does not import the analysis."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["done", "busy", "not_due", "empty"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to do. `every_s` 0: now, whenever the last one was."""

    dsn: str
    runner: str
    folder: Path
    every_s: float
    days: int
    alerts_per_site_month: float
    shortest_interval_s: int
    time_zone: str
    tenant: str
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    outcome: Outcome
    points_read: int = 0
    findings: int = 0
    new_alerts: int = 0
    seconds: float = 0.0

    def line(self) -> dict[str, object]:
        return asdict(self)
