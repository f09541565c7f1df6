"""v_power shows every electrical quantity of the vocabulary, and nothing else."""

import psycopg
import pytest

from drivers.channels import QUANTITIES
from drivers.events import Channel, Readings, Shape
from gateway.storage import Store
from tests.storage.frames import NOW_US, delivery

pytestmark = pytest.mark.database


async def test_v_power_shows_all_quantities_of_medium_power_and_no_other(database: str) -> None:
    channels = tuple(Channel(name, name, "rtd", item.unit, 0) for name, item in QUANTITIES.items())
    readings = Readings("MN1", NOW_US, Shape(channels), [1.0] * len(channels), "N" * len(channels))
    async with Store.open(database, writer="w1") as store:
        await store.write([delivery(readings)])
    async with await psycopg.AsyncConnection.connect(database) as connection:
        rows = await (await connection.execute("SELECT quantity FROM v_power")).fetchall()
    shown = {row[0] for row in rows}
    assert shown == {name for name, item in QUANTITIES.items() if item.medium == "power"}
    assert {"voltage_a", "power_a", "energy_forward", "reactive_power", "current_n"} <= shown
