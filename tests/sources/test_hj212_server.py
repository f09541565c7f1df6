"""The HJ 212 server over real sockets, with the real intake and the store in memory."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.environment.hj212 import Decoder, Edition, Message
from drivers.environment.hj212.answers import reply
from drivers.environment.hj212.encode import encode
from drivers.environment.hj212.requests import get_clock
from drivers.events import BadFrame, Event
from gateway.config import Hj212Settings
from gateway.gateway_notice import GatewayNotice, decode_notice
from gateway.intake import Intake, IntakeSettings, Spool
from gateway.metrics import Metrics
from gateway.registry import RegisteredDevice, Registry, hash_password
from gateway.sources.hj212_server import Hj212Server
from gateway.storage import MemoryStore

MN = "010000A8900016F000169DC0"
GROUPS = ("DataTime=20260801120000", "a21026-Rtd=12.5,a21026-Flag=N", "a19001-Rtd=6.1,a19001-Flag=N")


def upload(number: int = 0, *, mn: str = MN, edition: Edition = Edition.HJ2017, pw: str = "123456") -> bytes:
    """A real-time frame that asks for an answer; every number another time."""
    groups = (f"DataTime=202608011200{number:02d}", *GROUPS[1:])
    qn = f"2026080112000{number:04d}"
    [frame] = encode("2011", groups, mn=mn, st="31", qn=qn, pw=pw, edition=edition, needs_answer=True)
    return frame


def decode(source: str, driver: str, device: str, raw: bytes) -> Event | BadFrame:
    if driver == "gateway":
        return decode_notice(raw)
    return Decoder().feed(raw)[0]


class Centre:
    """A running server and what is behind it."""

    def __init__(self, folder: Path, store: MemoryStore, registry: Registry, **settings: Any) -> None:
        self.store = store
        self.metrics = Metrics()
        self.registry = registry
        self.spool = Spool(folder / "spool.sqlite3", max_bytes=2**24, decode=decode)
        self.intake = Intake(store, self.spool, IntakeSettings(batch_wait_s=0.0, retry_first_s=0.05), self.metrics)
        checked = Hj212Settings.model_validate(
            {"host": "127.0.0.1", "port": 0, "unknown_device": "accept", "calibrate_clock": False, **settings}
        )
        self.server = Hj212Server(checked, registry, self.intake, self.metrics, store)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"gateway_{name}", {"source": "hj212", **labels}) or 0.0


@contextlib.asynccontextmanager
async def serving(folder: Path, *devices: RegisteredDevice, **settings: Any) -> AsyncIterator[Centre]:
    async with MemoryStore.open(writer="test") as store:
        centre = Centre(folder, store, Registry(devices), **settings)
        working = asyncio.create_task(centre.intake.run())
        async with centre.server.listening():
            running = asyncio.create_task(centre.server.run())
            try:
                yield centre
            finally:
                centre.server.stop_reading()
                centre.intake.stop()
                await asyncio.wait_for(working, 10)
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
        centre.spool.close()


class Device:
    """The field's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = Decoder()
        self._messages: list[Message] = []

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def message(self, *, within_s: float = 5.0) -> Message:
        async with asyncio.timeout(within_s):
            while not self._messages:
                data = await self._reader.read(4096)
                assert data, "the server has closed the connection"
                self._messages += [event for event in self._decoder.feed(data) if isinstance(event, Message)]
        return self._messages.pop(0)

    async def is_silent(self, *, for_s: float = 0.3) -> bool:
        try:
            await self.message(within_s=for_s)
        except TimeoutError:
            return True
        return False

    async def is_closed(self, *, within_s: float = 5.0) -> bool:
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self._reader.read(), within_s) is not None
        return True


@contextlib.asynccontextmanager
async def device(centre: Centre, *, address: str = "127.0.0.1") -> AsyncIterator[Device]:
    reader, writer = await asyncio.open_connection("127.0.0.1", centre.server.port, local_addr=(address, 0))
    try:
        yield Device(reader, writer)
    finally:
        writer.close()


def notices(centre: Centre, kind: str) -> list[GatewayNotice]:
    events = (item.event for batch in centre.store.raw_frames for item in batch)
    return [event for event in events if isinstance(event, GatewayNotice) and event.kind == kind]


@pytest.mark.parametrize(
    ("edition", "flag", "qn"),
    [(Edition.HJ2005, 0, ""), (Edition.HJ2017, 4, "20260801120000000"), (Edition.HJ2025, 8, "20260801120000000")],
)
async def test_an_upload_is_answered_by_9014_in_its_edition_after_it_is_stored(
    tmp_path: Path, edition: Edition, flag: int, qn: str
) -> None:
    async with serving(tmp_path) as centre, device(centre) as field:
        await field.send(upload(edition=edition))
        answer = await field.message()
        assert (answer.cn, answer.mn, answer.flag, answer.qn) == ("9014", MN, flag, qn)
        assert answer.answered_qn == "20260801120000000"
        [books] = await centre.store.books()
        assert books.counts.stored == 2


