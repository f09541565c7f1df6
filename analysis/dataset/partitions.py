"""Rows sorted into partitions of whole sites, on disk, so that memory holds one partition at a time.

Which sites share a partition follows from the registered order and the row counts alone, never from the number of
workers: the same input gives the same findings.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from analysis.dataset.observations import ROW
from analysis.model.arrays import AnyArray, Ints

BUCKET_SERIES = 64
PARTITION_ROWS = 3_000_000


class Spool:
    """A temporary folder with one file of rows per bucket of sites; a context manager that removes it."""

    def __init__(self, series_per_site: list[int]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="analysis-"))
        self.buckets = _buckets(series_per_site)
        self.rows = [0] * len(self.buckets)
        of_site = np.empty(len(series_per_site), dtype=np.int64)
        for bucket, sites in enumerate(self.buckets):
            of_site[sites] = bucket
        self._bucket_of_series = np.repeat(of_site, series_per_site)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, rows: AnyArray) -> None:
        """Append rows to the files of their buckets, in the order given."""
        bucket = self._bucket_of_series[rows["series"]]
        order = np.argsort(bucket, kind="stable")
        rows, bucket = rows[order], bucket[order]
        edges = np.flatnonzero(np.diff(bucket, prepend=-1))
        for first, last in zip(edges, [*edges[1:], len(rows)], strict=True):
            part = rows[first:last]
            with self.path(int(bucket[first])).open("ab") as file:
                part.tofile(file)
            self.rows[int(bucket[first])] += len(part)

    def path(self, bucket: int) -> Path:
        """The file of a bucket; absent while it has no rows."""
        return self.folder / f"{bucket}.rows"

    def partitions(self) -> list[tuple[list[int], list[Path]]]:
        """Sites of each partition, and the files that hold their rows."""
        out: list[tuple[list[int], list[Path]]] = []
        held = 0
        for bucket, sites in enumerate(self.buckets):
            if not out or held + self.rows[bucket] > PARTITION_ROWS:
                out.append(([], []))
                held = 0
            held += self.rows[bucket]
            out[-1][0].extend(sites)
            if self.rows[bucket]:
                out[-1][1].append(self.path(bucket))
        return out


def load(paths: Iterable[Path]) -> AnyArray:
    """The rows of a partition. dtype `ROW`"""
    parts = [np.fromfile(path, dtype=ROW) for path in paths]
    return np.concatenate(parts) if parts else np.empty(0, dtype=ROW)


def _buckets(series_per_site: list[int]) -> list[list[int]]:
    buckets: list[list[int]] = []
    held = 0
    for site, count in enumerate(series_per_site):
        if not buckets or held + count > BUCKET_SERIES:
            buckets.append([])
            held = 0
        held += count
        buckets[-1].append(site)
    return buckets


def first_series(series_per_site: list[int]) -> Ints:
    """Number of each site's first series. (n_sites + 1,)"""
    return np.concatenate([[0], np.cumsum(series_per_site)]).astype(np.int64)
