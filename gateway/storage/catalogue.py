"""From what a frame names to the database's ids: devices, their points, and the series of their channels.

Look-ups are remembered; what is new is created in a short transaction of its own before the batch, under ON CONFLICT,
because many gateways may meet the same new device at once. A change of the registry by any process empties the memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drivers.events import Channel, Shape
from gateway.storage.link import Connection, Link, is_data_error
from gateway.storage.sql import query

SeriesIds = NDArray[np.int32]
Key = TypeVar("Key")
SHAPES_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device's records go."""

    device_id: int
    point_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A device, the protocol it spoke if it is new, and whether its records go to quarantine."""

    device: str
    protocol: str
    quarantined: bool


class CannotStore(Exception):
    """A device or a channel that the database does not take; `str` says why."""


@dataclass(slots=True)
class Catalogue:
    """Memory of places and series; `version` is that of the registry it was learned from."""

    version: int = -1
    places: dict[tuple[str, bool], Place] = field(default_factory=dict)
    _by_shape: dict[tuple[str, bool, Shape], SeriesIds] = field(default_factory=dict)
    _by_channels: dict[tuple[int, tuple[Channel, ...]], SeriesIds] = field(default_factory=dict)

    def forget(self) -> None:
        self.places.clear()
        self._by_shape.clear()
        self._by_channels.clear()

    def series(self, device: str, quarantined: bool, shape: Shape) -> SeriesIds | None:
        """The ids of a shape's channels, in their order, if they are known."""
        return self._by_shape.get((device, quarantined, shape))

    async def learn_places(self, link: Link, wanted: Iterable[Wanted]) -> None:
        """Find or make what is not known yet; what cannot be made stays unknown."""
        missing = {(one.device, one.quarantined): one for one in wanted}
        news = [one for key, one in missing.items() if key not in self.places]
        for quarantined in (False, True):
            chosen = [one for one in news if one.quarantined is quarantined]
            if chosen:
                async with link.use() as connection:
                    await self._learn_some(connection, chosen, quarantined)

    async def _learn_some(self, connection: Connection, wanted: Sequence[Wanted], quarantined: bool) -> None:
        """All at once; if a name among them is no good, halve until it is alone."""
        try:
            async with connection.transaction():
                found = await _find_or_make_devices(connection, wanted, quarantined)
        except Exception as error:
            if not is_data_error(error):
                raise
            if len(wanted) > 1:
                middle = len(wanted) // 2
                await self._learn_some(connection, wanted[:middle], quarantined)
                await self._learn_some(connection, wanted[middle:], quarantined)
            return
        self.places.update({(name, quarantined): place for name, place in found.items()})

    async def learn_series(self, link: Link, device: str, quarantined: bool, shape: Shape) -> SeriesIds:
        """Find or make the series of a shape of a device whose place is known.

        Raises
        ------
        CannotStore
            If a channel cannot be created, or exists with another unit: mixing units would be worse than refusing.
        """
        place = self.places[device, quarantined]
        by_channels = (place.point_id, shape.channels)
        ids = self._by_channels.get(by_channels)
        if ids is None:
            async with link.use() as connection:
                ids = await _find_or_make_series(connection, place.point_id, shape.channels)
            _remember(self._by_channels, by_channels, ids)
        _remember(self._by_shape, (device, quarantined, shape), ids)
        return ids


def _remember(memory: dict[Key, SeriesIds], key: Key, ids: SeriesIds) -> None:
    """Bounded; the oldest entry goes first."""
    if len(memory) >= SHAPES_REMEMBERED:
        del memory[next(iter(memory))]
    memory[key] = ids


async def _find_or_make_devices(
    connection: Connection, wanted: Sequence[Wanted], quarantined: bool
) -> dict[str, Place]:
    names = [one.device for one in wanted]
    found = await _find_devices(connection, names, quarantined)
    news = [one for one in wanted if one.device not in found]
    if news:
        names_new = [one.device for one in news]
        fresh = {"names": names_new, "protocols": [one.protocol for one in news], "quarantined": quarantined}
        await connection.execute(query("make_sites"), fresh)
        await connection.execute(query("make_points"), fresh)
        await connection.execute(query("make_quarantined_devices" if quarantined else "make_devices"), fresh)
        found |= await _find_devices(connection, names_new, quarantined)
    return found


async def _find_devices(connection: Connection, names: list[str], quarantined: bool) -> dict[str, Place]:
    rows = await (await connection.execute(query("find_devices"), {"names": names})).fetchall()
    column = "quarantine_point_id" if quarantined else "point_id"
    return {row["external_id"]: Place(row["id"], row[column]) for row in rows if row[column] is not None}


async def _find_or_make_series(connection: Connection, point_id: int, channels: tuple[Channel, ...]) -> SeriesIds:
    columns = {
        "point_ids": [point_id] * len(channels),
        "channels": [channel.code for channel in channels],
        "quantities": [channel.quantity for channel in channels],
        "statistics": [channel.statistic for channel in channels],
        "intervals": [channel.interval_s for channel in channels],
        "units": [channel.unit for channel in channels],
    }
    try:
        async with connection.transaction():
            rows = await (await connection.execute(query("find_series"), columns)).fetchall()
            if any(row["id"] is None for row in rows):
                await connection.execute(query("make_series"), columns)
                rows = await (await connection.execute(query("find_series"), columns)).fetchall()
    except Exception as error:
        if is_data_error(error):
            raise CannotStore(f"{type(error).__name__}: {error}") from error
        raise
    for channel, row in zip(channels, rows, strict=True):
        if row["unit"] != channel.unit:
            raise CannotStore(f"{channel.code} {channel.statistic} is kept in {row['unit']!r}, not {channel.unit!r}")
    return np.array([row["id"] for row in rows], dtype=np.int32)
