"""Capture mode: what an instrument without a public protocol sends, kept with its times, port settings and a hash.

One JSON object a line: a head with port and settings, one line a read with the time of arrival and the bytes, and a
foot with the count and the SHA-256 of all bytes. Nothing is ever written to the port. From such a file a line profile
(`drivers.profiles.text_line`) can be written for a printer-style output.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

from drivers.profiles.profile import SerialSettings
from gateway.errors import SourceError
from gateway.sources.serial_line_port import CHUNK, LOST, open_port


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """What a capture took."""

    count: int  # [B]
    sha256: str


def capture(
    url: str,
    settings: SerialSettings,
    out: TextIO,
    *,
    seconds: float | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    steady_s: Callable[[], float] = time.monotonic,
) -> CaptureResult:
    """Listen to a port for `seconds`, or until interrupted or unplugged; every chunk is flushed as it comes.

    Raises
    ------
    SourceError
        If the port cannot be opened.
    """
    port = open_port(url, settings)
    digest, count, end_s = hashlib.sha256(), 0, None if seconds is None else steady_s() + seconds
    _put(out, {"capture": 1, "port": url, "settings": str(settings), "started_us": now_us()})
    ending = "time"
    try:
        while end_s is None or steady_s() < end_s:
            data = port.read(1)
            data += port.read(min(port.in_waiting, CHUNK)) if data else b""
            if data:
                digest.update(data)
                count += len(data)
                _put(out, {"us": now_us(), "hex": bytes(data).hex()})
    except KeyboardInterrupt:
        ending = "interrupted"
    except LOST as error:
        ending = f"lost: {error}"
    finally:
        _put(out, {"bytes": count, "sha256": digest.hexdigest(), "ended_us": now_us(), "ending": ending})
        port.close()
    return CaptureResult(count, digest.hexdigest())


def read_capture(lines: Iterator[str]) -> Iterator[tuple[int, bytes]]:
    """Arrival times and bytes of a capture file, checked against its hash at the end.

    Raises
    ------
    SourceError
        If the file is no capture, has no end, or its bytes are not those that were hashed.
    """
    head = json.loads(next(lines, "{}"))
    if head.get("capture") != 1:
        raise SourceError("not a capture file")
    digest = hashlib.sha256()
    for line in lines:
        row = json.loads(line)
        if "sha256" in row:
            if row["sha256"] != digest.hexdigest():
                raise SourceError("the bytes of this capture are not those that were hashed")
            return
        data = bytes.fromhex(row["hex"])
        digest.update(data)
        yield int(row["us"]), data
    raise SourceError("the capture has no end: it was cut off")


def _put(out: TextIO, row: dict[str, object]) -> None:
    out.write(json.dumps(row) + "\n")
    out.flush()