async def test_nothing_is_answered_before_it_is_durable(tmp_path: Path) -> None:
    async with serving(tmp_path) as centre, device(centre) as field:
        await field.send(upload(0))
        await field.message()
        centre.store.is_away = True
        await field.send(upload(1))
        assert (await field.message()).qn == "20260801120000001"  # durable in the spool
        assert centre.spool.batches == 1


async def test_rubbish_before_and_behind_does_not_stop_good_frames_and_is_kept(tmp_path: Path) -> None:
    async with serving(tmp_path) as centre, device(centre) as field:
        damaged = upload(3)[:40] + b"X" + upload(3)[41:]
        await field.send(b"GET / HTTP/1.0\r\n\r\n" + upload(1) + damaged + upload(2))
        assert [(await field.message()).qn for _ in range(2)] == ["20260801120000001", "20260801120000002"]
        letters = await centre.store.dead_letters()
        assert b"GET / HTTP/1.0" in letters[0].raw
        assert damaged.rstrip() in [letter.raw for letter in letters]


async def test_a_frame_that_asks_for_no_answer_gets_none(tmp_path: Path) -> None:
    [frame] = encode("2011", GROUPS, mn=MN, st="31", qn="20260801120000001")
    async with serving(tmp_path) as centre, device(centre) as field:
        await field.send(frame)
        assert await field.is_silent()
        [books] = await centre.store.books()
        assert books.counts.stored == 2


async def test_answers_follow_the_settings_of_the_device(tmp_path: Path) -> None:
    quiet = RegisteredDevice("QUIET1", answers={"uploads": False})
    peculiar = RegisteredDevice("ODD1", answers={"has_qn_rtn": True, "keeps_st": True, "edition": "2025"})
    async with serving(tmp_path, quiet, peculiar) as centre, device(centre) as field:
        await field.send(upload(1, mn="QUIET1"))
        assert await field.is_silent()
        await field.send(upload(2, mn="ODD1"))
        answer = await field.message()
        assert (answer.st, answer.flag, answer.item("QnRtn")) == ("31", 8, "1")


async def test_a_wrong_password_is_refused_and_its_frames_are_dead_letters(tmp_path: Path) -> None:
    known = RegisteredDevice(MN, password_hash=hash_password(MN, "654321"))
    async with serving(tmp_path, known) as centre, device(centre) as field:
        await field.send(upload(1))
        assert await field.is_silent()
        [letter] = await centre.store.dead_letters()
        assert letter.raw == upload(1).rstrip()
        assert centre.value("identity_total", verdict="wrong_password") == 1
        assert len(notices(centre, "wrong_password")) == 1
        await field.send(upload(2, pw="654321"))
        assert (await field.message()).cn == "9014"


async def test_an_unknown_device_is_refused_and_listed(tmp_path: Path) -> None:
    async with serving(tmp_path, unknown_device="refuse") as centre, device(centre) as field:
        await field.send(upload(1) + upload(2))
        assert await field.is_silent(for_s=1.0)
        [pending] = await centre.store.pending_devices()
        assert pending.external_id == MN
        assert len(await centre.store.dead_letters()) == 2


async def test_one_device_from_two_addresses_at_a_time_is_noticed(tmp_path: Path) -> None:
    async with serving(tmp_path) as centre, device(centre) as first, device(centre, address="127.0.0.2") as second:
        await first.send(upload(1))
        await first.message()
        await second.send(upload(2))
        await second.message()
        [notice] = notices(centre, "second_address")
        assert notice.detail["peer"].startswith("127.0.0.2:")
        assert notice.detail["before"].startswith("127.0.0.1:")


async def test_a_request_of_ours_is_answered_between_uploads(tmp_path: Path) -> None:
    async with serving(tmp_path) as centre, device(centre) as field:
        await field.send(upload(1))
        await field.message()
        asked = asyncio.create_task(centre.server.centre.ask(MN, get_clock()))
        request = await field.message()
        assert (request.cn, request.flag) == ("1011", 5)
        await field.send(reply("9011", ["QnRtn=1"], to=request) + upload(2))
        assert (await field.message()).cn == "9014"
        await field.send(reply("1011", ["SystemTime=20260801120005"], to=request, st="31"))
        await field.send(reply("9012", ["ExeRtn=1"], to=request))
        result = await asyncio.wait_for(asked, 5)
        assert result.outcome == "done"
        assert result.replies[0].item("SystemTime") == "20260801120005"


