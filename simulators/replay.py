"""`python -m simulators replay`: send a receive log again over TCP, station by station.

    log ─► lines, byte for byte ─► one connection per MN ─► gateway
                                └► each line without a readable MN: a connection of its own

The order within a station is kept, damage and repeats are sent as they came, and so is the end of each line (CR LF or
LF). A log holds no arrival times, so lines are spread evenly over the span that the log covers, divided by the speed.
What the gateway answers is read and counted, never acted upon: the stations of a log ask and resend nothing.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from simulators.descriptors import allow_connections

SPAN_S = 10800.0  # of the log in tests/data: three hours
ANSWER_S = 30.0  # longest wait for the last answers
_STATION = re.compile(rb"MN=([^;&\r\n]{4,24})[;&]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log and when it is due, in seconds from the start."""

    due_s: float
    data: bytes


def read_log(path: Path) -> list[bytes]:
    """The lines of a log, ends of lines included; gzip is told by the name."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.splitlines(keepends=True) if b"\n" not in data else [part + b"\n" for part in data.split(b"\n") if part]


def stations(lines: list[bytes], *, span_s: float, speed: float) -> dict[str, list[Line]]:
    """The lines by station, each with its time; `speed` 0 means at once."""
    found: dict[str, list[Line]] = {}
    for number, data in enumerate(lines):
        match = _STATION.search(data)
        name = match.group(1).decode("ascii", "backslashreplace") if match else f"line {number + 1}"
        due_s = number / len(lines) * span_s / speed if speed else 0.0
        found.setdefault(name, []).append(Line(due_s, data))
    return found


async def replay(by_station: dict[str, list[Line]], *, host: str, port: int) -> Counter[str]:
    """Send every station's lines on its own connection; returns what was sent and answered."""
    counts: Counter[str] = Counter(stations=len(by_station))
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for lines in by_station.values():
            group.create_task(_send_station(lines, host=host, port=port, began_s=began_s, counts=counts))
    return counts


async def _send_station(lines: list[Line], *, host: str, port: int, began_s: float, counts: Counter[str]) -> None:
    await asyncio.sleep(max(0.0, began_s + lines[0].due_s - time.monotonic()))
    reader, writer = await asyncio.open_connection(host, port)
    answers = asyncio.create_task(_count_answers(reader, counts))
    try:
        for line in lines:
            await asyncio.sleep(max(0.0, began_s + line.due_s - time.monotonic()))
            writer.write(line.data)
            await writer.drain()
            counts["lines"] += 1
            counts["bytes"] += len(line.data)
        writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await answers
    except ConnectionError:
        counts["cut_connections"] += 1
    finally:
        answers.cancel()
        writer.close()


async def _count_answers(reader: asyncio.StreamReader, counts: Counter[str]) -> None:
    tail = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            text = tail + data
            counts["answers_9014"] += text.count(b"CN=9014")
            tail = text[-6:]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, help="a receive log, one frame a line, .gz or not")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--speed", type=float, default=100.0, help="0: as fast as the gateway reads")
    parser.add_argument("--span", type=float, default=SPAN_S, help="seconds that the log covers")


def main(arguments: argparse.Namespace) -> int:
    by_station = stations(read_log(arguments.log), span_s=arguments.span, speed=arguments.speed)
    allow_connections(len(by_station))
    began_s = time.monotonic()
    counts = asyncio.run(replay(by_station, host=arguments.host, port=arguments.port))
    print(json.dumps(dict(counts) | {"seconds": round(time.monotonic() - began_s, 3)}))
    return 0
