"""Topics: filters and names of MQTT, and the grammar of our own.

eg/v1/{tenant}/{kind}/{id}/{channel}

tenant, id  [A-Za-z0-9_-]{1,64}
kind        uav · usv · car · cam · sta (monitoring station) · pwr (power terminal)
channel     obs · pose · event · status · raw/{driver}      device → gateway
            cmd/{driver}                                    gateway → device
    eg/v1/{tenant}/alerts/{site}                                gateway → people
"""

import re
from functools import lru_cache
from typing import NamedTuple

PREFIX = "eg/v1/"
KINDS = ("uav", "usv", "car", "cam", "sta", "pwr")
CHANNELS = ("obs", "pose", "event", "status", "raw")

MAX_TOPIC_BYTES = 256
MAX_LEVELS = 16  # ONVIF topics with source values reach 12

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What tenants and devices may be called: nothing that means anything in a topic filter, a path, SQL or a label."""


class OwnTopic(NamedTuple):
    tenant: str
    kind: str
    device: str
    channel: str
    format: str = ""  # of `raw`: the driver's name


@lru_cache(maxsize=8192)
def own_topic(topic: str) -> OwnTopic | None:
    """The parts of a topic of our grammar (device → gateway); None if it does not follow it."""
    if not topic.startswith(PREFIX):
        return None
    parts = topic.split("/")[2:]
    if len(parts) not in (4, 5) or not (ID.fullmatch(parts[0]) and ID.fullmatch(parts[2])) or parts[1] not in KINDS:
        return None
    is_raw = parts[3] == "raw"
    if parts[3] not in CHANNELS or is_raw != (len(parts) == 5) or (is_raw and not ID.fullmatch(parts[4])):
        return None
    return OwnTopic(*parts)


PARTIAL = ("thing/product/sn/osd", "thing/product/sn/state", "sys/product/sn/status")
"""Examples of topics whose messages leave out what has not changed: they mean something one after another only."""


def is_shared(topic_filter: str) -> bool:
    """Whether this is a shared subscription, `$share/{group}/{filter}` (MQTT 5.0, 4.8.2)."""
    return topic_filter.startswith("$share/")


_DJI_DOWN = (
    "/services", "/events_reply", "/requests_reply", "/property/set", "/drc/down", "/status_reply",
)  # fmt: skip


@lru_cache(maxsize=8192)
def is_downward(topic: str) -> bool:
    """Whether this topic leads to devices or people: our own messages come back by our wildcard subscriptions."""
    if topic.startswith(PREFIX):
        parts = topic.split("/")[2:]
        return (len(parts) > 1 and parts[1] == "alerts") or (len(parts) > 3 and parts[3] == "cmd")
    return topic.startswith(("thing/product/", "sys/product/")) and topic.endswith(_DJI_DOWN)


@lru_cache(maxsize=8192)
def check_topic(topic: str) -> str | None:
    """What is wrong with a topic name that a message came on, or None. A broker should never deliver such a one."""
    if not topic or len(topic.encode("utf-8", "replace")) > MAX_TOPIC_BYTES:
        return f"topic is empty or longer than {MAX_TOPIC_BYTES} bytes"
    if topic.count("/") >= MAX_LEVELS:
        return f"topic has more than {MAX_LEVELS} levels"
    if "+" in topic or "#" in topic or not topic.isprintable():
        return "topic has a wildcard or an unprintable character"
    return None


def matches(topic: str, pattern: str) -> bool:
    """Whether a topic filter covers a topic name (MQTT 5, 4.7); filters that begin with a wildcard skip `$` topics."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    names, parts = topic.split("/"), pattern.split("/")
    for i, part in enumerate(parts):
        if part == "#":
            return True
        if i >= len(names) or part not in ("+", names[i]):
            return False
    return len(names) == len(parts)
