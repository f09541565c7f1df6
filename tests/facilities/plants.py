"""A plant of two lines and two fans in a database, and the minutes that its meters send."""

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from drivers.events import Channel, Content, Readings, Shape
from gateway.facilities.table import FacilityTable
from gateway.records import Delivery
from gateway.storage import StorageSettings, Store
from gateway.storage.link import Link
from tests.storage.frames import delivery

START_S = 1_772_690_400.0  # 2026-03-05 06:00 UTC
MINUTE_S = 60.0
POWER = Channel("0203FF00.T", "power", "rtd", "kW", 0)


def minute_of(device: str, time_s: float, power_kw: float, *, others: Mapping[str, float] | None = None) -> Delivery:
    """What a meter says at one time, received half a minute later."""
    extra = others or {}
    channels = (POWER, *(Channel(name, name, "rtd", "", 0) for name in extra))
    values = [power_kw, *extra.values()]
    time_us = round(time_s * 1e6)
    content: Content = Readings(device, time_us, Shape(channels), values, "N" * len(values))
    return delivery(content, device=device, received_us=time_us + 30_000_000)


def minutes(
    powers: Mapping[str, Callable[[float], float]], first: int, last: int, *, missing: frozenset[int] = frozenset()
) -> list[Delivery]:
    """Minutes `first` to `last` (not included) after the start, of all devices; powers are functions of the minute."""
    return [
        minute_of(device, START_S + number * MINUTE_S, power(number))
        for number in range(first, last)
        if number not in missing
        for device, power in powers.items()
    ]


def working(level_kw: float, *stops: tuple[int, int], standing_kw: float = 0.05) -> Callable[[float], float]:
    """A power that moves a little, and stands still in some stretches of minutes."""

    def power_kw(minute: float) -> float:
        if any(start <= minute < end for start, end in stops):
            return standing_kw
        return float(np.round(level_kw * (1 + 0.03 * np.sin(minute / 7)), 4))

    return power_kw


@asynccontextmanager
async def facility_table(dsn: str) -> Any:
    link = Link(dsn, StorageSettings(), name="test facilities")
    try:
        yield FacilityTable(link)
    finally:
        await link.close()


async def signed_plant(dsn: str, *, by: str = "officer") -> None:
    """Line `kiln` (meter M1) with fan `fan` (meter M2) at site `works`, thresholds signed."""
    async with Store.open(dsn, writer="plant") as store:
        await store.connect()
    async with facility_table(dsn) as table:
        await table.add("works", "kiln", kind="production", device="M1")
        await table.add("works", "fan", kind="treatment", device="M2")
        await table.connect("works", "exhaust", production=["kiln"], treatment=["fan"])
        if by:
            await table.sign_off("works", "kiln", by=by, off_kw=1.0, run_kw=30.0)
            await table.sign_off("works", "fan", by=by, off_kw=1.0, run_kw=6.0)
