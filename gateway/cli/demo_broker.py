"""MQTT in the demonstration: an embedded broker (amqtt), a few simulated devices, and what came of them.

Broker and devices are processes of their own. Accounts and secrets are made anew for each run, one for each device,
with the rights that `gateway device` would give; nobody else is let in. Nothing here ends the demonstration: without a
broker it goes on without MQTT and says so.
"""

import asyncio
import contextlib
import csv
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from queue import Empty, SimpleQueue

import psycopg
from pwdlib.hashers.argon2 import Argon2Hasher
from rich.table import Table

from gateway.identity.passwords import new_secret
from gateway.identity.rights import GatewayRights, Rights

START_LIMIT_S = 20.0
STOP_LIMIT_S = 5.0
SPEED = 10.0  # simulated seconds in a second, when the demonstration ends by itself
GATEWAY = GatewayRights()
METERS = "v1/wudun/ems"
READS = ("eg/v1/#", "thing/product/#", "sys/product/#", "+/onvif-ej/#", f"{METERS}/#")
COUNTS = {"station": 3, "drone": 2, "camera": 2, "meter": 2, "logger": 2}
LIMITS = (
    "MQTT broker embedded (amqtt), for looking only: MQTT 3.1.1, no TLS, in memory, no redelivery of messages in "
    "flight. 内置 MQTT 代理仅供演示：仅 3.1.1，无 TLS，不落盘，不重发在途报文；生产请用 Mosquitto（docs/mqtt.md）。"
)
CONFIGURATION = """\
[[mqtt]]
host = "127.0.0.1"
port = {port}
protocol = "3.1.1"
client_id = "gateway"
username = "gateway"
password = "file:{secret}"
unknown_device = "accept"
topics = {topics}
"""


@dataclass
class MqttField:
    """The broker and its devices; `start`, then `devices` while the gateway runs, `report`, `stop`."""

    folder: Path
    seconds: float | None
    port: int | None = None  # None: there is no broker
    _broker: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> str:
        """Start the broker; the gateway's configuration for it, or nothing if it does not start."""
        try:
            self._write_accounts()
            self._broker = self._start_broker()
            self.port = _first_line(self._broker)
        except (OSError, ValueError):
            self.stop()
            return ""
        return CONFIGURATION.format(port=self.port, secret=self.folder / "gateway.secret", topics=json.dumps(READS))

    def stop(self) -> None:
        """End the broker."""
        if self._broker is None:
            return
        try:
            self._broker.communicate(timeout=STOP_LIMIT_S)  # closes its standard input, which is what it waits for
        except subprocess.TimeoutExpired:
            self._broker.kill()
            self._broker.communicate()

    @property
    def headline(self) -> str:
        if self.port is None:
            return f"no MQTT: the embedded broker did not start, see {self.folder}/broker.log 内置 MQTT 代理未能启动"
        return f"MQTT on 127.0.0.1:{self.port}, {sum(COUNTS.values())} simulated devices. {LIMITS}"

    @contextlib.asynccontextmanager
    async def devices(self) -> AsyncIterator[None]:
        """The simulated devices at work."""
        if self.port is None:
            yield
            return
        speed = SPEED if self.seconds else 1.0  # without an end, time must not run ahead of the clock
        arguments = ["--port", str(self.port), "--accounts", str(self.folder / "accounts.csv"), "--speed", str(speed)]
        if self.seconds:
            arguments += ["--behind", str(self.seconds * speed)]
        log = await asyncio.to_thread((self.folder / "devices.log").open, "wb")
        with log:
            fleet = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators", "mqtt-fleet", *arguments, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                fleet.terminate()
            await fleet.wait()

    async def report(self, dsn: str) -> Table:
        """What is stored of each kind of device."""
        sql = (files("gateway.cli") / "demo_mqtt.sql").read_text(encoding="utf-8")
        table = Table(
            "kind 类别", "devices 设备", "messages 报文", "values 数值", "positions 定位", "events 事件",
            "dead letters 死信", title="MQTT", caption=None if self.port else self.headline,
        )  # fmt: skip
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            for row in await (await connection.execute(sql.encode())).fetchall():
                table.add_row(*map(str, row))
        return table

    def _write_accounts(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        rows = [(f"mqtt-{kind}-{n}", new_secret(), kind) for kind, count in COUNTS.items() for n in range(1, count + 1)]
        with (self.folder / "accounts.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("device", "secret", "kind"), *rows])
        gateway_secret = new_secret()
        (self.folder / "gateway.secret").write_text(gateway_secret, encoding="utf-8")
        hasher = Argon2Hasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)  # of 256 random bits: nothing to guess
        hashes = [(name, hasher.hash(secret)) for name, secret, _ in rows] + [("gateway", hasher.hash(gateway_secret))]
        (self.folder / "passwords").write_text("".join(f"{name}:{text}\n" for name, text in hashes), encoding="utf-8")
        publish = {name: writes(name, kind) for name, _, kind in rows} | {"gateway": list(GATEWAY.writes)}
        access = {"publish": publish, "subscribe": {"gateway": list(READS)}}
        (self.folder / "access.json").write_text(json.dumps(access), encoding="utf-8")

    def _start_broker(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "broker.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.demo_broker_process", str(self.folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip


def writes(device: str, kind: str) -> list[str]:
    """The topics that a simulated device may publish on."""
    rights = {
        "drone": Rights("demo", "uav", "dji", sub_devices=(f"{device}A",)),
        "camera": Rights("demo", "cam", "onvif"),
        "meter": Rights("demo", "pwr", "vendor", topics=(f"{METERS}/{device}/data",)),
    }.get(kind, Rights("demo", "sta"))
    return [f"eg/v1/{rights.tenant}/{rights.kind}/{device}/#", *rights.writes(device)]


def _first_line(process: "subprocess.Popen[bytes]") -> int:
    """The port that the broker writes first. ValueError if it ends or says nothing in time."""
    assert process.stdout is not None
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=lambda out: lines.put(out.readline()), args=(process.stdout,), daemon=True).start()
    try:
        return int(lines.get(timeout=START_LIMIT_S))
    except Empty as error:
        raise ValueError("the broker did not say its port") from error
