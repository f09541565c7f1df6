"""Fleet, load and replay over real sockets against a small centre: what is acknowledged is booked, exactly once."""

import argparse
import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest

from simulators import replay
from simulators.__main__ import main
from simulators.fleet import command
from simulators.fleet.client import World, run_fleet
from simulators.fleet.device import Device
from simulators.fleet.site import make_fleet
from simulators.ledger import Ledger
from simulators.load.connection import Plan
from simulators.load.pacing import run
from simulators.load.template import Template, value_names
from tests.simulators.centre import Centre, answer

LOG = Path(__file__).parents[1] / "data" / "hj212_fieldlog_2016_sample.h212.gz"


def read_ledger(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cutting_every(count):
    """A centre that cuts the line instead of answering each `count`-th packet."""
    seen = 0

    def react(packet):
        nonlocal seen
        seen += 1
        return answer(packet) if seen % count else None

    return react


def plan(port, **changes):
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "connections": 8,
        "values_per_frame": 36,
        "frames": 40,
        "seconds": 0.0,
        "rate": 0.0,
        "window": 4,
        "over_time_s": 2.0,
        "step_s": 1,
        "start_s": 1_795_300_000,
        "prefix": "10AD",
        "cn": "2051",
        "patience_s": 20.0,
    }
    return Plan(**(settings | changes))


async def test_a_fleet_books_what_was_answered_and_nothing_else(tmp_path):
    async with Centre().listening() as centre:
        start_s = 1_795_327_260.0
        devices = [Device(site, start_s=start_s, over_time_s=2.0) for site in make_fleet(12) if answers(site)]
        world = World(start_s=start_s, speed=900.0, zero_s=time.monotonic(), end_s=start_s + 1800.0)
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            await run_fleet(devices, host="127.0.0.1", port=centre.port, world=world, ledger=ledger)
    assert all(device.is_settled for device in devices)
    entries = read_ledger(tmp_path / "ledger.jsonl")
    keys = [(entry["mn"], entry["qn"]) for entry in entries]
    assert len(set(keys)) == len(keys) == sum(device.counts.acknowledged for device in devices)
    assert set(keys) <= set(centre.received)
    periods = [entry for entry in entries if entry["cn"] == "2051"]
    assert {entry["mn"] for entry in periods} == {device.site.mn for device in devices}
    raw = b"".join(bytes(data) for data in centre.bytes_by_connection)
    hashes = {hashlib.sha256(b"##" + part.rstrip(b"\r\n")).hexdigest() for part in raw.split(b"##")}
    assert {entry["sha256"] for entry in entries} <= hashes


def answers(site):
    """The sites whose packets the small centre can read and answer."""
    return not site.habits & {"crc_modbus", "wrong_length", "no_flag"}


async def test_a_fleet_outlives_a_line_that_is_cut_again_and_again(tmp_path):
    async with Centre(cutting_every(25)).listening() as centre:
        start_s = 1_795_327_260.0
        devices = [Device(site, start_s=start_s, over_time_s=2.0) for site in make_fleet(6) if answers(site)]
        world = World(start_s=start_s, speed=600.0, zero_s=time.monotonic(), end_s=start_s + 1200.0)
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            await run_fleet(devices, host="127.0.0.1", port=centre.port, world=world, ledger=ledger)
    assert len(centre.bytes_by_connection) > len(devices)
    assert all(device.is_settled for device in devices)
    periods = {
        (entry["mn"], entry["data_time"]) for entry in read_ledger(tmp_path / "ledger.jsonl") if entry["cn"] == "2051"
    }
    assert periods == {(device.site.mn, text) for device in devices for text in ("20261122140000", "20261122141000")}


async def test_a_load_sends_rows_that_are_all_distinct_and_waits_for_every_answer(tmp_path):
    async with Centre().listening() as centre:
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            tally = await run(plan(centre.port), ledger)
    entries = read_ledger(tmp_path / "ledger.jsonl")
    assert tally.acknowledged == len(entries) == 8 * 40
    assert len({(entry["mn"], entry["data_time"]) for entry in entries}) == 8 * 40
    assert {entry["values"] for entry in entries} == {36}
    assert set(centre.received.values()) == {1}
    assert len(tally.answer_s) == 8 * 40


