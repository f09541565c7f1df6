"""A real receive log, sent again over TCP by station: what is valid is stored once, what is not is dead-lettered.

The expectations come from a plain reader of this file (split the text, bit-wise CRC), not from the driver under test.
"""

import asyncio
import gzip
import json
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.program import gateway_process
from tests.services.postgres import PostgresServer, timescale_installation

LOG = Path(__file__).parents[1] / "data" / "hj212_fieldlog_2016_sample.h212.gz"
CHINA = timezone(timedelta(hours=8))
INTERVALS = {"2011": 0, "2051": 600, "2061": 3600, "2031": 86400}
MEASURED = re.compile(rb"([^;,=&]+)-(Zs)?(Rtd|Avg|Min|Max|Cou)=([-+0-9.]+)")

pytestmark = [pytest.mark.slow, pytest.mark.database, pytest.mark.timeout(600)]

Key = tuple[str, str, str, int, datetime]


def crc(data: bytes) -> int:
    """HJ 212-2017 appendix A, bit by bit."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register


def is_valid(line: bytes) -> bool:
    match = re.fullmatch(rb"##(\d{4})(.*)([0-9A-Fa-f]{4})", line.rstrip(b"\r\n"), re.DOTALL)
    return bool(match and int(match[1]) == len(match[2]) and int(match[3], 16) == crc(match[2]))


def header(line: bytes, name: bytes) -> str:
    match = re.search(rb"(?:^|[;#0-9])" + name + rb"=([^;&]*)", line)
    return match[1].decode() if match else ""


def values(line: bytes) -> dict[Key, list[float]]:
    """Measured values of a valid line of period or real-time data."""
    cn, mn = header(line, b"CN"), header(line, b"MN")
    text = header(line.split(b"&&", 1)[-1], b"DataTime") or line.split(b"DataTime=", 1)[-1][:14].decode()
    if cn not in INTERVALS or not re.match(r"\d{14}", text):
        return {}
    time = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    if len(text) >= 17 and text[14:17].isdigit():
        time += timedelta(milliseconds=int(text[14:17]))
    found: dict[Key, list[float]] = defaultdict(list)
    for code, converted, statistic, value in MEASURED.findall(line):
        name = ("zs_" if converted else "") + statistic.decode().lower()
        found[(mn, code.decode(), name, INTERVALS[cn], time)].append(float(value))
    return found


async def test_the_field_log_is_stored_once_with_damage_and_repeats_accounted_for(tmp_path: Path) -> None:
    lines = gzip.decompress(LOG.read_bytes()).split(b"\n")[:-1]
    valid = [line for line in lines if is_valid(line)]
    assert (len(lines), len(valid)) == (12_677, 12_666)
    repeats = len(valid) - len(set(valid))
    expected: dict[Key, set[float]] = defaultdict(set)
    for line in valid:
        for key, found in values(line).items():
            expected[key].update(found)
    server = PostgresServer(timescale_installation())
    server.start()
    try:
        async with gateway_process(tmp_path, server.dsn(), oldest_days=6_000) as gateway:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators", "replay", str(LOG), "--port", str(gateway.port), "--speed", "100",
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            output, _ = await process.communicate()
            assert process.returncode == 0, output
            assert await gateway.terminate() == 0
        with psycopg.connect(server.dsn()) as connection:
            stored: dict[Key, set[float]] = defaultdict(set)
            for table in ("v_observation", "v_revision", "v_out_of_bounds"):
                rows = connection.execute(
                    f"SELECT site, channel, statistic, interval_s, time, value FROM {table}".encode()
                )
                for site, channel, statistic, interval_s, time, value in rows:
                    stored[(site, channel, statistic, interval_s, time)].add(value)
            books = connection.execute(
                "SELECT received, stored, duplicate, revision, dead_letter, balance FROM v_ledger_balance"
            ).fetchone()
            letters = Counter(row[0] for row in connection.execute("SELECT reason FROM dead_letter"))
            frames = connection.execute("SELECT count(*), count(DISTINCT sha256) FROM raw_frame").fetchone()
    finally:
        server.remove()
    missing = {key: sorted(found - stored[key]) for key, found in expected.items() if found - stored[key]}
    assert missing == {}
    assert books is not None
    assert frames is not None
    assert books[-1] == 0
    figures = {
        "lines": len(lines),
        "valid lines": len(valid),
        "exact repeats among them": repeats,
        "values in them, by (series, time)": len(expected),
        "dead letters by reason": dict(letters),
        "frames kept": frames[0],
        "different frames": frames[1],
        "books (received, stored, duplicate, revision, dead letter, balance)": list(books),
    }
    print(json.dumps(figures, indent=2))
    assert frames[0] - frames[1] >= repeats
    assert sum(letters.values()) >= len(lines) - len(valid)
    assert set(letters) <= {"checksum", "length", "not_a_frame", "truncated", "syntax"}
