"""A simulated three-in-one vapour recovery tester: one visit as a JSON record, and as the slip that its printer gives.

The slip is GBK text with fixed labels, as hand-held testers print it; no maker publishes its form, this one is ours.
The readings come from a model of the station: pressure decays with a time constant, A/L scatters about a mean.
"""

import json
import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

SLIP_PROFILE = """
[text]
name = "simulated-three-in-one"
title = "三合一检测仪（模拟）"
encoding = "gbk"
end = "===="
line = [
    {pattern = "液阻 *(?:18|28|38)L *(?P<value>[0-9.]+) *Pa", code = "resistance", quantity = "pressure", unit = "Pa"},
    {pattern = "第[1-5]分钟 *(?P<value>[0-9.]+) *Pa", code = "tightness", quantity = "pressure", unit = "Pa"},
    {pattern = "油气空间 *(?P<value>[0-9.]+) *L", code = "ullage", quantity = "volume", unit = "L"},
    {pattern = "气液比 *#[0-9]+ *(?P<value>[0-9.]+)", code = "a_l", quantity = "a_l", unit = "1"},
]
"""


@dataclass(frozen=True, slots=True)
class Station:
    """What a tester would find at a station."""

    name: str
    nozzles: int
    ullage_l: float
    decay_s: float = 3600.0  # time constant of the pressure
    a_l: float = 1.1
    a_l_spread: float = 0.02
    resistance_pa: tuple[float, float, float] = (28.0, 66.0, 118.0)


def visit(station: Station, started: datetime, rng: random.Random) -> dict[str, Any]:
    """The record of one visit by the book, as JSON data with raw readings only."""
    fall = [500 * math.exp(-60 * n / station.decay_s) + rng.uniform(-0.3, 0.3) for n in range(1, 6)]
    flow_l_min = 60.0
    return {
        "station": station.name,
        "operator": "simulated",
        "rig": {
            "id": "rig-1",
            "pressure_calibrated": str((started - timedelta(days=30)).date()),
            "gas_meter_calibrated": str((started - timedelta(days=200)).date()),
        },
        "fix": {"latitude_deg": 28.7, "longitude_deg": 115.9},
        "nozzles_in_use": station.nozzles,
        "tightness": [
            {
                "tank": "joined",
                **_span(started, 0, 8),
                "ullage_l": station.ullage_l,
                "affected_nozzles": station.nozzles,
                "is_joined": True,
                "nitrogen_l_min": flow_l_min,
                "pressurising_s": round(90 * station.ullage_l / (265 * flow_l_min), 1),
                "initial_pa": 500.0,
                "minute_pa": [round(pressure, 1) for pressure in fall],
                "gauge_warm_up_min": 20,
                "gauge_drift_pa": 0.8,
            }
        ],
        "resistance": [
            {
                "dispenser": "1",
                **_span(started, 20, 26),
                "pressure_pa": dict(zip(("18", "28", "38"), station.resistance_pa, strict=True)),
                "settled_s": 35,
            }
        ],
        "air_to_liquid": [_a_l_test(station, n, started, rng) for n in range(1, station.nozzles + 1)],
        "rig_leak_before": {"start_pa": 1246.0, "end_pa": 1240.0},
        "rig_leak_after": {"start_pa": 1247.0, "end_pa": 1239.0},
    }


def slip(record: dict[str, Any]) -> bytes:
    """What the printer gives for a record."""
    test, resistance = record["tightness"][0], record["resistance"][0]
    lines = [f"站点 {record['station']}", f"油气空间 {test['ullage_l']} L"]
    lines += [f"第{n}分钟 {pressure} Pa" for n, pressure in enumerate(test["minute_pa"], 1)]
    lines += [f"液阻 {flow}L {pressure} Pa" for flow, pressure in resistance["pressure_pa"].items()]
    for nozzle in record["air_to_liquid"]:
        run = nozzle["runs"][0]
        ratio = (run["vapour_end_l"] - run["vapour_start_l"]) / (run["fuel_end_l"] - run["fuel_start_l"])
        lines.append(f"气液比 #{nozzle['nozzle']} {ratio:.3f}")
    return ("\r\n".join([*lines, "=" * 16]) + "\r\n").encode("gbk")


def record_line(record: dict[str, Any]) -> bytes:
    """The record as one line of JSON, as it goes over MQTT or into a file."""
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _a_l_test(station: Station, number: int, started: datetime, rng: random.Random) -> dict[str, Any]:
    fuel_l = round(rng.uniform(15.5, 19.5), 2)
    vapour_l = round(fuel_l * rng.gauss(station.a_l, station.a_l_spread), 3)
    run = {
        "vapour_start_l": 0.0,
        "vapour_end_l": vapour_l,
        "fuel_start_l": 0.0,
        "fuel_end_l": fuel_l,
        "fuel_l_min": 32.0,
    }
    return {"nozzle": str(number), **_span(started, 30 + 3 * number, 32 + 3 * number), "runs": [run]}


def _span(started: datetime, first_min: float, last_min: float) -> dict[str, str]:
    first, last = (started + timedelta(minutes=minutes) for minutes in (first_min, last_min))
    return {"started": first.isoformat(), "ended": last.isoformat()}
