"""DJI properties: which key is which quantity, and the codes that DJI prints in its thing models.

DJI Cloud API, thing models of aircraft, dock and remote controller. `height` is above the WGS-84 ellipsoid, `elevation`
above the take-off point; voltages are millivolts; `attitude_head` is −180 … 180 from true north. The unit of an
aircraft's `wind_speed` is not documented (captures show 54 in a hover, so probably 0.1 m/s): it comes out as it is,
named raw, and is not stored. A dock's is in m/s.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from drivers.telemetry.positions import as_number, compass

SECRETS = frozenset({"device_secret", "nonce"})
"""Never printed: they are credentials."""

AIRCRAFT_MODES = (
    "standby",
    "take-off preparation",
    "take-off preparation completed",
    "manual flight",
    "automatic take-off",
    "wayline flight",
    "panoramic photography",
    "intelligent tracking",
    "ADS-B avoidance",
    "automatic return to home",
    "automatic landing",
    "forced landing",
    "three-blade landing",
    "upgrading",
    "not connected",
    "APAS",
    "virtual stick",
    "live flight controls",
    "airborne RTK fixing",
    "dock address selecting",
)
DOCK_MODES = ("idle", "on-site debugging", "remote debugging", "firmware upgrade in progress", "in operation")
WIND_DIRECTIONS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")  # codes 1 … 8

DOCK_KEYS = frozenset({
    "flighttask_step_code", "drone_in_dock", "cover_state", "media_file_detail", "electric_supply_voltage",
    "job_number", "acc_time", "putter_state", "supplement_light_state", "emergency_stop_state",
    "air_conditioner_mode", "alarm_state", "backup_battery", "drone_battery_maintenance_info", "drone_charge_state",
    "rainfall", "environment_temperature", "working_current", "alternate_land_point", "first_power_on",
    "network_state",
})  # fmt: skip
AIRCRAFT_KEYS = frozenset({
    "attitude_head", "attitude_pitch", "attitude_roll", "elevation", "gear", "home_distance", "horizontal_speed",
    "vertical_speed", "track_id", "total_flight_time", "total_flight_distance", "total_flight_sorties",
    "rth_altitude", "rc_lost_action",
})  # fmt: skip
CONTROLLER_KEYS = frozenset({"transmission_signal_quality", "dongle_infos", "live_capacity"})


class Field(NamedTuple):
    path: tuple[str | int, ...]
    name: str
    convert: Callable[[Any], Any] = lambda value: value


def _milli(value: Any) -> Any:
    number = as_number(value)
    return value if number is None else number / 1000


def _heading(value: Any) -> Any:
    number = as_number(value)
    return value if number is None else compass(number)


def _is_fixed(value: Any) -> bool:
    return bool(value == 2)


def _name_of(names: tuple[str, ...], *, first: int = 0) -> Callable[[Any], Any]:
    def convert(value: Any) -> str | None:
        at = value - first if type(value) is int else -1
        return names[at] if 0 <= at < len(names) else None

    return convert


COMMON: tuple[Field, ...] = (
    Field(("latitude",), "lat_deg"),
    Field(("longitude",), "lon_deg"),
    Field(("height",), "height_ellipsoid_m"),
    Field(("elevation",), "elevation_rel_takeoff_m"),
    Field(("attitude_head",), "heading_deg", _heading),
    Field(("attitude_pitch",), "pitch_deg"),
    Field(("attitude_roll",), "roll_deg"),
    Field(("horizontal_speed",), "speed_h_mps"),
    Field(("vertical_speed",), "speed_v_mps"),
    Field(("position_state", "is_fixed"), "gnss_fixed", _is_fixed),
    Field(("position_state", "quality"), "gnss_quality"),
    Field(("position_state", "gps_number"), "gnss_sats"),
    Field(("position_state", "rtk_number"), "rtk_sats"),
    Field(("capacity_percent",), "battery_pct"),
    Field(("total_flight_distance",), "total_flight_distance_m"),
    Field(("total_flight_time",), "total_flight_time_s"),
    Field(("home_latitude",), "home_lat_deg"),
    Field(("home_longitude",), "home_lon_deg"),
)

AIRCRAFT: tuple[Field, ...] = (
    Field(("battery", "capacity_percent"), "battery_pct"),
    Field(("battery", "remain_flight_time"), "remain_flight_time_s"),
    Field(("battery", "return_home_power"), "return_home_power_pct"),
    Field(("battery", "landing_power"), "landing_power_pct"),
    Field(("battery", "batteries", 0, "voltage"), "battery0_voltage_v", _milli),
    Field(("battery", "batteries", 0, "temperature"), "battery0_temp_degC"),
    Field(("battery", "batteries", 1, "voltage"), "battery1_voltage_v", _milli),
    Field(("battery", "batteries", 1, "temperature"), "battery1_temp_degC"),
    Field(("mode_code",), "mode", _name_of(AIRCRAFT_MODES)),
    Field(("home_distance",), "home_distance_m"),
    Field(("wind_direction",), "wind_dir_sector"),
    Field(("wind_direction",), "wind_dir", _name_of(WIND_DIRECTIONS, first=1)),
    Field(("wind_speed",), "wind_speed_raw"),
)

DOCK: tuple[Field, ...] = (
    Field(("mode_code",), "mode", _name_of(DOCK_MODES)),
    Field(("environment_temperature",), "env_temp_degC"),
    Field(("temperature",), "inside_temp_degC"),
    Field(("humidity",), "humidity_pct"),
    Field(("wind_speed",), "wind_speed_mps"),
    Field(("drone_in_dock",), "drone_in_dock", bool),
    Field(("electric_supply_voltage",), "mains_voltage_v"),
    Field(("working_voltage",), "working_voltage_v", _milli),
    Field(("working_current",), "working_current_a", _milli),
    Field(("backup_battery", "voltage"), "backup_battery_voltage_v", _milli),
    Field(("backup_battery", "temperature"), "backup_battery_temp_degC"),
    Field(("drone_charge_state", "capacity_percent"), "drone_battery_pct"),
    Field(("sub_device", "device_sn"), "sub_device_sn"),
    Field(("sub_device", "device_model_key"), "sub_device_model"),
    Field(("sub_device", "product_type"), "sub_device_model"),
    Field(("sub_device", "device_online_status"), "sub_device_online", bool),
)

PAYLOAD: tuple[Field, ...] = (
    Field(("thermal_global_temperature_max",), "thermal_max_degC"),
    Field(("thermal_global_temperature_min",), "thermal_min_degC"),
    Field(("gimbal_pitch",), "gimbal_pitch_deg"),
    Field(("gimbal_roll",), "gimbal_roll_deg"),
    Field(("gimbal_yaw",), "gimbal_yaw_deg"),
    Field(("measure_target_latitude",), "target_lat_deg"),
    Field(("measure_target_longitude",), "target_lon_deg"),
    Field(("measure_target_altitude",), "target_altitude_m"),
    Field(("measure_target_distance",), "target_distance_m"),
)

READINGS: dict[str, tuple[str, str]] = {
    "battery_pct": ("battery", "%"),
    "battery0_voltage_v": ("battery_voltage", "V"),
    "env_temp_degC": ("air_temperature", "Cel"),
    "inside_temp_degC": ("temperature", "Cel"),
    "humidity_pct": ("dock_humidity", "%"),
    "wind_speed_mps": ("wind_speed", "m/s"),
    "mains_voltage_v": ("voltage", "V"),
    "thermal_max_degC": ("temperature", "Cel"),
    "thermal_min_degC": ("temperature", "Cel"),
    "total_flight_time_s": ("total_flight_time", "s"),
    "total_flight_distance_m": ("total_flight_distance", "m"),
}
"""Printed name → quantity and unit of what is stored as a series. Totals are kept because they may only rise."""


def dig(value: Any, path: tuple[str | int, ...]) -> Any:
    """What is at `path`, or None."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def named(data: dict[str, Any], table: tuple[Field, ...]) -> dict[str, Any]:
    """The fields of `table` that are in `data`; absent means unchanged and stays absent."""
    found: dict[str, Any] = {}
    for path, name, convert in table:
        value = dig(data, path)
        if value is not None:
            found[name] = convert(value)
    return found


def leaves(data: Any, found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Every scalar below `data` under its own last key, first come first served; secrets left out."""
    found = {} if found is None else found
    items = data.items() if isinstance(data, dict) else ()
    for key, value in items:
        if key in SECRETS:
            continue
        if isinstance(value, dict):
            leaves(value, found)
        elif not isinstance(value, list):
            found.setdefault(key, value)
    return found


def without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items() if key not in SECRETS}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
