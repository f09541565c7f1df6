"""Mappings that come with the program, after vendors' public documents; your own go into the configuration.

Wudun EMS: topics `v1/{vendor}/{product}/{device}/…`, kW, V, A, Hz, kWh, milliseconds. Acrel ADW300 behind LoRaWAN:
`Ua … totalP, Pf, EPI`. Jufeng (jftech) open platform: alarm call-backs of AI cameras. Hikvision ISAPI: event
notifications as JSON, where `inactive` is also the heartbeat. Water probes with an Alibaba-style thing model: no time,
no unit, no position; the units here are those that such probes are sold with, and every message is flagged for it.
"""

import tomllib
from functools import cache

from drivers.telemetry.mapping import Mapping, mapping_from

DIALECTS = """
[[mapping]]
name = "wudun-ems"
title = "Power meters of the Wudun EMS gateway"
topics = ["v1/+/+/+/#"]
require = ["$.data.total_active_power", "$.timestamp"]
device = "$.sub_device_id"
time = { path = "$.timestamp", format = "epoch_ms" }
fields = { device_uid = "$.device_uid", message_id = "$.mid" }
values = [
  { path = "$.data.total_active_power", quantity = "power" },
  { path = "$.data.active_power_phase_a", quantity = "power_a" },
  { path = "$.data.active_power_phase_b", quantity = "power_b" },
  { path = "$.data.active_power_phase_c", quantity = "power_c" },
  { path = "$.data.total_reactive_power", quantity = "reactive_power" },
  { path = "$.data.total_power_factor", quantity = "power_factor" },
  { path = "$.data.voltage_phase_a", quantity = "voltage_a" },
  { path = "$.data.voltage_phase_b", quantity = "voltage_b" },
  { path = "$.data.voltage_phase_c", quantity = "voltage_c" },
  { path = "$.data.current_phase_a", quantity = "current_a" },
  { path = "$.data.current_phase_b", quantity = "current_b" },
  { path = "$.data.current_phase_c", quantity = "current_c" },
  { path = "$.data.frequency_grid", quantity = "frequency" },
  { path = "$.data.total_forward_active_energy", quantity = "energy_forward", statistic = "total" },
  { path = "$.data.total_reverse_active_energy", quantity = "energy_reverse", statistic = "total" },
]

[[mapping]]
name = "acrel-adw300"
title = "Acrel ADW300 meters, decoded by a LoRaWAN network server"
topics = ["acrel/+/up"]
require = ["$.Ua", "$.totalP"]
device = "topic.1"
time = { path = "$.ts", format = "epoch_ms" }
values = [
  { path = "$.Ua", quantity = "voltage_a" },
  { path = "$.Ub", quantity = "voltage_b" },
  { path = "$.Uc", quantity = "voltage_c" },
  { path = "$.Ia", quantity = "current_a" },
  { path = "$.Ib", quantity = "current_b" },
  { path = "$.Ic", quantity = "current_c" },
  { path = "$.Pa", quantity = "power_a" },
  { path = "$.Pb", quantity = "power_b" },
  { path = "$.Pc", quantity = "power_c" },
  { path = "$.totalP", quantity = "power" },
  { path = "$.Pf", quantity = "power_factor" },
  { path = "$.EPI", quantity = "energy_forward", statistic = "total" },
]

[[mapping]]
name = "jftech-ai"
title = "Alarm call-backs of the Jufeng open platform"
topics = ["ai/jftech/#"]
require = ["$.bizData.eventId", "$.bizData.deviceSn"]
device = "$.bizData.deviceSn"
time = { path = "$.bizData.eventTime", format = "epoch_ms" }
event = { kind = "ai_alarm", text = "$.bizData.eventName", channel = "$.bizData.channelNumber" }
fields = { event_id = "$.bizData.eventId", device_sn = "$.bizData.deviceSn", channel = "$.bizData.channelNumber", \
event_name = "$.bizData.eventName", device_name = "$.bizData.deviceName" }
count = { images = "$.bizData.detailData[*].image" }
objects = { path = "$.bizData.detailData[*].objects[*]", label = "label", confidence = "confidence", \
box = ["bbox.xmin", "bbox.ymin", "bbox.xmax", "bbox.ymax"] }

[[mapping]]
name = "hikvision-event"
title = "Hikvision ISAPI event notifications as JSON"
topics = ["hikvision/#"]
require = ["$.eventType", "$.eventState", "$.dateTime"]
device = ["$.deviceID", "$.ipAddress"]
time = { path = "$.dateTime", format = "rfc3339" }
event = { kind = "camera_event", kind_path = "$.eventType", kinds = { videoloss = "camera_offline", \
shelteralarm = "camera_occluded", scenechangedetection = "camera_moved", defocus = "camera_blur", \
linedetection = "area_line_crossed", fielddetection = "area_entered", smokeDetection = "smoke_black", \
fireDetection = "fire" }, text = "$.eventDescription", channel = "$.channelID" }
fields = { event_type = "$.eventType", phase = "$.eventState", channel = "$.channelID", ip_address = "$.ipAddress", \
source_event_id = "$.uuid", active_post_count = "$.activePostCount", description = "$.eventDescription" }

[[mapping]]
name = "water-probe"
title = "Water probes with an Alibaba-style thing model"
topics = ["devices/+/up"]
require = ["$.params"]
device = "$.id"
deviations = ["no_units"]
values = [
  { path = "$.params.COD.value", quantity = "cod", code = "COD", show = "cod" },
  { path = "$.params.TOC.value", quantity = "toc", code = "TOC", unit = "mg/L", show = "toc" },
  { path = "$.params.TDS.value", quantity = "total_dissolved_solids", code = "TDS", show = "tds" },
  { path = "$.params.UV254.value", quantity = "uv254", code = "UV254", unit = "1/cm", show = "uv254" },
  { path = "$.params.pH.value", quantity = "ph", code = "pH", show = "ph" },
  { path = "$.params.Tem.value", quantity = "water_temperature", code = "Tem", show = "water_temp_degC" },
  { path = "$.params.Tur.value", quantity = "turbidity", code = "Tur", show = "turbidity" },
  { path = "$.params.air_temp.value", quantity = "air_temperature", code = "air_temp", show = "air_temp_degC" },
  { path = "$.params.air_hum.value", quantity = "air_humidity", code = "air_hum", show = "air_rh_pct" },
  { path = "$.params.pressure.value", quantity = "air_pressure", code = "pressure", unit = "hPa", \
show = "pressure_hpa" },
  { path = "$.params.altitude.value", quantity = "altitude", code = "altitude", show = "altitude_m" },
]
"""


@cache
def shipped() -> tuple[Mapping, ...]:
    """The mappings above, parsed once."""
    return mappings_from(DIALECTS)


def mappings_from(text: str) -> tuple[Mapping, ...]:
    """Mappings of a TOML text with `[[mapping]]` tables.

    Raises
    ------
    MappingError
        If one of them cannot be used.
    """
    return tuple(mapping_from(table) for table in tomllib.loads(text).get("mapping", []))
