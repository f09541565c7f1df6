"""The whole program as a process of its own, for tests that kill it."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

READY_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """`gateway run` on ports of its own; it can be killed and started again on the same state."""

    def __init__(
        self, directory: Path, dsn: str, *, toml: str = "", unknown_device: str = "accept", oldest_days: int = 400
    ) -> None:
        self.directory = directory
        self.module = "gateway"
        self.port = free_port()
        self.admin_port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.log_path = directory / "gateway.log"
        self.config_path = directory / "gateway.toml"
        self.config_path.write_text(
            f'[gateway]\nname = "test"\nstate_dir = "{directory}/state"\n'
            f'[database]\ndsn = "{dsn}"\nstatement_timeout_s = 3.0\noldest_days = {oldest_days}\n'
            f"[admin]\nport = {self.admin_port}\n"
            f'[[hj212]]\nhost = "127.0.0.1"\nport = {self.port}\nunknown_device = "{unknown_device}"\n'
            f"calibrate_clock = false\n{'' if 'fetch_gaps' in toml else 'fetch_gaps = false'}\n{toml}",
            encoding="utf-8",
        )

    async def start(self, *, wait_ready: bool = True) -> None:
        log = await asyncio.to_thread(self.log_path.open, "ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self.module, "run", "-c", str(self.config_path),
                stdout=log, stderr=log,
            )  # fmt: skip
        if wait_ready:
            await self.wait_ready()

    async def wait_ready(self) -> None:
        async with asyncio.timeout(READY_S):
            while True:
                if self._process is None or self._process.returncode is not None:
                    raise RuntimeError(f"the gateway has ended:\n{self.log_path.read_text()[-4000:]}")
                with contextlib.suppress(OSError):
                    if await asyncio.to_thread(self.get, "/livez"):
                        return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def terminate(self, *, within_s: float = 30.0) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), within_s)

    async def wait_exit(self, *, within_s: float = 30.0) -> int:
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), within_s)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    async def metrics(self) -> dict[str, float]:
        """Metric lines as {'gateway_frames_total{source="hj212",verdict="bad"}': 3.0}."""
        text = await asyncio.to_thread(self.get, "/metrics")
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def events(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]


@contextlib.asynccontextmanager
async def gateway_process(directory: Path, dsn: str, **settings: Any) -> AsyncIterator[GatewayProcess]:
    """A running gateway; killed at the end if it still runs."""
    program = GatewayProcess(directory, dsn, **settings)
    await program.start()
    try:
        yield program
    finally:
        if program.is_running:
            await program.kill()
