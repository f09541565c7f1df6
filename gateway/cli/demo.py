"""`gateway demo`: the whole program on embedded defaults, with a simulated field, live in the terminal.

The simulators are processes of their own, as real devices would be; the gateway does not import them. While devices
send, a fleet's past is put into the database and judged; at the end that is compared with what was simulated.
"""

import asyncio
import contextlib
import shutil
import sys
import time
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway import pipeline
from gateway.cli import terminal
from gateway.cli.demo_broker import MqttField
from gateway.cli.demo_history import History
from gateway.cli.demo_meters import MeterField
from gateway.config import load
from gateway.errors import GatewayError
from gateway.log import set_up_logging
from gateway.metrics import Metrics

STATE_DIR = Path("var/demo")
REFRESH_S = 0.5
PLAIN_LINE_S = 5.0
SETTLE_S = 3.0  # after the devices have stopped: what is on its way becomes durable
HISTORY_LIMIT_S = 180.0  # after that: how long the history may still take
CONFIGURATION = """\
[gateway]
name = "demo"
state_dir = "{state_dir}"
log_level = "error"
[admin]
port = 0
[detection]
days = 30
alerts_per_site_month = 0.1
[[hj212]]
host = "127.0.0.1"
port = 0
unknown_device = "accept"
"""

_RATES = ("connections", "frames/s", "values/s", "lag p50 (ms)", "stored", "duplicates", "revisions", "dead letters")


def demo(
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.", min=1)] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds in a second.", min=1)] = 60.0,
    sites: Annotated[int, typer.Option(help="Simulated sites.", min=1)] = 24,
    state_dir: Annotated[Path, typer.Option(help="Emptied at the start.")] = STATE_DIR,
) -> None:
    """Run gateway, database and a simulated field on this machine; show what comes in. 演示：网关、数据库与模拟现场"""
    set_up_logging(level="error", as_json=False)
    shutil.rmtree(state_dir, ignore_errors=True)
    state_dir.mkdir(parents=True)
    file = state_dir / "gateway.toml"
    mqtt = MqttField(state_dir.resolve() / "mqtt", seconds)
    meters = MeterField(state_dir.resolve() / "meters")
    settings = CONFIGURATION.format(state_dir=state_dir.resolve()) + mqtt.start() + meters.configuration
    file.write_text(settings, encoding="utf-8")
    config = load(file)
    console = terminal.console()
    console.print("[bold]Off-site supervision gateway 非现场监管数据网关[/] — starting the embedded PostgreSQL …")
    past = History(config, file, state_dir / "history")
    show = Demo(console, past, mqtt, meters, seconds=seconds, speed=speed, sites=sites, state_dir=state_dir)
    asyncio.run(pipeline.run(config, on_ready=show.run))
    mqtt.stop()


