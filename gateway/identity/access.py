"""Mosquitto's access file (`acl_file`): what the gateway and each device may do; everything else is refused.

Our own topics need no line a device: the patterns hold for all, `%u` being the name that the client proved. Devices
with other people's topics have lines of their own; only those change the file when they come and go.
"""

from collections.abc import Mapping, Sequence

from gateway.identity.rights import GatewayRights, Rights

HEADER = """\
# Written by `gateway device`; changes by hand are lost. Read by Mosquitto (acl_file) at start and on SIGHUP.
# %u is the user name that the client proved. No line for anonymous clients: they may do nothing.
"""

DOCTOR = "doctor"
"""Account that `gateway doctor` tries the broker with; it has no secret until one is made."""

PATTERNS = (
    "pattern write eg/v1/+/+/%u/obs",
    "pattern write eg/v1/+/+/%u/pose",
    "pattern write eg/v1/+/+/%u/event",
    "pattern write eg/v1/+/+/%u/status",
    "pattern write eg/v1/+/+/%u/raw/+",
    "pattern read eg/v1/+/+/%u/cmd/#",
)


def access_file(gateway: GatewayRights, devices: Mapping[str, Rights], *, processes: Sequence[str] = ()) -> str:
    """The whole text. `processes` are the accounts of the gateway's processes, if there is more than the first."""
    lines = [HEADER]
    for name in dict.fromkeys((gateway.name, *processes)):
        lines += [f"user {name}"]
        lines += [f"topic read {topic}" for topic in gateway.reads]
        lines += [f"topic write {topic}" for topic in gateway.writes]
        lines += [""]
    lines += [f"user {DOCTOR}", "topic readwrite doctor/#", "topic read $SYS/#"]
    for device, rights in sorted(devices.items()):
        writes, reads = rights.writes(device), rights.reads(device)
        if writes or reads:
            lines += ["", f"user {device}"]
            lines += [f"topic write {topic}" for topic in writes]
            lines += [f"topic read {topic}" for topic in reads]
    return "\n".join([*lines, "", *PATTERNS, ""])
