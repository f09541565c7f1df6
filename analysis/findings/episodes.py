"""Outstanding windows of one detector and target joined into episodes, in the order in which they became known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.calibration.exceedances import Exceedances
from analysis.detectors.interface import Detector, Target
from analysis.model.arrays import Bools, Floats, Ints

MERGE_S = 6 * 3600.0


@dataclass(frozen=True)
class Episode:
    """Windows that overlap or lie less than 6 h apart, in order of `available_s`. All arrays (n,).

    known_end_s : the end of the episode as known when the window came; source, place : which `Exceedances`, and where
        in it
    """

    detector: Detector
    target: Target
    fault: str
    start_s: Floats
    end_s: Floats
    available_s: Floats
    known_end_s: Floats
    expected: Floats
    accepted: Bools
    source: Ints
    place: Ints
    exceedances: tuple[Exceedances, ...]

    @property
    def is_exact(self) -> bool:
        return self.detector.kind == "exact"

    def interval_known_at(self, moment_s: Floats) -> tuple[Floats, Floats]:
        """Start and end as known at these moments; an empty interval before the first window. (n,)"""
        last = np.searchsorted(self.available_s, moment_s, side="right") - 1
        start = np.minimum.accumulate(self.start_s)
        at = np.maximum(last, 0)
        return np.where(last >= 0, start[at], np.inf), np.where(last >= 0, self.known_end_s[at], -np.inf)


def episodes(detector: Detector, parts: Sequence[Exceedances]) -> list[Episode]:
    """Join the exceedances of all streams of one detector and target; the rarest window names the class.

    A new episode begins where a window accuses nothing within 6 h of what was accused before; only what came earlier
    decides.
    """
    lengths = [len(part.start_s) for part in parts]
    source = np.repeat(np.arange(len(parts)), lengths)
    place = np.concatenate([np.arange(length) for length in lengths])
    available = np.concatenate([part.available_s for part in parts])
    end = np.concatenate([part.end_s for part in parts])
    order = np.lexsort((place, source, end, available))
    available, end, source, place = available[order], end[order], source[order], place[order]
    start = np.concatenate([part.start_s for part in parts])[order]
    expected = np.concatenate([part.expected for part in parts])[order]
    accepted = np.concatenate([part.accepted for part in parts])[order]
    known_end = np.maximum.accumulate(end)
    apart = np.concatenate([[True], start[1:] >= known_end[:-1] + MERGE_S])
    first = np.flatnonzero(apart)
    return [
        Episode(
            detector=detector,
            target=parts[0].target,
            fault=parts[int(source[a + int(np.argmin(expected[a:b]))])].fault,
            start_s=start[a:b],
            end_s=end[a:b],
            available_s=available[a:b],
            known_end_s=np.maximum.accumulate(end[a:b]),
            expected=expected[a:b],
            accepted=accepted[a:b],
            source=source[a:b],
            place=place[a:b],
            exceedances=tuple(parts),
        )
        for a, b in zip(first, [*first[1:], len(start)], strict=True)
    ]