@dataclass
class Demo:
    """What happens between ready and stop."""

    console: Console
    past: History
    mqtt: MqttField
    meters: MeterField
    seconds: float | None
    speed: float
    sites: int
    state_dir: Path
    _last: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))

    async def run(self, gateway: pipeline.Running) -> None:
        self.console.print(
            f"HJ 212 on 127.0.0.1:{gateway.ports['hj212']}, metrics on http://127.0.0.1:{gateway.admin_port}/metrics, "
            f"{self.sites} simulated sites, {self.speed:g} simulated seconds a second. Ctrl-C ends."
        )
        self.console.print(self.mqtt.headline)
        if self.seconds is not None:
            self.console.print(
                f"Ends after {self.seconds:g} s and a report, which waits up to {HISTORY_LIMIT_S:g} s for the analysis "
                f"of the history. {self.seconds:g} 秒后结束并输出报告，报告最多再等待历史分析 {HISTORY_LIMIT_S:g} 秒。"
            )
        history = asyncio.create_task(self._judge_past(gateway), name="history")
        try:
            async with self._field(gateway), self.mqtt.devices(), self.meters.devices(gateway.store, gateway.dsn):
                await self._watch(gateway)
            await asyncio.sleep(SETTLE_S)
            await self._report(gateway)
            self.console.print(await self.mqtt.report(gateway.dsn))
            self.console.print(await self.meters.report(gateway.dsn))
            await self._report_history(gateway, history)
        finally:
            history.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await history
            gateway.stop()

    @contextlib.asynccontextmanager
    async def _field(self, gateway: pipeline.Running) -> Any:
        arguments = [
            "fleet", "--port", str(gateway.ports["hj212"]), "--sites", str(self.sites), "--speed", str(self.speed),
        ]  # fmt: skip
        if self.seconds is not None:
            arguments += ["--seconds", str(self.seconds)]
        log = await asyncio.to_thread((self.state_dir / "field.log").open, "wb")
        with log:
            devices = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators", *arguments, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            if devices.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    devices.terminate()
                await devices.wait()

    async def _watch(self, gateway: pipeline.Running) -> None:
        """Until the time is over; without a length, until the gateway is told to stop, which cancels this."""
        end_s = None if self.seconds is None else time.monotonic() + self.seconds
        if self.console.is_terminal:
            with Live(self._table(gateway.metrics), console=self.console, auto_refresh=False) as live:
                while end_s is None or time.monotonic() < end_s:
                    await asyncio.sleep(REFRESH_S)
                    live.update(self._table(gateway.metrics), refresh=True)
            return
        while end_s is None or time.monotonic() < end_s:
            left_s = PLAIN_LINE_S if end_s is None else min(PLAIN_LINE_S, end_s - time.monotonic())
            await asyncio.sleep(max(0.0, left_s))
            row = self._figures(gateway.metrics)
            figures = "  ".join(f"{name}: {value}" for name, value in zip(_RATES, row, strict=True))
            self.console.print(f"{figures}  history: {self.past.stage}")

    async def _judge_past(self, gateway: pipeline.Running) -> None:
        """The verdicts come with the report at the end; where there is no end, as soon as they are there."""
        try:
            await self.past.make(gateway.dsn)
        except GatewayError as error:
            self.past.stage = "failed 失败"
            self.console.print(f"[red]history 历史[/]: {error}")
            return
        if self.seconds is None:
            self.console.print(await self.past.verdicts(gateway.dsn))

    async def _report_history(self, gateway: pipeline.Running, history: "asyncio.Task[None]") -> None:
        if not history.done():
            self.console.print(f"History 历史: {self.past.stage} …")
        try:
            await asyncio.wait_for(asyncio.shield(history), HISTORY_LIMIT_S)
        except TimeoutError:
            self.console.print(f"[yellow]not judged in time 未能及时完成[/]: {self.past.stage}")
        if self.past.report is not None:
            self.console.print(await self.past.verdicts(gateway.dsn))

    def _table(self, metrics: Metrics) -> Table:
        table = Table(*_RATES, title="Live 实时", caption=f"History 历史: {self.past.stage}")
        table.add_row(*self._figures(metrics))
        return table

    def _figures(self, metrics: Metrics) -> list[str]:
        def value(name: str, **labels: str) -> float:
            return metrics.registry.get_sample_value(f"gateway_{name}", labels) or 0.0

        frames = sum(value("frames_total", source="hj212", verdict=verdict) for verdict in ("accepted", "bad"))
        outcomes = [value("records_total", outcome=name) for name in ("stored", "duplicate", "revision", "dead_letter")]
        now = time.monotonic()
        then, frames_then, values_then = self._last
        passed_s = now - then if then else REFRESH_S
        self._last = (now, frames, sum(outcomes))
        return [
            f"{value('connections', source='hj212'):.0f}",
            f"{(frames - frames_then) / passed_s:,.0f}",
            f"{(sum(outcomes) - values_then) / passed_s:,.0f}",
            f"{_median(metrics) * 1e3:.0f}",
            *(f"{number:,.0f}" for number in outcomes),
        ]

    async def _report(self, gateway: pipeline.Running) -> None:
        sql = (files("gateway.cli") / "demo.sql").read_text(encoding="utf-8")
        async with await psycopg.AsyncConnection.connect(gateway.dsn) as connection:
            rows = await (await connection.execute(sql.encode())).fetchall()
        table = Table(
            "site 站点", "values 数值", "channels 通道", "latest 最新 (UTC+8)", "duplicates 重复帧", "events 事件",
            "dead letters 死信", "deviations from the standard 与标准的偏差", title="What came in 接收结果",
        )  # fmt: skip
        for row in rows:
            table.add_row(*("" if item is None else str(item) for item in row))
        self.console.print(table)
        for books in await gateway.store.books():
            counts = books.counts
            self.console.print(
                f"Books 账目: received {counts.received:,} = stored {counts.stored:,} + duplicate {counts.duplicate:,} "
                f"+ revision {counts.revision:,} + dead letter {counts.dead_letter:,}; balance {counts.balance}"
            )
        chain = await gateway.store.verify_chain()
        verdict = "holds 完整" if not chain.problems else "; ".join(chain.problems)
        self.console.print(f"Hash chain 哈希链: {chain.batches:,} batches, {chain.frames:,} frames: {verdict}")


def _median(metrics: Metrics) -> float:
    """The upper bound of the lag histogram's bucket that holds the median. [s]"""
    samples = [
        sample
        for metric in metrics.lag_seconds.collect()
        for sample in metric.samples
        if sample.name.endswith("_bucket")
    ]
    total = samples[-1].value
    return next((float(sample.labels["le"]) for sample in samples if total and sample.value >= total / 2), 0.0)
