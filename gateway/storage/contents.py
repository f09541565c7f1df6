"""Notices, positions, settings and out-of-bounds values: rarer than values, so plain statements over arrays."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from drivers.events import Notice, Parameter, Position
from gateway.errors import StorageError
from gateway.storage.contract import Counts
from gateway.storage.copy_binary import Values
from gateway.storage.link import Connection
from gateway.storage.sql import query

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_us: int) -> datetime:
    """A time of ours as the database driver takes it."""
    return _EPOCH + timedelta(microseconds=time_us)


def microseconds(time: datetime) -> int:
    """And back."""
    return (time - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Placed:
    """A content with the device and point it belongs to."""

    content: Any
    device_id: int
    point_id: int
    quarantined: bool
    received_us: int
    is_out_of_bounds: bool  # of the time that the device claims

    @property
    def effective_us(self) -> int:
        """The claimed time, or that of arrival where there is no claim to go by."""
        claimed: int | None = self.content.time_us
        return self.received_us if claimed is None or self.is_out_of_bounds else claimed


async def write_out_of_bounds(connection: Connection, rows: Values) -> Counts:
    """Values whose time is out of bounds; a repeated one is a duplicate, a different one stands beside the first."""
    columns = {
        "series_ids": rows.series_ids.tolist(),
        "times_us": rows.times_us.tolist(),
        "values": [None if value != value else value for value in rows.values.tolist()],
        "flags": [chr(flag) for flag in rows.flags.tolist()],
        "received": [moment(time_us) for time_us in rows.received_us.tolist()],
    }
    stored = (await connection.execute(query("insert_out_of_bounds"), columns)).rowcount
    return Counts(received=len(rows), stored=stored, duplicate=len(rows) - stored, out_of_bounds=stored)


async def write_notices(connection: Connection, notices: Sequence[Placed]) -> Counts:
    """A notice said again, word for word, is a duplicate."""
    inside = [one for one in notices if not one.is_out_of_bounds]
    outside = [one for one in notices if one.is_out_of_bounds]
    counts = Counts()
    if inside:
        stored = (await connection.execute(query("insert_events"), _event_columns(inside))).rowcount
        counts += Counts(received=len(inside), stored=stored, duplicate=len(inside) - stored)
    if outside:
        columns: dict[str, list[Any]] = {
            "device_ids": [one.device_id for one in outside],
            "times_us": [one.content.time_us for one in outside],
            "digests": [_digest(_said(one.content)) for one in outside],
            "events": [_json(_said(one.content)) for one in outside],
            "received": [moment(one.received_us) for one in outside],
            "quarantined": [one.quarantined for one in outside],
        }
        stored = (await connection.execute(query("insert_events_out_of_bounds"), columns)).rowcount
        counts += Counts(len(outside), stored, len(outside) - stored, out_of_bounds=stored)
    return counts


def _event_columns(notices: Sequence[Placed]) -> dict[str, list[Any]]:
    return {
        "times": [moment(one.effective_us) for one in notices],
        "received": [moment(one.received_us) for one in notices],
        "digests": [_digest(_said(one.content)) for one in notices],
        "device_ids": [one.device_id for one in notices],
        "kinds": [one.content.kind for one in notices],
        "channels": [one.content.channel for one in notices],
        "texts": [one.content.text for one in notices],
        "details": [_json(one.content.detail) for one in notices],
        "quarantined": [one.quarantined for one in notices],
    }


def _said(notice: Notice) -> dict[str, Any]:
    return {"kind": notice.kind, "channel": notice.channel, "text": notice.text, "detail": notice.detail}


async def write_positions(connection: Connection, positions: Sequence[Placed]) -> Counts:
    inside = [one for one in positions if not one.is_out_of_bounds]
    outside = [one for one in positions if one.is_out_of_bounds]
    counts = Counts()
    if inside:
        counts += await _write_track(connection, inside)
    if outside:
        columns: dict[str, list[Any]] = {
            "platform_ids": [one.point_id for one in outside],
            "times_us": [one.content.time_us for one in outside],
            "digests": [_position_digest(one.content) for one in outside],
            "positions": [_json(_position_columns(one.content)) for one in outside],
            "received": [moment(one.received_us) for one in outside],
        }
        stored = (await connection.execute(query("insert_positions_out_of_bounds"), columns)).rowcount
        counts += Counts(len(outside), stored, len(outside) - stored, out_of_bounds=stored)
    return counts


async def _write_track(connection: Connection, positions: Sequence[Placed]) -> Counts:
    contents: list[Position] = [one.content for one in positions]
    columns: dict[str, list[Any]] = {
        "platform_ids": [one.point_id for one in positions],
        "times": [moment(one.effective_us) for one in positions],
        "latitudes": [one.latitude_deg for one in contents],
        "longitudes": [one.longitude_deg for one in contents],
        "ellipsoid": [one.altitude_ellipsoid_m for one in contents],
        "msl": [one.altitude_msl_m for one in contents],
        "takeoff": [one.altitude_takeoff_m for one in contents],
        "speeds": [one.speed_m_s for one in contents],
        "headings": [one.heading_deg for one in contents],
        "details": [_json(one.detail) for one in contents],
        "received": [moment(one.received_us) for one in positions],
        "digests": [_position_digest(one) for one in contents],
    }
    stored = (await connection.execute(query("insert_positions"), columns)).rowcount
    if stored == len(positions):
        return Counts(received=stored, stored=stored)
    row = await (await connection.execute(query("revise_positions"), columns)).fetchone()
    assert row is not None
    if row["matched"] != len(positions):
        raise StorageError(f"{len(positions)} positions, {row['matched']} found afterwards", transient=False)
    return Counts(len(positions), stored, len(positions) - stored - row["revised"], row["revised"])


async def write_parameters(connection: Connection, parameters: Iterable[Placed]) -> Counts:
    """One after the other, because each may change what is in force for the next."""
    counts = Counts()
    for one in parameters:
        parameter: Parameter = one.content
        columns = {
            "device_id": one.device_id,
            "channel": parameter.channel,
            "name": parameter.name,
            "value": parameter.value,
            "time": moment(one.effective_us),
            "claimed_us": parameter.time_us,
            "received": moment(one.received_us),
            "quarantined": one.quarantined,
        }
        stored = (await connection.execute(query("insert_parameter"), columns)).rowcount
        if not stored:
            await connection.execute(query("touch_parameter"), columns)
        counts += Counts(received=1, stored=stored, duplicate=1 - stored)
    return counts


def _position_digest(position: Position) -> UUID:
    return _digest(_position_columns(position))


def _position_columns(position: Position) -> dict[str, Any]:
    names = (
        "latitude_deg",
        "longitude_deg",
        "altitude_ellipsoid_m",
        "altitude_msl_m",
        "altitude_takeoff_m",
        "speed_m_s",
        "heading_deg",
        "detail",
    )
    return {name: getattr(position, name) for name in names}


def _digest(content: Any) -> UUID:
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=str)
    return UUID(bytes=hashlib.sha256(text).digest()[:16])


def _json(content: Any) -> str:
    return orjson.dumps(content, default=str).decode()
