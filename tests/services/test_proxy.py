"""The misbehaving proxy does what it says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.services.proxy import Proxy


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def proxy(echo_port: int) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", echo_port).running() as running:
        yield running


async def ask(proxy: Proxy, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(data)
    return reader, writer


async def test_bytes_pass_both_ways_in_slices(proxy: Proxy) -> None:
    proxy.slice_bytes = 2
    reader, writer = await ask(proxy, b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def test_a_cut_resets_the_connection_and_new_ones_are_served(proxy: Proxy) -> None:
    reader, writer = await ask(proxy, b"a")
    await reader.readexactly(1)
    proxy.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    reader, writer = await ask(proxy, b"b")
    assert await reader.readexactly(1) == b"b"
    writer.close()


async def test_a_hang_holds_bytes_back_until_resumed(proxy: Proxy) -> None:
    proxy.hang()
    reader, writer = await ask(proxy, b"a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.2)
    proxy.resume()
    assert await reader.readexactly(1) == b"a"
    writer.close()


async def test_a_rule_acts_once_when_its_bytes_go_by(proxy: Proxy) -> None:
    seen: list[str] = []
    proxy.when(b"COMMIT", lambda: seen.append("commit"))
    reader, writer = await ask(proxy, b"xxCOMMITxx")
    await reader.readexactly(10)
    writer.write(b"COMMIT")
    await reader.readexactly(6)
    assert seen == ["commit"]
    writer.close()


async def test_answers_can_be_dropped_and_connections_refused(proxy: Proxy) -> None:
    proxy.drops_answers = True
    reader, writer = await ask(proxy, b"a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.2)
    writer.close()
    proxy.refuses = True
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        reader, writer = await ask(proxy, b"a")
        await reader.readexactly(1)
    writer.close()
