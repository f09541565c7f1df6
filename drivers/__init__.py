"""Protocols: bytes in, events out, and frames out for what we ask or answer. No I/O, no clock, no configuration.

A driver is one module (or package) below this one that defines `DRIVER: Driver`; it is found by being there.
See README.md for how to add one, `events.py` for the contract, `testing.py` for the checks that all of them pass.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from drivers.errors import UnknownDriver
from drivers.events import Decoder


@dataclass(frozen=True, slots=True)
class Driver:
    """What the registry knows of a protocol: enough to decode and to test it without knowing it."""

    name: str  # as in `gateway decode NAME`: "hj212", "dlt645", "modbus-rtu"
    title: str  # one line for people
    decoder: Callable[[], Decoder]
    examples: tuple[bytes, ...]  # good frames, for the shared contract test and the documentation
    is_binary: bool = False  # binary protocols are shown and read as hex text
    has_own_escapes: bool = False  # lines of JSON: a backslash in a line is the driver's business


@cache
def drivers() -> dict[str, Driver]:
    """All drivers by name, found in the modules below this package."""
    found: dict[str, Driver] = {}
    for module in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
        driver = getattr(importlib.import_module(module.name), "DRIVER", None)
        if isinstance(driver, Driver):
            found[driver.name] = driver
    return dict(sorted(found.items()))


def driver(name: str) -> Driver:
    """The driver of this name.

    Raises
    ------
    UnknownDriver
        If there is none; the message lists those that there are.
    """
    try:
        return drivers()[name]
    except KeyError:
        raise UnknownDriver(f"no driver named {name!r}; there are: {', '.join(drivers())}") from None
