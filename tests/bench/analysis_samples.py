"""Data of many stacks as a dataset folder: 1,440 samples of ten series a site, a day of minutes or sixty of hours.

The series are coupled through the load; the first half counts as accepted. Two sites in a hundred hold a channel for
the last quarter, two others have half an hour of readings at the end of the range, so that there is something to find.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.signal import lfilter

SAMPLES = 1_440
START_S = 1_772_294_400  # 2026-03-01 00:00 in Asia/Shanghai
HELD_FROM = 1_080
_CHUNK_SITES = 100

# id, quantity, unit, level, share that follows the load, noise, reporting step, upper end of the range, limit
CHANNELS = (
    ("so2", "so2", "mg/m3", 22.0, 0.5, 2.0, 0.01, 200.0, 35.0),
    ("nox", "nox", "mg/m3", 38.0, 0.5, 3.0, 0.01, 300.0, 50.0),
    ("dust", "particulate", "mg/m3", 4.0, 0.4, 0.5, 0.01, 50.0, 10.0),
    ("o2", "o2", "%", 6.0, -0.3, 0.15, 0.01, 25.0, None),
    ("temperature", "stack_temperature", "Cel", 52.0, 0.2, 0.6, 0.1, 200.0, None),
    ("pressure", "stack_pressure", "Pa", -120.0, 0.3, 4.0, 1.0, 1_000.0, None),
    ("humidity", "humidity", "%", 9.0, 0.2, 0.3, 0.01, 40.0, None),
    ("velocity", "velocity", "m/s", 12.0, 0.8, 0.3, 0.01, 40.0, None),
    ("co2", "co2", "%", 12.0, 0.3, 0.2, 0.01, 25.0, None),
    ("power", "power", "kW", 800.0, 0.9, 12.0, 0.1, 2_000.0, None),
)
_SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        ("point", pa.dictionary(pa.int32(), pa.string())),
        ("channel", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("flag", pa.dictionary(pa.int32(), pa.string())),
    ]
)


def site_values(rng: np.random.Generator, n_sites: int) -> np.ndarray:
    """(n_sites, n_channels, SAMPLES) float64, in the units of `CHANNELS`."""
    phase = rng.uniform(0, 1, (n_sites, 1))
    load = (
        0.15 * np.sin(2 * np.pi * (np.arange(SAMPLES) / SAMPLES - phase))
        + _wander(rng, (n_sites, SAMPLES), 0.995) * 0.03
    )
    out = np.empty((n_sites, len(CHANNELS), SAMPLES))
    for place, (_, _, _, level, share, noise, step, top, _) in enumerate(CHANNELS):
        site_level = level * rng.uniform(0.7, 1.2, (n_sites, 1))
        exact = site_level * (1 + share * load) + noise * _wander(rng, (n_sites, SAMPLES), 0.8)
        low = -np.inf if level < 0 else step
        out[:, place] = np.round(np.clip(exact, low, 0.98 * top) / step) * step
    held = np.arange(n_sites) % 50 == 7
    out[held, 1, HELD_FROM:] = out[held, 1, HELD_FROM, None]
    out[np.arange(n_sites) % 50 == 3, 0, HELD_FROM : HELD_FROM + 30] = CHANNELS[0][7]
    return out


def write_samples(folder: Path, *, sites: int, interval_s: int, seed: int = 1) -> int:
    """Write the folder; the number of points in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sites.json").write_text(json.dumps(_registry(sites, interval_s)))
    with pq.ParquetWriter(folder / "observations.parquet", _SCHEMA) as writer:
        for table in _tables(np.random.default_rng(seed), sites, interval_s):
            writer.write_table(table)
    return sites * len(CHANNELS) * SAMPLES


def _tables(rng: np.random.Generator, sites: int, interval_s: int) -> Iterator[pa.Table]:
    """In order of time within each hundred sites, as a platform's export is within each hour."""
    names = pa.array([name for name, *_ in CHANNELS])
    for first in range(0, sites, _CHUNK_SITES):
        count = min(_CHUNK_SITES, sites - first)
        series = count * len(CHANNELS)
        values = site_values(rng, count).reshape(series, SAMPLES).T.ravel()
        points = pa.array([f"{_site(first + number)}/A1" for number in range(count)])
        point_codes = np.tile(np.repeat(np.arange(count, dtype=np.int32), len(CHANNELS)), SAMPLES)
        channel_codes = np.tile(np.arange(len(CHANNELS), dtype=np.int32), count * SAMPLES)
        times_us = np.repeat((START_S + interval_s * np.arange(SAMPLES, dtype=np.int64)) * 1_000_000, series)
        columns = [
            pa.array(times_us).cast(pa.timestamp("us", tz="UTC")),
            pa.DictionaryArray.from_arrays(point_codes, points),
            pa.DictionaryArray.from_arrays(channel_codes, names),
            pa.array(values),
            pa.DictionaryArray.from_arrays(np.zeros(len(values), dtype=np.int32), pa.array(["N"])),
        ]
        yield pa.Table.from_arrays(columns, schema=_SCHEMA)


def _registry(sites: int, interval_s: int) -> dict[str, object]:
    accepted_until = datetime.fromtimestamp(START_S + interval_s * SAMPLES / 2, UTC).isoformat()
    channels = []
    for name, quantity, unit, _, _, _, _, top, limit in CHANNELS:
        low = -top if quantity == "stack_pressure" else 0.0
        entry = {"id": name, "quantity": quantity, "statistic": "avg", "unit": unit, "interval_s": interval_s}
        entry |= {"range_low": low, "range_high": top}
        channels.append(entry | ({} if limit is None else {"limit": limit}))
    point = {"id": "A1", "medium": "air", "reference_oxygen_pct": 6.0, "channels": channels}
    described = [
        {
            "id": _site(number),
            "industry": "thermal_power",
            "accepted_until": accepted_until,
            "points": [point],
        }
        for number in range(sites)
    ]
    return {"time_zone": "Asia/Shanghai", "sites": described}


def _site(number: int) -> str:
    return f"S{number:05}"


def _wander(rng: np.random.Generator, shape: tuple[int, int], keep: float) -> np.ndarray:
    """First-order noise of unit variance."""
    return np.asarray(lfilter([np.sqrt(1 - keep * keep)], [1, -keep], rng.standard_normal(shape), axis=1))
