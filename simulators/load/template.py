"""Frames for load: a fixed text of which only QN, DataTime and CRC change."""

import random
from itertools import cycle, islice

from simulators.fleet.frames import crc_folded

FACTORS = (
    *(f"a{code}" for code in ("21026", "21002", "34013")),
    *(f"a{code}" for code in ("19001", "01011", "01012", "01013", "01014", "00000", "21005", "21024", "05001")),
)
GAS_SUFFIXES = ("Cou", "Min", "Avg", "Max", "ZsMin", "ZsAvg", "ZsMax")


def value_names(count: int, cn: str) -> list[list[str]]:
    """`count` value names grouped by factor: seven statistics of each gas, three of everything else, as on a stack."""
    groups: list[list[str]] = []
    left = count
    for round_number, factor in enumerate(cycle(FACTORS)):
        if left <= 0:
            return groups
        name = factor if round_number < len(FACTORS) else f"x{round_number:05d}"
        suffixes: tuple[str, ...] = GAS_SUFFIXES if factor in FACTORS[:3] else ("Min", "Avg", "Max")
        if cn == "2011":
            suffixes = ("Rtd", "ZsRtd") if factor in FACTORS[:3] else ("Rtd",)
        groups.append([f"{name}-{suffix}" for suffix in islice(suffixes, left)])
        left -= len(groups[-1])
    return groups


class Template:
    """A connection's frame with room for QN and DataTime. Values differ between connections, not between frames."""

    def __init__(self, mn: str, *, values: int, cn: str, seed: int) -> None:
        draw = random.Random(seed)
        groups = [
            ",".join([*(f"{name}={draw.uniform(1, 99):.2f}" for name in names), f"{names[0].split('-')[0]}-Flag=N"])
            for names in value_names(values, cn)
        ]
        head = f";ST=31;CN={cn};PW=123456;MN={mn};Flag=5;CP=&&DataTime=".encode()
        tail = (";" + ";".join(groups) + "&&").encode()
        self._before, self._middle, self._after = b"QN=", head, tail
        self._length = 3 + 17 + len(head) + 14 + len(tail)

    def frame(self, data_time: bytes) -> bytes:
        """The frame of this DataTime (14 digits); its QN is the DataTime with 000 milliseconds."""
        segment = b"%b%b000%b%b%b" % (self._before, data_time, self._middle, data_time, self._after)
        return b"##%04d%b%04X\r\n" % (self._length, segment, crc_folded(segment))
