"""HJ 212 over MQTT: which answer goes where.

A frame published on `eg/v1/{tenant}/{kind}/{MN}/raw/hj212` is answered on `…/cmd/hj212`; one on any other topic on
`{topic}/reply`. The answer is that of the TCP centre to an upload, given when the frame is durable. What a
centre asks by itself (clock, missing data, parameters) needs a connection of its own and is not done over a broker.
"""

from drivers.telemetry.topics import own_topic


def answer_topic(topic: str) -> str:
    """Where the sender of `topic` listens for answers."""
    own = own_topic(topic)
    if own is None:
        return f"{topic}/reply"
    return f"{topic.removesuffix('/raw/' + own.format)}/cmd/{own.format}"
