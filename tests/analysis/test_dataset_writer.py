import math
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from analysis.dataset import read_dataset
from analysis.dataset.writer import OBSERVATIONS, write_dataset
from analysis.model import Event, LedgerEntry

START = 1_772_294_400


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    channel = {"id": "nox", "quantity": "nox", "statistic": "avg", "unit": "mg/m3", "interval_s": 3600}
    site = {"id": "S01", "points": [{"id": "A1", "medium": "air", "channels": [channel]}]}
    rows = [
        {"time": START * 1_000_000, "point": "S01/A1", "channel": "nox", "value": 5.5, "flag": "N",
         "received_at": None},
        {"time": (START + 3600) * 1_000_000, "point": "S01/A1", "channel": "nox", "value": None, "flag": "D",
         "received_at": (START + 7205) * 1_000_000},
    ]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in OBSERVATIONS.names}
    arrays = [pa.array(columns[name], pa.string() if pa.types.is_dictionary(kind) else kind).cast(kind)
              for name, kind in zip(OBSERVATIONS.names, OBSERVATIONS.types, strict=True)]  # fmt: skip
    event = Event(START, math.inf, "S01", "A1", "maintenance", "pump, new")
    entry = LedgerEntry(START + 60, "A1", "nox", "slope", 0.98, START + 120)
    write_dataset(
        tmp_path,
        zone=ZoneInfo("Asia/Shanghai"),
        sites=[site],
        observations=[pa.RecordBatch.from_arrays(arrays, schema=OBSERVATIONS)],
        events=[event],
        ledger=[("S01", entry)],
    )
    with read_dataset(tmp_path) as dataset:
        (partition,) = dataset.partitions
        (read,) = partition.grids(partition.rows())
    grid = read.grids[3600]
    assert grid.raw[0, 0] == 5.5
    assert math.isnan(grid.raw[0, 1])
    assert read.flag_names[grid.flags[0, 1]] == "D"
    assert grid.arrival[0].tolist() == [START + 3600, START + 7205]
    assert (read.events, read.ledger) == ((event,), (entry,))
