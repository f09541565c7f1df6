"""The serial source on real file descriptors: terminal, serial server, RFC 2217; unplugging, durability, listening."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import serial
import serial.rfc2217
from pydantic import ValidationError

from drivers import driver
from drivers.events import BadFrame, Readings
from drivers.fieldbus.polled_sample import PolledSample
from drivers.profiles.profile import SerialSettings
from gateway.errors import SourceError
from gateway.records import Delivery
from gateway.sources.bus_budget import plan_bus
from gateway.sources.bus_settings import SerialLineSettings
from gateway.sources.serial_line import SerialLine
from gateway.sources.serial_line_port import open_port
from simulators.meters import Dlt645Meter, Faults, ModbusInstrument, ThreePhaseLoad
from simulators.meters_line import SimulatedLine
from simulators.meters_port import SimulatedPty, pty_line, tcp_line

FAST_CHARACTER_S = 11 / 115_200
PERIOD_S = 0.5


def meter(number: int, **settings: object) -> Dlt645Meter:
    load = ThreePhaseLoad(power_kw=lambda t: 10.0 + number)
    faults = Faults(delay_s=0.002)
    return Dlt645Meter(f"2511000000{number:02}", load, **{"faults": faults, **settings})  # type: ignore[arg-type]


def line_settings(port: str, meters: list[Dlt645Meter], **settings: object) -> SerialLineSettings:
    devices = [{"name": f"P{n}", "profile": "dlt645-three-phase", "address": m.address} for n, m in enumerate(meters)]
    defaults = {
        "name": "line",
        "port": port,
        "baud": 115200,
        "period_s": PERIOD_S,
        "reply_delay_s": 0.05,
        "quiet_s": 0.002,
    }
    return SerialLineSettings.model_validate({**defaults, "device": devices, **settings})


class Store:
    """Takes deliveries; durable at once, later, or never."""

    def __init__(self, *, is_durable: bool = True) -> None:
        self.deliveries: list[Delivery] = []
        self.is_durable = is_durable
        self._arrived = asyncio.Event()

    async def deliver(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self.is_durable and delivery.on_durable is not None:
            delivery.on_durable()
        self._arrived.set()

    async def wait_for(self, is_enough: Callable[["Store"], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_enough(self):
                self._arrived.clear()
                await self._arrived.wait()

    @property
    def samples(self) -> list[PolledSample]:
        return [delivery.event for delivery in self.deliveries if isinstance(delivery.event, PolledSample)]

    def slots(self, device: str) -> list[int]:
        return [s.time_us for s in self.samples if s.device == device and s.values]


@contextlib.asynccontextmanager
async def running(settings: SerialLineSettings, store: Store) -> AsyncIterator[SerialLine]:
    line = SerialLine(settings, store.deliver)
    task = asyncio.create_task(line.run())
    try:
        yield line
    finally:
        line.stop_reading()
        await asyncio.wait_for(task, 10)


@pytest.mark.slow
async def test_sixteen_meters_on_a_terminal_with_one_dead_one_late_one_damaged(tmp_path: Path) -> None:
    meters = [meter(n) for n in range(16)]
    meters[3].faults = Faults(is_silent=True)
    meters[7].faults = Faults(delay_s=0.08)
    meters[9].faults = Faults(delay_s=0.002, is_checksum_wrong=True)
    well = [f"P{n}" for n in range(16) if n not in (3, 7, 9)]
    store = Store()
    async with pty_line(SimulatedLine(meters, FAST_CHARACTER_S), tmp_path / "line") as pty:
        settings = line_settings(str(pty.path), meters, period_s=4.0, reply_delay_s=0.05)
        async with running(settings, store):
            await store.wait_for(lambda s: all(len(s.slots(name)) >= 2 for name in well))
    for name in well:
        slots = store.slots(name)
        assert {after - before for before, after in pairwise(slots)} == {4_000_000}
    assert not store.slots("P3")
    assert not store.slots("P9")
    assert {n.kind for s in store.samples for n in s.notices if s.device == "P9"} == {"damaged_answer", "device_silent"}


async def test_delivery_reads_back_from_its_raw_bytes_alone(tmp_path: Path) -> None:
    meters, store = [meter(1)], Store()
    async with (
        pty_line(SimulatedLine(meters, FAST_CHARACTER_S), tmp_path / "line") as pty,
        running(line_settings(str(pty.path), meters), store),
    ):
        await store.wait_for(lambda s: bool(s.slots("P0")))
    delivery = store.deliveries[0]
    assert (delivery.driver, delivery.device, delivery.source) == ("polled-sample", "P0", "line")
    assert driver(delivery.driver).decoder().feed(delivery.raw) == [delivery.event]
    assert not isinstance(delivery.event, BadFrame)
    readings = next(content for content in delivery.event.contents() if isinstance(content, Readings))
    by_code = dict(zip([c.code for c in readings.shape.channels], readings.values, strict=True))
    assert by_code["02030000"] == pytest.approx(11.0, abs=1e-4)
    assert readings.time_us is not None
    assert readings.time_us % round(PERIOD_S * 1e6) == 0


@pytest.mark.slow
async def test_unplugged_in_mid_frame_twenty_times_doubles_nothing_and_goes_on(tmp_path: Path) -> None:
    meters, store = [meter(n) for n in range(3)], Store()
    path = tmp_path / "by-id"
    async with (
        pty_line(SimulatedLine(meters, FAST_CHARACTER_S), path) as pty,
        running(line_settings(str(path), meters, period_s=0.2, reply_delay_s=0.5), store) as line,
    ):
        for number in range(20):
            before = len(meters[0].requests) + len(meters[1].requests)
            async with asyncio.timeout(10):
                while len(meters[0].requests) + len(meters[1].requests) <= before + number % 5:
                    await asyncio.sleep(0.001)
            pty.unplug()
            assert line.port is not None
            lost = line.port.counters.lost
            pty.plug_in()
            async with asyncio.timeout(10):
                while line.port.counters.opened <= lost:
                    await asyncio.sleep(0.005)
        done = len(store.slots("P2"))
        await store.wait_for(lambda s: len(s.slots("P2")) >= done + 2)
        assert line.port is not None
        assert line.port.counters.lost >= 15
    for name in ("P0", "P1", "P2"):
        slots = store.slots(name)
        assert len(slots) == len(set(slots))
        assert slots == sorted(slots)


async def test_nothing_is_asked_again_before_the_sample_is_durable(tmp_path: Path) -> None:
    meters, store = [meter(1)], Store(is_durable=False)
    async with (
        pty_line(SimulatedLine(meters, FAST_CHARACTER_S), tmp_path / "line") as pty,
        running(line_settings(str(pty.path), meters, period_s=0.2, reply_delay_s=0.5), store) as line,
    ):
        await store.wait_for(lambda s: len(s.samples) == 1)
        asked = len(meters[0].requests)
        assert line.bus is not None
        async with asyncio.timeout(10):
            while line.bus.statistics.held_back < 3:
                await asyncio.sleep(0.01)
        assert len(meters[0].requests) == asked
        on_durable = store.deliveries[0].on_durable
        assert on_durable is not None
        on_durable()
        await store.wait_for(lambda s: len(s.samples) == 2)


async def test_rtu_over_tcp_serial_server() -> None:
    instrument = ModbusInstrument(1, lambda address, t: 100 + address, faults=Faults(delay_s=0.002, before=b"\x00"))
    store = Store()
    async with tcp_line(SimulatedLine([instrument], FAST_CHARACTER_S)) as port:
        settings = SerialLineSettings.model_validate(
            {
                "name": "dust",
                "port": f"socket://127.0.0.1:{port}",
                "period_s": PERIOD_S,
                "device": [{"name": "D1", "profile": "dust-bolin", "address": "1"}],
            }
        )
        async with running(settings, store):
            await store.wait_for(lambda s: len(s.slots("D1")) >= 2)
    assert store.samples[0].values == (100 * 65536 + 101, 102 * 65536 + 103, 104 * 65536 + 105)


async def test_listening_line_takes_hj212_of_an_analyser_that_talks_by_itself(tmp_path: Path) -> None:
    frame = driver("hj212").examples[0]
    store = Store()
    async with pty_line(SimulatedLine([], FAST_CHARACTER_S), tmp_path / "line") as pty:
        settings = SerialLineSettings.model_validate(
            {"name": "rs232", "port": str(pty.path), "baud": 115200, "listen": "hj212", "listen_device": "A1"}
        )
        async with running(settings, store) as line:
            async with asyncio.timeout(10):
                while not line.is_open:
                    await asyncio.sleep(0.005)
            for piece in (frame[:20], frame[20:], b"\x00\xff", frame):
                pty._write(piece)
            await store.wait_for(lambda s: sum(not isinstance(d.event, BadFrame) for d in s.deliveries) == 2)
            assert line.port is not None
            assert line.port.counters.bytes_written == 0
    good = [delivery for delivery in store.deliveries if not isinstance(delivery.event, BadFrame)]
    assert [delivery.driver for delivery in good] == ["hj212", "hj212"]
    assert all(delivery.device for delivery in good)


@pytest.fixture
def rfc2217_server() -> Iterator[tuple[str, serial.SerialBase]]:
    """A serial server that tells what its client asked for; the port behind it is a loop."""
    behind = serial.serial_for_url("loop://", timeout=0.05)
    listening = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        connection.settimeout(0.05)

        class Wire:
            def write(self, data: bytes) -> None:
                with contextlib.suppress(OSError):
                    connection.sendall(data)

        manager = serial.rfc2217.PortManager(behind, Wire())
        while not stopping.is_set():
            try:
                data = connection.recv(1024)
            except TimeoutError:
                continue
            except OSError:
                break
            if not data:
                break
            behind.write(b"".join(manager.filter(data)))
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"rfc2217://127.0.0.1:{listening.getsockname()[1]}", behind
    stopping.set()
    thread.join(5)
    listening.close()
    behind.close()


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # of pyserial 3.5
async def test_8e1_at_2400_baud_is_what_the_port_is_asked_for(rfc2217_server: tuple[str, serial.SerialBase]) -> None:
    url, behind = rfc2217_server
    settings = SerialSettings(2400, 8, "E", 1)
    port = await asyncio.to_thread(open_port, url, settings)
    try:
        assert (behind.baudrate, behind.bytesize, behind.parity, behind.stopbits) == (2400, 8, "E", 1)
    finally:
        await asyncio.to_thread(port.close)


def test_port_that_is_not_there_is_a_source_error() -> None:
    with pytest.raises(SourceError, match="/dev/nothing-here"):
        open_port("/dev/nothing-here", SerialSettings())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": "COM3"}, "by-id"),
        ({"parity": "X"}, "parity"),
        ({"device": []}, "either devices"),
        ({"listen": "hj212"}, "either devices"),
        ({"device": [], "listen": "hj999"}, "no driver named"),
        ({"device": [{"name": "a", "profile": "none", "address": "1"}]}, "there are: acrel-adw300"),
        ({"device": [{"name": "a", "profile": "dust-bolin", "address": "300"}]}, "from 1 to 247"),
        ({"device": [{"name": "a", "profile": "dlt645-three-phase", "address": "1"}]}, "12 digits"),
        ({"device": [{"name": n, "profile": "dust-bolin", "address": "1"} for n in "ab"]}, "same"),
        ({"speed": 9600}, "speed"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(change: dict[str, object], message: str) -> None:
    good = {"name": "l", "port": "/dev/ttyUSB0", "device": [{"name": "a", "profile": "dust-bolin", "address": "1"}]}
    SerialLineSettings.model_validate(good)
    with pytest.raises(ValidationError, match=message):
        SerialLineSettings.model_validate({**good, **change})


def test_budget_of_sixteen_meters_at_2400_baud_fits_and_of_forty_does_not() -> None:
    def budget(count: int) -> str:
        meters = [meter(n) for n in range(count)]
        return plan_bus(line_settings("/dev/x", meters, baud=2400, parity="E", period_s=60)).verdict

    one = plan_bus(line_settings("/dev/x", [meter(1)], baud=2400, parity="E", period_s=60)).devices[0]
    assert one.reads == 5
    assert 1.0 < one.wire_s < 1.2
    assert 3.4 < one.worst_s < 3.9
    assert [budget(count) for count in (16, 20, 40)] == ["fits", "tight", "too_much"]


def test_terminal_simulation_is_unplugged_only_once(tmp_path: Path) -> None:
    pty = SimulatedPty(SimulatedLine([], FAST_CHARACTER_S), tmp_path / "line")
    pty.unplug()
    assert not pty.path.exists()
