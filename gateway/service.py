"""The process: what systemd wants to hear (sd_notify(3)), and how the memory is looked after.

A dozen lines of datagram are less than a dependency; the protocol is stable by systemd's own promise.
"""

import gc
import os
import socket


def notify(state: str) -> None:
    """Send a state such as READY=1 to systemd; nothing happens where systemd does not listen."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto(state.encode(), address)


def watchdog_period_s() -> float | None:
    """Half of what systemd allows between two signs of life, or None when it does not watch. [s]"""
    value = os.environ.get("WATCHDOG_USEC")
    return int(value) / 2e6 if value else None


def calm_collector() -> None:
    """Let the garbage collector come by seldom.

    Frames, messages and batches make no reference cycles, so they are freed by counting alone; the collector, which
    looks at all of them for cycles, finds nothing and costs about a seventh of the decoder's time at its usual pace.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
