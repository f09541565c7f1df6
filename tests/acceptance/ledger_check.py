"""The check that every fault test ends with: what a device was told is durable is in the database, once, unchanged."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg

from drivers.environment.hj212 import Decoder, Message
from drivers.events import Readings

CHINA = timezone(timedelta(hours=8))


@dataclass
class Verdict:
    """What became of the acknowledged frames."""

    acknowledged: int
    lost_frames: list[str]
    wrong_values: list[str]
    revisions: int
    unbalanced: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost_frames or self.wrong_values or self.revisions or self.unbalanced)


async def check_ledger(ledger: Path, dsn: str) -> Verdict:
    """Compare a ledger of acknowledged frames with the database.

    Every frame's bytes must be there (by SHA-256), and its values, decoded anew, must be there under its time: as many,
    and equal. That no value is there twice is the primary key's work; a frame stored twice with other values would
    show as a revision.
    """
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        frames = {
            bytes(digest).hex(): bytes(raw)
            for digest, raw in await (await connection.execute("SELECT sha256, bytes FROM raw_frame")).fetchall()
        }
        rows = await (
            await connection.execute(
                "SELECT site, channel || '-' || statistic, time, value FROM v_observation ORDER BY site, time"
            )
        ).fetchall()
        stored: dict[tuple[str, int], dict[str, float]] = {}
        for site, name, time, value in rows:
            stored.setdefault((site, int(time.timestamp() * 1e6)), {})[name] = value
        (revisions,) = (await (await connection.execute("SELECT count(*) FROM observation_revision")).fetchall())[0]
        (unbalanced,) = (
            await (await connection.execute("SELECT count(*) FROM v_ledger_balance WHERE balance <> 0")).fetchall()
        )[0]
    verdict = Verdict(len(entries), [], [], revisions, unbalanced)
    for entry in entries:
        raw = frames.get(entry["sha256"])
        if raw is None:
            verdict.lost_frames.append(f"{entry['mn']} {entry['data_time']}: bytes missing")
            continue
        start = datetime.strptime(entry["data_time"][:14], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
        found = stored.get((entry["mn"], int(start.timestamp() * 1e6)), {})
        expected = _values(raw)
        if len(expected) != entry["values"] or found != expected:
            verdict.wrong_values.append(f"{entry['mn']} {entry['data_time']}: {len(found)} of {entry['values']} values")
    return verdict


def _values(raw: bytes) -> dict[str, float]:
    [message] = [event for event in Decoder().feed(raw) if isinstance(event, Message)]
    return {
        f"{channel.code}-{channel.statistic}": value
        for content in message.contents()
        if isinstance(content, Readings)
        for channel, value in zip(content.shape.channels, content.values, strict=True)
    }
