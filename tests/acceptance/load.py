"""The simulated devices as a process of their own, with a ledger."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any


@contextlib.asynccontextmanager
async def load(port: int, ledger: Path, *arguments: str) -> AsyncIterator["LoadProcess"]:
    """`python -m simulators load` against a port; ended at the end of the block if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "load", "--port", str(port), "--ledger", str(ledger), *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield LoadProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class LoadProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def summary(self, *, within_s: float) -> dict[str, Any]:
        """Wait for the end: all frames acknowledged, or the time is over."""
        output, _ = await asyncio.wait_for(self._process.communicate(), within_s)
        return dict(json.loads(output))
