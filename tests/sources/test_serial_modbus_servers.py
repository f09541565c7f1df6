"""The serial source against pymodbus as a second implementation: Modbus TCP, and RTU over TCP."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from pymodbus import FramerType
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer

from drivers.fieldbus.polled_sample import PolledSample
from gateway.records import Delivery
from gateway.sources.bus_settings import SerialLineSettings
from gateway.sources.serial_line import SerialLine

POWERS = {0: 231.5, 6: 12.25, 12: 2400.0, 30: 0.85, 70: 50.02, 72: 1234.5, 74: 0.25}
"""Registers of an Eastron meter: address → value. The total at 342 is missing: the server ends before it."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.asynccontextmanager
async def pymodbus_server(framer: FramerType) -> AsyncIterator[int]:
    registers = [0] * 80
    for address, value in POWERS.items():
        registers[address : address + 2] = struct.unpack(">2H", struct.pack(">f", value))
    context = ModbusDeviceContext(ir=ModbusSequentialDataBlock(1, registers))
    port = free_port()
    server = ModbusTcpServer(
        ModbusServerContext(devices={7: context}, single=False), framer=framer, address=("127.0.0.1", port)
    )
    task = asyncio.create_task(server.serve_forever())
    try:
        yield port
    finally:
        await server.shutdown()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("framing", "framer"), [("tcp", FramerType.SOCKET), ("rtu", FramerType.RTU)])
async def test_values_of_a_pymodbus_server_come_in(framing: str, framer: FramerType) -> None:
    samples: list[PolledSample] = []
    enough = asyncio.Event()

    async def deliver(delivery: Delivery) -> None:
        assert isinstance(delivery.event, PolledSample)
        samples.append(delivery.event)
        assert delivery.on_durable is not None
        delivery.on_durable()
        if len(samples) >= 2:
            enough.set()

    async with pymodbus_server(framer) as port:
        settings = SerialLineSettings.model_validate(
            {
                "name": "gateway",
                "port": f"socket://127.0.0.1:{port}",
                "framing": framing,
                "period_s": 0.5,
                "device": [{"name": "M7", "profile": "eastron-sdm120", "address": "7"}],
            }
        )
        line = SerialLine(settings, deliver)
        task = asyncio.create_task(line.run())
        async with asyncio.timeout(20):
            await enough.wait()
        line.stop_reading()
        await task
    values = dict(zip([channel.code for channel in samples[-1].channels], samples[-1].values, strict=True))
    assert values == {"V1": 231.5, "I1": 12.25, "P1": 2.4, "PF1": 0.85, "F": 50.02, "Import": 1234.5, "Export": 0.25}
