"""Air factors of HJ 212-2017, Appendix B, with their HJ/T 212-2005 codes.

Units are those printed there, ng/m³ of the ambient factors included; `drivers.channels.UNITS_IN_USE` says where the
field means another one.

One line a factor: code | 2005 code | quantity | unit | unit of `-Cou` | number type | Chinese | English.
"""

FACTORS = """
a00000|B02|flow|m3/s|m3|N6.1|废气|waste gas flow
a01001||air_temperature|Cel||N3.1|温度|temperature
a01002||air_humidity|%||N3.1|湿度|humidity
a01006||air_pressure|kPa||N5.3|气压|air pressure
a01007||wind_speed|m/s||N4.1|风速|wind speed
a01008||wind_direction|deg||N4|风向|wind direction
a01010|37|ringelmann|1||N1|林格曼黑度|Ringelmann blackness
a01011|S02|velocity|m/s||N5.2|烟气流速|flue-gas velocity
a01012|S03|stack_temperature|Cel||N3.1|烟气温度|flue-gas temperature
a01013|S08|stack_pressure|kPa||N5.3|烟气压力|flue-gas pressure
a01014|S05|humidity|%||N3.1|烟气湿度|flue-gas humidity
a01015|S06|cooler_temperature|Cel||N3.1|制冷温度|cooler temperature
a01016|S07|duct_area|m2||N4.2|烟道截面积|duct cross-section
a01017|S04|dynamic_pressure|kPa||N5.3|烟气动压|flue-gas dynamic pressure
a01901||furnace_temperature|Cel||N4.1|垃圾焚烧炉膛内焚烧平均温度|mean temperature in the waste incinerator furnace
a01902||furnace_temperature_dcs|Cel||N4.1|垃圾焚烧炉膛内DCS温度|DCS temperature in the waste incinerator furnace
a05001|30|co2|mg/m3|kg|N3.3|二氧化碳|carbon dioxide
a05002||methane|ng/m3|g|N4.1|甲烷|methane
a05008||trichlorofluoromethane|mg/m3|kg|N7.3|三氯一氟甲烷|trichlorofluoromethane
a05009||dichlorodifluoromethane|mg/m3|kg|N7.3|二氯二氟甲烷|dichlorodifluoromethane
a05013||trichlorotrifluoroethane|mg/m3|kg|N7.3|三氯三氟乙烷|trichlorotrifluoroethane
a19001|S01|o2|%||N3.1|氧气含量|oxygen content
a20007||arsenic|ng/m3|g|N1.6|砷|arsenic
a20016|36|beryllium_compounds|mg/m3|kg|N4.4|铍及其化合物|beryllium and its compounds
a20025|33|cadmium_compounds|mg/m3|kg|N3.4|镉及其化合物|cadmium and its compounds
a20026||cadmium|ng/m3|g|N3.3|镉|cadmium
a20043|32|lead_compounds|mg/m3|kg|N2.4|铅及其化合物|lead and its compounds
a20044||lead|ng/m3|g|N3.3|铅|lead
a20057|31|mercury_compounds|mg/m3|kg|N4.4|汞及其化合物|mercury and its compounds
a20058||mercury|ng/m3|g|N3.2|汞|mercury
a20063|35|nickel_compounds|mg/m3|kg|N3.3|镍及其化合物|nickel and its compounds
a20091|34|tin_compounds|mg/m3|kg|N4.3|锡及其化合物|tin and its compounds
a21001|10|nh3|ng/m3|g|N4.3|氨（氨气）|ammonia
a21002|03|nox|mg/m3|kg|N5.1|氮氧化物|nitrogen oxides
a21003||no|mg/m3|kg|N4.1|一氧化氮|nitric oxide
a21004||no2|mg/m3|kg|N4.1|二氧化氮|nitrogen dioxide
a21005|04|co|mg/m3|kg|N3.3|一氧化碳|carbon monoxide
a21017|07|cyanide|mg/m3|kg|N3.3|氰化物|cyanides
a21018|06|fluoride|mg/m3|kg|N2.3|氟化物|fluorides
a21022|11|chlorine|mg/m3|kg|N4.3|氯气|chlorine
a21024|08|hcl|mg/m3|kg|N4.3|氯化氢|hydrogen chloride
a21026|02|so2|mg/m3|kg|N5.2|二氧化硫|sulfur dioxide
a21028|05|hydrogen_sulfide|mg/m3|kg|N3.2|硫化氢|hydrogen sulfide
a23001|27|phenols|mg/m3|kg|N3.3|酚类|phenols
a24003||dichloromethane|mg/m3|kg|N7.3|二氯甲烷|dichloromethane
a24004||trichloromethane|mg/m3|kg|N7.3|三氯甲烷|trichloromethane
a24005||tetrachloromethane|mg/m3|kg|N7.3|四氯甲烷|tetrachloromethane
a24006||dibromochloromethane|mg/m3|kg|N7.3|二溴一氯甲烷|dibromochloromethane
a24007||bromodichloromethane|mg/m3|kg|N7.3|一溴二氯甲烷|bromodichloromethane
a24008||bromomethane|mg/m3|kg|N7.3|溴甲烷|bromomethane
a24009||tribromomethane|mg/m3|kg|N7.3|三溴甲烷|tribromomethane
a24015||chloroethane|mg/m3|kg|N7.3|氯乙烷|chloroethane
a24016||dichloroethane_1_1|mg/m3|kg|N7.3|1,1-二氯乙烷|1,1-dichloroethane
a24017||dichloroethane_1_2|mg/m3|kg|N7.3|1,2-二氯乙烷|1,2-dichloroethane
a24018||trichloroethane_1_1_1|mg/m3|kg|N7.3|1,1,1-三氯乙烷|1,1,1-trichloroethane
a24019||trichloroethane_1_1_2|mg/m3|kg|N7.3|1,1,2-三氯乙烷|1,1,2-trichloroethane
a24020||tetrachloroethane_1_1_2_2|mg/m3|kg|N7.3|1,1,2,2-四氯乙烷|1,1,2,2-tetrachloroethane
a24027||dichloropropane_1_2|mg/m3|kg|N7.3|1,2-二氯丙烷|1,2-dichloropropane
a24034||dibromoethane_1_2|mg/m3|kg|N7.3|1,2-二溴乙烷|1,2-dibromoethane
a24036||cyclohexane|mg/m3|kg|N7.3|环己烷|cyclohexane
a24042||hexane|mg/m3|kg|N7.3|正己烷|n-hexane
a24043||heptane|mg/m3|kg|N7.3|正庚烷|n-heptane
a24046|29|vinyl_chloride|mg/m3|kg|N4.3|氯乙烯|vinyl chloride
a24047||dichloroethene_1_1|mg/m3|kg|N7.3|1,1-二氯乙烯|1,1-dichloroethene
a24049||trichloroethene|mg/m3|kg|N7.3|三氯乙烯|trichloroethene
a24050||tetrachloroethene|mg/m3|kg|N7.3|四氯乙烯|tetrachloroethene
a24053||propene|mg/m3|kg|N7.3|丙烯|propene
a24054||dichloropropene_1_3|mg/m3|kg|N7.3|1,3-二氯丙烯|1,3-dichloropropene
a24072||dioxane_1_4|mg/m3|kg|N7.3|1,4-二恶烷|1,4-dioxane
a24078||butadiene_1_3|mg/m3|kg|N7.3|1,3-丁二烯|1,3-butadiene
a24087|25|hydrocarbons|mg/m3|kg|N5.2|碳氢化合物|hydrocarbons
a24088||nmhc|mg/m3|kg|N7.3|非甲烷总烃|non-methane hydrocarbons
a24099||chloromethane|mg/m3|kg|N7.3|氯甲烷|chloromethane
a24110||dichloroethene_trans_1_2|mg/m3|kg|N7.3|反式-1,2-二氯乙烯|trans-1,2-dichloroethene
a24111||dichloroethene_cis_1_2|mg/m3|kg|N7.3|顺式-1,2-二氯乙烯|cis-1,2-dichloroethene
a24112||dichloropropene_trans_1_3|mg/m3|kg|N7.3|反式-1,3-二氯丙烯|trans-1,3-dichloropropene
a24113||hexachlorobutadiene_1_3|mg/m3|kg|N7.3|六氯-1,3-丁二烯|hexachloro-1,3-butadiene
a25002||benzene|mg/m3|kg|N7.3|苯|benzene
a25003|17|toluene|mg/m3|kg|N4.2|甲苯|toluene
a25004||ethylbenzene|mg/m3|kg|N7.3|乙苯|ethylbenzene
a25005|18|xylenes|mg/m3|kg|N4.2|二甲苯|xylenes
a25006||xylene_ortho|mg/m3|kg|N7.3|1,2-二甲基苯|1,2-dimethylbenzene
a25007||xylene_meta|mg/m3|kg|N7.3|1,3-二甲基苯|1,3-dimethylbenzene
a25008||xylene_para|mg/m3|kg|N7.3|1,4-二甲基苯|1,4-dimethylbenzene
a25010|23|chlorobenzene|mg/m3|kg|N4.3|氯苯|chlorobenzene
a25011||dichlorobenzene_1_2|mg/m3|kg|N7.3|1,2-二氯苯|1,2-dichlorobenzene
a25012||dichlorobenzene_1_3|mg/m3|kg|N7.3|1,3-二氯苯|1,3-dichlorobenzene
a25013||dichlorobenzene_1_4|mg/m3|kg|N7.3|1,4-二氯苯|1,4-dichlorobenzene
a25014||ethyltoluene_para|mg/m3|kg|N7.3|1-乙基-4-甲基苯|1-ethyl-4-methylbenzene
a25015||trichlorobenzene_1_2_4|mg/m3|kg|N7.3|1,2,4-三氯苯|1,2,4-trichlorobenzene
a25019||trimethylbenzene_1_2_4|mg/m3|kg|N7.3|1,2,4-三甲基苯|1,2,4-trimethylbenzene
a25020||trimethylbenzene_1_2_3|mg/m3|kg|N7.3|1,2,3-三甲基苯|1,2,3-trimethylbenzene
a25021||trimethylbenzene_1_3_5|mg/m3|kg|N7.3|1,3,5-三甲基苯|1,3,5-trimethylbenzene
a25023|22|nitrobenzene|mg/m3|kg|N3.4|硝基苯|nitrobenzene
a25038||styrene|mg/m3|kg|N7.3|乙烯基苯|styrene
a25044|20|benzo_a_pyrene|mg/m3|kg|N4.3|苯并[a]芘|benzo[a]pyrene
a25072||tetrahydrofuran|mg/m3|kg|N7.3|四氢呋喃|tetrahydrofuran
a26001|21|anilines|mg/m3|kg|N4.3|苯胺类|anilines
a29017||ethyl_acetate|mg/m3|kg|N7.3|乙酸乙酯|ethyl acetate
a29026||vinyl_acetate|mg/m3|kg|N7.3|乙酸乙烯酯|vinyl acetate
a30001|28|methanol|mg/m3|kg|N4.3|甲醇|methanol
a30008||isopropanol|mg/m3|kg|N7.3|异丙醇|isopropanol
a30022|13|thiols|mg/m3|kg|N4.3|硫醇|thiols
a31001|19|formaldehyde|mg/m3|kg|N3.3|甲醛|formaldehyde
a31002|26|acetaldehyde|mg/m3|kg|N3.4|乙醛|acetaldehyde
a31024||acetone|mg/m3|kg|N7.3|丙酮|acetone
a31025||butanone|mg/m3|kg|N7.3|2-丁酮|2-butanone
a31030||methyl_isobutyl_ketone|mg/m3|kg|N7.3|甲基异丁基甲酮|methyl isobutyl ketone
a34001||tsp|ng/m3|g|N4.3|总悬浮颗粒物TSP|total suspended particulates
a34002||pm10|ng/m3|g|N3.3|可吸入颗粒物PM10|PM10
a34004||pm25|ng/m3|g|N3.3|细微颗粒物PM2.5|PM2.5
a34005||pm1|ng/m3|g|N3.3|亚微米颗粒物PM1.0|PM1.0
a34011||dustfall|t/km2/mo|||降尘|dustfall
a34013|01|particulate|mg/m3|kg|N4|烟尘|smoke dust
a34017||carbon_black|mg/m3|kg|N4|炭黑尘|carbon black dust
a34038|09|asphalt_fume|mg/m3|kg|N4.3|沥青烟|asphalt fume
a34039|14|sulfuric_acid_mist|mg/m3|kg|N4.3|硫酸雾|sulfuric acid mist
a34040|15|chromic_acid_mist|mg/m3|kg|N2.3|铬酸雾|chromic acid mist
a99010||acrylonitrile|mg/m3|kg|N7.3|丙烯腈|acrylonitrile
a99049|24|phosgene|mg/m3|kg|N3.3|光气|phosgene
a99051|12|carbon_disulfide|mg/m3|kg|N4.3|二硫化碳|carbon disulfide
"""
