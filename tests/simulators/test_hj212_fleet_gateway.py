"""The fleet against the real gateway: every acknowledged value is in the database, once, as it was sent."""

import asyncio
import json
import math
import sys

import psycopg
import pytest

from drivers.environment.hj212 import Decoder
from drivers.events import Readings
from simulators.fleet.site import make_fleet
from tests.acceptance.program import gateway_process

pytestmark = [pytest.mark.slow, pytest.mark.database]

SITES = 20  # every habit is there


async def run_fleet(port, ledger):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "fleet", "--port", str(port), "--sites", str(SITES),
        "--speed", "600", "--seconds", "8", "--ledger", str(ledger),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return json.loads(output)


async def fetch(dsn, sql):
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return await (await connection.execute(sql)).fetchall()


def values_of(raw):
    """(channel, statistic, interval, time) → value of a frame, as the decoder reads it."""
    found = {}
    for event in [*(decoder := Decoder()).feed(raw), *decoder.flush()]:
        for content in event.contents():
            if isinstance(content, Readings):
                for channel, value in zip(content.shape.channels, content.values, strict=True):
                    found[channel.code, channel.statistic, channel.interval_s, content.time_us] = value
    return found


async def test_every_acknowledged_value_of_a_fleet_is_stored_once_and_its_habits_are_named(tmp_path, postgres_dsn):
    async with gateway_process(tmp_path, postgres_dsn, toml="fetch_gaps = true") as gateway:
        summary = await run_fleet(gateway.port, tmp_path / "ledger")
        assert await gateway.terminate() == 0
    entries = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert len(entries) == summary["ledger_entries"] > 20 * SITES
    assert summary["unsettled_sites"] == 0
    answered = {site.mn for site in make_fleet(SITES) if "no_flag" not in site.habits}
    assert {entry["mn"] for entry in entries} == answered
    assert await compare_with_database(entries, postgres_dsn) == summary["ledger_values"]
    await check_habits(postgres_dsn)


async def compare_with_database(entries, dsn):
    """Every acknowledged frame's values are stored as they were sent; returns how many there are."""
    frames = {
        bytes(digest).hex(): bytes(raw) for digest, raw in await fetch(dsn, "SELECT sha256, bytes FROM raw_frame")
    }
    stored = {
        (site, channel, statistic, interval_s, int(time.timestamp() * 1e6)): value
        for site, channel, statistic, interval_s, time, value in await fetch(
            dsn, "SELECT site, channel, statistic, interval_s, time, value FROM v_observation"
        )
    }
    assert {entry["sha256"] for entry in entries} <= set(frames)
    count = 0
    for entry in entries:
        expected = values_of(frames[entry["sha256"]])
        assert len(expected) == entry["values"]
        for key, value in expected.items():
            found = stored[entry["mn"], *key]
            assert found == value or (math.isnan(value) and (found is None or math.isnan(found)))
        count += len(expected)
    books = await fetch(dsn, "SELECT sum(balance), sum(dead_letter), sum(revision) FROM v_ledger_balance")
    assert books == [(0, 0, 0)]
    return count


async def check_habits(dsn):
    rows = await fetch(dsn, "SELECT device, array_agg(deviation) FROM v_deviation GROUP BY device")
    named = {device: set(deviations) for device, deviations in rows}
    for site in make_fleet(SITES):
        for habit in site.habits & {"lower_case_crc", "wrong_length", "crc_modbus", "gbk_text"}:
            assert habit in named[site.mn]
        assert site.habits or site.mn not in named
