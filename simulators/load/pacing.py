"""Keeps the connections of a load up and paced."""

import asyncio
import random
import time

from simulators.ledger import Ledger
from simulators.load.connection import Connection, Plan, Tally

RECONNECT_S = (0.1, 2.0)  # first and longest pause between attempts
SYNC_S = 0.2


async def run(plan: Plan, ledger: Ledger) -> Tally:
    """Do the plan until every frame has its answer, or until none has come for `patience_s`."""
    tally = Tally()
    connections = [Connection(number, plan, tally, ledger) for number in range(1, plan.connections + 1)]
    tasks = [asyncio.create_task(_keep_connected(one, plan, tally)) for one in connections]
    tasks.append(asyncio.create_task(_supervise(connections, plan, ledger)))
    began_s = progress_s = time.monotonic()
    settled = 0
    try:
        while not all(one.is_done for one in connections):
            now_s = time.monotonic()
            if plan.seconds and now_s - began_s >= plan.seconds:
                for one in connections:
                    one.is_stopped = True
            if tally.acknowledged > settled:
                settled, progress_s = tally.acknowledged, now_s
            if now_s - progress_s > plan.patience_s:
                break
            await asyncio.sleep(0.02)
    finally:
        tally.unanswered = sum(one.outstanding for one in connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return tally


async def _keep_connected(one: Connection, plan: Plan, tally: Tally) -> None:
    pause_s = RECONNECT_S[0]
    loop = asyncio.get_running_loop()
    if plan.connections > 100:  # do not knock at once: a listening queue is short
        await asyncio.sleep(random.uniform(0, plan.connections / 2000))
    while True:
        try:
            await loop.create_connection(lambda: one, plan.host, plan.port)
        except OSError:
            tally.refused_connections += 1
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, RECONNECT_S[1])
            continue
        pause_s = RECONNECT_S[0]
        await one.lost.wait()
        tally.reconnects += 1
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))


async def _supervise(connections: list[Connection], plan: Plan, ledger: Ledger) -> None:
    """Paces the frames where a rate is asked for, repeats the unanswered, and syncs the ledger."""
    began_s = repeated_s = synced_s = time.monotonic()
    turn, given = 0, 0
    while True:
        await asyncio.sleep(0.02)
        now_s = time.monotonic()
        due = int((now_s - began_s) * plan.rate) - given
        for _ in range(min(due, 50_000)):
            connections[turn].send(1)
            turn = (turn + 1) % len(connections)
        given += max(due, 0)
        if now_s - synced_s >= SYNC_S:
            ledger.sync()
            synced_s = now_s
        if now_s - repeated_s >= 1.0:
            for one in connections:
                one.repeat(now_s)
            repeated_s = now_s
