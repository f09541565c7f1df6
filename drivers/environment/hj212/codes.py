"""Code tables: commands, editions, systems, answers (HJ 212-2017 §6.6 and Appendix B; HJ/T 212-2005; HJ 212-2025)."""

from enum import IntEnum, StrEnum


class Edition(StrEnum):
    """The editions of the standard; their Flag version bits are 0, 1, 2.

    Version 2 is no proof of 2025: stations of the surface-water protocol have used it since 2020 or before.
    """

    HJ2005 = "2005"
    HJ2017 = "2017"
    HJ2025 = "2025"


EDITIONS = (Edition.HJ2005, Edition.HJ2017, Edition.HJ2025)
"""By version bits of Flag."""

PERIODS_S: dict[str, int | None] = {
    "2011": 0,
    "2013": 0,
    "2021": 0,
    "2031": 86_400,
    "2041": 86_400,
    "2051": None,
    "2052": 0,
    "2061": 3_600,
    "2062": 3_600,
    "2111": 300,
}
"""Uploads of data and their interval; None for minute data, whose interval is a setting of the station. [s]

2062 is hour data in the surface-water dialect and the result of a standard check in 2025; see `contents.py`.
"""

AIR_SYSTEMS = frozenset({"22", "27", "31", "39"})
"""System codes under which three digits are no 2005 water factor (`drivers.channels.factor`)."""

SYSTEMS = {
    "21": "地表水质量",
    "22": "空气质量",
    "23": "声环境质量",
    "24": "地下水质量",
    "25": "土壤质量",
    "26": "海水质量",
    "27": "挥发性有机物",
    "31": "大气环境污染源",
    "32": "地表水体环境污染源",
    "33": "地下水体环境污染源",
    "34": "海洋环境污染源",
    "35": "土壤环境污染源",
    "36": "声环境污染源",
    "37": "振动环境污染源",
    "38": "放射性环境污染源",
    "39": "工地扬尘污染源",
    "41": "电磁环境污染源",
    "44": "用电监控",
    "45": "关键工况",
    "51": "烟气排放过程监控",
    "52": "污水排放过程监控",
    "80": "用电监管",
    "91": "系统交互",
}

COMMANDS = {
    "1000": "set timeout and retries",
    "1001": "hardware ids (2025)",
    "1002": "set MN (2025)",
    "1011": "get clock",
    "1012": "set clock",
    "1013": "ask for time calibration",
    "1014": "set SM4 key (2025)",
    "1061": "get real-time interval",
    "1062": "set real-time interval",
    "1063": "get minute interval",
    "1064": "set minute interval",
    "2011": "real-time data",
    "2012": "stop real-time data",
    "2021": "facility state",
    "2022": "stop facility state",
    "2031": "daily data",
    "2041": "daily running time of facilities",
    "2051": "minute data",
    "2061": "hour data",
    "2071": "alarm records (2005)",
    "2072": "alarm (2005)",
    "2073": "power event (extension)",
    "2081": "logger power-up",
    "3015": "keep the exceedance sample",
    "3017": "get sampling period",
    "3018": "get result delay",
    "3019": "serial of the analyser",
    "3020": "device information",
    "3022": "keep a sample now (2025)",
    "8013": "heartbeat (extension)",
    "9011": "request answer",
    "9012": "execution result",
    "9013": "notice answer",
    "9014": "data answer",
    "9015": "heartbeat",
}


class QnRtn(IntEnum):
    """9011: what the device says to a request."""

    READY = 1
    REFUSED = 2
    PASSWORD_WRONG = 3
    MN_WRONG = 4
    ST_WRONG = 5
    FLAG_WRONG = 6
    QN_WRONG = 7
    CN_WRONG = 8
    CRC_WRONG = 9
    UNKNOWN = 100


class ExeRtn(IntEnum):
    """9012: how the request ended."""

    OK = 1
    FAILED = 2
    CONDITION_WRONG = 3
    TIMEOUT = 4
    BUSY = 5
    BROKEN = 6
    NO_DATA = 100


FLAGS = {
    "N": "normal",
    "F": "out of service",
    "M": "maintenance",
    "S": "set by hand",
    "D": "fault",
    "C": "calibration",
    "T": "above the upper range",
    "B": "no communication",
    "P": "power failure (2005)",
}
"""Data flags. The table is open: another letter is kept and is not normal."""
