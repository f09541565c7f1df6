"""Supervision on a database in virtual time: told once, in time, whatever is restarted or comes late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from drivers.events import Channel, Readings, Shape
from gateway.facilities.supervision import Supervision, SupervisionSettings
from gateway.records import Delivery
from gateway.storage import Device, StorageSettings, Store
from gateway.storage.link import Link
from tests.facilities.plants import MINUTE_S, START_S, facility_table, minutes, signed_plant, working
from tests.storage.frames import delivery

pytestmark = pytest.mark.database
EAGER = SupervisionSettings(every_s=0.001, tell_again_s=0.0)
PATIENT = SupervisionSettings(every_s=0.001, tell_again_s=3600.0)
LINE = {"M1": working(60.0)}
STOPPED = {**LINE, "M2": working(12.0, (100, 160))}
"""The fan stands still from minute 100 to 160 while the line goes on."""


class Told:
    """Keeps what it is told, and writes it as the intake does."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self.deliveries: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self._store is not None:
            await self._store.write([delivery])
            assert delivery.on_durable is not None
            delivery.on_durable()

    @property
    def kinds(self) -> list[str]:
        return [content.kind for item in self.deliveries for content in item.event.contents()]  # type: ignore[union-attr]


@asynccontextmanager
async def supervision(dsn: str, told: Told, settings: SupervisionSettings = PATIENT) -> AsyncIterator[Supervision]:
    link = Link(dsn, StorageSettings(), name="test supervision")
    try:
        yield Supervision(link, told, settings)
    finally:
        await link.close()


async def looked(dsn: str, told: Told, minute: float, settings: SupervisionSettings = PATIENT) -> int:
    """One look by a process that has just started."""
    async with supervision(dsn, told, settings) as subject:
        return await subject.look(START_S + minute * MINUTE_S)


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


EVENTS = (
    "SELECT kind, extract(epoch FROM time)::float8, detail FROM v_device_event WHERE kind LIKE 'treatment%' ORDER BY 2"
)


