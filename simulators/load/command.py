"""`python -m simulators load`: arguments and summary."""

import argparse
import asyncio
import json
import time
from pathlib import Path

import numpy as np

from simulators.descriptors import allow_connections
from simulators.ledger import Ledger
from simulators.load.connection import Plan, Tally
from simulators.load.pacing import run


def summary(plan: Plan, tally: Tally, seconds: float) -> dict[str, float | int | None]:
    answers = np.frombuffer(tally.answer_s, dtype=np.float64)
    p50, p99 = np.percentile(answers, [50, 99]).tolist() if answers.size else (None, None)
    return {
        "connections": plan.connections,
        "frames_sent": tally.sent,
        "frames_resent": tally.resent,
        "frames_unanswered": tally.unanswered,
        "frames_acknowledged": tally.acknowledged,
        "values_acknowledged": tally.acknowledged * plan.values_per_frame,
        "reconnects": tally.reconnects,
        "refused_connections": tally.refused_connections,
        "seconds": round(seconds, 3),
        "values_per_s": round(tally.acknowledged * plan.values_per_frame / seconds, 1),
        "answer_p50_s": p50,
        "answer_p99_s": p99,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--values-per-frame", type=int, default=36)
    parser.add_argument("--frames", type=int, default=0, help="frames per connection")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this time")
    parser.add_argument("--rate", type=float, default=0.0, help="frames per second in all; 0: as answers come")
    parser.add_argument("--window", type=int, default=8, help="frames sent ahead of their answers, per connection")
    parser.add_argument("--over-time", type=float, default=10.0)
    parser.add_argument("--cn", choices=["2011", "2051", "2061"], default="2051")
    parser.add_argument("--step", type=int, default=1, help="seconds between the DataTimes of a connection")
    parser.add_argument(
        "--start", type=int, help="first DataTime, seconds of UTC; default: so that all lie in the past"
    )
    parser.add_argument("--prefix", default="10AD", help="beginning of every MN")
    parser.add_argument("--idle", action="store_true", help="one frame per connection each --period seconds")
    parser.add_argument("--period", type=float, default=30.0)
    parser.add_argument("--patience", type=float, default=120.0, help="give up after so long without an answer")
    parser.add_argument("--ledger", type=Path)


def plan_of(arguments: argparse.Namespace) -> Plan:
    span_s = arguments.step * (arguments.frames or 864_000)  # without a count: room for ten days of seconds
    rate = arguments.connections / arguments.period if arguments.idle else arguments.rate
    return Plan(
        host=arguments.host,
        port=arguments.port,
        connections=arguments.connections,
        values_per_frame=arguments.values_per_frame,
        frames=arguments.frames,
        seconds=arguments.seconds or (0.0 if arguments.frames else 10.0),
        rate=rate,
        window=arguments.window,
        over_time_s=arguments.over_time,
        step_s=arguments.step,
        start_s=arguments.start or int(time.time()) - span_s,
        prefix=arguments.prefix,
        cn=arguments.cn,
        patience_s=arguments.patience,
    )


def main(arguments: argparse.Namespace) -> int:
    plan = plan_of(arguments)
    allow_connections(plan.connections)
    with Ledger(arguments.ledger) as ledger:
        began_s = time.monotonic()
        tally = asyncio.run(run(plan, ledger))
        seconds = time.monotonic() - began_s
    print(json.dumps(summary(plan, tally, seconds)))
    return 1 if tally.unanswered else 0
