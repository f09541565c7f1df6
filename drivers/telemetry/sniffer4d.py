"""Sniffer4D live objects: a gas analyser on a drone, by its own link instead of the aircraft's.

    {"serial", "sequence", "utcTime": "MM/DD/YYYY-HH:MM:SS", "latitude", "longitude", "altitude", "hdop", "sateNum",
     "temperature": °C, "humidity": %, "pressure": Pa, "airData": {"SO2(ppm)": …, "PM2.5(ug/m3)": …}}

No interface document is public; keys and the time's form are those of a public Python driver. `altitude` is above the
take-off point. `utcTime` is UTC by its name, though that driver fills it from the local clock.
"""

from typing import Any

from drivers.events import Channel, Content, Position, Readings, Reason
from drivers.telemetry import gas_payload, times
from drivers.telemetry.limits import Refused
from drivers.telemetry.message import Telemetry
from drivers.telemetry.positions import as_number, position

_WEATHER = (
    ("temperature", "temp_degC", Channel("temperature", "air_temperature", "rtd", "Cel", 0)),
    ("humidity", "rh_pct", Channel("humidity", "air_humidity", "rtd", "%", 0)),
    ("pressure", "pressure_pa", Channel("pressure", "air_pressure", "rtd", "Pa", 0)),
)


def looks_like(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("airData"), dict) and "serial" in value


def decode_sniffer4d(topic: str, value: dict[str, Any]) -> Telemetry:
    """One live object.

    Raises
    ------
    Refused
        SANITY, if the time is given in another form.
    """
    device = str(value["serial"])
    time_us = times.from_local(value.get("utcTime"), "%m/%d/%Y-%H:%M:%S", utc_offset_h=0)
    if value.get("utcTime") is not None and time_us is None:
        raise Refused(Reason.SANITY, f"utcTime {str(value['utcTime'])[:40]!r} is not MM/DD/YYYY-HH:MM:SS")
    deviations: tuple[str, ...] = () if time_us is not None else ("no_device_time",)
    gases = gas_payload.from_keys(value["airData"])
    fields: dict[str, Any] = {"serial": device, "sequence": value.get("sequence"), "time_utc": times.text_utc(time_us)}
    fields |= {"alt_m": value.get("altitude"), "hdop": value.get("hdop"), "satellites": value.get("sateNum")}
    fields["measurements"] = [gas._asdict() for gas in gases]
    held: list[Content] = []
    if gases:
        shape = gas_payload.shape_of(gases)
        held.append(Readings(device, time_us, shape, [gas.value for gas in gases], "N" * len(gases)))
    weather = [(channel, x) for key, _, channel in _WEATHER if (x := as_number(value.get(key))) is not None]
    fields |= {name: value[key] for key, name, _ in _WEATHER if key in value}
    if weather:
        shape = gas_payload.shape_for(tuple(channel for channel, _ in weather))
        held.append(Readings(device, time_us, shape, [x for _, x in weather], "N" * len(weather)))
    if "latitude" in value or "longitude" in value:
        where = position(
            device, time_us, value.get("latitude"), value.get("longitude"), altitude_takeoff_m=value.get("altitude")
        )
        if isinstance(where, Position):
            fields |= {"lat_deg": where.latitude_deg, "lon_deg": where.longitude_deg}
            held.append(where)
        else:
            deviations += (where,)
    return Telemetry("sniffer4d", device, topic, fields, held, deviations)
