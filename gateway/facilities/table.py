"""Facilities, links, calendar and events as rows of the database."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from psycopg.types.json import Jsonb

from analysis.facility import LearnedThresholds, learn_thresholds
from gateway.errors import GatewayError
from gateway.facilities.judgement import METER_QUANTITIES
from gateway.facilities.plant import CalendarEntry, Facility, FacilityLink, Floats, Plant, PlantPowers
from gateway.facilities.query import query
from gateway.storage.link import Connection, Link

DAY_S = 86_400.0
MINUTE_S = 60.0
LONGEST_EMISSION_S = 600
"""Slower values of an outlet say nothing about half an hour. [s]"""


def moment(time_s: float) -> datetime:
    """Seconds since 1970 as the database driver takes them."""
    return datetime.fromtimestamp(time_s, UTC)


class FacilityTable:
    """What the commands do to the facilities of sites."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def add(
        self,
        site: str,
        name: str,
        *,
        kind: str,
        device: str,
        quantity: str = "power",
        channel: str = "",
        standby_group: str = "",
        serves: Sequence[str] | None = None,
        shift_s: tuple[int, int] | None = None,
    ) -> None:
        """Enter a facility or change it; its signature is void if its meter or kind is another.

        Parameters
        ----------
        serves : outlets of the site that a treatment treats; None: as they are
        shift_s : beginning and end of the permitted day shift; None: as it is. [s of the day, UTC]
        """
        async with self._link.use() as connection, connection.transaction():
            columns: dict[str, Any] = {"kind": kind, "device": device, "quantity": quantity, "channel": channel}
            site_id = await _site(connection, site)
            columns |= {"name": name, "standby_group": standby_group}
            columns["serves"] = None if serves is None else list(serves)
            columns["shift_from_s"], columns["shift_until_s"] = shift_s or (None, None)
            await connection.execute(query("put_facility"), {"site_id": site_id, **columns})

    async def connect(
        self,
        site: str,
        name: str,
        *,
        production: Sequence[str],
        treatment: Sequence[str],
        mode: str = "any",
        lead_s: float | None = None,
        lag_s: float | None = None,
        least_ratio: float | None = None,
    ) -> None:
        """Enter a link or change it.

        Raises
        ------
        GatewayError
            If a side is empty, or a facility is not known or of the other kind.
        """
        plant = await self.plant(site)
        members = [_of_kind(plant, name, "production") for name in production]
        members += [_of_kind(plant, name, "treatment") for name in treatment]
        if not production or not treatment:
            raise GatewayError("a link needs production and treatment")
        terms = {"mode": mode, "lead_s": lead_s, "lag_s": lag_s, "least_ratio": least_ratio}
        async with self._link.use() as connection, connection.transaction():
            row = {"site_id": plant.site_id, "name": name, **terms}
            link_id = (await _one(connection, "put_link", row))["id"]
            await connection.execute(query("drop_members"), {"id": link_id})
            await connection.execute(query("put_members"), {"id": link_id, "members": [item.id for item in members]})

    async def notice(
        self,
        site: str,
        facility: str | None,
        *,
        kind: str,
        start_s: float,
        end_s: float,
        by: str,
        note: str = "",
        allowed_share: float | None = None,
        baseline_kw: float | None = None,
    ) -> None:
        """Put maintenance or an order into the calendar, for one facility or (None) for the site."""
        if kind == "limit_order" and (allowed_share is None or baseline_kw is None):
            raise GatewayError("a limit order needs the allowed share and the baseline that it limits")
        plant = await self.plant(site)
        concerned = None if facility is None else _named(plant, facility).id
        row: dict[str, Any] = {"site_id": plant.site_id, "facility_id": concerned, "kind": kind, "note": note, "by": by}
        row |= {"starts_at": moment(start_s), "ends_at": moment(end_s)}
        row |= {"allowed_share": allowed_share, "baseline_kw": baseline_kw}
        async with self._link.use() as connection:
            await connection.execute(query("put_notice"), row)

    async def learn(self, site: str, name: str, *, days: float, until_s: float) -> LearnedThresholds:
        """Propose thresholds from the last days; they hold once they are signed.

        Raises
        ------
        GatewayError
            If the facility is not known, or its power is too short or never above zero.
        """
        plant = await self.plant(site)
        facility = _named(plant, name)
        powers = await self.powers(plant, since_s=until_s - days * DAY_S, until_s=until_s, step_s=MINUTE_S)
        try:
            learned = learn_thresholds(powers.of(facility.id))
        except ValueError as error:
            raise GatewayError(f"{site}/{name}: {error}") from error
        row = {"id": facility.id, "off_kw": learned.off_kw, "run_kw": learned.run_kw, "learned": Jsonb(asdict(learned))}
        async with self._link.use() as connection:
            await connection.execute(query("propose_thresholds"), row)
        return learned

    async def sign_off(
        self, site: str, name: str, *, by: str, off_kw: float | None = None, run_kw: float | None = None
    ) -> Facility:
        """Put thresholds into force on somebody's word: those that were learned, or those given.

        Raises
        ------
        GatewayError
            If nobody signs, or there are no thresholds, or they contradict each other.
        """
        facility = _named(await self.plant(site), name)
        if facility.kind == "plant":  # its states are not asked for: the signature is for what is behind its meter
            off_kw, run_kw = off_kw or 0.0, run_kw or 0.0
        off_kw = facility.off_kw if off_kw is None else off_kw
        run_kw = facility.run_kw if run_kw is None else run_kw
        if not by.strip():
            raise GatewayError("thresholds are signed by somebody: give a name")
        if off_kw is None or run_kw is None:
            raise GatewayError(f"{site}/{name}: there are no thresholds to sign; learn or give them")
        if not 0 <= off_kw <= run_kw:
            raise GatewayError(f"{site}/{name}: thresholds must be 0 <= off <= run, got {off_kw:g} and {run_kw:g}")
        row = {"id": facility.id, "by": by.strip(), "off_kw": off_kw, "run_kw": run_kw}
        async with self._link.use() as connection, connection.transaction():
            await connection.execute(query("sign_off"), row)
            await connection.execute(query("note_signature"), row)
        return _named(await self.plant(site), name)

    async def sites(self, site: str | None = None) -> list[tuple[int, str]]:
        """Sites that have facilities: (id, name)."""
        async with self._link.use() as connection:
            rows = await (await connection.execute(query("sites"), {"site": site})).fetchall()
        return [(row["id"], row["site"]) for row in rows]

    async def plant(self, site: str, *, since_s: float = 0.0, until_s: float = 0.0) -> Plant:
        """A site with its calendar of that time.

        Raises
        ------
        GatewayError
            If it has no facilities.
        """
        for site_id, name in await self.sites(site):
            async with self._link.use() as connection:
                return await read_plant(connection, site_id, name, since_s=since_s, until_s=until_s)
        raise GatewayError(f"{site}: no facilities are known of this site")

    async def powers(self, plant: Plant, *, since_s: float, until_s: float, step_s: float) -> PlantPowers:
        async with self._link.use() as connection:
            return await read_powers(connection, plant.site_id, since_s=since_s, until_s=until_s, step_s=step_s)

    async def events(self, site: str, *, since_s: float) -> list[dict[str, Any]]:
        """Contradictions that had not ended by then, with their texts and figures."""
        row = {"site": site, "since": moment(since_s)}
        async with self._link.use() as connection:
            return await (await connection.execute(query("recent_events"), row)).fetchall()