async def test_a_load_repeats_after_a_cut_line_and_loses_nothing(tmp_path):
    async with Centre(cutting_every(97)).listening() as centre:
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            tally = await run(plan(centre.port), ledger)
    keys = [(entry["mn"], entry["qn"]) for entry in read_ledger(tmp_path / "ledger.jsonl")]
    assert len(set(keys)) == len(keys) == 8 * 40
    assert tally.reconnects > 0
    assert tally.resent > 0
    assert tally.unanswered == 0


async def test_a_load_keeps_to_its_rate_and_stops_in_time():
    async with Centre().listening() as centre:
        began_s = time.monotonic()
        tally = await run(plan(centre.port, frames=0, seconds=1.5, rate=100.0), Ledger(None))
        assert time.monotonic() - began_s < 6.0
    assert 75 <= tally.acknowledged <= 155


async def test_a_load_gives_up_on_a_centre_that_never_answers():
    async with Centre(lambda packet: b"").listening() as centre:
        tally = await run(plan(centre.port, connections=2, patience_s=0.5), Ledger(None))
    assert tally.acknowledged == 0
    assert tally.unanswered == 2 * 4  # the window


@pytest.mark.parametrize("count", [1, 7, 36, 60])
@pytest.mark.parametrize("cn", ["2011", "2051"])
def test_a_template_carries_exactly_the_values_asked_for(count, cn):
    names = [name for group in value_names(count, cn) for name in group]
    assert len(set(names)) == len(names) == count
    raw = Template("10AD00000000000000000001", values=count, cn=cn, seed=1).frame(b"20261122140000")
    pairs = raw.decode().split("CP=&&")[1].split("&&")[0].replace(";", ",").split(",")
    assert sum("=" in pair and not pair.startswith("DataTime") and "-Flag=" not in pair for pair in pairs) == count
    assert int(raw[2:6]) == len(raw) - 12


async def test_a_replay_sends_every_station_its_own_lines_in_order_and_unchanged():
    lines = replay.read_log(LOG)
    by_station = replay.stations(lines, span_s=1.0, speed=0.0)
    assert sum(map(len, by_station.values())) == len(lines) == 12_677
    assert len([name for name in by_station if name.startswith("line ")]) == 4
    async with Centre().listening() as centre:
        counts = await replay.replay(by_station, host="127.0.0.1", port=centre.port)
    assert counts["lines"] == 12_677
    sent = sorted(b"".join(line.data for line in lines) for lines in by_station.values())
    assert sorted(map(bytes, centre.bytes_by_connection)) == sent


def test_a_replay_spreads_the_lines_over_the_span():
    by_station = replay.stations([b"MN=AAAA;1\n", b"MN=BBBB;2\n", b"MN=AAAA;3\n", b"x\n"], span_s=400.0, speed=100.0)
    assert {name: [line.due_s for line in lines] for name, lines in by_station.items()} == {
        "AAAA": [0.0, 2.0],
        "BBBB": [1.0],
        "line 4": [3.0],
    }


async def test_the_fleet_command_prints_its_books_and_writes_truth_and_ledger(tmp_path, capsys):
    async with Centre().listening() as centre:
        arguments = ["fleet", "--port", str(centre.port), "--sites", "4", "--speed", "3600", "--seconds", "2"]
        arguments += ["--falsify", "1", "--truth", str(tmp_path / "truth"), "--ledger", str(tmp_path / "ledger")]
        assert await asyncio.to_thread(main, arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["sites"] == 4
    assert printed["ledger_entries"] == len(read_ledger(tmp_path / "ledger")) > 0
    for label in read_ledger(tmp_path / "truth"):
        assert label["begin"] < label["end"]
        assert label["mn"].startswith("SIM")


def test_accelerated_time_ends_now_so_that_no_value_lies_in_the_future():
    arguments = argparse.Namespace(start=None, speed=60.0, seconds=100.0)
    start_s = command.start_time(arguments)
    assert command.end_time(arguments, start_s) == pytest.approx(time.time() + 100.0, abs=5.0)
    assert start_s == pytest.approx(time.time() - 5900.0, abs=5.0)


def test_the_description_of_a_fleet_does_not_tell_who_falsifies(capsys):
    assert main(["fleet", "--describe", "--sites", "5", "--falsify", "1"]) == 0
    sites = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(site) for site in sites] == [{"mn", "password", "protocol", "kind", "limits", "habits"}] * 5
    assert {site["protocol"] for site in sites} == {"2005", "2017", "2025"}
