"""Factors outside the water and air tables: noise, totalisers, positions, plain names, process, electrical codes.

NOISE, EXTENSIONS, one line a factor: code | 2005 code | quantity | unit | unit of `-Cou` | type | Chinese | English.
"""

# HJ 212-2017, Appendix B, noise.
NOISE = """
LA||sound_level|dB||N3.1|A权声级|A-weighted sound level
L5||sound_level_l5|dB||N3.1|累计百分声级L5|level exceeded 5 % of the time
L10||sound_level_l10|dB||N3.1|累计百分声级L10|level exceeded 10 % of the time
L50||sound_level_l50|dB||N3.1|累计百分声级L50|level exceeded 50 % of the time
L90||sound_level_l90|dB||N3.1|累计百分声级L90|level exceeded 90 % of the time
L95||sound_level_l95|dB||N3.1|累计百分声级L95|level exceeded 95 % of the time
Leq||sound_level_eq|dB||N3.1|等效声级|equivalent sound level
Ldn||sound_level_dn|dB||N3.1|昼夜等效声级|day-night equivalent level
Ld||sound_level_day|dB||N3.1|昼间等效声级|day equivalent level
Ln||sound_level_night|dB||N3.1|夜间等效声级|night equivalent level
LMx||sound_level_max|dB||N3.1|最大的瞬时声级|highest instantaneous level
LMn||sound_level_min|dB||N3.1|最小的瞬时声级|lowest instantaneous level
"""

# Not in HJ 212-2017: codes of HJ 524 and HJ 525 in daily use, totalisers of 2005 outlets, codes of vehicles.
EXTENSIONS = """
a05024||o3|ug/m3|||臭氧|ozone
w01003||turbidity|NTU|||浊度|turbidity
w01016||chlorophyll|ug/L|||叶绿素a|chlorophyll a
B00||water_total|m3|||累计流量|flow totaliser
B11||water_total|m3|||累计流量|flow totaliser
l01001||longitude|deg|||经度|longitude
l01002||latitude|deg|||纬度|latitude
a81001||longitude|deg|||经度|longitude
a81002||latitude|deg|||纬度|latitude
a80001||speed|km/h|||车速|vehicle speed
lng||longitude|deg|||经度|longitude
lat||latitude|deg|||纬度|latitude
"""

# Names that small stations send in place of a factor code (upper case here; looked up case-folded): quantity, unit.
# Ambient gases are in µg/m³ there and CO in mg/m³, as GB 3095 has them.
PLAIN_NAMES = {
    "PM25": ("pm25", "ug/m3"),
    "PM2.5": ("pm25", "ug/m3"),
    "PM10": ("pm10", "ug/m3"),
    "PM1": ("pm1", "ug/m3"),
    "TSP": ("tsp", "ug/m3"),
    "PM": ("particulate", "mg/m3"),
    "SO2": ("so2", "ug/m3"),
    "NO2": ("no2", "ug/m3"),
    "NO": ("no", "ug/m3"),
    "NOX": ("nox", "ug/m3"),
    "O3": ("o3", "ug/m3"),
    "CO": ("co", "mg/m3"),
    "CO2": ("co2", "mg/m3"),
    "O2": ("o2", "%"),
    "NH3": ("nh3", "mg/m3"),
    "H2S": ("hydrogen_sulfide", "mg/m3"),
    "HCL": ("hcl", "mg/m3"),
    "VOC": ("voc", "mg/m3"),
    "VOCS": ("voc", "mg/m3"),
    "TVOC": ("voc", "mg/m3"),
    "NMHC": ("nmhc", "mg/m3"),
    "THC": ("thc", "mg/m3"),
    "LAMPBLACK": ("lampblack", "mg/m3"),
    "OU": ("odour", "1"),
    "TEM": ("air_temperature", "Cel"),
    "TEMP": ("air_temperature", "Cel"),
    "RH": ("air_humidity", "%"),
    "HUM": ("air_humidity", "%"),
    "HUMI": ("air_humidity", "%"),
    "WD": ("wind_direction", "deg"),
    "WS": ("wind_speed", "m/s"),
    "RAIN": ("rain", "mm"),
    "NOISE": ("sound_level", "dB"),
    "COD": ("cod", "mg/L"),
    "TP": ("tp", "mg/L"),
    "TN": ("tn", "mg/L"),
    "PH": ("ph", "1"),
    "LEVEL": ("level", "m"),
}

