"""CloudEvents 1.0 in structured JSON mode: events of other systems, and what our own alerts look like on the way out.

CloudEvents 1.0.2, JSON format. Required: `specversion`, `id`, `source`, `type`. An attribute that is null counts as
absent. Extension names are lower-case letters and digits, 20 at the most. `data_base64` holds binary data.
"""

import re
from typing import Any

from drivers.events import Notice, Reason
from drivers.telemetry import times
from drivers.telemetry.limits import Refused
from drivers.telemetry.message import Telemetry

REQUIRED = ("specversion", "id", "source", "type")
_CONTEXT = frozenset({*REQUIRED, "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"})
_EXTENSION = re.compile(r"[a-z0-9]{1,20}")


def decode_cloudevent(topic: str, value: dict[str, Any]) -> Telemetry:
    """One event.

    Raises
    ------
    Refused
        SANITY, if a required attribute is missing or not text, or the version is not 1.x.
    """
    for name in REQUIRED:
        if not isinstance(value.get(name), str) or not value[name]:
            raise Refused(Reason.SANITY, f"CloudEvents attribute {name} is missing or not text")
    if value["specversion"].split(".")[0] != "1":
        raise Refused(Reason.SANITY, f"CloudEvents version {value['specversion'][:16]!r}")
    if "data" in value and "data_base64" in value:
        raise Refused(Reason.SANITY, "both data and data_base64")
    time_us = times.from_rfc3339(value.get("time"))
    extensions = {name: item for name, item in value.items() if name not in _CONTEXT and item is not None}
    deviations: tuple[str, ...] = ()
    if value.get("time") is not None and time_us is None:
        deviations += ("time_not_rfc3339",)
    if not all(_EXTENSION.fullmatch(name) for name in extensions):
        deviations += ("extension_name",)
    fields: dict[str, Any] = {"mode": "structured", **{name: value[name] for name in REQUIRED}}
    fields |= {"time_utc": times.text_utc(time_us), "subject": value.get("subject")}
    fields |= {name: value[name] for name in ("datacontenttype", "dataschema") if value.get(name) is not None}
    fields |= {"extensions": extensions, "data": value.get("data", value.get("data_base64"))}
    detail = {name: value[name] for name in ("id", "type", "source")} | {"data": fields["data"]}
    notice = Notice(value["source"], time_us, "cloud_event", channel=str(value.get("subject") or ""), detail=detail)
    return Telemetry("cloudevent", value["source"], topic, fields, [notice], deviations)
