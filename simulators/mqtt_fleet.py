"""Devices over MQTT, faked: what each kind publishes, message by message, the same for the same seed.

    station   own topics: birth, samples with sequence numbers, a batch now and then, last will
    drone     DJI dock and aircraft: update_topo, partial OSD, payload text with gas readings
    camera    ONVIF events, retained states, now and then one that says the picture was covered
    meter     power terminal with Wudun EMS JSON
    logger    HJ 212 frames as payloads

Messages are made here without a network; `mqtt_fleet_faults` disturbs them, `mqtt_fleet_command` sends them.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from simulators.fleet.frames import frame

KINDS = ("station", "drone", "camera", "meter", "logger")
CHINA = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published; `at_s` is when, counted from the start. [s]"""

    at_s: float
    device: str
    topic: str
    payload: bytes
    qos: int = 1
    is_retained: bool = False
    is_repeated: bool = False  # sent again by a fault


def messages(kind: str, device: str, *, start: datetime, seed: int, tenant: str = "demo") -> Iterator[Outgoing]:
    """What one device publishes, endless, in order of time."""
    rng = Random(f"{seed} {kind} {device}")
    return _KINDS[kind](device, start.astimezone(UTC), rng, tenant)


def will(device: str, *, session: str, tenant: str = "demo") -> Outgoing:
    """The last will of a station, to be handed to the broker at CONNECT."""
    body = _json({"state": "offline", "s": session})
    return Outgoing(0.0, device, f"eg/v1/{tenant}/sta/{device}/status", body, is_retained=True)


def _station(device: str, start: datetime, rng: Random, tenant: str) -> Iterator[Outgoing]:
    root = f"eg/v1/{tenant}/sta/{device}"
    session = str(rng.randrange(1_000_000))
    metrics = [{"c": "a21026", "u": "mg/m3", "lo": 0, "hi": 2860}, {"c": "a01012", "u": "Cel", "lo": 0, "hi": 300}]
    birth = {"t": _time(start), "state": "online", "s": session, "firmware": "1.4.2", "metrics": metrics}
    yield Outgoing(0.0, device, f"{root}/status", _json(birth), is_retained=True)
    level = rng.uniform(20, 60)
    number = 0
    while True:
        batch = rng.choice((1, 1, 1, 1, 5))
        samples = []
        for _ in range(batch):
            level += rng.gauss(0, 0.8) + 0.05 * (40 - level)
            values = {"a21026": round(level, 2), "a21002": round(level * 2.1, 2), "a19001": 8.2, "a01012": 121.5}
            samples.append({"t": _time(start + timedelta(seconds=number)), "seq": number, "s": session, "v": values})
            number += 1
        yield Outgoing(float(number), device, f"{root}/obs", _json(samples if batch > 1 else samples[0]))


def _drone(device: str, start: datetime, rng: Random, tenant: str) -> Iterator[Outgoing]:
    aircraft = f"{device}A"
    sub_device = {"sn": aircraft, "domain": "0", "type": 77, "sub_type": 1, "index": "A", "thing_version": "1.1.2"}
    topology = {"domain": "3", "type": 2, "sub_type": 0, "sub_devices": [sub_device]}
    yield _dji(0.0, device, f"sys/product/{device}/status", start, topology, method="update_topo")
    latitude, longitude = 30.5 + rng.uniform(-0.1, 0.1), 114.3 + rng.uniform(-0.1, 0.1)
    turn = 0
    while True:
        turn += 1
        at_s = 2.0 * turn
        moment = start + timedelta(seconds=at_s)
        heading = (turn * 6) % 360 - 180
        latitude += 1e-4 * math.cos(math.radians(heading))
        longitude += 1e-4 * math.sin(math.radians(heading))
        data: dict[str, Any] = {"attitude_head": heading, "latitude": latitude, "longitude": longitude, "height": 97.0}
        data |= {"elevation": 60.0, "horizontal_speed": 5.5, "vertical_speed": 0.0, "mode_code": 5}
        data |= {"position_state": {"is_fixed": 2, "gps_number": 28, "rtk_number": 30, "quality": 5}}
        if turn % 4 == 0:  # properties that have not changed are left out
            data = {"attitude_head": heading, "latitude": latitude, "battery": {"capacity_percent": 100 - turn % 80}}
        yield _dji(at_s, device, f"thing/product/{aircraft}/osd", moment, data)
        if turn % 5 == 0:
            gas = {"value": f"SO2:{rng.uniform(0, 0.02):.3f}ppm;PM2.5:{rng.uniform(5, 60):.0f}ug/m3"}
            method = "custom_data_transmission_from_psdk"
            yield _dji(at_s, device, f"thing/product/{device}/events", moment, gas, method=method, need_reply=1)


def _camera(device: str, start: datetime, rng: Random, tenant: str) -> Iterator[Outgoing]:
    at_s = 0.0
    while True:
        at_s += rng.uniform(2, 20)
        name, state = rng.choice(
            (
                ("RuleEngine/FieldDetector/ObjectsInside", "IsInside"),
                ("VideoSource/GlobalSceneChange/ImagingService", "State"),
            )
        )
        body = {"UtcTime": _time(start + timedelta(seconds=at_s)), "Source": {"Source": "1"}, "Data": {state: "true"}}
        is_state = name.startswith("VideoSource")
        yield Outgoing(at_s, device, f"{device}/onvif-ej/{name}/&1", _json(body), is_retained=is_state)


def _meter(device: str, start: datetime, rng: Random, tenant: str) -> Iterator[Outgoing]:
    energy = rng.uniform(1e4, 1e5)
    minute = 0
    while True:
        power = max(0.0, 120 + 30 * math.sin(minute / 60) + rng.gauss(0, 3))
        energy += power / 60
        data = {"total_active_power": round(power, 3), "total_forward_active_energy": round(energy, 2)}
        data |= {
            "voltage_phase_a": round(rng.gauss(230, 1), 1),
            "current_phase_a": round(power / 0.69, 1),
            "frequency_grid": 50.0,
        }
        moment = start + timedelta(minutes=minute)
        body = {"mid": minute, "device_uid": device, "sub_device_id": device, "timestamp": _ms(moment), "data": data}
        yield Outgoing(60.0 * minute, device, f"v1/wudun/ems/{device}/data", _json(body))
        minute += 1


def _logger(device: str, start: datetime, rng: Random, tenant: str) -> Iterator[Outgoing]:
    number = 0
    while True:
        moment = start + timedelta(seconds=30 * number)
        local = (moment + CHINA).strftime("%Y%m%d%H%M%S")
        values = f"a21026-Rtd={rng.uniform(10, 50):.3f},a21026-Flag=N;a19001-Rtd=8.2,a19001-Flag=N"
        head = f"QN={local}000;ST=31;CN=2011;PW=123456;MN={device};Flag=5"
        uploaded = frame(f"{head};CP=&&DataTime={local};{values}&&".encode())
        yield Outgoing(30.0 * number, device, f"eg/v1/{tenant}/sta/{device}/raw/hj212", uploaded)
        number += 1


_KINDS = {"station": _station, "drone": _drone, "camera": _camera, "meter": _meter, "logger": _logger}


def _dji(at_s: float, device: str, topic: str, moment: datetime, data: dict[str, Any], **more: Any) -> Outgoing:
    body = {"tid": f"t{at_s}", "bid": f"b{at_s}", "timestamp": _ms(moment), "gateway": device, "data": data, **more}
    return Outgoing(at_s, device, topic, _json(body))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
