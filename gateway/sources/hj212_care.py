"""What the centre does of its own accord: sets clocks, fetches missing history, reads parameters, lists strangers.

Runs beside the stream of data and never holds it up: a fixed number of devices is attended to at a time, each through
`Centre.ask`, which keeps one open exchange a device.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from drivers.environment.hj212 import Edition
from drivers.environment.hj212.exchange import Outcome
from drivers.environment.hj212.requests import get_clock, get_information, history, set_clock
from drivers.environment.hj212.times import time_us
from drivers.errors import EncodeError
from gateway.config import Hj212Settings
from gateway.errors import StorageError
from gateway.registry import Registry
from gateway.sources.history_gaps import US, missing_history
from gateway.sources.hj212_centre import Centre

log = structlog.get_logger("gateway.hj212")

LOOK_EVERY_S = 0.5
AT_A_TIME = 64
GREET_AFTER_S = 5.0  # a device that has just come sends what it has kept first
HOUR_S = 3_600
PARAMETERS = ("i13001", "i13002", "i13007", "i13008", "i13009")
"""Range, precision, intercept, slope, detection limit: a change here is the classic trace (HJ 212-2017 table 9)."""
GIVE_UP_AFTER = 2  # requests in a row that a device did not take


class CareStore(Protocol):
    """What is needed of the database."""

    async def mark_pending(self, external_id: str, *, protocol: str, peer: str, at_us: int) -> None: ...
    async def last_times(self, external_id: str) -> dict[int, int]: ...
    async def gaps(
        self, external_id: str, *, interval_s: int, since_us: int, until_us: int, offset_us: int = 0
    ) -> list[tuple[int, int]]: ...
    async def channels(self, external_id: str) -> list[str]: ...


class Care:
    """One port's devices."""

    def __init__(self, settings: Hj212Settings, centre: Centre, registry: Registry, store: CareStore) -> None:
        self._settings = settings
        self._centre = centre
        self._registry = registry
        self._store = store
        self._utc_offset_s = settings.utc_offset_minutes * 60
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._read_today: tuple[str, set[str]] = ("", set())  # local day, devices whose parameters were read on it

    async def run(self) -> None:
        """Look at what the centre has noted down, and attend to it."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                centre = self._centre
                await self._list_strangers()
                for device in _take(centre.clock_requests):
                    tasks.create_task(self._attend(device, self._set_clock))
                for device in _take(centre.doubtful_clocks):
                    tasks.create_task(self._attend(device, self._check_clock))
                if self._settings.fetch_gaps:
                    for device in _take(centre.arrivals):
                        tasks.create_task(self._attend(device, self._fetch_missing, after_s=GREET_AFTER_S))
                for device in self._due_for_parameters():
                    tasks.create_task(self._attend(device, self._read_parameters))

    async def _attend(self, device: str, work: Callable[[str], Awaitable[None]], *, after_s: float = 0.0) -> None:
        """Do one thing for one device; that it fails concerns this device alone."""
        await asyncio.sleep(after_s)
        async with self._slots:
            try:
                await work(device)
            except (LookupError, EncodeError, StorageError) as error:
                log.info("not_attended", device=device, work=work.__name__.strip("_"), error=str(error))

    async def _list_strangers(self) -> None:
        try:
            while self._centre.strangers:
                device, (peer, at_us) = self._centre.strangers.popitem(last=False)
                await self._store.mark_pending(device, protocol="hj212", peer=peer, at_us=at_us)
        except StorageError as error:
            log.info("stranger_not_listed", device=device, error=str(error))

    async def _set_clock(self, device: str) -> None:
        await self._centre.ask(device, set_clock(_now_us(), utc_offset_s=self._utc_offset_s))

    async def _check_clock(self, device: str) -> None:
        """Read a clock that seems off, and set it only if it is: data that come late must not move a good clock."""
        result = await self._centre.ask(device, get_clock())
        read_us = [time_us(reply.item("SystemTime"), self._utc_offset_s) for reply in result.replies]
        if result.outcome is not Outcome.DONE or not read_us or read_us[0] is None:
            return
        offset_s = (read_us[0] - _now_us()) / US
        if abs(offset_s) > self._settings.clock_tolerance_s:
            self._centre.notice(device, "clock_offset", {"offset_s": round(offset_s, 3)}, every_s=0.0)
            await self._set_clock(device)

    async def _fetch_missing(self, device: str) -> None:
        """Ask for minute and hour data that are missing; what comes is stored like any upload."""
        registered = self._registry.get(device)
        minute_s = (registered and registered.minute_interval_s) or self._settings.minute_interval_s
        until_us = _now_us()
        since_us = until_us - self._settings.fetch_gaps_days * 86_400 * US
        known = await self._store.last_times(device)
        for cn, interval_s in (("2061", HOUR_S), ("2051", minute_s)):
            if interval_s not in known:
                continue
            step_us = interval_s * US
            start_us = since_us // step_us * step_us
            gaps = await self._store.gaps(device, interval_s=interval_s, since_us=start_us, until_us=until_us)
            for first, last in missing_history(gaps, interval_s=interval_s, since_us=start_us, until_us=until_us):
                request = history(cn, first, last, utc_offset_s=self._utc_offset_s)
                result = await self._centre.ask(device, request)
                if result.outcome not in (Outcome.DONE, Outcome.NO_DATA):
                    return

    async def _read_parameters(self, device: str) -> None:
        """Read what analysers report about their settings, factor by factor."""
        if self._centre.edition(device) is Edition.HJ2005:
            return  # 3020 is of 2017
        refused = 0
        for channel in await self._store.channels(device):
            for parameter in PARAMETERS:
                result = await self._centre.ask(device, get_information(channel, parameter))
                refused = 0 if result.outcome is Outcome.DONE else refused + 1
                if refused >= GIVE_UP_AFTER:
                    return

    def _due_for_parameters(self) -> list[str]:
        """Devices that are connected in the hour of the daily reading, each once a day."""
        local = datetime.now(UTC) + timedelta(seconds=self._utc_offset_s)
        if local.hour != self._settings.read_parameters_hour:
            return []
        today = local.date().isoformat()
        if self._read_today[0] != today:
            self._read_today = (today, set())
        due = [device for device in self._centre.devices if device not in self._read_today[1]]
        self._read_today[1].update(due)
        return due


def _take(names: OrderedDict[str, None]) -> list[str]:
    taken = list(names)
    names.clear()
    return taken


def _now_us() -> int:
    return time.time_ns() // 1_000