# HJ 212-2017, process factors (工况): letter, process digit and two factor digits, then a two-digit unit number.
PROCESS = {
    "e101": ("flow", "L/s", "进水流量", "inlet flow"),
    "e102": ("cod", "mg/L", "进水化学需氧量", "inlet chemical oxygen demand"),
    "e103": ("nh3n", "mg/L", "进水氨氮", "inlet ammonia nitrogen"),
    "e104": ("tp", "mg/L", "进水总磷", "inlet total phosphorus"),
    "e105": ("tn", "mg/L", "进水总氮", "inlet total nitrogen"),
    "e106": ("ph", "1", "进水pH值", "inlet pH"),
    "e201": ("flow", "L/s", "出水流量", "outlet flow"),
    "e202": ("cod", "mg/L", "出水化学需氧量", "outlet chemical oxygen demand"),
    "e203": ("nh3n", "mg/L", "出水氨氮", "outlet ammonia nitrogen"),
    "e204": ("tp", "mg/L", "出水总磷", "outlet total phosphorus"),
    "e205": ("tn", "mg/L", "出水总氮", "outlet total nitrogen"),
    "e206": ("ph", "1", "出水pH值", "outlet pH"),
    "e301": ("current", "A", "提升泵电流", "lift pump current"),
    "e302": ("current", "A", "鼓风机电流", "blower current"),
    "e305": ("dissolved_oxygen", "mg/L", "曝气池溶解氧", "aeration tank dissolved oxygen"),
    "g101": ("run_state", "1", "增压风机状态", "booster fan state"),
    "g102": ("current", "A", "增压风机电流", "booster fan current"),
    "g103": ("pump_state", "1", "浆液循环泵状态", "slurry pump state"),
    "g104": ("current", "A", "浆液循环泵电流", "slurry pump current"),
    "g111": ("ph", "1", "浆液pH值", "slurry pH"),
    "g116": ("valve_opening", "%", "旁路挡板开度", "bypass damper opening"),
    "g301": ("current", "A", "喷氨泵电流", "ammonia injection pump current"),
    "g306": ("valve_opening", "%", "旁路挡板开度", "bypass damper opening"),
    "g307": ("valve_opening", "%", "旁路挡板开度", "bypass damper opening"),
}

# Suffixes of power-use supervision (ST=80; the meter number stands where a factor code would): quantity, statistic.
ELECTRICAL = {
    "Ua": ("voltage_a", "rtd"),
    "Ub": ("voltage_b", "rtd"),
    "Uc": ("voltage_c", "rtd"),
    "Ia": ("current_a", "rtd"),
    "Ib": ("current_b", "rtd"),
    "Ic": ("current_c", "rtd"),
    "Pt": ("power", "rtd"),
    "Pa": ("power_a", "rtd"),
    "Pb": ("power_b", "rtd"),
    "Pc": ("power_c", "rtd"),
    "Qt": ("reactive_power", "rtd"),
    "cos": ("power_factor", "rtd"),
    "Pdem": ("power_demand", "rtd"),
    "Ept": ("energy", "total"),
    "Epa": ("energy_a", "total"),
    "Epb": ("energy_b", "total"),
    "Epc": ("energy_c", "total"),
    "Eg1": ("energy_tariff_1", "total"),
    "Eg2": ("energy_tariff_2", "total"),
    "Eg3": ("energy_tariff_3", "total"),
    "Eg4": ("energy_tariff_4", "total"),
    "Pa_ave": ("power_a", "avg"),
    "Pb_ave": ("power_b", "avg"),
    "Pc_ave": ("power_c", "avg"),
    "Tpa": ("cable_temperature_a", "rtd"),
    "Tpb": ("cable_temperature_b", "rtd"),
    "Tpc": ("cable_temperature_c", "rtd"),
}
