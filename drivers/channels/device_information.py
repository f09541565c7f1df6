"""Device information codes (i-codes) of HJ 212-2017 §6.6.4 and Appendix B, carried as `-Info` by CN=3020.

`i` + device class (1 analyser, 2 logger, 3 auxiliary) + kind (1 log, 2 state, 3 parameter) + three characters.
Parameters: code → (name in the ledger, unit). States: code → (kind of notice, value → text). i33xxx of auxiliaries are
measured all the time and are channels: code → (quantity, unit).
"""

PARAMETERS = {
    "i13001": ("range_high", ""),
    "i13002": ("precision", ""),
    "i13003": ("measuring_interval", "min"),
    "i13004": ("digestion_temperature", "Cel"),
    "i13005": ("digestion_time", "min"),
    "i13006": ("calibration_time", ""),
    "i13007": ("intercept", ""),
    "i13008": ("slope", ""),
    "i13009": ("detection_limit", ""),
    "i23005": ("logger_id", ""),
    "i23006": ("cpu_id", ""),
    "i23007": ("mac_address_1", ""),
    "i23008": ("mac_address_2", ""),
}

_RUN = {"0": "run", "1": "stop", "2": "fault", "3": "maintenance"}
_LINK = {"0": "ok", "1": "abnormal", "2": "nothing attached"}

STATES = {
    "i12001": (
        "analyser_status",
        {
            "0": "run",
            "1": "maintenance",
            "2": "fault",
            "3": "calibration",
            "5": "blow-back",
            "6": "power failure",
            "7": "measuring",
            "8": "standard check",
            "9": "standby",
            "10": "operation and maintenance",
        },
    ),
    "i12002": ("analyser_link", _LINK),
    "i12003": ("analyser_alarm", {"0": "normal", "1": "alarm"}),
    "i22001": ("logger_status", _RUN),
    "i22002": ("logger_user", {"0": "ordinary user", "1": "administrator", "2": "maintainer"}),
    "i22003": ("centre_link", _LINK),
    "i22101": ("channel_link", _LINK),
    "i32001": ("door", _RUN),
}

LOGS = {"i11001": "analyser_log", "i21001": "logger_log", "i31001": "door_log"}

AUXILIARIES = {
    "i23001": ("air_pressure", "kPa"),
    "i33001": ("heated_line_temperature", "Cel"),
    "i33002": ("condenser_temperature", "Cel"),
    "i33101": ("room_temperature", "Cel"),
    "i33102": ("room_humidity", "%"),
    "i33103": ("room_voltage", "V"),
    "i33200": ("current", "A"),
    "i33201": ("energy", "kWh"),
    "i33202": ("energy_of_day", "kWh"),
    "i33400": ("load", "%"),
}
