"""A site as power-use supervision sees it: facilities, their links, the calendar of notices and orders."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
EXCUSES = ("maintenance", "bypass")


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility and the meter that it draws its power through."""

    id: int
    name: str
    kind: Literal["production", "treatment", "plant"]  # plant: the meter that the others are behind
    device: str
    quantity: str = "power"
    channel: str = ""  # the device's own code, where it measures several of this quantity
    standby_group: str = ""
    off_kw: float | None = None
    run_kw: float | None = None
    signed_off_by: str | None = None
    serves: tuple[str, ...] = ()  # points of the site whose emission a treatment lowers
    shift_from_s: int | None = None  # permitted day shift: seconds of the day, UTC
    shift_until_s: int | None = None

    @property
    def is_signed(self) -> bool:
        """Whether its thresholds may be used."""
        return self.signed_off_by is not None and self.off_kw is not None and self.run_kw is not None


@dataclass(frozen=True, slots=True)
class FacilityLink:
    """Production and the treatment that it needs; see `analysis.facility.LinkTerms`."""

    id: int
    name: str
    mode: Literal["any", "all"]
    members: tuple[int, ...]  # facility ids of both kinds
    lead_s: float | None = None
    lag_s: float | None = None
    least_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """Reported maintenance, or an order of the authority, for one facility or the whole site (None)."""

    facility_id: int | None
    kind: Literal["maintenance", "bypass", "stop_order", "limit_order"]
    start_s: float
    end_s: float
    allowed_share: float | None = None
    baseline_kw: float | None = None

    def concerns(self, *facility_ids: int) -> bool:
        return self.facility_id is None or self.facility_id in facility_ids


@dataclass(frozen=True, slots=True)
class Plant:
    """All of one site."""

    site_id: int
    site: str
    facilities: tuple[Facility, ...]
    links: tuple[FacilityLink, ...]
    calendar: tuple[CalendarEntry, ...]


@dataclass(frozen=True, slots=True)
class PlantPowers:
    """What the meters of a plant said, on common steps.

    `values` has an array of `len(times_s)` for (facility id, quantity), NaN where nothing came; the facility's own
    quantity goes by the name of "power". Times are the beginnings of the steps. [s, UTC] `emissions` has what the
    outlets reported, by (point, quantity), each value held for its interval. [unit of the series]
    """

    times_s: Floats
    step_s: float
    values: dict[tuple[int, str], Floats]
    emissions: dict[tuple[str, str], Floats] = field(default_factory=dict)

    def of(self, facility_id: int, quantity: str = "power") -> Floats:
        found = self.values.get((facility_id, quantity))
        return np.full(self.times_s.shape, np.nan) if found is None else found

    def has(self, facility_id: int, *quantities: str) -> bool:
        return all((facility_id, quantity) in self.values for quantity in quantities)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One event of a rule, with whom it concerns. Exactly one of link and facility is given."""

    rule: str
    start_s: float
    end_s: float
    detected_s: float
    severity: int
    figures: dict[str, float]
    texts: dict[str, str]
    device: str
    concerned: tuple[str, ...]  # names of facilities
    link: FacilityLink | None = None
    facility: Facility | None = None
