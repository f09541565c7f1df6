"""`python -m simulators fleet`: run a fleet against a gateway."""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from simulators.descriptors import allow_connections
from simulators.fleet.client import World, run_fleet
from simulators.fleet.device import Device
from simulators.fleet.falsify import truth
from simulators.fleet.site import Site, make_fleet
from simulators.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--sites", type=int, default=20, help="number of sites; every habit is there from 20 up")
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds in a second")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds of ours (default: never)")
    parser.add_argument("--start", help="simulated start, ISO 8601; default: so that the run ends now")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prefix", default="SIM", help="beginning of every MN")
    parser.add_argument("--falsify", type=float, default=0.0, metavar="SHARE", help="share of sites that falsify")
    parser.add_argument("--truth", type=Path, help="write the labels of the falsifications here (JSON lines)")
    parser.add_argument("--ledger", type=Path, help="write every acknowledged frame here (JSON lines, synced)")
    parser.add_argument("--over-time", type=float, default=10.0, help="seconds until a frame is sent again")
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("--describe", action="store_true", help="print the sites (JSON lines) and stop")


def main(arguments: argparse.Namespace) -> int:
    sites = make_fleet(arguments.sites, seed=arguments.seed, prefix=arguments.prefix, falsified_share=arguments.falsify)
    if arguments.describe:
        for site in sites:
            print(json.dumps(describe(site), ensure_ascii=False))
        return 0
    start_s = start_time(arguments)
    if arguments.truth:
        write_truth(arguments.truth, sites, begin_s=start_s, end_s=end_time(arguments, start_s))
    devices = [
        Device(site, start_s=start_s, over_time_s=arguments.over_time, retries=arguments.retries) for site in sites
    ]
    end_s = None if arguments.seconds is None else start_s + arguments.seconds * arguments.speed
    world = World(start_s=start_s, speed=arguments.speed, zero_s=time.monotonic(), end_s=end_s)
    allow_connections(len(devices))
    with Ledger(arguments.ledger) as ledger:
        try:
            asyncio.run(run_fleet(devices, host=arguments.host, port=arguments.port, world=world, ledger=ledger))
        except KeyboardInterrupt:
            print("simulators: stopped", file=sys.stderr)
    print(json.dumps(summary(devices, ledger)))
    return 0


def describe(site: Site) -> dict[str, object]:
    """What a registry needs to know of a site. Nothing here tells whether it falsifies."""
    return {
        "mn": site.mn,
        "password": site.password,
        "protocol": site.edition.name[1:],
        "kind": "stack" if site.is_stack else "outlet",
        "limits": site.limits,
        "habits": sorted(site.habits),
    }


def start_time(arguments: argparse.Namespace) -> float:
    """The simulated start; by default such that accelerated time meets ours at the end, never before.

    Without a length, the start lies 30 days back: at 60 times speed, time catches up after half a day.
    """
    if arguments.start:
        return datetime.fromisoformat(arguments.start).timestamp()
    if arguments.speed <= 1.0:
        return time.time()
    ahead_s = arguments.seconds * (arguments.speed - 1.0) if arguments.seconds else 30 * 86400.0
    return time.time() - float(ahead_s)


def end_time(arguments: argparse.Namespace, start_s: float) -> float:
    """End of the simulated span; 30 days where the run has no end."""
    return start_s + (arguments.seconds * arguments.speed if arguments.seconds else 30 * 86400.0)


def write_truth(path: Path, sites: list[Site], *, begin_s: float, end_s: float) -> None:
    with path.open("w") as file:
        for site in sites:
            for label in truth(site, begin_s=begin_s, end_s=end_s):
                file.write(json.dumps(label) + "\n")


def summary(devices: list[Device], ledger: Ledger) -> dict[str, int]:
    """Totals over the fleet."""
    totals: Counter[str] = Counter()
    for device in devices:
        totals.update(asdict(device.counts))
    unsettled = sum(not device.is_settled for device in devices)
    return {
        "sites": len(devices),
        **totals,
        "ledger_entries": ledger.entries,
        "ledger_values": ledger.values,
        "unsettled_sites": unsettled,
    }