async def read_plant(
    connection: Connection, site_id: int, site: str, *, since_s: float = 0.0, until_s: float = 0.0
) -> Plant:
    """A site's facilities and links, and its calendar between the two times."""

    async def rows(name: str) -> list[dict[str, Any]]:
        chosen = {"site_id": site_id, "since": moment(since_s), "until": moment(until_s)}
        return await (await connection.execute(query(name), chosen)).fetchall()

    facilities = tuple(Facility(**{**row, "serves": tuple(row["serves"])}) for row in await rows("facilities"))
    links = tuple(FacilityLink(**{**row, "members": tuple(row["members"])}) for row in await rows("links"))
    return Plant(site_id, site, facilities, links, tuple(CalendarEntry(**row) for row in await rows("calendar")))


async def read_powers(
    connection: Connection, site_id: int, *, since_s: float, until_s: float, step_s: float
) -> PlantPowers:
    """What the meters of a site said, on steps of `step_s`, from the step that `since_s` lies in on."""
    first = math.floor(since_s / step_s)
    count = max(0, math.ceil(until_s / step_s) - first)
    chosen = {"site_id": site_id, "others": list(METER_QUANTITIES), "step_s": step_s}
    chosen |= {"since": moment(first * step_s), "until": moment(until_s)}
    values: dict[tuple[int, str], Any] = {}
    for row in await (await connection.execute(query("powers"), chosen)).fetchall():
        array = values.setdefault((row["id"], row["quantity"]), np.full(count, np.nan))
        array[round(row["at_s"] / step_s) - first] = row["value"]
    times_s = (first + np.arange(count, dtype=np.float64)) * step_s
    chosen |= {"longest_s": LONGEST_EMISSION_S, "since": moment(first * step_s - LONGEST_EMISSION_S)}
    rows = await (await connection.execute(query("emissions"), chosen)).fetchall()
    return PlantPowers(times_s, step_s, values, _held(rows, times_s, step_s))


def _held(rows: Sequence[dict[str, Any]], times_s: Floats, step_s: float) -> dict[tuple[str, str], Floats]:
    """Values on the steps that their intervals cover; of several in a step, the last."""
    emissions: dict[tuple[str, str], Floats] = {}
    for row in sorted(rows, key=lambda row: row["at_s"]):
        array = emissions.setdefault((row["point"], row["quantity"]), np.full(times_s.shape, np.nan))
        start = math.floor((row["at_s"] - times_s[0]) / step_s)
        stop = start + max(1, round(row["interval_s"] / step_s))
        array[max(start, 0) : max(stop, 0)] = row["value"]
    return emissions


def _named(plant: Plant, name: str) -> Facility:
    found = next((item for item in plant.facilities if item.name == name), None)
    if found is None:
        known = ", ".join(item.name for item in plant.facilities)
        raise GatewayError(f"{plant.site}/{name}: no such facility; there are: {known}")
    return found


def _of_kind(plant: Plant, name: str, kind: str) -> Facility:
    found = _named(plant, name)
    if found.kind != kind:
        raise GatewayError(f"{plant.site}/{name}: is {found.kind}, not {kind}")
    return found


async def _site(connection: Connection, site: str) -> int:
    return int((await _one(connection, "make_site", {"site": site}))["id"])


async def _one(connection: Connection, name: str, row: dict[str, Any]) -> dict[str, Any]:
    found = await (await connection.execute(query(name), row)).fetchone()
    assert found is not None
    return found
