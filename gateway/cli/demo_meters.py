"""Power meters in the demonstration: a simulated line behind a pseudo-terminal, four facilities, one contradiction.

Meters are read and judged every four seconds, so that a minute is enough to see what takes three
minutes with the usual settings. Registration and signatures are made as `gateway facility` makes them.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import psycopg
from rich.console import Group
from rich.table import Table

from gateway.facilities.table import FacilityTable
from gateway.storage import Device, StorageSettings, Store
from gateway.storage.link import Link

SITE = "plant-1"
SIGNED_BY = "demo"
FACILITIES = {
    "line-1": ("production", 1.0, 30.0),
    "fan-1": ("treatment", 1.0, 6.0),
    "line-2": ("production", 1.0, 30.0),
    "fan-2": ("treatment", 1.0, 6.0),
}
"""Name of facility and meter → kind, off and run thresholds. [kW]"""
BAUD = 115_200
STOP_EVERY_S, STOP_FOR_S = 48, 24
"""The first fan stands still at the end of each of these, while its line goes on."""
BEIJING = timezone(timedelta(hours=8))
CONFIGURATION = """\
[facilities]
every_s = 4.0
step_s = 4.0
[[serial]]
name = "meters"
port = "{port}"
baud = {baud}
parity = "E"
period_s = 4.0
"""
DEVICE = """\
[[serial.device]]
name = "{name}"
profile = "dlt645-three-phase"
address = "2511000000{number:02}"
"""


@dataclass
class MeterField:
    """The line and its facilities; `devices` while the gateway runs, then `report`."""

    folder: Path

    @property
    def port(self) -> Path:
        return self.folder / "line"

    @property
    def configuration(self) -> str:
        """The tables of gateway.toml that read these meters."""
        devices = (DEVICE.format(name=name, number=number) for number, name in enumerate(FACILITIES, 1))
        return CONFIGURATION.format(port=self.port, baud=BAUD) + "".join(devices)

    @contextlib.asynccontextmanager
    async def devices(self, store: Store, dsn: str) -> AsyncIterator[None]:
        """The simulated meters at work, their facilities registered and signed."""
        await self._register(store, dsn)
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--pty", str(self.port), "--meters", str(len(FACILITIES)), "--baud", str(BAUD)]
        arguments += ["--answer-delay", "0.02", "--stop-every", str(STOP_EVERY_S), "--stop-for", str(STOP_FOR_S)]
        log = await asyncio.to_thread((self.folder / "meters.log").open, "wb")
        with log:
            line = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators", "meters", *arguments, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                line.terminate()
            await line.wait()

    async def _register(self, store: Store, dsn: str) -> None:
        for name in FACILITIES:
            await store.put_device(Device(name, protocol="dlt645", site=SITE, point=name))
        async with _table(dsn) as table:
            for name, (kind, off_kw, run_kw) in FACILITIES.items():
                await table.add(SITE, name, kind=kind, device=name)
                await table.sign_off(SITE, name, by=SIGNED_BY, off_kw=off_kw, run_kw=run_kw)
            for number in (1, 2):
                fan = f"fan-{number}"
                await table.connect(SITE, f"exhaust-{number}", production=[f"line-{number}"], treatment=[fan])

    async def report(self, dsn: str) -> Group:
        """What the meters said, and the contradictions between the facilities."""
        async with _table(dsn) as table:
            found = await table.events(SITE, since_s=0.0)
        events = Table("link 关联", "rule 规则", "what 内容", "from 自", "until 至", "figures 数据", "unless 除非",
                       title="Contradictions 产污治污矛盾")  # fmt: skip
        for row in found:
            what, unless = (f"{row[name + '_zh']} {row[name + '_en']}" for name in ("text", "unless"))
            figures = ", ".join(f"{name} {value:.3g}" for name, value in row["figures"].items())
            span = (_clock(row["start_s"]), _clock(row["end_s"]))
            events.add_row(row["link"] or row["facility"], row["rule"], what, *span, figures, unless)
        if not found:
            events.caption = "none yet: the first fan stops for some seconds of every 48 s 尚未发现"
        return Group(await _meters(dsn), events)


async def _meters(dsn: str) -> Table:
    sql = (files("gateway.cli") / "demo_meters.sql").read_text(encoding="utf-8")
    table = Table(
        "site 站点", "facility 设施", "kind 类别", "meter 电表", "values 数值", "power kW 功率", "Ua V", "Ia A",
        "off kW", "run kW", "signed off by 签字", title="Power meters 用电监控",
    )  # fmt: skip
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for row in await (await connection.execute(sql.encode())).fetchall():
            cells = ("" if item is None else f"{item:.4g}" if isinstance(item, float) else str(item) for item in row)
            table.add_row(*cells)
    return table


@contextlib.asynccontextmanager
async def _table(dsn: str) -> AsyncIterator[FacilityTable]:
    link = Link(dsn, StorageSettings(), name="gateway demo facilities")
    try:
        yield FacilityTable(link)
    finally:
        await link.close()


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).astimezone(BEIJING).strftime("%H:%M:%S")
