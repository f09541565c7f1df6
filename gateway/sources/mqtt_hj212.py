"""HJ 212 over MQTT: which answer goes where, and what becomes of split messages.

A frame published on `eg/v1/{tenant}/{kind}/{MN}/raw/hj212` is answered on `…/cmd/hj212`; one on any other topic on
`{topic}/reply`. The answer is that of the TCP centre to an upload, in the device's registered style, given when the
frame is durable. What a centre asks by itself (clock, missing data, parameters) needs a connection of its own and is
not done over a broker.
"""

import asyncio
import time
from collections.abc import Callable

from drivers import drivers
from drivers.environment.hj212 import Message
from drivers.environment.hj212.assembly import Assembled, Assembly
from drivers.events import BadFrame, Event
from drivers.telemetry.topics import own_topic

SWEEP_S = 1.0


class SplitMessages:
    """Messages of several packets (PNUM, PNO): each packet is stored as it comes, one that never comes is noticed.

    It outlives connections: what the broker sends again counts once.
    """

    def __init__(self, notice: Callable[[str, dict[str, object]], None], assembly: Assembly | None = None) -> None:
        self._notice = notice
        self._assembly = Assembly() if assembly is None else assembly

    def add(self, message: Message) -> None:
        """A packet, or a whole message, which passes by."""
        self._tell(self._assembly.add(message, time.monotonic()))

    async def run(self) -> None:
        """Give up what is overdue, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self._tell(self._assembly.expire(time.monotonic()))

    def _tell(self, messages: list[Assembled]) -> None:
        for message in messages:
            if not message.is_complete:
                self._notice(message.mn, {"cn": message.cn, "pnum": message.pnum, "missing": list(message.missing)})


def answer_topic(topic: str) -> str:
    """Where the sender of `topic` listens for answers."""
    own = own_topic(topic)
    if own is None:
        return f"{topic}/reply"
    return f"{topic.removesuffix('/raw/' + own.format)}/cmd/{own.format}"


def driver_of(event: Event | BadFrame, topic: str) -> str:
    """The driver that makes this event again of its bytes."""
    own = own_topic(topic)
    if own is not None and own.channel == "raw":
        return own.format if own.format in drivers() else "mqtt"
    is_hj212 = isinstance(event, Message) or (isinstance(event, BadFrame) and event.raw[:2] == b"##")
    return "hj212" if is_hj212 else "mqtt"
