"""Water factors of HJ 212-2017, Appendix B, with their HJ/T 212-2005 codes.

w20122…w20128 and w20138…w20144 are both in the standard: totals, and the dissolved species of surface water.

One line a factor: code | 2005 code | quantity | unit | unit of `-Cou` | number type | Chinese | English.
"""

FACTORS = """
w00000|B01|flow|L/s|m3|N5.2|污水|waste water flow
w01001|001|ph|1||N2.2|pH值|pH
w01002|002|colour|{PCU}||N3.2|色度|colour
w01006||dissolved_solids|mg/L|kg|N4|溶解性总固体|dissolved solids
w01009||dissolved_oxygen|mg/L||N3.1|溶解氧|dissolved oxygen
w01010||water_temperature|Cel||N3.1|水温|water temperature
w01012|003|suspended_solids|mg/L|kg|N4|悬浮物|suspended solids
w01014||conductivity|uS/cm||N3.1|电导率|conductivity
w01017|010|bod5|mg/L|kg|N5.1|五日生化需氧量|five-day biochemical oxygen demand
w01018|011|cod|mg/L|kg|N5.1|化学需氧量|chemical oxygen demand
w01019||permanganate_index|mg/L|kg|N3.1|高锰酸盐指数|permanganate index
w01020|015|toc|mg/L|kg|N3.1|总有机碳|total organic carbon
w02003|550|faecal_coliforms|1/L||N9|粪大肠菌群|faecal coliforms
w02006||total_bacteria|1/L||N9|细菌总数|total bacteria
w03001|570|gross_alpha|Bq/L||N3.1|总α放射性|gross alpha activity
w03002|571|gross_beta|Bq/L||N3.1|总β放射性|gross beta activity
w19001||surfactants|mg/L|kg|N3.2|表面活性剂|surfactants
w19002|520|anionic_surfactants|mg/L|kg|N3.2|阴离子表面活性剂|anionic surfactants
w20012|039|barium|mg/L|kg|N3.3|钡|barium
w20023|037|boron|mg/L|kg|N3.3|硼|boron
w20038|040|cobalt|mg/L|kg|N3.4|钴|cobalt
w20061|038|molybdenum|mg/L|kg|N3.4|钼|molybdenum
w20089|041|thallium|ng/L|mg|N4|铊|thallium
w20092|036|tin|mg/L|kg|N3.1|锡|tin
w20111|020|total_mercury|ug/L|g|N3.2|总汞|total mercury
w20113|021|alkyl_mercury|ng/L|mg|N4|烷基汞|alkyl mercury
w20115|022|total_cadmium|ug/L|g|N3.1|总镉|total cadmium
w20116|023|total_chromium|mg/L|kg|N3.3|总铬|total chromium
w20117|024|chromium_vi|ug/L|g|N2.3|六价铬|hexavalent chromium
w20119|026|total_arsenic|ug/L|g|N2.3|总砷|total arsenic
w20120|027|total_lead|ug/L|g|N4|总铅|total lead
w20121|028|total_nickel|mg/L|kg|N3.2|总镍|total nickel
w20122|029|total_copper|mg/L|kg|N3.2|总铜|total copper
w20123|030|total_zinc|mg/L|kg|N3.3|总锌|total zinc
w20124|031|total_manganese|mg/L|kg|N3.3|总锰|total manganese
w20125|032|total_iron|mg/L|kg|N3.3|总铁|total iron
w20126|033|total_silver|mg/L|kg|N3.3|总银|total silver
w20127|034|total_beryllium|ug/L|g|N3.3|总铍|total beryllium
w20128|035|total_selenium|ug/L|g|N4.2|总硒|total selenium
w20138||copper|mg/L|kg|N3.3|铜|copper
w20139||zinc|mg/L|kg|N3.3|锌|zinc
w20140||selenium|mg/L|kg|N3.3|硒|selenium
w20141||arsenic|mg/L|kg|N3.3|砷|arsenic
w20142||mercury|ug/L|g|N3.3|汞|mercury
w20143||cadmium|ug/L|g|N3.3|镉|cadmium
w20144||lead|mg/L|kg|N3.3|铅|lead
w21001|065|tn|mg/L|kg|N4.2|总氮|total nitrogen
w21003|060|nh3n|mg/L|kg|N4.2|氨氮|ammonia nitrogen
w21004|062|kjeldahl_nitrogen|mg/L|kg|N3.1|凯氏氮|Kjeldahl nitrogen
w21006|063|nitrite|mg/L|kg|N2.3|亚硝酸盐|nitrite
w21007|064|nitrate|mg/L|kg|N2.3|硝酸盐|nitrate
w21011|101|tp|mg/L|kg|N3.2|总磷|total phosphorus
w21016|070|cyanide|mg/L|kg|N3.3|氰化物|cyanide
w21017|072|fluoride|mg/L|kg|N4.2|氟化物|fluoride
w21019|071|sulfide|mg/L|kg|N3.3|硫化物|sulfide
w21022|090|chloride|mg/L|kg|N3.1|氯化物|chloride
w21038||sulfate|mg/L|kg|N6|硫酸盐|sulfate
w22001|080|petroleum|mg/L|kg|N3.2|石油类|petroleum hydrocarbons
w23002|110|volatile_phenols|mg/L|kg|N3.4|挥发酚|volatile phenols
w25043|540|benzo_a_pyrene|ug/L|g|N3.1|苯并[α]芘|benzo[a]pyrene
w33001|350|hexachlorocyclohexane|ng/L|mg|N4|六六六|hexachlorocyclohexane (BHC)
w33007|351|ddt|ng/L|mg|N4|滴滴涕|DDT
w99001|061|organic_nitrogen|mg/L|kg|N3.1|有机氮|organic nitrogen
"""
