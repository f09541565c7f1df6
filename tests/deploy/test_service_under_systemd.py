"""What the unit asks of the program: it reports to systemd, and it runs without writable executable memory."""

import asyncio
import contextlib
import socket
import subprocess
import sys

import pytest

from tests.acceptance.program import gateway_process

DENY_WRITE_EXECUTE = """
import ctypes, sys
if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: Linux 6.3
    sys.exit(77)
import gateway.cli, gateway.pipeline, gateway.sources.mqtt
"""


async def states(listener):
    """What has arrived at the notification socket so far."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(listener.recv(4096).decode())
    return found


@pytest.mark.slow
@pytest.mark.database
async def test_the_service_says_ready_then_alive_then_stopping(tmp_path, postgres_dsn, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        said = []
        async with gateway_process(tmp_path, postgres_dsn) as gateway, asyncio.timeout(60):
            while said.count("WATCHDOG=1") < 3:
                said += await states(listener)
                await asyncio.sleep(0.05)
            assert await gateway.terminate() == 0
            said += await states(listener)
    assert said.count("READY=1") == said.count("STOPPING=1") == 1
    assert said.index("READY=1") < said.index("STOPPING=1")
    assert set(said) == {"READY=1", "WATCHDOG=1", "STOPPING=1"}


def test_the_program_needs_no_writable_executable_memory():
    done = subprocess.run([sys.executable, "-c", DENY_WRITE_EXECUTE], stderr=subprocess.PIPE, text=True)
    if done.returncode == 77:
        pytest.skip("this kernel cannot deny it")
    assert done.returncode == 0, done.stderr
