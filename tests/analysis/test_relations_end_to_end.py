"""A dataset on disk through the reader, the relation detectors and the judgement: found and named, or left in peace."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analysis.battery import Settings, analyse_sites
from analysis.dataset import read_dataset
from analysis.detectors import (
    INNOCENT,
    arithmetic_mismatch,
    bound_violated,
    diluted_with_air,
    diluted_with_zero_gas,
    false_flag,
    flow_coefficient_edited,
    late_edit,
    oxygen_tampered,
    parameter_edited,
    registered,
    running_while_stopped,
    selective_gap,
    treatment_off,
)
from analysis.findings.finding import Finding
from tests.analysis.plant import (
    CHANNELS,
    FACILITIES,
    HOUR_S,
    REFERENCE_OXYGEN_PCT,
    START_S,
    derived_values,
    honest_values,
)

HOURS, ACCEPTED, FIRST, LAST = 2880, 2160, 2400, 2640
SEED = 14000
RELATIONS = frozenset(
    {detector.name for module in (arithmetic_mismatch, treatment_off) for detector in module.DETECTORS}
    | {
        module.DETECTOR.name
        for module in (
            bound_violated,
            diluted_with_air,
            diluted_with_zero_gas,
            false_flag,
            flow_coefficient_edited,
            late_edit,
            oxygen_tampered,
            parameter_edited,
            running_while_stopped,
            selective_gap,
        )
    }
)
Values = dict[str, np.ndarray]
Row = list[str]


def clock(hour: float) -> str:
    return datetime.fromtimestamp(START_S + hour * HOUR_S, tz=UTC).isoformat()


class Dataset:
    """An honest plant as rows, to be falsified and written."""

    def __init__(self) -> None:
        self.raw = honest_values(first=SEED, hours=HOURS)
        self.values: Values = self.raw | derived_values(self.raw)
        self.flags: dict[tuple[str, int], str] = {}
        self.lost: set[tuple[str, int]] = set()
        self.resent: list[Row] = []
        self.ledger: list[Row] = []
        self.events: list[Row] = []
        self.limit = float(np.round(np.quantile(self.values["nox_zs"], 0.95), 1))

    def settle(self) -> None:
        """Recompute what is derived: the careful falsifier."""
        self.values = self.raw | derived_values(self.raw)

    def write(self, folder: Path) -> Path:
        folder.mkdir()
        (folder / "sites.json").write_text(json.dumps(self._sites()), encoding="utf-8")
        header = ["time", "point", "channel", "value", "flag", "received_at"]
        _write(folder / "observations.csv", header, [*self._rows(), *self.resent])
        if self.ledger:
            columns = ["time", "point", "channel", "parameter", "value", "reported_at"]
            _write(folder / "parameters.csv", columns, self.ledger)
        if self.events:
            _write(folder / "events.csv", ["start", "end", "site", "point", "kind", "note"], self.events)
        return folder

    def _rows(self) -> list[Row]:
        return [
            [clock(hour), f"S01/{CHANNELS[name][0]}", name, _text(values[hour]), self.flags.get((name, hour), ""), ""]
            for name, values in self.values.items()
            for hour in range(HOURS)
            if (name, hour) not in self.lost
        ]

    def _sites(self) -> dict[str, object]:
        points: dict[str, list[dict[str, object]]] = {}
        for name in self.values:
            point, quantity, statistic, unit, options = CHANNELS[name]
            limit = {"nox": None, "nox_zs": self.limit}.get(name, options.get("limit"))
            one = {"id": name, "quantity": quantity, "statistic": statistic, "unit": unit, "interval_s": HOUR_S}
            one |= {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
            points.setdefault(point, []).append({**one, "limit": limit} if limit is not None else one | {"limit": None})
        for channels in points.values():
            for one in channels:
                if one["limit"] is None:
                    del one["limit"]
        media = {"A1": "air", "P1": "power", "P2": "power"}
        site = {
            "id": "S01",
            "name": "test plant",
            "longitude": 115.9,
            "latitude": 28.7,
            "industry": "thermal_power",
            "accepted_until": clock(ACCEPTED),
            "points": [
                {"id": point, "medium": media[point], "channels": channels}
                | ({"reference_oxygen_pct": REFERENCE_OXYGEN_PCT} if point == "A1" else {})
                for point, channels in points.items()
            ],
            "facilities": [
                {"id": f.id, "kind": f.kind, "channel": f.channel, "run_kw": f.run_kw}
                | ({"treats": list(f.treats), "serves": list(f.serves)} if f.treats else {})
                for f in FACILITIES
            ],
        }
        return {"time_zone": "UTC", "sites": [site]}


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"


def _write(path: Path, header: list[str], rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def analyse(folder: Path) -> list[Finding]:
    chosen = [detector for detector in registered() if detector.name in RELATIONS or detector.fault in INNOCENT]
    with read_dataset(folder) as dataset:
        settings = Settings(1.0, dataset.registry.zone.key)
        sites = [site for partition in dataset.partitions for site in partition.grids(partition.rows())]
        return analyse_sites(sites, settings, chosen)


def _scale(data: Dataset, name: str, factor: float) -> None:
    data.raw[name][FIRST:LAST] *= factor


def air(data: Dataset) -> None:
    _scale(data, "nox", 0.7)
    _scale(data, "co", 0.7)
    data.raw["o2"][FIRST:LAST] = 20.9 - 0.7 * (20.9 - data.raw["o2"][FIRST:LAST])
    data.settle()


def zero_gas(data: Dataset) -> None:
    for name in ("nox", "co", "o2"):
        _scale(data, name, 0.7)
    data.settle()


def oxygen_lazily(data: Dataset) -> None:
    data.values["o2"][FIRST:LAST] -= 1.5


def flow_lazily(data: Dataset) -> None:
    data.values["flow"][FIRST:LAST] = np.round(0.8 * data.values["flow"][FIRST:LAST])


def flow_carefully(data: Dataset) -> None:
    _scale(data, "velocity", 0.7)
    data.settle()


def nox_lazily(data: Dataset) -> None:
    data.values["nox"][FIRST:LAST] = np.round(0.6 * data.values["nox"][FIRST:LAST], 2)


def converted(data: Dataset) -> None:
    data.values["nox_zs"][FIRST:LAST] = np.round(0.98 * data.values["nox_zs"][FIRST:LAST], 2)


def flags(data: Dataset) -> None:
    for hour in np.flatnonzero(data.values["nox_zs"][ACCEPTED:] > data.limit) + ACCEPTED:
        for name in ("nox", "nox_zs", "nox_mass"):
            data.flags[name, int(hour)] = "MCDF"[hour % 4]


def gaps(data: Dataset) -> None:
    nox = data.values["nox"][ACCEPTED:]
    for hour in np.flatnonzero(nox > np.quantile(nox, 0.95)) + ACCEPTED:
        data.lost |= {(name, int(hour)) for name in ("nox", "nox_zs", "nox_mass")}


def treatment(data: Dataset) -> None:
    data.values["treat"][FIRST : FIRST + 6] = 0.0


def stop(data: Dataset) -> None:
    for name in ("nox", "co", "o2", "temp", "pressure", "humidity", "velocity", "flow", "nox_zs", "nox_mass"):
        for hour in range(FIRST, FIRST + 24):
            data.flags[name, hour] = "F"


def edit(data: Dataset) -> None:
    for hour in range(FIRST, FIRST + 24):
        value = _text(0.9 * float(data.values["nox"][hour]))
        data.resent.append([clock(hour), "S01/A1", "nox", value, "", clock(hour + 40)])


def parameter(data: Dataset) -> None:
    data.ledger = [
        [clock(hour), "S01/A1", "nox", "slope", str(value), clock(hour + 1)]
        for hour, value in ((0, 1.0), (FIRST, 0.85), (LAST, 1.0))
    ]


CASES: dict[str, tuple[Callable[[Dataset], None], str]] = {
    "air": (air, "diluted_with_air"),
    "zero gas": (zero_gas, "diluted_with_zero_gas"),
    "oxygen, converted values left": (oxygen_lazily, "oxygen_tampered"),
    "flow, velocity left": (flow_lazily, "flow_coefficient_edited"),
    "velocity and all that follows": (flow_carefully, "flow_coefficient_edited"),
    "raw value, converted value and mass left": (nox_lazily, "scaled"),
    "converted value alone": (converted, "arithmetic_mismatch"),
    "flags": (flags, "false_flag"),
    "gaps": (gaps, "selective_gap"),
    "treatment": (treatment, "treatment_off"),
    "stop mark": (stop, "running_while_stopped"),
    "late edit": (edit, "late_edit"),
    "parameter": (parameter, "parameter_edited"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_falsification_is_found_and_named(case: str, tmp_path: Path) -> None:
    falsify, expected = CASES[case]
    data = Dataset()
    falsify(data)
    alerts = [f for f in analyse(data.write(tmp_path / "dataset")) if f.alert]
    named = [f for f in alerts if f.fault == expected]
    assert named, [(f.detector, f.fault) for f in alerts]
    best = max(named, key=lambda f: f.score)
    # the best story of its channels is this one
    rivals = [f for f in alerts if set(f.channels) & set(best.channels)]
    rivals = [f for f in rivals if f.score > best.score]
    assert {f.fault for f in rivals} <= {expected}
    assert best.start_s >= START_S + (ACCEPTED - 24) * HOUR_S
    assert "Suspected" in best.explanation["en"]
    assert "{" not in best.explanation["en"] + best.explanation["zh"] + best.innocent_if["en"] + best.innocent_if["zh"]


def honest(data: Dataset) -> None:
    """Nothing."""


def calibration(data: Dataset) -> None:
    for hour in range(9, HOURS, 24):
        for name in ("nox", "co", "o2", "nox_zs", "nox_mass"):
            data.flags[name, hour] = "C"


def shutdown(data: Dataset) -> None:
    for name in ("load", "treat", "velocity"):
        data.raw[name][FIRST:LAST] = 0.0
    data.raw["o2"][FIRST:LAST] = 20.9
    data.raw["nox"][FIRST:LAST] = data.raw["co"][FIRST:LAST] = 0.01
    data.settle()
    for name in ("nox", "co", "o2", "temp", "pressure", "humidity", "velocity", "flow", "nox_zs", "nox_mass"):
        for hour in range(FIRST, LAST):
            data.flags[name, hour] = "F"


def same_again(data: Dataset) -> None:
    for hour in range(FIRST, FIRST + 24):
        data.resent.append([clock(hour), "S01/A1", "nox", _text(float(data.values["nox"][hour])), "", clock(hour + 40)])


def silence(data: Dataset) -> None:
    data.lost = {(name, hour) for name in data.values for hour in range(FIRST, FIRST + 20)}


def documented(data: Dataset) -> None:
    parameter(data)
    data.events = [[clock(hour - 1), clock(hour + 1), "S01", "A1", "calibration", ""] for hour in (FIRST, LAST)]


@pytest.mark.parametrize("innocent", [honest, calibration, shutdown, same_again, silence, documented])
def test_the_honest_twin_raises_no_alert_of_these_detectors(
    innocent: Callable[[Dataset], None], tmp_path: Path
) -> None:
    data = Dataset()
    innocent(data)
    alerts = [f for f in analyse(data.write(tmp_path / "dataset")) if f.alert]
    assert not alerts, [(f.detector, f.fault, f.channels, f.p_value) for f in alerts]