async def test_treatment_off_is_stored_once_and_within_two_minutes_of_data(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        told = Told(store)
        async with supervision(database, told) as subject:
            seen_at = None
            for minute in range(200):
                await store.write(minutes(STOPPED, minute, minute + 1))
                if minute >= 90 or minute % 30 == 0:
                    await subject.look(START_S + (minute + 0.9) * MINUTE_S)
                if told.deliveries and seen_at is None:
                    seen_at = minute
            await subject.look(START_S + 201 * MINUTE_S)
        assert seen_at is not None
        assert 100 <= seen_at <= 102
    ((kind, time_s, detail),) = rows(database, EVENTS)
    assert kind == "treatment_off_while_production_runs"
    assert time_s == START_S + 102 * MINUTE_S  # the third still minute confirms it
    assert detail["rule"] == "P1"
    assert detail["facilities"] == ["kiln", "fan"]
    assert detail["detected_us"] / 1e6 - (START_S + 100 * MINUTE_S) <= 120
    assert detail["figures"]["treatment_kw"] == 0.05
    assert 58 < detail["figures"]["production_kw"] < 62
    assert detail["unless_en"]
    ((end_s, severity, duration_s, is_told),) = rows(
        database,
        "SELECT extract(epoch FROM ends_at)::float8, severity, figures -> 'duration_s', told_at IS NOT NULL"
        " FROM v_facility_event WHERE rule = 'P1'",
    )
    assert end_s == START_S + 161 * MINUTE_S  # it is over when three working minutes say so
    assert (severity, duration_s, is_told) == (2, 59 * 60, True)


async def test_restarts_in_the_middle_tell_nothing_twice(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        await store.write(minutes(STOPPED, 0, 200))
        told = Told(store)
        assert sum([await looked(database, told, minute) for minute in (103, 110, 130, 161, 200)]) == 1
    assert told.kinds == ["treatment_off_while_production_runs"]


async def test_a_contradiction_longer_than_the_window_stays_one(database: str) -> None:
    await signed_plant(database)
    powers = {**LINE, "M2": working(12.0, (100, 1000))}
    async with Store.open(database, writer="w1") as store:
        await store.write(minutes(powers, 0, 1000))
        told = Told(store)
        async with supervision(database, told) as subject:
            for minute in range(90, 1000, 45):
                await subject.look(START_S + minute * MINUTE_S)
    assert told.kinds == ["treatment_off_while_production_runs"]
    ((figures, lasted_s),) = rows(
        database, "SELECT figures, extract(epoch FROM ends_at - starts_at)::float8 FROM facility_event"
    )
    assert figures["duration_s"] == lasted_s == (990 - 1 - 102) * 60


async def test_a_process_killed_after_telling_tells_the_same_words_and_the_store_knows_them(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        await store.write(minutes(STOPPED, 0, 120))
        first, second = Told(store), Told(store)
        await looked(database, first, 120, EAGER)  # written, and killed before that was noted
        await looked(database, second, 125, EAGER)
        assert [item.raw for item in first.deliveries] == [item.raw for item in second.deliveries]
        (books,) = [item for item in await store.books() if item.writer == "w1"]
        assert books.counts.duplicate == 1
    assert len(rows(database, EVENTS)) == 1


async def test_several_processes_at_once_tell_once(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        await store.write(minutes(STOPPED, 0, 120))
        told = Told(store)
        new = await asyncio.gather(*(looked(database, told, 120) for _ in range(5)))
    assert sum(new) == 1
    assert len(told.deliveries) == 1


async def test_late_minutes_are_judged_when_they_come(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        told = Told(store)
        await store.write(minutes(STOPPED, 0, 95))
        await looked(database, told, 200)
        assert "treatment_off_while_production_runs" not in told.kinds
        await store.write(minutes(STOPPED, 95, 200))
        await looked(database, told, 205)
    assert told.kinds.count("treatment_off_while_production_runs") == 1


async def test_missing_data_are_unknown_and_no_contradiction_is_cut_in_two_by_a_minute(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        told = Told(store)
        await store.write(minutes(STOPPED, 0, 200, missing=frozenset({130})))
        await looked(database, told, 200)
    assert told.kinds == ["treatment_off_while_production_runs"]


@pytest.mark.parametrize("by", ["", "officer"])
async def test_only_signed_thresholds_are_used(database: str, by: str) -> None:
    await signed_plant(database, by=by)
    async with Store.open(database, writer="w1") as store:
        told = Told(store)
        await store.write(minutes(STOPPED, 0, 200))
        await looked(database, told, 200)
    assert bool(told.deliveries) is bool(by)


async def test_reported_maintenance_excuses_and_a_stop_order_forbids(database: str) -> None:
    await signed_plant(database)
    at = {number: START_S + number * MINUTE_S for number in (90, 170, 20, 60)}
    async with Store.open(database, writer="w1") as store, facility_table(database) as table:
        told = Told(store)
        await table.notice("works", "fan", kind="maintenance", start_s=at[90], end_s=at[170], by="officer")
        await table.notice("works", None, kind="stop_order", start_s=at[20], end_s=at[60], by="officer")
        await store.write(minutes(STOPPED, 0, 200))
        await looked(database, told, 200)
    assert told.kinds == ["production_against_order"]
    ((device, detail),) = rows(
        database, "SELECT device, detail FROM v_device_event WHERE kind = 'production_against_order'"
    )
    assert (device, detail["rule"], detail["start_us"]) == ("M1", "P10", round(at[20] * 1e6))
    assert detail["figures"]["mean_kw"] > 55


async def test_a_limit_order_is_judged_by_its_hours(database: str) -> None:
    await signed_plant(database)
    powers = {"M1": lambda minute: 60.0 if 120 <= minute < 180 else 25.0, "M2": working(12.0)}
    async with Store.open(database, writer="w1") as store, facility_table(database) as table:
        told = Told(store)
        await table.notice(
            "works", "kiln", kind="limit_order", start_s=START_S, end_s=START_S + 86_400, by="officer",
            allowed_share=0.5, baseline_kw=60.0,
        )  # fmt: skip
        await store.write(minutes(powers, 0, 240))
        await looked(database, told, 240)
    found = rows(
        database,
        "SELECT detail -> 'start_us', detail -> 'figures' -> 'share' FROM v_device_event WHERE kind LIKE 'prod%'",
    )
    assert found == [(round((START_S + 7200) * 1e6), 1.0)]


async def test_a_database_that_fails_is_an_error_that_the_next_look_makes_up_for(database: str) -> None:
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store:
        await store.write(minutes(STOPPED, 0, 120))
        told = Told(None)  # nothing becomes durable
        await looked(database, told, 120)
        assert rows(database, "SELECT count(*) FROM facility_event WHERE told_at IS NULL") == [(1,)]
        again = Told(store)
        async with supervision(database, again, EAGER) as subject:
            await subject.look(START_S + 121 * MINUTE_S)
            await subject.look(START_S + 122 * MINUTE_S)
    assert len(again.deliveries) == 1
    assert rows(database, "SELECT count(*) FROM facility_event WHERE told_at IS NULL") == [(0,)]


async def test_an_outlet_that_reads_on_as_before_while_its_treatment_is_off_is_told(database: str) -> None:
    """The outlet belongs to the site of the facilities, and its SO2 has a limit."""
    await signed_plant(database)
    async with Store.open(database, writer="w1") as store, facility_table(database) as table:
        await store.put_device(Device("MN1", "hj212", site="works", point="A1"))
        shape = Shape((Channel("a21026", "so2", "avg", "mg/m3", 600), Channel("a21026", "so2", "avg", "mg/m3", 3600)))
        outlet = []
        for number in range(20):
            time_us = round((START_S + number * 600) * 1e6)
            content = Readings("MN1", time_us, shape, [20.0 + number % 3, 21.0], "NN")
            outlet.append(delivery(content, device="MN1", received_us=time_us + 600_000_000))
        await store.write(minutes(STOPPED, 0, 200) + outlet)
        with psycopg.connect(database) as connection:  # as an hourly limit is registered
            connection.execute("UPDATE series SET limit_value = 35 WHERE quantity = 'so2' AND interval_s = 3600")
        told = Told(store)
        await looked(database, told, 200)
        assert "emission_unchanged_while_treatment_off" not in told.kinds
        await table.add("works", "fan", kind="treatment", device="M2", serves=["A1"])
        await looked(database, told, 201)
    assert told.kinds == ["treatment_off_while_production_runs", "emission_unchanged_while_treatment_off"]
    [(figures,)] = rows(database, "SELECT figures FROM facility_event WHERE rule = 'P13'")
    assert figures["usual_emission"] == pytest.approx(21, abs=1)
    assert rows(database, "SELECT count(*) FROM alert") == [(1,)]  # it is the same deed


async def test_a_night_above_its_day_is_told_once_when_it_is_over(database: str) -> None:
    await signed_plant(database)
    powers = {"M1": lambda minute: 60.0 if minute >= 720 else 25.0, "M2": working(12.0)}
    async with Store.open(database, writer="w1") as store, facility_table(database) as table:
        shift_s = (6 * 3600, 18 * 3600)  # the first minute of the data is 06:00 UTC
        await table.add("works", "kiln", kind="production", device="M1", shift_s=shift_s)
        await store.write(minutes(powers, 0, 1440))
        told = Told(store)
        await looked(database, told, 710)
        await looked(database, told, 1440 + 55)
        assert told.kinds == []
        for minute in (1440 + 61, 1440 + 62, 1440 + 300):
            await looked(database, told, minute)
    assert told.kinds == ["night_work"]
    [(start_s, end_s, figures)] = rows(
        database,
        "SELECT extract(epoch FROM starts_at)::float8, extract(epoch FROM ends_at)::float8, figures"
        " FROM facility_event",
    )
    assert (start_s, end_s) == (START_S + 720 * MINUTE_S, START_S + 1439 * MINUTE_S)
    assert figures == {"day_kw": 25, "night_kw": 60, "most_ratio": 1.5}
    assert rows(database, "SELECT class FROM v_alert") == [("running_while_stopped",)]