async def test_a_device_that_asks_for_the_time_gets_9013_and_then_1012(tmp_path: Path) -> None:
    [ask] = encode("1013", (), mn=MN, st="31", qn="20260801120000009", needs_answer=True)
    async with serving(tmp_path, calibrate_clock=True) as centre, device(centre) as field:
        await field.send(ask)
        assert (await field.message()).cn == "9013"
        setting = await field.message()
        assert setting.cn == "1012"
        china = time.strftime("%Y%m%d%H", time.gmtime(time.time() + 8 * 3600))
        assert setting.item("SystemTime").startswith(china[:8])


async def test_parameters_are_read_once_a_day_into_the_ledger(tmp_path: Path) -> None:
    hour = time.gmtime(time.time() + 8 * 3600).tm_hour
    async with serving(tmp_path, read_parameters_hour=hour) as centre, device(centre) as field:
        await field.send(upload(1))
        assert (await field.message()).cn == "9014"
        asked = []
        while len(asked) < 10:  # two factors, five parameters each
            request = await field.message()
            asked.append((request.item("PolId"), request.item("InfoId")))
            pol_id, info_id = asked[-1]
            groups = ["DataTime=20260801120000", f"PolId={pol_id}", f"{info_id}-Info={len(asked)}"]
            await field.send(reply("9011", ["QnRtn=1"], to=request))
            await field.send(reply("3020", groups, to=request, st="31"))
            await field.send(reply("9012", ["ExeRtn=1"], to=request))
        assert {pol_id for pol_id, _ in asked} == {"a19001", "a21026"}
        assert await field.is_silent(for_s=1.5)
        ledger = await centre.store.parameters(MN)
        assert {(entry.channel, entry.name): entry.value for entry in ledger}["a21026", "slope"] == "9"
        assert len(ledger) == 10


async def test_connections_beyond_the_limits_are_refused_by_name(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, max_connections=3, max_connections_per_address=2) as centre,
        contextlib.AsyncExitStack() as all_,
    ):
        for address in ("127.0.0.1", "127.0.0.1", "127.0.0.2"):
            await all_.enter_async_context(device(centre, address=address))
        await asyncio.sleep(0.1)
        async with device(centre, address="127.0.0.3") as refused:
            assert await refused.is_closed()
        assert centre.value("connections_refused_total", reason="connections") == 1
    async with serving(tmp_path / "b", max_connections_per_address=1) as centre, device(centre):
        await asyncio.sleep(0.1)
        async with device(centre) as refused:
            assert await refused.is_closed()
        assert centre.value("connections_refused_total", reason="connections_of_address") == 1
    async with serving(tmp_path / "c", allow_networks=["10.0.0.0/8", "127.0.0.2/32"]) as centre:
        async with device(centre) as refused:
            assert await refused.is_closed()
        async with device(centre, address="127.0.0.2") as field:
            await field.send(upload(1))
            assert (await field.message()).cn == "9014"


async def test_a_connection_without_a_good_frame_and_one_that_falls_silent_are_closed(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, first_frame_s=0.5, idle_s=1.5) as centre,
        device(centre) as mute,
        device(centre) as field,
    ):
        await field.send(upload(1))
        await field.message()
        assert await mute.is_closed()
        assert centre.value("connections_closed_total", reason="no_frame") == 1
        assert await field.is_closed()
        assert centre.value("connections_closed_total", reason="idle") == 1


async def test_too_many_bad_frames_in_a_row_close_the_connection(tmp_path: Path) -> None:
    async with serving(tmp_path, max_bad_frames=5) as centre, device(centre) as field:
        damaged = upload(1)[:40] + b"X" + upload(1)[41:]
        await field.send(damaged * 10)
        assert await field.is_closed()
        assert centre.value("connections_closed_total", reason="bad_frames") == 1


async def test_a_full_inbox_stops_reading_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with serving(tmp_path) as centre, device(centre) as field:
        await field.send(upload(1))
        await field.message()
        centre.server._close_gate()
        await field.send(upload(2))
        assert await field.is_silent()
        centre.server._open_gate()
        assert (await field.message()).qn == "20260801120000002"


async def test_a_frame_without_mn_is_taken_for_the_device_of_its_connection(tmp_path: Path) -> None:
    [frame] = encode("2011", GROUPS, mn="", st="31", qn="20260801120000002")
    async with serving(tmp_path) as centre, device(centre) as field:
        await field.send(upload(1) + frame)
        await field.message()
        assert {item.external_id for item in await centre.store.devices()} == {MN}
