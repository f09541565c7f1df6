"""HJ 212, the protocol of pollution-source monitoring in China: HJ/T 212-2005, HJ 212-2017, HJ 212-2025.

    ##0149ST=32;CN=2011;PW=123456;MN=LD130102000172;CP=&&DataTime=20160823235600;B01-Rtd=12.359,B01-Flag=N&&F001\\r\\n

Reading: `framing` (bytes → frames), `segment` and `items` (text), `readings` and `contents` (meaning), `message`,
`decoder`. Writing: `encode`, `answers` (what we say to an upload), `requests` and `exchange` (what we ask, and the
state machine that waits for it), `assembly` (split messages). `profile` learns a station's dialect, `deviations` names
it.
"""

from drivers import Driver
from drivers.environment.hj212.codes import Edition
from drivers.environment.hj212.decoder import Decoder
from drivers.environment.hj212.message import Message
from drivers.environment.hj212.profile import Profile, Profiles

DRIVER = Driver(
    name="hj212",
    title="HJ 212 pollution-source monitoring (2005, 2017, 2025) / 污染物在线监控（监测）系统数据传输标准",
    decoder=Decoder,
    examples=(
        b"##0149ST=32;CN=2011;PW=123456;MN=LD130102000172;CP=&&DataTime=20160823235600;B01-Rtd=12.359,B01-Flag=N;"
        b"011-Rtd=39.694,011-Flag=N;060-Rtd=2.680,060-Flag=D&&F001\r\n",
        b"##0087QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&2200\r\n",
        b"##0137QN=20231008130452757;ST=22;CN=2081;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
        b"CP=&&DataTime=20231008130452;RestartTime=20231007130452&&3AC0\r\n",
    ),
)

__all__ = ["DRIVER", "Decoder", "Edition", "Message", "Profile", "Profiles"]
