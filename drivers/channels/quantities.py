"""Quantities beside those of the factor tables: the list of the dataset format, power, weather, water, position.

One line a quantity: id | unit | medium | Chinese | English. Units are UCUM-like text; media are those of the dataset
format: air (stack), water (outlet), power (meter), ambient, mobile (track), process. Power per phase carries the phase
as its last part (`voltage_a`), tariffs are numbered as DL/T 645 does: 1 sharp, 2 peak, 3 shoulder (flat), 4 valley.
Quantities of the factor tables are added to these by `drivers.channels`; where both name one, this list wins.
"""

QUANTITIES = """
so2|mg/m3|air|二氧化硫|sulfur dioxide
nox|mg/m3|air|氮氧化物|nitrogen oxides
no|mg/m3|air|一氧化氮|nitric oxide
no2|mg/m3|air|二氧化氮|nitrogen dioxide
co|mg/m3|air|一氧化碳|carbon monoxide
particulate|mg/m3|air|颗粒物（烟尘）|particulate matter (smoke dust)
hcl|mg/m3|air|氯化氢|hydrogen chloride
nh3|mg/m3|air|氨|ammonia
nmhc|mg/m3|air|非甲烷总烃|non-methane hydrocarbons
thc|mg/m3|air|总烃|total hydrocarbons
o2|%|air|氧含量|oxygen content
co2|mg/m3|air|二氧化碳|carbon dioxide
humidity|%|air|烟气湿度|flue-gas humidity
stack_temperature|Cel|air|烟气温度|flue-gas temperature
stack_pressure|kPa|air|烟气静压|flue-gas static pressure (gauge)
dynamic_pressure|kPa|air|烟气动压|flue-gas dynamic pressure
velocity|m/s|air|烟气流速|flue-gas velocity
flow|m3/s|air|流量|flow
flow_dry_standard|m3/h|air|标干流量|dry standard flow
duct_area|m2|air|烟道截面积|duct cross-section
velocity_coefficient|1|air|速度场系数|velocity field coefficient
lampblack|mg/m3|air|油烟|cooking fume
odour|1|air|臭气浓度|odour concentration
cod|mg/L|water|化学需氧量|chemical oxygen demand
nh3n|mg/L|water|氨氮|ammonia nitrogen
tp|mg/L|water|总磷|total phosphorus
tn|mg/L|water|总氮|total nitrogen
ph|1|water|pH值|pH
conductivity|uS/cm|water|电导率|conductivity
dissolved_oxygen|mg/L|water|溶解氧|dissolved oxygen
oxygen_saturation|%|water|溶解氧饱和度|oxygen saturation
turbidity|NTU|water|浊度|turbidity
water_temperature|Cel|water|水温|water temperature
salinity|1|water|盐度|salinity
orp|mV|water|氧化还原电位|oxidation-reduction potential
chlorophyll|ug/L|water|叶绿素|chlorophyll
blue_green_algae|1/mL|water|蓝绿藻|blue-green algae
total_dissolved_solids|mg/L|water|总溶解固体|total dissolved solids
residual_chlorine|mg/L|water|余氯|residual chlorine
level|m|water|液位|level
water_depth|m|water|水深|water depth
water_velocity|m/s|water|水流速|water velocity
water_total|m3|water|累计流量|flow totaliser
voltage|V|power|电压|voltage
voltage_a|V|power|A相电压|voltage, phase A
voltage_b|V|power|B相电压|voltage, phase B
voltage_c|V|power|C相电压|voltage, phase C
voltage_ab|V|power|AB线电压|voltage, A to B
voltage_bc|V|power|BC线电压|voltage, B to C
voltage_ca|V|power|CA线电压|voltage, C to A
current|A|power|电流|current
current_a|A|power|A相电流|current, phase A
current_b|A|power|B相电流|current, phase B
current_c|A|power|C相电流|current, phase C
current_n|A|power|零线电流|current, neutral
power|kW|power|有功功率|active power
power_a|kW|power|A相有功功率|active power, phase A
power_b|kW|power|B相有功功率|active power, phase B
power_c|kW|power|C相有功功率|active power, phase C
reactive_power|kvar|power|无功功率|reactive power
reactive_power_a|kvar|power|A相无功功率|reactive power, phase A
reactive_power_b|kvar|power|B相无功功率|reactive power, phase B
reactive_power_c|kvar|power|C相无功功率|reactive power, phase C
apparent_power|kVA|power|视在功率|apparent power
apparent_power_a|kVA|power|A相视在功率|apparent power, phase A
apparent_power_b|kVA|power|B相视在功率|apparent power, phase B
apparent_power_c|kVA|power|C相视在功率|apparent power, phase C
power_factor|1|power|功率因数|power factor
power_factor_a|1|power|A相功率因数|power factor, phase A
power_factor_b|1|power|B相功率因数|power factor, phase B
power_factor_c|1|power|C相功率因数|power factor, phase C
phase_angle_a|deg|power|A相相角|phase angle, phase A
phase_angle_b|deg|power|B相相角|phase angle, phase B
phase_angle_c|deg|power|C相相角|phase angle, phase C
frequency|Hz|power|频率|frequency
power_demand|kW|power|有功需量|active power demand
power_demand_max|kW|power|有功最大需量|maximum active demand
reactive_power_demand|kvar|power|无功需量|reactive power demand
current_demand|A|power|电流需量|current demand
energy|kWh|power|有功电能|active energy
energy_a|kWh|power|A相有功电能|active energy, phase A
energy_b|kWh|power|B相有功电能|active energy, phase B
energy_c|kWh|power|C相有功电能|active energy, phase C
energy_forward|kWh|power|正向有功电能|forward active energy
energy_reverse|kWh|power|反向有功电能|reverse active energy
energy_net|kWh|power|净有功电能|net active energy
energy_tariff_1|kWh|power|尖时段电能|energy, sharp tariff
energy_tariff_2|kWh|power|峰时段电能|energy, peak tariff
energy_tariff_3|kWh|power|平时段电能|energy, shoulder tariff
energy_tariff_4|kWh|power|谷时段电能|energy, valley tariff
energy_forward_tariff_1|kWh|power|正向有功尖电能|forward energy, sharp tariff
energy_forward_tariff_2|kWh|power|正向有功峰电能|forward energy, peak tariff
energy_forward_tariff_3|kWh|power|正向有功平电能|forward energy, shoulder tariff
energy_forward_tariff_4|kWh|power|正向有功谷电能|forward energy, valley tariff
energy_reverse_tariff_1|kWh|power|反向有功尖电能|reverse energy, sharp tariff
energy_reverse_tariff_2|kWh|power|反向有功峰电能|reverse energy, peak tariff
energy_reverse_tariff_3|kWh|power|反向有功平电能|reverse energy, shoulder tariff
energy_reverse_tariff_4|kWh|power|反向有功谷电能|reverse energy, valley tariff
reactive_energy|kvarh|power|无功电能|reactive energy
reactive_energy_forward|kvarh|power|正向无功电能|forward reactive energy
reactive_energy_reverse|kvarh|power|反向无功电能|reverse reactive energy
apparent_energy|kVAh|power|视在电能|apparent energy
voltage_thd_a|%|power|A相电压谐波畸变率|voltage distortion, phase A
voltage_thd_b|%|power|B相电压谐波畸变率|voltage distortion, phase B
voltage_thd_c|%|power|C相电压谐波畸变率|voltage distortion, phase C
current_thd_a|%|power|A相电流谐波畸变率|current distortion, phase A
current_thd_b|%|power|B相电流谐波畸变率|current distortion, phase B
current_thd_c|%|power|C相电流谐波畸变率|current distortion, phase C
voltage_unbalance|%|power|电压不平衡度|voltage unbalance
current_unbalance|%|power|电流不平衡度|current unbalance
residual_current|mA|power|剩余电流|residual current
cable_temperature_a|Cel|power|A相线缆温度|cable temperature, phase A
cable_temperature_b|Cel|power|B相线缆温度|cable temperature, phase B
cable_temperature_c|Cel|power|C相线缆温度|cable temperature, phase C
cable_temperature_n|Cel|power|零线线缆温度|cable temperature, neutral
pm25|ug/m3|ambient|细颗粒物PM2.5|PM2.5
pm10|ug/m3|ambient|可吸入颗粒物PM10|PM10
pm1|ug/m3|ambient|亚微米颗粒物PM1.0|PM1.0
tsp|ug/m3|ambient|总悬浮颗粒物|total suspended particulates
o3|ug/m3|ambient|臭氧|ozone
voc|mg/m3|ambient|挥发性有机物|volatile organic compounds
air_temperature|Cel|ambient|气温|air temperature
air_pressure|kPa|ambient|气压|air pressure
air_humidity|%|ambient|空气湿度|air humidity
wind_speed|m/s|ambient|风速|wind speed
wind_direction|deg|ambient|风向|wind direction
rain|mm|ambient|降雨量|rain
rain_rate|mm/h|ambient|雨强|rain rate
solar_radiation|W/m2|ambient|太阳辐射|solar radiation
illuminance|lx|ambient|照度|illuminance
dew_point|Cel|ambient|露点|dew point
visibility|m|ambient|能见度|visibility
fire_radiative_power|MW|ambient|火点辐射功率|fire radiative power
brightness_temperature|K|ambient|亮温|brightness temperature
longitude|deg|mobile|经度|longitude
latitude|deg|mobile|纬度|latitude
altitude|m|mobile|高度|altitude
speed|m/s|mobile|速度|speed
heading|deg|mobile|航向|heading
battery|%|mobile|电量|battery charge
battery_voltage|V|mobile|电池电压|battery voltage
signal_strength|dBm|mobile|信号强度|signal strength
run_state|1|process|运行状态|run state
run_time|h|process|运行时间|running time
load|%|process|负荷|load
temperature|Cel|process|温度|temperature
pressure|kPa|process|压力|pressure
pump_state|1|process|泵状态|pump state
valve_opening|%|process|阀门开度|valve opening
rotation_speed|1/min|process|转速|rotation speed
"""
