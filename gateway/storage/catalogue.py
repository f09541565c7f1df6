"""From what a frame names to the database's ids: devices, their points, and the series of their channels.

Look-ups are remembered; what is new is created in a short transaction of its own before the batch, under ON CONFLICT,
because many gateways may meet the same new device at once. A change of the registry by any process empties the memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.events import Channel, Shape
from gateway.storage.link import Connection, Link, is_data_error
from gateway.storage.sql import query

SeriesIds = NDArray[np.int32]
PointChannels = tuple[int, tuple[Channel, ...]]
ShapeOf = tuple[str, bool, Shape]  # device, whether in quarantine, shape
SHAPES_REMEMBERED = 200_000  # about 80 MB
SHAPES_AT_ONCE = 200


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


@dataclass(slots=True)
class Catalogue:
    """Memory of places and series; `version` is that of the registry it was learned from."""

    version: int | None = None
    places: dict[tuple[str, bool], Place] = field(default_factory=dict)
    _by_shape: dict[ShapeOf, SeriesIds] = field(default_factory=dict)
    _by_channels: dict[PointChannels, SeriesIds] = field(default_factory=dict)

    def forget(self) -> None:
        self.places.clear()
        self._by_shape.clear()
        self._by_channels.clear()

    def make_room(self) -> None:
        """Bounded: when too much is remembered, all of it is learned anew. Never in the middle of a batch."""
        if len(self._by_shape) >= SHAPES_REMEMBERED:
            self.forget()

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

    async def learn_series(self, link: Link, wanted: Iterable[ShapeOf]) -> dict[ShapeOf, str]:
        """Find or make the series of shapes of devices whose places are known; answers why some cannot be had.

        A channel that exists with another unit is refused: mixing units would be worse.
        """
        problems: dict[ShapeOf, str] = {}
        by_channels: dict[PointChannels, list[ShapeOf]] = {}
        for one in wanted:
            device, quarantined, shape = one
            by_channels.setdefault((self.places[device, quarantined].point_id, shape.channels), []).append(one)
        found: dict[PointChannels, SeriesIds | str] = {}
        found |= {key: self._by_channels[key] for key in by_channels if key in self._by_channels}
        missing = [key for key in by_channels if key not in found]
        for start in range(0, len(missing), SHAPES_AT_ONCE):
            async with link.use() as connection:
                found |= await _find_or_make_series(connection, missing[start : start + SHAPES_AT_ONCE])
        for key, ids in found.items():
            if isinstance(ids, str):
                problems |= dict.fromkeys(by_channels[key], ids)
                continue
            self._by_channels[key] = ids
            self._by_shape |= dict.fromkeys(by_channels[key], ids)
        return problems


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


async def _find_or_make_series(
    connection: Connection, wanted: Sequence[PointChannels]
) -> dict[PointChannels, SeriesIds | str]:
    """All in one transaction; if the database takes one of them amiss, halve until it is alone: then say why."""
    flat = [(point_id, channel) for point_id, channels in wanted for channel in channels]
    columns = {
        "point_ids": [point_id for point_id, _ in flat],
        "channels": [channel.code for _, channel in flat],
        "quantities": [channel.quantity for _, channel in flat],
        "statistics": [channel.statistic for _, channel in flat],
        "intervals": [channel.interval_s for _, channel in flat],
        "units": [channel.unit for _, channel in flat],
    }
    try:
        async with connection.transaction():
            rows = await (await connection.execute(query("find_series"), columns)).fetchall()
            if any(row["id"] is None for row in rows):
                await connection.execute(query("make_series"), columns)
                rows = await (await connection.execute(query("find_series"), columns)).fetchall()
    except Exception as error:
        if not is_data_error(error):
            raise
        if len(wanted) == 1:
            return {wanted[0]: f"{type(error).__name__}: {error}"}
        middle = len(wanted) // 2
        first = await _find_or_make_series(connection, wanted[:middle])
        return first | await _find_or_make_series(connection, wanted[middle:])
    following = iter(rows)
    return {key: _series_of(key[1], [next(following) for _ in key[1]]) for key in wanted}


def _series_of(channels: tuple[Channel, ...], rows: list[dict[str, Any]]) -> SeriesIds | str:
    for channel, row in zip(channels, rows, strict=True):
        if row["unit"] != channel.unit:
            return f"{channel.code} {channel.statistic} is kept in {row['unit']!r}, not {channel.unit!r}"
    return np.array([row["id"] for row in rows], dtype=np.int32)
