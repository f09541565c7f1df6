"""Benchmark, not a test: HJ 212 frames decoded a second on one core, length and check value checked, values as floats.
Times are processor time of this process, so that other work on the machine does not count.

    python tests/bench/bench_hj212.py

Two inputs: the real field log (`tests/data`), fed as one stream in pieces of 16 KiB, and made frames of about 900 bytes
with 36 values. Prints the median of three runs for each.
"""

import gzip
import time
from pathlib import Path
from statistics import median

from drivers.environment.hj212 import Decoder, Message
from drivers.environment.hj212.encode import frame
from drivers.events import Readings
from gateway.service import calm_collector

LOG = Path(__file__).parents[1] / "data" / "hj212_fieldlog_2016_sample.h212.gz"
PIECE = 16 * 1024
FACTORS = ("a00000", "a19001", "a01011", "a01012", "a01013", "a01014", "a21026", "a21002", "a34013")
STATISTICS = ("Min", "Avg", "Max", "Cou")


def made_frames(count: int) -> bytes:
    """Minute data of nine factors, four values each, every value and time another."""
    frames = []
    for n in range(count):
        groups = ";".join(f"{code}-Flag=N,{_values(code, n)}" for code in FACTORS)
        head = f"QN=20260101{n % 24:02d}0000{n % 1000:03d};ST=31;CN=2051;PW=123456;MN=010000A8900016F000169DC0;Flag=5"
        frames.append(frame(f"{head};CP=&&DataTime=20260101{n % 24:02d}{n % 60:02d}00;{groups}&&".encode()))
    return b"".join(frames)


def _values(code: str, n: int) -> str:
    names = ("Min", "Avg", "Max", "Cou")
    return ",".join(
        f"{code}-{name}={(n * 37 + i * 11 + ord(code[-1])) % 99_973 / 1000:.4f}" for i, name in enumerate(names)
    )


def decode(stream: bytes) -> tuple[float, int, int]:
    """Processor seconds, frames and values of one decoding with contents."""
    decoder = Decoder()
    frames = values = 0
    started = time.process_time()
    for at in range(0, len(stream), PIECE):
        for event in decoder.feed(stream[at : at + PIECE]):
            frames += 1
            if isinstance(event, Message):
                for content in event.contents():
                    if isinstance(content, Readings):
                        values += len(content.values)
    return time.process_time() - started, frames, values


def report(title: str, stream: bytes) -> None:
    runs = [decode(stream) for _ in range(3)]
    seconds, (_, frames, values) = median(run[0] for run in runs), runs[0]
    size = len(stream) / frames
    print(
        f"{title}: {frames / seconds:,.0f} frames/s, {values / seconds:,.0f} values/s ({frames:,} of {size:.0f} bytes)"
    )


def main() -> None:
    calm_collector()  # as `gateway run` does
    report("field log 2016", gzip.decompress(LOG.read_bytes()))
    report("36 values", made_frames(5_000))


if __name__ == "__main__":
    main()
