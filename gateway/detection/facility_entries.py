"""Facilities under power-use supervision as `sites.json` has them: id, kind, power channel, run_kw, treats, serves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.detection.connection import Connection
from gateway.detection.sites_sql import query

HOUR_S = 3600
_STATISTICS = ("avg", "rtd")  # the hourly mean of a meter first


@dataclass(frozen=True, slots=True)
class Meter:
    """A series that may be a facility's power."""

    point_id: int
    code: str
    channel: str  # "point/channel" of the dataset
    quantity: str
    statistic: str
    interval_s: int
    is_fast: bool  # too fast to be analysed, were it not for the facility


@dataclass(frozen=True, slots=True)
class FacilityEntry:
    """A row of `facility`, and its object in `sites.json`."""

    row_id: int
    document: dict[str, Any]


def read_facilities(
    connection: Connection, site_id: int, meters: Sequence[Meter], left_out: list[str], *, site: str
) -> list[FacilityEntry]:
    """The supervised facilities of a site; one without a series of its power is named in `left_out`."""
    found = []
    for row in connection.execute(query("site_facilities"), {"site_id": site_id}).fetchall():
        meter = _meter_of(row, meters)
        if meter is None:
            left_out.append(f"{site}, facility {row['name']}: no {row['quantity']} of its meter {row['device']} here")
            continue
        document = {"id": row["name"], "kind": row["kind"], "channel": meter.channel}
        document |= {key: row[key] for key in ("run_kw", "treats", "serves") if row[key]}
        found.append(FacilityEntry(row["id"], document))
    return found


def _meter_of(facility: dict[str, Any], meters: Iterable[Meter]) -> Meter | None:
    """What the analysis compares are hourly means, so that the slowest series that makes whole hours is enough."""
    fitting = [
        meter
        for meter in meters
        if (meter.point_id, meter.quantity) == (facility["point_id"], facility["quantity"])
        and facility["channel"] in ("", meter.code)
        and meter.statistic in _STATISTICS
        and HOUR_S % meter.interval_s == 0
    ]
    order = {statistic: number for number, statistic in enumerate(_STATISTICS)}
    return min(fitting, key=lambda one: (one.is_fast, order[one.statistic], -one.interval_s), default=None)
