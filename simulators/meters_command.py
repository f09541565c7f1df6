"""`python -m simulators meters`: a line of meters behind a TCP serial server or a pseudo-terminal.

Meters 1, 3, 5 … are production lines, meters 2, 4, 6 … the fans that treat their gas. Every `--stop-every` seconds the
first fan stands still for `--stop-for` seconds while its line goes on: the contradiction that power supervision finds.
"""

import argparse
import asyncio
import contextlib
import json
import math
import random
from pathlib import Path

from simulators.meters import Dlt645Meter, Faults, ThreePhaseLoad
from simulators.meters_line import SimulatedLine
from simulators.meters_port import pty_line, tcp_line

PRODUCTION_KW, FAN_KW, STANDING_KW = 60.0, 12.0, 0.05
PHASE_SPREAD = 0.03
BITS_A_CHARACTER = 11  # 8E1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="TCP port of the serial server (default: a free one)")
    parser.add_argument("--pty", type=Path, help="make a pseudo-terminal at this path instead")
    parser.add_argument("--meters", type=int, default=4, help="meters on the line")
    parser.add_argument("--dead", type=int, default=0, help="how many of them, from the last, never answer")
    parser.add_argument("--babble-every", type=float, default=0.0, help="mean seconds between bursts of noise")
    parser.add_argument("--baud", type=int, default=2400, help="speed of the simulated wire")
    parser.add_argument("--answer-delay", type=float, default=0.15, help="longest time that a meter takes to answer")
    parser.add_argument("--stop-every", type=float, default=900.0, help="seconds from one stop of the fan to the next")
    parser.add_argument("--stop-for", type=float, default=300.0, help="seconds that it stands still")
    parser.add_argument("--seconds", type=float, help="end after so many seconds (default: never)")
    parser.add_argument("--seed", type=int, default=1)


def main(arguments: argparse.Namespace) -> int:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments))
    return 0


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until the time is over; says in one line of JSON where, once it is ready."""
    line = make_line(arguments)
    async with contextlib.AsyncExitStack() as stack:
        if arguments.pty is not None:
            pty = await stack.enter_async_context(pty_line(line, arguments.pty))
            port = str(pty.path)
        else:
            number = await stack.enter_async_context(tcp_line(line, port=arguments.port))
            port = f"socket://127.0.0.1:{number}"
        meters = [device for device in line.devices if isinstance(device, Dlt645Meter)]
        ready = {"ready": True, "port": port, "configuration": configuration(port, arguments.baud, meters)}
        print(json.dumps(ready), flush=True)
        await asyncio.sleep(math.inf if arguments.seconds is None else arguments.seconds)


def make_line(arguments: argparse.Namespace) -> SimulatedLine:
    """The line and its meters; the same for the same seed."""
    rng = random.Random(arguments.seed)
    meters = [_meter(number, arguments, rng) for number in range(1, arguments.meters + 1)]
    for meter in meters[len(meters) - arguments.dead :]:
        meter.faults = Faults(is_silent=True)
    character_s = BITS_A_CHARACTER / arguments.baud
    return SimulatedLine(meters, character_s, babble_every_s=arguments.babble_every, rng=rng)


def configuration(port: str, baud: int, meters: list[Dlt645Meter]) -> str:
    """The `[[serial]]` table of gateway.toml that reads these meters."""
    rows = [f'[[serial]]\nname = "meters"\nport = "{port}"\nbaud = {baud}\nparity = "E"']
    rows += [
        f'[[serial.device]]\nname = "{name_of(number)}"\nprofile = "dlt645-three-phase"\naddress = "{meter.address}"'
        for number, meter in enumerate(meters, 1)
    ]
    return "\n".join(rows) + "\n"


def name_of(number: int) -> str:
    """Production lines are odd, their fans even: line-1, fan-1, line-2, fan-2, …"""
    return f"{'line' if number % 2 else 'fan'}-{(number + 1) // 2}"


def _meter(number: int, arguments: argparse.Namespace, rng: random.Random) -> Dlt645Meter:
    share, phase, delay_s = rng.uniform(0.8, 1.2), rng.uniform(0, 1000), rng.uniform(0.2, 1.0) * arguments.answer_delay
    is_fan, is_first_fan = number % 2 == 0, number == 2
    level_kw = (FAN_KW if is_fan else PRODUCTION_KW) * share
    starts_s: list[float] = []

    def power_kw(now_s: float) -> float:
        starts_s[:] = starts_s or [now_s]
        since_s = (now_s - starts_s[0]) % arguments.stop_every
        if is_first_fan and since_s >= arguments.stop_every - arguments.stop_for:
            return STANDING_KW
        return level_kw * (1 + 0.05 * math.sin((now_s + phase) / 97) + 0.01 * math.sin((now_s + phase) / 7))

    address = f"2511000000{number:02}"
    # No plant loads its phases alike; three that are the same to the last digit are a contradiction of their own.
    load = ThreePhaseLoad(power_kw, shares=(1.0, 1.0 + PHASE_SPREAD, 1.0 - PHASE_SPREAD))
    return Dlt645Meter(address, load, Faults(delay_s=delay_s))
